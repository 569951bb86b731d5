-- Paces wrk: each of CONNECTIONS sends a request every so many milliseconds, spread evenly, RATE a second together.
-- Asks for PATHS in turn, one a line of the file that the first argument names.
local paths = {}
local interval = 1000 * tonumber(os.getenv("CONNECTIONS")) / tonumber(os.getenv("RATE"))
local at = 0

function init(arguments)
    for line in io.lines(arguments[1]) do
        paths[#paths + 1] = line
    end
end

function delay()
    return interval
end

function request()
    at = at % #paths + 1
    return wrk.format("GET", paths[at])
end

function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format(
        "RESULT %.0f %.3f %.3f %.3f %d\n",
        summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        latency.max / 1e3, failed
    ))
end
