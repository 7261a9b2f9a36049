-- wrk sends the requests of a file in turn, "METHOD PATH BODY" a line, and prints its figures as one line of JSON.
-- With a second file, "USER_ID TOKEN" a line, each request bears the token of the user in its path. Runs in the
-- repository's root, as does overload.lua, which begins with it.
local prepared, last = {}, 0

local function read_tokens(path)
  local tokens = {}
  for line in io.lines(path) do
    local user_id, token = line:match("^(%S+) (%S+)$")
    tokens[user_id] = token
  end
  return tokens
end

function init(args)
  local tokens = args[2] and read_tokens(args[2]) or {}
  for line in io.lines(args[1]) do
    local method, path, body = line:match("^(%S+) (%S+) ?(.*)$")
    local headers = body ~= "" and { ["Content-Type"] = "application/json" } or {}
    local token = tokens[path:match("^/api/([^/]+)")]
    headers["Authorization"] = token and "Bearer " .. token
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
