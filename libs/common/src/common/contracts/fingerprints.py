"""What distinguishes requests under one key (ADR 7): 16 bytes that differ when two of them ask for something else."""

from collections.abc import Sequence
from hashlib import blake2b

from common.contracts.commands import AnyCommand

DIGEST_BYTES = 16

NOT_FINGERPRINTED = {
    "command_id", "deadline_unix_ms", "keyed", "keyed_list", "request_id", "traceparent", "type",
}  # fmt: skip
NOT_FINGERPRINTED_OF_A_CREATION = NOT_FINGERPRINTED | {"task_id"}
"""Fields that do not identify what a command requests. Its type is prepended to the others."""


def fingerprint(command: AnyCommand) -> bytes:
    """16 bytes that differ when two commands with the same id request different changes.

    They are compared with those recorded by earlier releases, so a field at its default counts as absent: a field that
    is added later does not change the fingerprint of a command without it. The id of a new task is left out: the
    gateway chooses a new one each time that a client sends its request. A command of a list has that of the list.
    """
    if command.keyed_list is not None:
        return bytes.fromhex(command.keyed_list.fingerprint)
    left_out = NOT_FINGERPRINTED_OF_A_CREATION if command.type == "create_task" else NOT_FINGERPRINTED
    requested = command.type + command.model_dump_json(exclude=left_out, exclude_defaults=True)
    return blake2b(requested.encode(), digest_size=DIGEST_BYTES).digest()


def list_fingerprint(commands: Sequence[AnyCommand]) -> str:
    """That of a list of commands, in hexadecimal; never that of a single command. About 5 µs for each."""
    digest = blake2b(digest_size=DIGEST_BYTES, person=b"list of commands")
    for command in commands:
        digest.update(fingerprint(command))
    return digest.hexdigest()
