"""Requests to mutate, and how they are mutated: as bytes, so that heads, bodies and what lies between are hit alike."""

# ruff: noqa: E501 - a request is a line

from random import Random

SEEDS: tuple[bytes, ...] = (
    b"GET /a?b=c HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: a:80\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\nA\r\n0123456789\r\n0\r\nX-T: v\r\nY: w\r\n\r\n",
    b"PUT /a HTTP/1.1\r\nHost: [::1]:80\r\nConnection: Upgrade, x\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc",
    b"GET http://a/b HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    b"GET /a HTTP/1.0\r\n\r\n",
    b"DELETE /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nX-Long: " + b"v" * 60 + b"\r\n\r\n",
)  # fmt: skip

WORDS: tuple[bytes, ...] = (
    b"\r\n", b"\r", b"\n", b"\r\n\r\n", b"\x00", b" ", b"\t", b":", b";", b",", b"#", b"\xff", b"\x7f", b"\x0b", b"\x80",
    b"0", b"1", b"5", b"a", b"+", b"-", b"0x", b"ffffffffffffffff", b"chunked", b"gzip", b"identity", b"HTTP/1.1",
    b"HTTP/1.0", b"HTTP/2.0", b"GET / HTTP/1.1\r\nHost: b\r\n\r\n", b"Host: b\r\n", b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: x\r\n", b"Connection: close\r\n",
    b" continued\r\n", b"X-A : b\r\n", b": b\r\n", b"0\r\n\r\n", b"0\r\n", b"5\r\nworld\r\n", b"Upgrade: x\r\n",
)  # fmt: skip


def drawn_bytes(random: Random) -> bytes:
    """One to three requests on one connection, with up to four mutations."""
    sent = bytearray(b"".join(random.choice(SEEDS) for _ in range(random.randint(1, 3))))
    for _ in range(random.randint(0, 4)):
        _mutate(sent, random)
    return bytes(sent)


def cut(sent: bytes, random: Random) -> list[bytes]:
    """The same in packets."""
    if random.random() < 0.5:
        return [sent]
    ends = sorted(random.randint(0, len(sent)) for _ in range(random.randint(1, 6)))
    return [sent[start:end] for start, end in zip([0, *ends], [*ends, len(sent)], strict=True) if start < end]


def _mutate(sent: bytearray, random: Random) -> None:
    start = random.randint(0, len(sent))
    end = min(len(sent), start + random.choice((0, 1, 1, 2, 8)))
    match random.randrange(4):
        case 0:
            sent[start:start] = random.choice(WORDS)
        case 1:
            sent[start:end] = random.choice(WORDS)
        case 2:
            del sent[start:end]
        case _:
            sent[start:start] = sent[start:end]
