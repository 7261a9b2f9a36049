"""Turns a command's outcome into an HTTP response."""

from common.contracts.outcomes import Outcome
from common.http.problems import (
    KEY_REUSED,
    NOT_DONE,
    OUTCOME_UNKNOWN,
    PRECONDITION_FAILED,
    TASK_NOT_FOUND,
    Problem,
)
from fastapi import Response

from gateway.entity_tags import entity_tag
from gateway.idempotency import REPLAYED_HEADER
from gateway.json_response import JsonResponse
from gateway.metrics import WRITES_FAILED
from gateway.min_revision import REVISION_HEADER

ANSWERS = {"not_found", "precondition_failed"}  # as certain as `done`: these do not count as failed


def task_response(outcome: Outcome, status: int, headers: dict[str, str]) -> Response:
    """The task after the write, with its entity tag; `headers` say where it is. Raises a problem unless the write was
    done."""
    _require_done(outcome)
    return JsonResponse((outcome.task or "").encode(), status, headers | _headers(outcome))


def no_content(outcome: Outcome) -> Response:
    """204 with the user's revision. Raises a problem unless the write was done."""
    _require_done(outcome)
    return Response(status_code=204, headers=revision_headers(outcome.revision) | _replayed(outcome))


def revision_headers(revision: int | None) -> dict[str, str]:
    """The revision after a write that shows no task, which a record from before there were revisions does not have."""
    return {} if revision is None else {REVISION_HEADER: str(revision)}


def _headers(outcome: Outcome) -> dict[str, str]:
    """The entity tag, which a record from before there were revisions does not have, and whether it is a replay."""
    if outcome.revision is None:
        return _replayed(outcome)
    return {"ETag": entity_tag(outcome.revision), **_replayed(outcome)}


def _replayed(outcome: Outcome) -> dict[str, str]:
    return {REPLAYED_HEADER: "true"} if outcome.replayed else {}


def _require_done(outcome: Outcome) -> None:
    if (problem := problem_of(outcome)) is not None:
        raise problem


def problem_of(outcome: Outcome) -> Problem | None:
    """The problem to answer with, None when the status is `done`. Counts failures."""
    if outcome.status == "done":
        return None
    if outcome.status not in ANSWERS:
        WRITES_FAILED.labels(outcome.status).inc()
    match outcome.status:
        case "not_found":
            return Problem(TASK_NOT_FOUND, "The user has no task with this id.", headers=_replayed(outcome))
        case "precondition_failed":
            current = "another one" if outcome.revision is None else entity_tag(outcome.revision)
            detail = f"If-Match or If-None-Match failed: the entity tag is {current}. Nothing was done."
            return Problem(PRECONDITION_FAILED, detail, headers=_headers(outcome))
        case "key_reused":
            return Problem(KEY_REUSED, outcome.reason or "Use a new key for a different request.")
        case "refused" | "expired":
            return Problem(NOT_DONE, outcome.reason or "The write was not carried out.")
        case "unknown":
            return Problem(OUTCOME_UNKNOWN, outcome.reason or "There was no answer to the write.")
