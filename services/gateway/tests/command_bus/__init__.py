"""Adaptive batching on its own: the test plays the broker."""
