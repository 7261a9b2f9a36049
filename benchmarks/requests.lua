-- wrk sends the requests of a file in turn, "METHOD PATH BODY" a line, and prints its figures as one line of JSON.
local prepared, last = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    local method, path, body = line:match("^(%S+) (%S+) ?(.*)$")
    local headers = body ~= "" and { ["Content-Type"] = "application/json" } or {}
    prepared[#prepared + 1] = wrk.format(method, path, headers, body ~= "" and body or nil)
  end
end

function request()
  last = last % #prepared + 1
  return prepared[last]
end

function done(summary, latency, _)
  local errors = summary.errors
  local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('{"requests": %d, "duration_us": %d, "median_us": %d, "p99_us": %d, "failures": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), failures))
end
