-- Passers-by look at one page. Arguments: number of the first address, path, ETag they have (or nothing).
dofile("common.lua")

function init(args)
  first, path = tonumber(args[1]), args[2]
  extra = args[3] and "If-None-Match: " .. args[3] .. "\r\n" or ""
end

function request()
  local n = first + issued
  issued = issued + 1
  return request_text("GET", path, n, extra)
end
