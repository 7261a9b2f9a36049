"""The lane of the writes on its own: the test plays the link and all that is behind it."""
