"""The SQL by which the services call the database's functions, letter for letter, as each release has it.

Copied, never edited: services of the former release send it while this release's migrations have been made. A call goes
when no release that may still run sends it.
"""

RUN_COMMANDS = r"""
select status, task, recorded from run_commands(
  '[{"command_id":"0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e01","user_id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11","deadline_unix_ms":4102444800123,"type":"create_task","task_id":"c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33","title":"Buy milk","description":null,"is_completed":false,"fingerprint":"\\x41d82a17bd16202359a7f9a1b6bceb90"},{"command_id":"0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e02","user_id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11","deadline_unix_ms":4102444800123,"type":"toggle_task","task_id":"c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33","is_completed":null,"fingerprint":"\\x3c6d77101fe08f60de9c05992c62e8a0"},{"command_id":"0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e03","user_id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11","deadline_unix_ms":4102444800123,"keyed":true,"type":"replace_task","task_id":"c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33","title":"Buy bread","description":"rye","is_completed":true,"fingerprint":"\\x401e6402aad0a73b5aee77825463e801"},{"command_id":"0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e04","user_id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11","deadline_unix_ms":4102444800123,"type":"delete_task","task_id":"c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c34","fingerprint":"\\x2dbc0969b0a4342bf09645756e2216ce"},{"command_id":"0192f0c1-7c5e-4d5a-9d2b-1f6a3c9b7e05","user_id":"7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11","deadline_unix_ms":1,"type":"delete_task","task_id":"c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33","fingerprint":"\\x2dbc0969b0a4342bf09645756e2216ce"}]',
  -7088374892061368831, '{-7088374892061368829}', 'f'
);
"""  # noqa: E501
RUN_COMMANDS_AGAIN = RUN_COMMANDS.replace("'f'", "'t'")
RUN_COMMANDS_WITH_REVISIONS = RUN_COMMANDS.replace("recorded from", "recorded, revision from")
LIST_TASKS = "select list_tasks('7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11')"
FIND_TASK = "select find_task('7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11', 'c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33')"
LIST_PAGE = (
    "select list_page('7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11', '-created_at', 50,"
    " null, null, null, null, null, null, null)"
)
READ_TASKS = "select read_tasks('7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11', NULL)"
READ_TASK = "select read_task('7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11', 'c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33', 7)"
READ_EACH_TASK = "select read_each_task('{7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11,7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e12}', '{c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33,c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33}', '{7,NULL}')"  # noqa: E501
READ_CHANGES = "select read_changes('7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11', 0, NULL)"
NOT_REACHED = "select not_reached('7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11', 7)"
FORGET_COMMANDS = "select forget_commands(86400.0, 1000)"
FORGOTTEN_UNTIL = "select date_part('epoch', forgotten_until) from command_log_state"

STATUSES = ["done", "done", "done", "not_found", "expired"]
TASK = {
    "id": "c2b9e3d4-5a61-4c7f-8e02-6d1f0a9b8c33",
    "title": "Buy bread",
    "description": "rye",
    "is_completed": True,
    "user_id": "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11",
}
"""What they answer, and the task that is left, beside its `created_at` and fields of later releases."""
