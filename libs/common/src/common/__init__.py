"""What at least two Taskwire services need, and nothing else."""
