"""A request for each type of problem that a request alone is enough for, and how the others come about."""

from collections.abc import Mapping
from dataclasses import dataclass

USER = "7f1b5f0e-3c1a-4f7e-9d55-0c8a4f6b2e11"
TASKS = f"/api/{USER}/tasks"
TASK = f"{TASKS}/0199b4a2-7c5e-7d10-8a3b-5f2e9c4d1b60"
TOKEN = "eyJhbGciOiJFUzI1NiIsImtpZCI6…"  # noqa: S105 - the beginning of one, as it is shown
TAG = '"1-1764115200000000"'
JSON = "Content-Type: application/json"
MILK = '{"title": "Buy milk"}'


@dataclass(frozen=True)
class Sent:
    """A request, and what has to be known to understand its answer."""

    setting: str
    request: str


def request(method: str, path: str, *headers: str, body: str = "", version: str = "1.1") -> str:
    """The text of a request, with the length of its body unless a header says it."""
    told = any(header.startswith(("Content-Length", "Transfer-Encoding")) for header in headers)
    length = [] if told or not body else [f"Content-Length: {len(body.encode())}"]
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: tasks.example.org", *headers, *length, "", body])


def read(path: str, *headers: str) -> str:
    return request("GET", path, *headers)


def create(body: str, *headers: str) -> str:
    return request("POST", TASKS, JSON, *headers, body=body)


ALONE: Mapping[str, Sent] = {
    "invalid-id": Sent("The user's id is cut off.", read("/api/7f1b5f0e-3c1a/tasks")),
    "unknown-parameter": Sent("The parameter is called `order`.", read(f"{TASKS}?sort=title")),
    "invalid-parameter": Sent("A page has at least one task.", read(f"{TASKS}?limit=0")),
    "task-not-found": Sent("Nobody has created this task.", read(TASK)),
    "not-found": Sent("The path ends with a slash.", read(f"{TASKS}/")),
    "method-not-allowed": Sent("A list cannot be deleted as a whole.", request("DELETE", TASKS)),
    "malformed-body": Sent("That is JavaScript, not JSON.", create("{title: 'Buy milk'}")),
    "invalid-task": Sent("The title is blank, and a member is unknown.", create('{"title": " ", "done": true}')),
    "unsupported-media-type": Sent(
        "The body is JSON, but is not called so.",
        request("POST", TASKS, "Content-Type: text/plain", body=MILK),
    ),
    "unsupported-content-encoding": Sent(
        "The body is announced as compressed.", create(MILK, "Content-Encoding: gzip", "Expect: 100-continue")
    ),
    "body-too-large": Sent(
        "The client asks before it sends the body, and need not send it.",
        create("", "Content-Length: 70000", "Expect: 100-continue"),
    ),
    "invalid-idempotency-key": Sent("A key has no spaces.", create(MILK, "Idempotency-Key: buy milk")),
    "invalid-precondition": Sent(
        "The entity tag has no quotes.", request("DELETE", TASK, "If-Match: 1-1764115200000000")
    ),
    "invalid-min-revision": Sent("That is no revision.", read(TASKS, "Min-Revision: latest")),
    "revision-unreached": Sent("The user has never written anything.", read(TASKS, "Min-Revision: 1764115200000000")),
    "invalid-last-event-id": Sent("That is no event's id.", read(f"/api/{USER}/events", "Last-Event-ID: last")),
    "changes-gone": Sent("The user never had this revision.", read(f"/api/{USER}/changes?since=1764115200000000")),
    "malformed-request": Sent(
        "The request says twice how long its body is, and each of the two says something else.",
        create("5\r\nhello\r\n0\r\n\r\n", "Content-Length: 5", "Transfer-Encoding: chunked"),
    ),
    "head-too-large": Sent("The header has 40,000 bytes.", read(TASKS, f"X-Note: {'a' * 40_000}")),
    "http-version-unknown": Sent("HTTP/2 is not spoken like this.", request("GET", TASKS, version="2.0")),
    "transfer-coding-unknown": Sent(
        "The body is announced as compressed for the way.", create("", "Transfer-Encoding: gzip, chunked")
    ),
}
"""On any gateway whose services are up, for a user who has nothing."""

UNAVAILABLE = Sent("The task-reader does not run.", read(TASKS))
NOT_DONE = Sent("RabbitMQ does not run.", create(MILK))
NO_TOKEN = Sent("The gateway has `AUTH_MODE=jwt`.", read(TASKS))
UNVERIFIABLE = Sent(
    "The gateway has `AUTH_MODE=jwt`, and the issuer's server does not answer.",
    read(TASKS, f"Authorization: Bearer {TOKEN}"),
)
INVALID_TOKEN = Sent("The token was valid until an hour ago.", read(TASKS, f"Authorization: Bearer {TOKEN}"))
TOO_MANY_REQUESTS = Sent(
    "The gateway has `USER_REQUESTS_PER_S=1` and `USER_BURST=1`, and this is the second request in a second.",
    read(TASKS),
)
ORIGIN_REFUSED = Sent(
    'The gateway has `CORS_ORIGINS=["https://app.example"]`.',
    request("OPTIONS", TASKS, "Origin: https://other.example", "Access-Control-Request-Method: POST"),
)
SLOW_HEAD = Sent("Nothing more comes. The gateway has `HEAD_TIMEOUT_S=1`.", f"GET {TASKS} HTTP/1.1\r\nHost: tasks.exa")
SLOW_BODY = Sent(
    "Nothing more comes. The gateway has `BODY_TIMEOUT_S=1`.", create('{"title": "Buy', "Content-Length: 21")
)
OVERLOADED = Sent("The gateway has `CONNECTIONS_MAX=1`, and another client has that one.", read(TASKS))
INTERNAL = Sent("There is a bug in the operation.", read(TASKS))
KEY_REUSED = Sent("The key was sent before, to buy milk.", create('{"title": "Buy bread"}', "Idempotency-Key: monday"))
PRECONDITION_FAILED = Sent(
    "The tag is that of the task before somebody else has changed it.",
    request("PUT", TASK, JSON, f"If-Match: {TAG}", body=MILK),
)
TOO_MANY_STREAMS = Sent("20 streams of the user are open.", read(f"/api/{USER}/events"))
OUTCOME_UNKNOWN = Sent("The task-writer stands still, stopped by a signal.", create(MILK, "Idempotency-Key: tuesday"))
