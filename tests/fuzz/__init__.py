"""Requests that a machine draws, against a running system: from the API's description, and against a model of it."""
