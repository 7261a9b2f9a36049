"""The HTTP server: its limits, how it drains, and that slow, greedy or many clients affect nobody else."""
