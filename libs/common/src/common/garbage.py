"""Keeps Python's garbage collector from what never becomes garbage."""

import gc


def spare_what_is_loaded() -> None:
    """Takes all that lives now out of the collector's sight: modules, classes, the app. Call it once, before serving.

    A full collection went through all of it every two seconds under load, and the service stood still for 0.13 s.
    """
    gc.collect()
    gc.freeze()
