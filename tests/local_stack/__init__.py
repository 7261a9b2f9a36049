"""The local stack on real servers: what `make run` promises."""
