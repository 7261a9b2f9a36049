"""Cursors: where the next page of a list begins.

A cursor is the sort key and the id of the last task that was looked at, so what is created or deleted meanwhile moves
nothing (keyset pagination). A digest binds it to its user, order and filters. It is not a signature: a forged cursor
leads to another place in a list of the same user, since every page is filtered by user. A cursor contains no secret; in
an order by title it contains the title of a task.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from uuid import UUID

from common.contracts.reads import Page, Position

_DIGEST_BYTES = 8
_HEAD_BYTES = _DIGEST_BYTES + 16
_CURSOR = re.compile(r"[A-Za-z0-9_-]+")


def encode(user_id: UUID, page: Page, position: Position) -> str:
    """The cursor for the page of the same user, order and filters that begins after `position`.

    At most 1,400 characters, those that a URL may have anywhere. All gateways of all releases must agree on it.
    """
    content = _digest(user_id, page) + position.id.bytes + position.key.encode()
    return urlsafe_b64encode(content).decode().rstrip("=")


def decode(cursor: str, user_id: UUID, page: Page) -> Position:
    """The position. Raises ValueError for anything but a cursor of the same user, order and filters."""
    if not _CURSOR.fullmatch(cursor):
        raise ValueError("not of the characters of a cursor")
    content = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    if content[:_DIGEST_BYTES] != _digest(user_id, page):
        raise ValueError("the cursor of another list")
    position = Position(key=content[_HEAD_BYTES:].decode(), id=UUID(bytes=content[_DIGEST_BYTES:_HEAD_BYTES]))
    if encode(user_id, page, position) != cursor:
        raise ValueError("another spelling of a cursor")
    return position


def _digest(user_id: UUID, page: Page) -> bytes:
    listed = page.model_dump_json(exclude={"limit", "after"}).encode()
    return blake2b(user_id.bytes + listed, digest_size=_DIGEST_BYTES, person=b"cursor").digest()
