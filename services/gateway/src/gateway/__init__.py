"""The HTTP API of Taskwire."""
