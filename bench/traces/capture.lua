-- Documents of events that were made before: each line of the file is one. Arguments: path, the file, number of who sends.
dofile("common.lua")

local documents = {}

function init(args)
  path, who = args[1], tonumber(args[3])
  for text in io.lines(args[2]) do
    documents[#documents + 1] = text
  end
end

function request()
  issued = issued + 1
  if issued > #documents then
    count("more than were made")
  end
  return request_text("POST", path, who, bearer(who), documents[(issued - 1) % #documents + 1])
end
