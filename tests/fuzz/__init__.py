"""Requests that a machine draws, against a running system: from the API's description, and against a model of it.

Here they are few and the same each time; `make fuzz` draws thousands of others. What fails is shortened and printed
with its seed.
"""
