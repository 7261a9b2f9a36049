"""The operations of a batch, as if each had been a request of its own."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from faults.answers import OK
from faults.history import LOST, Operation

_ERROR = 400


def parts(operation: Operation) -> Iterator[Operation]:
    """What came of each operation of a batch, numbered from that of the batch on; a client counts them all.

    What came of one without a result is unknown.
    """
    for place, request in enumerate(operation.request.operations):
        number, effect = operation.number + place, operation.effect + place
        yield replace(operation, request=request, number=number, effect=effect, **_outcome(operation, place))


def _outcome(operation: Operation, place: int) -> dict[str, Any]:
    if operation.status != OK:
        return {}
    results = operation.body["results"]
    if place >= len(results):
        return {"status": None, "failure": LOST, "body": None}
    result = results[place]
    body = result["problem"]["type"] if result["status"] >= _ERROR else result.get("task")
    return {"status": result["status"], "body": body, "etag": result.get("etag")}


def has_all_results(operation: Operation) -> bool:
    """Whether there is a result for each operation of a batch, if it was carried out."""
    return operation.status != OK or len(operation.body["results"]) == len(operation.request.operations)


def is_settled(operation: Operation) -> bool:
    """Whether nothing is left to be asked again: all operations of a batch are answered, or the one."""
    if operation.request.verb == "batch" and operation.is_answered:
        return all(part.is_answered for part in parts(operation))
    return operation.is_answered
