"""The HTTP contract, proved from outside on a running system: what section 1 of the design promises, and no more."""
