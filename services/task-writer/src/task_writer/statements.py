"""The writer's SQL: a batch of commands is one call of a function that changes the tasks and records the commands.

The function is in the migrations, so that PostgreSQL plans its statements once for each connection: ADR 9. It takes the
commands in their order. For each it tells row-level security who asks, binds every statement to that user (tasks_pkey),
and answers with one row: status and, where a task is left, the task as JSON text.

A command that was carried out before violates command_log_pkey, which undoes the whole transaction: the caller then
looks the recorded answer up. That costs a command that is new, nearly all of them, no look-up. Only commands with a
key, which clients do send again, are looked up before they are run.
"""

from collections.abc import Sequence
from hashlib import blake2b

from common.contracts import AnyCommand
from pydantic_core import to_json

RUN_COMMANDS = """
select status, task from run_commands(%(commands)s);
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

NO_PARAMETER = {"deadline_unix_ms", "keyed", "request_id", "traceparent"}
NO_WISH = {"command_id", "deadline_unix_ms", "keyed", "request_id", "traceparent", "type"}
NO_WISH_OF_A_CREATION = NO_WISH | {"task_id"}
"""The fields that are no part of what a command asks for; its type stands before the others."""


def parameters(commands: Sequence[AnyCommand]) -> dict[str, str]:
    """The value for RUN_COMMANDS: a JSON array of the commands, each with its fingerprint in hexadecimal digits."""
    given = [
        command.model_dump(exclude=NO_PARAMETER) | {"fingerprint": fingerprint(command).hex()} for command in commands
    ]
    return {"commands": to_json(given).decode()}


def fingerprint(command: AnyCommand) -> bytes:
    """16 bytes that differ when two commands of one id ask for different things.

    They are compared with those that an earlier release has recorded. So what is at its default counts as absent: a
    field that is added later changes no fingerprint of a command that does not use it. The id of a new task is the
    gateway's choice, not a part of the wish: it differs each time that a client sends its request.
    """
    no_wish = NO_WISH_OF_A_CREATION if command.type == "create_task" else NO_WISH
    wish = command.type + command.model_dump_json(exclude=no_wish, exclude_defaults=True)
    return blake2b(wish.encode(), digest_size=16).digest()
