"""What a request may be answered with, and what an answer says of its task."""

from typing import Any

from faults.history import Operation, Request
from faults.states import Answer, Value

OK, CREATED, DELETED, SAME, NOT_FOUND, CHANGED, INTERNAL, UNKNOWN = 200, 201, 204, 304, 404, 412, 500, 504
_EXPECTED = {
    "create": {CREATED},
    "replace": {OK, NOT_FOUND},
    "patch": {OK, NOT_FOUND},
    "flip": {OK, NOT_FOUND},
    "set": {OK, NOT_FOUND},
    "delete": {DELETED, NOT_FOUND},
    "get": {OK, NOT_FOUND},
    "list": {OK},
    "page": {OK},
    "sync": {OK},
    "peek": {NOT_FOUND},
}


def expected_statuses(request: Request) -> set[int]:
    """The statuses that a request may be answered with."""
    conditional = {CHANGED} if request.if_match else {SAME} if request.if_none_match else set[int]()
    return _EXPECTED[request.verb] | conditional


def place_of(body: Any) -> tuple[str, str]:
    """Where a task stands in a list; the greatest come first."""
    return body["created_at"], body["id"]


def answer_of(operation: Operation) -> Answer:
    """The answer to a write."""
    match operation.status:
        case 204:
            return "deleted"
        case 404:
            return None
        case 412:
            return "changed"
        case _:
            return Value.of(operation.body)
