"""Tasks, time limits and memory of a process's event loop."""
