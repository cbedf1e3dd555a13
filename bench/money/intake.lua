-- Events that were signed before: each line of the file is a signature and a body. Argument: the file.
dofile("common.lua")

local signatures, bodies = {}, {}

function init(args)
  for text in io.lines(args[1]) do
    local signature, body = text:match("^([^\t]+)\t(.*)$")
    signatures[#signatures + 1] = signature
    bodies[#bodies + 1] = body
  end
end

function request()
  issued = issued + 1
  local n = (issued - 1) % #bodies + 1
  return request_text("POST", "/v1/webhooks/stripe", n, "Stripe-Signature: " .. signatures[n] .. "\r\n", bodies[n])
end
