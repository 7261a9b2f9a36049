"""The answer to a page of a list: the reader's JSON as it is, and a Link to the next page (RFC 8288)."""

from uuid import UUID

from common.contracts.reads import Page, Position
from common.contracts.revised import Revised
from common.http.problems import UNAVAILABLE, Problem
from starlette.requests import Request
from starlette.responses import Response

from gateway import cursors
from gateway.json_response import JsonResponse
from gateway.parameters import query_with
from gateway.read_answers import tag_headers

LINK_HEADER = "Link"
MAX_POSITION_BYTES = 2048  # six for each character of a title, and the rest


def page_response(request: Request, user_id: UUID, page: Page, answer: Revised) -> Response:
    """The page's tasks, and the link where there is a next page. Nothing but the position is parsed."""
    body = answer.body or memoryview(b"")
    head = bytes(body[:MAX_POSITION_BYTES])
    end = head.find(b"\n")
    if end < 0 or head.startswith(b"["):
        # A reader of the release before ignores the page and answers all tasks.
        raise Problem(UNAVAILABLE, "Pages cannot be read at the moment.")
    response = JsonResponse(body[end + 1 :], headers=tag_headers(answer))
    if end:
        cursor = cursors.encode(user_id, page, Position.model_validate_json(head[:end]))
        response.headers[LINK_HEADER] = f'<{request.scope["path"]}?{query_with(request, "cursor", cursor)}>; rel="next"'
    return response
