"""How many requests one user and one address may send: token buckets, told as
https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/11/ has it.

Each gateway process counts for itself: behind N of them a client may have up to N times as much.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, ip_address
from time import monotonic
from uuid import UUID

from common.http.problem_answers import problem_response
from common.http.problems import TOO_MANY_REQUESTS, Problem
from common.http.request_state import RequestState, state_of
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.ids import UserId
from gateway.settings import RateLimitSettings

POLICY_HEADER = "RateLimit-Policy"
LEFT_HEADER = "RateLimit"

MAX_REMEMBERED = 65_536  # of each kind, twice; about 10 MB
_POLICY_NAME, _LEFT_NAME = POLICY_HEADER.lower().encode(), LEFT_HEADER.lower().encode()

MAX_ADDRESS_CHARACTERS = 64  # the longest IPv6 address, in brackets and quotes, with a port
_ADDRESS = re.compile(r'"?(?:\[([^\]]+)\]|([0-9.]+))(?::[0-9]{1,5})?"?')


@dataclass(frozen=True)
class Policy:
    """`burst` requests at once, and `per_s` more each second."""

    name: str
    per_s: float
    burst: int

    @cached_property
    def window_s(self) -> float:
        """From an empty bucket to a full one."""
        return self.burst / self.per_s

    @cached_property
    def header(self) -> bytes:
        """The policy as RateLimit-Policy names it."""
        return f'"{self.name}";q={self.burst};w={math.ceil(self.window_s)}'.encode()


@dataclass(frozen=True)
class Taken:
    """What a bucket answered: how many requests are left, how long until it is full, and until the next is granted."""

    policy: Policy
    left: int
    full_in_s: float
    retry_in_s: float

    def header(self) -> bytes:
        """The state of the bucket as RateLimit names it."""
        return b'"%b";r=%d;t=%d' % (self.policy.name.encode(), self.left, math.ceil(self.full_in_s))

    def tell(self, state: RequestState) -> None:
        """Names the bucket in the request's answer."""
        state.rate_limits.append((self.policy.header, self.header()))

    def require(self) -> None:
        """Raises a 429 problem when the request was not granted."""
        if self.retry_in_s > 0:
            detail = f"The rate for this {self.policy.name} is {self.policy.per_s:g} a second. Wait, then go on."
            headers = {"Retry-After": str(math.ceil(self.retry_in_s))}
            raise Problem(TOO_MANY_REQUESTS, detail, headers=headers)


@dataclass
class Buckets:
    """A bucket for each name, of which only that is kept when it will be full.

    A bucket that nobody touched for a whole window is full, as one that is not there. So names are kept in two
    generations, which change places every window, and the older one is thrown away. When there are more than
    MAX_REMEMBERED they change places earlier: some then get a full bucket too soon.
    """

    policy: Policy
    clock: Callable[[], float] = monotonic
    """Seconds; never goes back."""
    _full_at: dict[str, float] = field(default_factory=dict)
    _full_at_before: dict[str, float] = field(default_factory=dict)
    _changed_at: float = 0.0

    def take(self, name: str) -> Taken:
        """Takes one request out of the bucket, if there is one left."""
        now = self.clock()
        if now - self._changed_at > self.policy.window_s or len(self._full_at) >= MAX_REMEMBERED:
            self._full_at_before, self._full_at, self._changed_at = self._full_at, {}, now
        full_at = self._full_at.get(name) or self._full_at_before.get(name, now)
        wanted = max(full_at, now) + 1 / self.policy.per_s
        too_early_s = wanted - now - self.policy.window_s
        if too_early_s < 1e-9:  # noqa: PLR2004 - sums of floats
            self._full_at[name] = full_at = wanted
            too_early_s = 0.0
        full_in_s = full_at - now
        left = max(0, math.floor((self.policy.window_s - full_in_s) * self.policy.per_s + 1e-9))
        return Taken(self.policy, left, full_in_s, too_early_s)


class RateLimits:
    """ASGI middleware: counts the requests of an address, and tells in every answer what all buckets have left."""

    def __init__(self, app: ASGIApp, settings: RateLimitSettings) -> None:
        self._app = app
        self._proxies = settings.trusted_proxies
        per_s = settings.address_requests_per_s
        self._addresses = Buckets(Policy("address", per_s, settings.address_burst)) if per_s else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = state_of(scope)

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start" and state.rate_limits:
                policies, left = zip(*state.rate_limits, strict=True)
                message["headers"] = [
                    *message["headers"],
                    (_POLICY_NAME, b", ".join(policies)),
                    (_LEFT_NAME, b", ".join(left)),
                ]
            await send(message)

        try:
            if self._addresses is not None:
                taken = self._addresses.take(client_address(scope, self._proxies))
                taken.tell(state)
                taken.require()
        except Problem as problem:
            await problem_response(problem)(scope, receive, tell)
        else:
            await self._app(scope, receive, tell)


def rate_limited(users: Buckets) -> Callable[[UUID, Request], None]:
    """A dependency that lets as many requests of the user in the path pass as the policy grants; then 429."""

    def limit(user_id: UserId, request: Request) -> None:
        taken = users.take(str(user_id))
        taken.tell(state_of(request.scope))
        taken.require()

    return limit


def client_address(scope: Scope, trusted_proxies: int) -> str:
    """Who sent the request: the peer, or whom the farthest of so many proxies in front of us has seen as its peer.

    Each proxy adds the address of its own peer to the end of X-Forwarded-For; what stands before those was written by
    the client itself. Where a proxy wrote no address, it is that of the nearest hop behind it which has one.
    """
    client = scope.get("client")
    peer: str = client[0] if client else ""
    seen = _forwarded_for(scope["headers"]) if trusted_proxies else []
    trusted = seen[-trusted_proxies:] if len(seen) >= trusted_proxies else []
    return next((known for address in (*trusted, peer) if (known := bucket_name(address)) is not None), "")


@lru_cache(maxsize=4096)
def bucket_name(address: str) -> str | None:
    """The name under which requests from an address are counted; None when it is none.

    An IPv4 address is one however it is written: alone, with a port, or inside of IPv6. Of IPv6 a network of 64 bits
    counts as one, since a household has a whole one. Brackets, quotes and a port are taken off, as proxies write them.
    """
    if len(address) > MAX_ADDRESS_CHARACTERS:
        return None
    match = _ADDRESS.fullmatch(address)
    try:
        found = ip_address(next(filter(None, match.groups())) if match else address)
    except ValueError:
        return None
    if isinstance(found, IPv4Address):
        return str(found)
    return str(found.ipv4_mapped) if found.ipv4_mapped else found.packed[:8].hex()


def _forwarded_for(headers: Sequence[tuple[bytes, bytes]]) -> list[str]:
    values = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
    return [address for part in ",".join(values).split(",") if (address := part.strip())]
