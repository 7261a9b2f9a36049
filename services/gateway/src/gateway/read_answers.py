"""Turns the answer to a read into an HTTP response."""

from http import HTTPStatus

from common.contracts.revised import Revised
from common.http.problems import PRECONDITION_FAILED, REVISION_UNREACHED, UNAVAILABLE, Problem
from fastapi import Response

from gateway.entity_tags import entity_tag
from gateway.json_response import JsonResponse
from gateway.preconditions import ReadCondition
from gateway.read_lanes import ReadLane, ReplicaBehind, RevisionUnreached, TooManyReads
from gateway.reader_link import ReaderUnavailable
from gateway.reading import Read


async def ask(lane: ReadLane, read: Read) -> Revised | None:
    """The reader's answer. Raises a 503 problem when no reader is available that has reached the revision asked for,
    and 412 where nobody can reach it."""
    try:
        return await lane.call(read)
    except RevisionUnreached as error:
        detail = f"No change of this user has the revision {read['min_revision']}"
        raise Problem(REVISION_UNREACHED, f"{detail}: it is not the user's, or the change was lost.") from error
    except ReplicaBehind as error:
        raise Problem(UNAVAILABLE, f"No server has reached the revision {read['min_revision']} in time.") from error
    except ReaderUnavailable as error:
        raise Problem(UNAVAILABLE, "Tasks cannot be read at the moment.") from error
    except TooManyReads as error:
        raise Problem(UNAVAILABLE, "Too many reads are waiting.") from error


def read_response(answer: Revised, condition: ReadCondition | None) -> Response:
    """The task or the list with its entity tag, or 304 where the client has it. Raises a 412 problem where If-Match
    does not hold."""
    unchanged = not_modified(answer, condition)
    return unchanged or JsonResponse(answer.body or b"", headers=tag_headers(answer))


def not_modified(answer: Revised, condition: ReadCondition | None) -> Response | None:
    """304 where the client has the answer, else None. Raises a 412 problem where If-Match does not hold."""
    if condition is None or answer.revision is None:
        return None
    headers = tag_headers(answer)
    if condition.fails_at(answer.revision):
        raise Problem(PRECONDITION_FAILED, f"If-Match failed: the entity tag is {headers['ETag']}.", headers=headers)
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers) if condition.knows(answer.revision) else None


def tag_headers(answer: Revised) -> dict[str, str]:
    """The entity tag, which the answer of a reader of the release before does not have."""
    return {} if answer.revision is None else {"ETag": entity_tag(answer.revision)}
