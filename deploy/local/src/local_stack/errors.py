"""What can go wrong while the stack starts, each with what to do about it."""


class StackError(Exception):
    """The stack cannot start. Its text names the cause and what to do next, and is shown to the user as it stands."""


class AlreadyRunning(StackError):
    """Another process holds this state directory."""


class MissingProgram(StackError):
    """A server's program is not installed and cannot be installed from here."""


class PartFailed(StackError):
    """One part did not become ready; the text ends with the last lines of its log."""
