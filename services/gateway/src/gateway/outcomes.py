"""Turns a command's outcome into an HTTP response."""

from common.contracts.outcomes import Outcome
from common.http.problems import KEY_REUSED, NOT_DONE, OUTCOME_UNKNOWN, PRECONDITION_FAILED, TASK_NOT_FOUND, Problem
from fastapi import Response

from gateway.idempotency import REPLAYED_HEADER
from gateway.metrics import WRITES_FAILED


def task_response(outcome: Outcome, status: int, headers: dict[str, str] | None = None) -> Response:
    """The task after the write. Raises a problem unless the write was done."""
    _require_done(outcome)
    return Response(outcome.task, status, (headers or {}) | _replay_headers(outcome), "application/json")


def no_content(outcome: Outcome) -> Response:
    """204. Raises a problem unless the write was done."""
    _require_done(outcome)
    return Response(status_code=204, headers=_replay_headers(outcome))


def _replay_headers(outcome: Outcome) -> dict[str, str]:
    return {REPLAYED_HEADER: "true"} if outcome.replayed else {}


def _require_done(outcome: Outcome) -> None:
    """Raises a problem unless the status is `done`."""
    if outcome.status == "done":
        return
    if outcome.status not in {"not_found", "precondition_failed"}:
        WRITES_FAILED.labels(outcome.status).inc()
    match outcome.status:
        case "not_found":
            raise Problem(TASK_NOT_FOUND, "The user has no task with this id.", headers=_replay_headers(outcome))
        case "precondition_failed":
            raise Problem(
                PRECONDITION_FAILED, "The task has changed. Nothing was done.", headers=_replay_headers(outcome)
            )
        case "key_reused":
            raise Problem(KEY_REUSED, outcome.reason or "Use a new key for a different request.")
        case "refused" | "expired":
            raise Problem(NOT_DONE, outcome.reason or "The write was not carried out.")
        case "unknown":
            raise Problem(OUTCOME_UNKNOWN, outcome.reason or "There was no answer to the write.")
