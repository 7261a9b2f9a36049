"""Bytes on one connection, and what must come of them, with the section that says so. 9110 and 9112 are RFCs."""

# ruff: noqa: E501 - a case is a line of the table

from dataclasses import dataclass

HOST = b"Host: gateway\r\n"
JSON = b"Content-Type: application/json\r\n"
BODY = b'{"title":"a"}'
READ = b"GET {tasks} HTTP/1.1\r\n" + HOST + b"\r\n"
KILL = b"DELETE {victim} HTTP/1.1\r\n" + HOST + b"\r\n"
CHUNKED = b"POST {tasks} HTTP/1.1\r\n" + HOST + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
OF_KILL = b"Content-Length: {kill}\r\n"
BAD = (400,)


@dataclass(frozen=True)
class RawCase:
    """`sent` holds {tasks}, {task} and {victim}: paths of the user's tasks, of one of them, and of another user's task,
    which must live; {kill} is the length of the request that would end it. Of the answers `statuses` are the statuses, in order. `closes` says that the connection ends after
    them; else it must serve the next request. `created` tasks come into being.
    """

    name: str
    section: str
    sent: bytes
    statuses: tuple[int, ...] = BAD
    closes: bool = True
    created: int = 0

    def __str__(self) -> str:
        return self.name


def read(name: str, section: str, *headers: bytes, statuses: tuple[int, ...] = BAD, line: bytes = b"") -> RawCase:
    """A GET of the list with these lines as its head, HTTP/1.1 unless `line` says otherwise."""
    head = b"\r\n".join([line or b"GET {tasks} HTTP/1.1", *headers])
    return RawCase(name, section, head + b"\r\n\r\n", statuses, closes=statuses != (200,))


def post(name: str, section: str, headers: bytes, body: bytes, **outcome: object) -> RawCase:
    """A POST to the list with these headers beside Host and Content-Type."""
    return RawCase(name, section, b"POST {tasks} HTTP/1.1\r\n" + HOST + JSON + headers + b"\r\n" + body, **outcome)  # type: ignore[arg-type]


def sized(body: bytes = BODY, *headers: bytes) -> bytes:
    """The headers of a POST with this body."""
    return b"".join(line + b"\r\n" for line in (b"Content-Length: %d" % len(body), *headers))


GOOD = RawCase(
    "a good POST",
    "9112 2.1",
    b"POST {tasks} HTTP/1.1\r\n" + HOST + JSON + sized() + b"\r\n" + BODY,
    (201,),
    closes=False,
    created=1,
)

HOSTS = (
    read("no Host", "9112 3.2"),
    read("two Hosts", "9112 3.2", b"Host: a", b"Host: a"),
    *(
        read(f"Host {value!r}", "9112 3.2, 3986 3.2.2", b"Host: " + value)
        for value in (b"", b"a, b", b"a b", b"user@a", b"a/b", b"a?b", b"a:x", b"a:99999", b"[::1", b"[::1]x", b"[a]", b"a:1:2", b"%zz", b"\xc3\xa9", b"a#b", b"[1.2.3.4]")
    ),
    *(
        read(f"Host {value!r}", "9112 3.2, 3986 3.2.2", b"Host: " + value, statuses=(200,))
        for value in (b"a", b"A.b-c_d:80", b"127.0.0.1:8000", b"[::1]", b"[2001:db8::1]:443", b"a:", b"a%20b")
    ),
    read("HTTP/1.0 without Host", "9112 3.2", line=b"GET {tasks} HTTP/1.0", statuses=(200, )),
    read("HTTP/1.0 with two Hosts", "9112 3.2", b"Host: a", b"Host: b", line=b"GET {tasks} HTTP/1.0"),
)  # fmt: skip

LINES = (
    read("lower-case HTTP", "9112 2.3", HOST[:-2], line=b"GET {tasks} http/1.1"),
    read("no version (HTTP/0.9)", "9112 2.3", line=b"GET {tasks}"),
    read("HTTP/1.2", "9112 2.3", HOST[:-2], line=b"GET {tasks} HTTP/1.2", statuses=(505,)),
    read("HTTP/2.0", "9110 15.6.6", HOST[:-2], line=b"GET {tasks} HTTP/2.0", statuses=(505,)),
    read("HTTP/11.1", "9112 2.3", HOST[:-2], line=b"GET {tasks} HTTP/11.1"),
    RawCase("the preface of HTTP/2", "9113 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (505,)),
    read("two spaces", "9112 3", HOST[:-2], line=b"GET  {tasks} HTTP/1.1"),
    read("a tab for a space", "9112 3", HOST[:-2], line=b"GET\t{tasks} HTTP/1.1"),
    read("a space at the end", "9112 3", HOST[:-2], line=b"GET {tasks} HTTP/1.1 "),
    read("a space in the path", "9112 3.2", HOST[:-2], line=b"GET {tasks} x HTTP/1.1"),
    read("a fragment", "9112 3.2.1", HOST[:-2], line=b"GET {tasks}#x HTTP/1.1"),
    read("a path without a slash", "9112 3.2.1", HOST[:-2], line=b"GET api HTTP/1.1"),
    read("a byte that is not ASCII", "9112 3.2", HOST[:-2], line=b"GET {tasks}?\xc3\xa9 HTTP/1.1"),
    read("an asterisk for GET", "9112 3.2.4", HOST[:-2], line=b"GET * HTTP/1.1"),
    read("CONNECT", "9110 9.3.6", HOST[:-2], line=b"CONNECT gateway:80 HTTP/1.1"),
    read("CONNECT to a path", "9112 3.2.3", HOST[:-2], line=b"CONNECT {tasks} HTTP/1.1"),
    read("absolute form", "9112 3.2.2", HOST[:-2], line=b"GET http://gateway{tasks} HTTP/1.1", statuses=(200,)),
    read("absolute form with a user", "9110 4.2.4", HOST[:-2], line=b"GET http://u@gateway{tasks} HTTP/1.1"),
    read("absolute form without a host", "9110 4.2.1", HOST[:-2], line=b"GET http://{tasks} HTTP/1.1"),
    read("absolute form of another scheme", "9112 3.2.2", HOST[:-2], line=b"GET ftp://gateway{tasks} HTTP/1.1"),
    read("garbage", "9112 2.2", line=b"GARBAGE"),
    RawCase("a TLS handshake", "9112 2.2", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    RawCase("lines that end with LF alone", "9112 2.2", b"GET {tasks} HTTP/1.1\nHost: a\n\n"),
    RawCase("an unknown method", "9110 9.1", b"BREW {tasks} HTTP/1.1\r\n" + HOST + b"\r\n", (405,), closes=False),
    RawCase("a method in lower case", "9110 9.1", b"get {tasks} HTTP/1.1\r\n" + HOST + b"\r\n", (405,), closes=False),
    RawCase("empty lines before a request", "9112 2.2", b"\r\n\r\n" + READ, (200,), closes=False),
)  # fmt: skip

FIELDS = (
    *(
        read(f"the line {line!r}", "9112 5.1", HOST[:-2], line)
        for line in (b"X-A : b", b": b", b"X-A", b"X A: b", b"X-A: \x00", b"X-A: a\x0bb", b"X-A: a\rb", b"X-A: a\nX-B: c", b"X(: b", b"X-\xff: b", b"X-A: \x7f")
    ),
    read("a folded line", "9112 5.2", HOST[:-2], b"X-A: b", b" c"),
    read("a folded line before the first", "9112 5.2", b" X-A: b", HOST[:-2]),
    read("bytes beyond ASCII in a value", "9110 5.5", HOST[:-2], b"X-A: \xc3\xa9\xff\t.", statuses=(200,)),
    RawCase("a head that is too large", "6585 5", b"GET {tasks} HTTP/1.1\r\n" + HOST + b"X-A: " + b"b" * 40_000 + b"\r\n\r\n", (431,)),
)  # fmt: skip

FRAMING = (
    *(
        post(f"Content-Length {value!r}", "9110 8.6", b"Content-Length: " + value + b"\r\n", BODY)
        for value in (b"+13", b"-13", b"13.0", b"0x0d", b"1 3", b"13, 13", b"13,14", b"", b"13\xb2", b"9" * 40)
    ),
    post("two lengths", "9112 6.3", b"Content-Length: 13\r\nContent-Length: 14\r\n", BODY + b"x"),
    post("one length twice", "9112 6.3", b"Content-Length: 13\r\nContent-Length: 13\r\n", BODY),
    post("a length and chunks", "9112 6.3", b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + KILL),
    post("chunks and a length", "9112 6.3", b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"0\r\n\r\n" + KILL),
    *(
        post(f"Transfer-Encoding {value!r}", "9112 6.1", b"Transfer-Encoding: " + value + b"\r\n", b"0\r\n\r\n" + KILL)
        for value in (b"xchunked", b"chunked, identity", b"chunked, gzip", b"identity", b"", b"chunked, chunked", b"chunked;q=1", b'"chunked"', b"\x0bchunked", b"chunked,")
    ),
    post("gzip and chunked", "9112 6.1", b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n" + KILL, statuses=(501,)),
    post("two codings in two lines", "9112 6.1", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n" + KILL),
    RawCase("chunks with HTTP/1.0", "9112 6.1", CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n" + KILL),
    RawCase("CHUNKED", "9112 7", CHUNKED.replace(b"chunked", b"CHUNKED") + b"d\r\n" + BODY + b"\r\n0\r\n\r\n", (201,), closes=False, created=1),
)  # fmt: skip

WHOLE = b"d\r\n" + BODY + b"\r\n"
CHUNKS = (
    *(
        RawCase(f"the chunk {chunk!r}", "9112 7.1", CHUNKED + chunk + b"\r\n0\r\n\r\n" + KILL)
        for chunk in (b"0xd\r\n" + BODY, b"+d\r\n" + BODY, b"-d\r\n" + BODY, b" d\r\n" + BODY, b"d \r\n" + BODY, b"\r\n" + BODY, b"d\n" + BODY, b"d\r" + BODY, b"c\r\n" + BODY, b"e\r\n" + BODY, b"ffffffffffffffffd\r\n" + BODY, b"g\r\n" + BODY, b"d;a\nb\r\n" + BODY)
    ),
    RawCase("extensions", "9112 7.1.1", CHUNKED + b'd;a=b;c="d" ; e\r\n' + BODY + b"\r\n0;x\r\n\r\n", (201,), closes=False, created=1),
    RawCase("endless extensions", "9112 7.1.1", CHUNKED + b"d;" + b"a" * 40_000, (431,)),
    RawCase("an endless size", "9112 7.1", CHUNKED + b"0" * 40_000, (431,)),
    RawCase("a trailer that is not one", "9112 7.1.2", CHUNKED + WHOLE + b"0\r\nnothing\r\n\r\n" + KILL),
    *(
        RawCase(f"the trailer {line!r}", "9110 6.5.1", CHUNKED + WHOLE + b"0\r\n" + line + b"\r\n\r\n" + KILL)
        for line in (b"Content-Length: 5", b"transfer-encoding: chunked", b" folded: x", b"X : y", b": y", b"X: \x00")
    ),
    RawCase("700 kB of trailers", "9112 7.1.2", CHUNKED + WHOLE + b"0\r\n" + b"X-Trailer: a\r\n" * 50_000, (431,)),
    RawCase("one long trailer", "9112 7.1.2", CHUNKED + WHOLE + b"0\r\nX: " + b"a" * 40_000, (431,)),
    RawCase(
        "a key in the trailers, twice", "9110 6.5.1",
        2 * (CHUNKED + WHOLE + b"0\r\nIdempotency-Key: k\r\nX-Forwarded-For: 1.2.3.4\r\nHost: x\r\n\r\n"),
        (201, 201), closes=False, created=2,
    ),
    RawCase("a request after chunks", "9112 9.3", CHUNKED + WHOLE + b"0\r\n\r\n" + READ, (201, 200), closes=False, created=1),
)  # fmt: skip

UPGRADES = (
    post("Upgrade with a request as its body", "9110 7.8", b"Connection: Upgrade\r\nUpgrade: x\r\n" + OF_KILL, KILL, closes=False),
    post("Upgrade with a body", "9110 7.8", sized(BODY, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"), BODY, statuses=(201,), closes=False, created=1),
    RawCase("Upgrade with chunks", "9110 7.8", CHUNKED[:-2] + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n" + WHOLE + b"0\r\n\r\n" + READ, (201, 200), closes=False, created=1),
    read("Upgrade without a body", "9110 7.8", HOST[:-2], b"Connection: Upgrade", b"Upgrade: websocket", statuses=(200,)),
)  # fmt: skip

GOOD_POST = GOOD.sent
ORDER = (
    GOOD,
    RawCase("a good POST, then garbage", "9112 9.3.2", GOOD_POST + b"GARBAGE\r\n\r\n", (201, 400), created=1),
    RawCase("a good POST, then a head that is too large", "9112 9.3.2", GOOD_POST + b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", (201, 431), created=1),
    RawCase("two reads and a POST", "9112 9.3.2", READ + READ + GOOD_POST + READ, (200, 200, 201, 200), closes=False, created=1),
    RawCase("a request after Connection: close", "9112 9.6", READ[:-2] + b"Connection: close\r\n\r\n" + KILL.replace(b"{victim}", b"{task}"), (200,)),
    RawCase("a request after HTTP/1.0", "9112 9.3", READ.replace(b"1.1", b"1.0") + GOOD_POST, (200,)),
)  # fmt: skip

LARGE = b"x" * 100_000
EXPECTING = b"Expect: 100-continue\r\n"
UNREAD = (
    post("a body that is too large", "9110 15.5.14", sized(LARGE), LARGE + READ, statuses=(413, 200), closes=False),
    post("a body far too large", "9112 9.3", b"Content-Length: 99999999999\r\n", b"x" * 1000 + KILL, statuses=(413,)),
    post("too large, and asks first", "9110 10.1.1", sized(LARGE) + EXPECTING, b"", statuses=(413,)),
    RawCase("another type, and asks first", "9110 10.1.1", b"POST {tasks} HTTP/1.1\r\n" + HOST + b"Content-Type: text/plain\r\n" + sized() + EXPECTING + b"\r\n", (415,)),
    RawCase("a bad key, and asks first", "9110 10.1.1", b"POST {tasks} HTTP/1.1\r\n" + HOST + JSON + b'Idempotency-Key: "\r\n' + sized() + EXPECTING + b"\r\n", BAD),
    RawCase("a bad id, and asks first", "9110 10.1.1", b"POST {user}x/tasks HTTP/1.1\r\n" + HOST + JSON + sized() + EXPECTING + b"\r\n", BAD),
    RawCase("no path of ours, and asks first", "9110 10.1.1", b"POST /x HTTP/1.1\r\n" + HOST + JSON + sized() + EXPECTING + b"\r\n", (404,)),
    RawCase("asks first, with its body", "9110 10.1.1", b"POST {tasks} HTTP/1.1\r\n" + HOST + JSON + sized() + EXPECTING + b"\r\n" + BODY, (201,), closes=False, created=1),
    RawCase("a GET with a body", "9110 9.3.1", READ[:-2] + OF_KILL + b"\r\n" + KILL + READ, (200, 200), closes=False),
    *(
        RawCase(f"a {method.decode()} with the body {body!r}", "9112 8", method + b" {task}" + path + b" HTTP/1.1\r\n" + HOST + JSON + framing + b"\r\n" + body)
        for method, path in ((b"DELETE", b""), (b"PUT", b""), (b"PATCH", b"/complete"))
        for framing, body in ((b"Transfer-Encoding: chunked\r\n", b"Z\r\n"), (b"Transfer-Encoding: chunked\r\n", b"1\r\n{}\r\n"), (b"Transfer-Encoding: chunked\r\n", b"0\r\nContent-Length: 1\r\n\r\n"))
    ),
    RawCase("a DELETE with a body that is too large", "9110 15.5.14", b"DELETE {task} HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999\r\n\r\n", (413,)),
    RawCase("a DELETE of nothing, with a body", "9110 9.3.5", b"DELETE {task}0 HTTP/1.1\r\n" + HOST + OF_KILL + b"\r\n" + KILL, BAD, closes=False),
)  # fmt: skip

PATHS = tuple(
    RawCase(f"{method.decode()} {path.decode()}", "3986 2.2", method + b" " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n", (status,), closes=False)
    for method, path, status in (
        (b"GET", b"{user}%2Ftasks", 404), (b"GET", b"{tasks}%2F", 404), (b"DELETE", b"{user}%2Ftasks%2F{id}", 404),
        (b"DELETE", b"{tasks}%2F{id}", 404), (b"GET", b"{user}/%74asks", 404), (b"PATCH", b"{task}/complete%0A", 404),
        (b"PATCH", b"{task}%0A/complete", 400), (b"GET", b"{tasks}/%30{id}", 400), (b"GET", b"{tasks}%3Fx", 404),
        (b"GET", b"/api/../api/x/tasks", 404), (b"GET", b"/%61pi/x/tasks", 404),
    )
)  # fmt: skip

ALL = HOSTS + LINES + FIELDS + FRAMING + CHUNKS + UPGRADES + ORDER + UNREAD + PATHS
READS = HOSTS + LINES + FIELDS
"""Those that a task-reader answers alike, which has the same lists."""
