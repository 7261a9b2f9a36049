"""The writer's SQL: a command is the call of a function that changes the task and records the command.

The functions are those of the migrations, so that PostgreSQL plans their statements once for each connection: ADR 9.
Each tells row-level security who asks, binds every statement to that user, and answers with one row: status and, where
a task is left, the task as JSON text.

A command that was carried out before violates command_log_pkey, which undoes the whole transaction: the caller then
looks the recorded answer up. That costs a command that is new, nearly all of them, no look-up. Only commands with a
key, which clients do send again, are looked up before they are run.
"""

from hashlib import blake2b
from typing import Any

from common.contracts import AnyCommand

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

# Seldom run, and so no function: `set local` ends with the implicit transaction of the string.
FIND_RECORDED = """
set local app.user_id = %(user_id)s;
select status, task, fingerprint from command_log where command_id = %(command_id)s and user_id = %(user_id)s;
"""

# Over all users, and so the one statement without a user_id: its own policy lets it see old records, nothing else.
FORGET_COMMANDS = """
set local app.housekeeping = 'on';
delete from command_log
where command_id in (
  select command_id from command_log
  where recorded_at < now() - make_interval(secs => %(retention_s)s)
  order by recorded_at
  limit %(limit)s
);
"""

BY_TYPE = {
    "create_task": CREATE_TASK,
    "replace_task": REPLACE_TASK,
    "toggle_task": TOGGLE_TASK,
    "delete_task": DELETE_TASK,
}

NO_PARAMETER = {"deadline_unix_ms", "keyed", "request_id", "traceparent", "type"}
NO_WISH = {"command_id", "deadline_unix_ms", "keyed", "request_id", "traceparent", "type"}
NO_WISH_OF_A_CREATION = NO_WISH | {"task_id"}
"""The fields that are no part of what a command asks for; its type stands before the others."""


def parameters(command: AnyCommand) -> dict[str, Any]:
    """The values of the placeholders of the command's statement. Ids are text: `set local` takes a plain literal."""
    values = command.model_dump(exclude=NO_PARAMETER)
    for name in ("command_id", "user_id", "task_id"):
        values[name] = str(values[name])
    return values | {"fingerprint": fingerprint(command)}


def fingerprint(command: AnyCommand) -> bytes:
    """16 bytes that differ when two commands of one id ask for different things.

    They are compared with those that an earlier release has recorded. So what is at its default counts as absent: a
    field that is added later changes no fingerprint of a command that does not use it. The id of a new task is the
    gateway's choice, not a part of the wish: it differs each time that a client sends its request.
    """
    no_wish = NO_WISH_OF_A_CREATION if command.type == "create_task" else NO_WISH
    wish = command.type + command.model_dump_json(exclude=no_wish, exclude_defaults=True)
    return blake2b(wish.encode(), digest_size=16).digest()
