"""Turns the outcomes of a batch into its HTTP response: a result for each operation, in order."""

import json
from collections.abc import Sequence

from common.contracts.outcomes import Outcome
from common.http.problems import problem_bytes
from fastapi import Response

from gateway.batch_bodies import AnyOperation
from gateway.entity_tags import entity_tag
from gateway.idempotency import REPLAYED_HEADER
from gateway.outcomes import problem_of, revision_headers

NOT_DONE = {"refused", "expired"}


def batch_response(operations: Sequence[AnyOperation], outcomes: Sequence[Outcome]) -> Response:
    """The results. Raises the problem of the whole batch where no operation has a certain outcome: 503 when certainly
    nothing was done, else 504; and 422 when the key belongs to another request."""
    _require_certainty(outcomes)
    results = ",".join(map(_result, operations, outcomes))
    replayed = {REPLAYED_HEADER: "true"} if all(outcome.replayed for outcome in outcomes) else {}
    reached = max((one.revision for one in outcomes if one.revision is not None), default=None)
    headers = revision_headers(reached) | replayed
    return Response(f'{{"results":[{results}]}}', headers=headers, media_type="application/json")


def _require_certainty(outcomes: Sequence[Outcome]) -> None:
    found = {outcome.status: outcome for outcome in outcomes}
    for_all = found.get("key_reused")
    if for_all is None and found.keys() <= NOT_DONE | {"unknown"}:
        for_all = found.get("unknown", outcomes[0])
    if for_all is not None and (problem := problem_of(for_all)) is not None:
        raise problem


def _result(operation: AnyOperation, outcome: Outcome) -> str:
    """One result as JSON, with PostgreSQL's JSON of the task as it is."""
    problem = problem_of(outcome)
    members = [f'"status":{operation.succeeds_with if problem is None else int(problem.kind.status)}']
    if outcome.revision is not None and (outcome.task is not None or problem is not None):
        members.append(f'"etag":{json.dumps(entity_tag(outcome.revision))}')
    if problem is not None:
        members.append(f'"problem":{problem_bytes(problem.kind, problem.detail).decode()}')
    elif outcome.task is not None:
        members.append(f'"task":{outcome.task}')
    return f"{{{','.join(members)}}}"
