"""The Idempotency-Key header, by which repeats of a request are recognised.

See https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/07/ and ADR 7.
"""

import re
from hashlib import blake2b
from typing import Annotated
from uuid import UUID

from common.http.problems import INVALID_KEY, Problem
from fastapi import Depends, Header
from pydantic import WithJsonSchema

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotency-Replayed"
MAX_KEY_CHARACTERS = 255

# Visible ASCII characters. Unlike a string of RFC 8941, section 3.3.3, a key must not contain spaces.
_QUOTED = re.compile(r'"((?:[!#-\[\]-~]|\\["\\])+)"')
_BARE = re.compile(r"[!#-~]+")  # without quotation marks, which would indicate a malformed quoted key
_ESCAPED = re.compile(r"\\(.)")


KeyHeader = Annotated[
    list[str] | None,
    Header(
        alias=KEY_HEADER,
        description=(
            f"A unique value for this request, such as a new UUID: 1 to {MAX_KEY_CHARACTERS} visible ASCII "
            "characters, optionally quoted. When the same user repeats the request with the same key, it is not "
            "carried out again, but its recorded answer is replayed, by default for a day. After a 503 or 504, send "
            "the same request with the same key."
        ),
    ),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf'^([!#-~]{{1,{MAX_KEY_CHARACTERS}}}|"([!#-\[\]-~]|\\["\\]){{1,{MAX_KEY_CHARACTERS}}}")$',
            "examples": ['"8e03978e-40d5-43dd-bc93-6894a57f9324"'],
        }
    ),
]


def read_key(values: KeyHeader = None) -> str | None:
    """The key without quotes and escapes, 1 to 255 visible ASCII characters; None when the request has none.

    `"abc"` and `abc` are the same key. Raises a 400 problem when the header is repeated or invalid. Parameters after
    a quoted key are invalid, too.
    """
    if not values:
        return None
    if len(values) > 1:
        raise Problem(INVALID_KEY, f"Send {KEY_HEADER} once.")
    text = values[0].strip(" \t")  # insignificant whitespace: RFC 9110, section 5.5
    if quoted := _QUOTED.fullmatch(text):
        key = _ESCAPED.sub(r"\1", quoted[1])
    else:
        key = text if _BARE.fullmatch(text) else ""
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS:
        raise Problem(
            INVALID_KEY,
            f"{KEY_HEADER} must be 1 to {MAX_KEY_CHARACTERS} visible ASCII characters, no spaces, in quotation marks.",
        )
    return key


Key = Annotated[str | None, Depends(read_key)]


def derive_command_id(user_id: UUID, key: str) -> UUID:
    """The id of every command that this user sends under this key: a UUID of version 8 (RFC 9562, section 5.8).

    All gateways, of all releases, must derive the same one. It never equals the id of a
    command without a key, which is of version 7 (of version 4 in earlier releases).
    """
    return _derived(blake2b(user_id.bytes + key.encode("ascii"), digest_size=16, person=b"idempotency-key").digest())


def derive_item_id(command_id: UUID, place: int) -> UUID:
    """The id of a further command of the same request, by its place from 1; that of the request is at place 0."""
    named = command_id.bytes + place.to_bytes(4)
    return _derived(blake2b(named, digest_size=16, person=b"idempotency-item").digest())


def _derived(digest: bytes) -> UUID:
    octets = bytearray(digest)
    octets[6] = octets[6] & 0x0F | 0x80  # the version
    octets[8] = octets[8] & 0x3F | 0x80  # the variant of RFC 9562
    return UUID(bytes=bytes(octets))
