-- From a hold to a payment that its payer has confirmed, one request after the other for each shopper.
-- Arguments: label of the run; then either "placed" and a file with a line "hold number-of-shopper" for each
-- hold that waits, or "whole", number of the first shopper, number of shoppers, path and body of the hold.
-- A request names its step and shopper in X-Request-Id, which the answer repeats.
dofile("common.lua")

local due = {}
local taken = 0

function init(args)
  label, kind = args[1], args[2]
  if kind == "placed" then
    waiting = {}
    for entry in io.lines(args[3]) do
      local hold, n = entry:match("^(%S+) (%d+)$")
      waiting[#waiting + 1] = { hold, tonumber(n) }
    end
  else
    first, shoppers, path, body = tonumber(args[3]), tonumber(args[4]), args[5], args[6]
  end
end

local function step(name, n, where, text)
  local extra = string.format(
    "%sIdempotency-Key: bench-%s-%s-%012d\r\nX-Request-Id: bench-%s-%d\r\n", bearer(n), label, name, issued, name, n
  )
  issued = issued + 1
  return request_text("POST", where, n, extra, text)
end

local function order(hold, n)
  return step("order", n, "/v1/orders", '{"hold_id": "' .. hold .. '"}')
end

function request()
  local next_step = table.remove(due)
  if next_step then
    return next_step()
  end
  taken = taken + 1
  if kind == "placed" then
    local entry = waiting[taken]
    if entry then
      return order(entry[1], entry[2])
    end
    wrk.thread:stop()
    return request_text("GET", "/healthz", 0, "X-Request-Id: bench-spent-0\r\n")
  end
  local n = (first + taken) % shoppers
  return step("hold", n, path, body)
end

function response(status, headers, text)
  local name, n = (headers["X-Request-Id"] or ""):match("^bench%-(%a+)%-(%d+)$")
  count((name or "unknown") .. " " .. status)
  n = tonumber(n)
  if name == "hold" and status == 201 then
    local hold = text:match('"hold_id": ?"([^"]+)"')
    due[#due + 1] = function() return order(hold, n) end
  elseif name == "order" and status == 201 then
    local payment = text:match('"payment_id": ?"([^"]+)"')
    due[#due + 1] = function() return step("confirm", n, "/v1/payments/" .. payment .. "/confirm") end
  end
end
