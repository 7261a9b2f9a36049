"""Releases: the one version of Taskwire, and what must hold before it is tagged."""
