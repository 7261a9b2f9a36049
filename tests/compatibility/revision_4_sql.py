"""What a task-writer sends for each command while the schema is at revision 0004.

Copied, never edited; it goes with the revision that drops the functions.
"""

CREATE_TASK = """
select status, task from create_task(
  %(command_id)s, %(user_id)s, %(fingerprint)s, %(task_id)s, %(title)s, %(description)s, %(is_completed)s
);
"""

REPLACE_TASK = """
select status, task from replace_task(
  %(command_id)s, %(user_id)s, %(fingerprint)s, %(task_id)s, %(title)s, %(description)s, %(is_completed)s
);
"""

TOGGLE_TASK = """
select status, task from toggle_task(
  %(command_id)s, %(user_id)s, %(fingerprint)s, %(task_id)s, %(is_completed)s
);
"""

DELETE_TASK = """
select status, task from delete_task(%(command_id)s, %(user_id)s, %(fingerprint)s, %(task_id)s);
"""

BY_TYPE = {
    "create_task": CREATE_TASK,
    "replace_task": REPLACE_TASK,
    "toggle_task": TOGGLE_TASK,
    "delete_task": DELETE_TASK,
}
