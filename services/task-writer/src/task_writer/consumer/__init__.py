"""Consumes batches: process, acknowledge, reply; commands that cannot be carried out become dead letters."""
