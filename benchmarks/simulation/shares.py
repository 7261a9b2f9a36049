"""The mix of requests that is simulated, as `benchmarks.dataset.mixed` sends it."""

MIXED = {"commands": 0.2, "finds": 0.4, "lists": 0.4}
