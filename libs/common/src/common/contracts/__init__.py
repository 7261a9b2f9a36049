"""Every message that crosses a service boundary, and the rules for what it says of a task."""
