"""Applies commands from the bus to PostgreSQL."""
