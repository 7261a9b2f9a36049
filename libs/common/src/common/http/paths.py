"""Validates the ids in a path."""

import re

from starlette.requests import Request

from common.http.problems import INVALID_ID, Problem

UUID_FORMAT = {"format": "uuid"}
"""As `json_schema_extra` of a path parameter that is a str: it is checked to be a UUID, and in lower case."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def uuid_text(text: str) -> str | None:
    """The UUID in lower case; None when the text is not a UUID.

    Only the format of RFC 9562, section 4 is accepted: hexadecimal digits of either case, in groups of 8-4-4-4-12.
    """
    return text.lower() if _UUID.fullmatch(text) else None


def path_uuid(request: Request, name: str) -> str:
    """The UUID in the path parameter `name`, in lower case. Raises a 400 problem when it is not a UUID."""
    found = uuid_text(request.path_params[name])
    if found is None:
        raise Problem(INVALID_ID, f"{name} must be a UUID such as 7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11.")
    return found
