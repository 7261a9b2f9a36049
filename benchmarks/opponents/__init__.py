"""The benchmarks' opponents: the single service a team would write instead, plain and tuned, and an upper bound."""
