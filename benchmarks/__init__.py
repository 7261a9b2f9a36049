"""Measurements of Taskwire, side by side in one run."""
