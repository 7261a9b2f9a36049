"""A response whose body is JSON that is written already."""

from collections.abc import Mapping

from fastapi import Response


class JsonResponse(Response):
    """JSON from PostgreSQL, as it is. Starlette's constructor first looks which headers are given, and with one of our
    own it takes 2.5 µs longer: more than the rest of an entity tag."""

    def __init__(self, body: bytes | memoryview, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.status_code = status
        self.background = None
        self.body = body
        self.raw_headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", b"application/json"),
            *[(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()],
        ]
