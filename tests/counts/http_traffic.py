"""What passed between the gateway and the task-reader, in requests of HTTP/1.1."""

import re
from dataclasses import dataclass

from tests.counts.line import Line

_REQUEST_LINE = re.compile(rb"[A-Z]+ /\S* HTTP/1\.1\r\n")  # right after the body of the one before


@dataclass(frozen=True)
class HttpTraffic:
    """A connection counts once it was used."""

    connections: int = 0
    requests: int = 0

    def __sub__(self, earlier: "HttpTraffic") -> "HttpTraffic":
        return HttpTraffic(self.connections - earlier.connections, self.requests - earlier.requests)


def http_traffic(line: Line) -> HttpTraffic:
    """All traffic of the line so far. Bodies must not look like a request line; JSON of ids does not."""
    requests = [len(_REQUEST_LINE.findall(stream)) for stream in line.to_server]
    return HttpTraffic(connections=sum(count > 0 for count in requests), requests=sum(requests))
