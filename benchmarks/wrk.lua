-- Requests with the tokens of a file, one a line, in turn; the last line of the output is the result as JSON.

local requests, turn = {}, 0

function init(arguments)
    for token in io.lines(arguments[1]) do
        requests[#requests + 1] = wrk.format("GET", nil, { Authorization = "Bearer " .. token })
    end
end

function request()
    turn = turn % #requests + 1
    return requests[turn]
end

function done(summary, latency)
    local failed = summary.errors
    io.write(string.format(
        '\n{"requests/s": %.1f, "p50": %.4f, "p95": %.4f, "p99": %.4f, "refused": %d}\n',
        summary.requests / (summary.duration / 1e6),
        latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000,
        failed.status + failed.connect + failed.read + failed.write + failed.timeout))
end
