"""Errors while the stack starts, each with advice."""


class StackError(Exception):
    """The stack cannot start. The text names the cause and what to do next, for the user."""


class AlreadyRunning(StackError):
    """Another process holds this state directory."""


class MissingProgram(StackError):
    """A server's program is not installed and cannot be installed from here."""


class PartFailed(StackError):
    """One part did not become ready; the text ends with the last lines of its log."""
