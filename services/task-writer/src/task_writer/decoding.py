"""Parses the body of a batch: as a whole or, if that fails, command by command."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.contracts.commands import AnyCommand, CommandBatch
from pydantic import ValidationError
from pydantic_core import from_json


@dataclass(frozen=True)
class Unreadable:
    """A command that this release cannot read, as the body of its own batch, and the reason."""

    body: bytes
    reason: str


class UnreadableBatch(Exception):
    """The body is not a batch, so its number of commands is unknown. The text is the reason."""


def read_batch(body: bytes) -> Sequence[AnyCommand | Unreadable]:
    """Each command of the batch, in order. Raises UnreadableBatch.

    An invalid command, or one of a newer release, does not affect the others.
    """
    try:
        return CommandBatch.model_validate_json(body).commands
    except ValidationError as error:
        reason = _why(error)
    alone = _each_alone(body)
    if not alone:
        raise UnreadableBatch(reason)
    return [_read(one) for one in alone] if len(alone) > 1 else [Unreadable(body, reason)]


def _each_alone(body: bytes) -> list[bytes]:
    """A batch body for each command, valid or not; empty when the commands cannot be separated."""
    try:
        batch: Any = from_json(body)
        commands = batch["commands"]
        return [json.dumps({"commands": [one]}).encode() for one in commands] if isinstance(commands, list) else []
    except (ValueError, TypeError, KeyError, RecursionError):  # invalid JSON, no object, no commands, a number too long
        return []


def _read(alone: bytes) -> AnyCommand | Unreadable:
    try:
        return CommandBatch.model_validate_json(alone).commands[0]
    except ValidationError as error:
        return Unreadable(alone, _why(error))


def _why(error: ValidationError) -> str:
    """Names the faulty fields, not their values: nothing of a task's text gets into headers and logs."""
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    return "malformed: " + "; ".join(
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['type']}" for fault in faults
    )
