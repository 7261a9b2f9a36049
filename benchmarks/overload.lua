-- wrk as in requests.lua, but answers are counted by their status: to be refused is no failure here.
dofile("benchmarks/requests.lua")
done_count, refused_count, unknown_count, other_count = 0, 0, 0, 0
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function response(status)
  if status == 201 then
    done_count = done_count + 1
  elseif status == 503 or status == 429 then
    refused_count = refused_count + 1
  elseif status == 504 then
    unknown_count = unknown_count + 1
  else
    other_count = other_count + 1
  end
end

function done(summary, latency, _)
  local thread = threads[1]
  local errors = summary.errors
  io.write(string.format(
    '{"duration_us": %d, "done": %d, "refused": %d, "unknown": %d, "other": %d, "median_us": %d, "p99_us": %d}\n',
    summary.duration, thread:get("done_count"), thread:get("refused_count"), thread:get("unknown_count"),
    thread:get("other_count") + errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
