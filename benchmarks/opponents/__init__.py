"""The benchmarks' opponents, single services that a team would write instead, and an upper bound; see README.md."""
