"""The members of a task as clients see it: the one place in the tests to name a new one."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """A member that clients set: its value where it is left out, values that are accepted, and values that are 422."""

    default: object
    accepted: tuple[object, ...]
    refused: tuple[object, ...]


SET_BY_CLIENTS: Mapping[str, Member] = {
    "title": Member(
        default=None,  # it cannot be left out
        accepted=("buy milk", "bread"),
        refused=(None, 1, 1.5, True, ["buy milk"], {"text": "buy milk"}),
    ),
    "description": Member(default=None, accepted=(None, "", "rye"), refused=(1, False, [], {})),
    "is_completed": Member(default=False, accepted=(False, True), refused=(None, "true", 1, 0, [True], {})),
}
TASK_FIELDS = ("id", *SET_BY_CLIENTS, "created_at", "user_id")
"""In the order in which PostgreSQL spells them."""

ACCEPTED = [(name, value) for name, member in SET_BY_CLIENTS.items() for value in member.accepted]
REFUSED = [(name, value) for name, member in SET_BY_CLIENTS.items() for value in member.refused]
DEFAULTS = {name: member.default for name, member in SET_BY_CLIENTS.items()}
