"""The whole system on one machine, for `make run`, tests and benchmarks."""
