"""The members of a task as clients see it: the one place in the tests to name a new one."""

TASK_FIELDS = ("id", "title", "description", "is_completed", "created_at", "user_id")
"""In the order in which PostgreSQL spells them."""
