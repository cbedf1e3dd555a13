-- One shopper after the other holds boxes, each with a fresh Idempotency-Key. Arguments: label of the run,
-- number of the first shopper, number of shoppers (after the last comes the first again), path, body.
dofile("common.lua")

function init(args)
  label, first, shoppers, path, body = args[1], tonumber(args[2]), tonumber(args[3]), args[4], args[5]
end

function request()
  local n = (first + issued) % shoppers
  local key = string.format("Idempotency-Key: bench-%s-%012d\r\n", label, issued)
  issued = issued + 1
  return request_text("POST", path, n, bearer(n) .. key, body)
end
