-- What every load shares: who shopper n is, counting of answers, and one line of JSON at the end.
-- wrk runs with one thread, so the counters of that thread are all there are.

issued = 0
statuses = {}

local line = string.format

function token_of(n)
  return line("bench%038d", n)
end

-- Every shopper has a phone of its own, and so an address of its own: limits stay on and refuse nobody.
function address_of(n)
  return line("10.%d.%d.%d", math.floor(n / 65536) % 256, math.floor(n / 256) % 256, n % 256)
end

function request_text(method, path, n, extra, body)
  local length = body and "Content-Type: application/json\r\nContent-Length: " .. #body .. "\r\n" or ""
  return table.concat({
    method, " ", path, " HTTP/1.1\r\nHost: orchard.test\r\nAccept: application/json\r\n",
    "X-Forwarded-For: ", address_of(n), "\r\n", extra or "", length, "\r\n", body or ""
  })
end

function bearer(n)
  return "Authorization: Bearer " .. token_of(n) .. "\r\n"
end

function count(what)
  statuses[what] = (statuses[what] or 0) + 1
end

local the_thread

function setup(thread)
  the_thread = thread
end

function response(status)
  count(tostring(status))
end

function done(summary, latency)
  local counted = {}
  for what, number in pairs(the_thread:get("statuses")) do
    counted[#counted + 1] = line('"%s": %d', what, number)
  end
  local errors = summary.errors
  print(line(
    'MEASURED {"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "longest": %d, "issued": %d, '
      .. '"statuses": {%s}, "broken": {"connect": %d, "read": %d, "write": %d, "timeout": %d}}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max,
    the_thread:get("issued"), table.concat(counted, ", "),
    errors.connect, errors.read, errors.write, errors.timeout
  ))
end
