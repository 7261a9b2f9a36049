"""Rate limits per user and per address: token buckets, reported in the headers of
https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/11/.

Each gateway process counts on its own: with N processes a client may get up to N times the limit.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from ipaddress import IPv4Address, ip_address
from time import monotonic

from common.http.problem_answers import problem_response
from common.http.problems import TOO_MANY_REQUESTS, Problem
from common.http.request_state import RequestState, state_of
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.batch_bodies import MAX_OPERATIONS
from gateway.ids import UserId
from gateway.settings import RateLimitSettings

POLICY_HEADER = "RateLimit-Policy"
REMAINING_HEADER = "RateLimit"

MAX_REMEMBERED = 65_536  # per policy and generation; about 10 MB
_POLICY_NAME, _REMAINING_NAME = POLICY_HEADER.lower().encode(), REMAINING_HEADER.lower().encode()

MAX_ADDRESS_CHARACTERS = 64  # the longest IPv6 address, in brackets and quotes, with a port
_ADDRESS = re.compile(r'"?(?:\[([^\]]+)\]|([0-9.]+))(?::[0-9]{1,5})?"?')


ROUNDING_S = 1e-6
"""Shorter than this is the rounding error of floats, whose sums with the clock are exact to 2e-9 after 100 days."""


def _whole(seconds: float) -> int:
    """Rounded up."""
    return math.ceil(seconds - ROUNDING_S)


@dataclass(frozen=True)
class Policy:
    """A token bucket of size `burst`, refilled with `per_s` tokens per second."""

    name: str
    per_s: float
    burst: int

    @cached_property
    def window_s(self) -> float:
        """Time to refill an empty bucket."""
        return self.burst / self.per_s

    @cached_property
    def header(self) -> bytes:
        """The policy for the RateLimit-Policy header."""
        return f'"{self.name}";q={self.burst};w={_whole(self.window_s)}'.encode()


@dataclass(frozen=True)
class Taken:
    """The result of a take: remaining requests, seconds until the bucket is full, and until the next request is
    granted."""

    policy: Policy
    remaining: int
    full_in_s: float
    retry_in_s: float

    def header(self) -> bytes:
        """The bucket's state for the RateLimit header."""
        return b'"%b";r=%d;t=%d' % (self.policy.name.encode(), self.remaining, _whole(self.full_in_s))

    def require(self) -> None:
        """Raises a 429 problem when the request was not granted."""
        if self.retry_in_s > 0:
            detail = f"The rate limit for this {self.policy.name} is {self.policy.per_s:g} requests per second."
            headers = {"Retry-After": str(_whole(self.retry_in_s))}
            raise Problem(TOO_MANY_REQUESTS, detail, headers=headers)


@dataclass
class TokenBuckets:
    """A token bucket for each name, stored as the time when it will be full.

    A bucket that was not used for a whole window, and as long as it takes to get back what it may owe, is full, like a
    missing one. So names are kept in two generations that rotate after that time, dropping the older one. With more
    than MAX_REMEMBERED names they rotate earlier: some names then get a full bucket too soon.
    """

    policy: Policy
    clock: Callable[[], float] = monotonic
    """Monotonic, in seconds."""
    max_owed: int = 0
    """The most tokens that a charge takes; buckets are kept until they have them again."""
    _full_at: dict[str, float] = field(default_factory=dict)
    _older_full_at: dict[str, float] = field(default_factory=dict)
    _changed_at: float = 0.0

    @cached_property
    def _kept_s(self) -> float:
        return self.policy.window_s + self.max_owed / self.policy.per_s

    def take(self, name: str) -> Taken:
        """Takes one token from the bucket, if there is one."""
        return self._take(name, 1, at_least=1)

    def charge(self, name: str, tokens: int) -> Taken:
        """Takes tokens whether the bucket has them or not, unless it owes some already: then none. What it owes it gets
        back before it grants the next request, so the rate holds over time."""
        return self._take(name, tokens, at_least=0)

    def _take(self, name: str, tokens: int, *, at_least: int) -> Taken:
        now = self.clock()
        if now - self._changed_at > self._kept_s or len(self._full_at) >= MAX_REMEMBERED:
            self._older_full_at, self._full_at, self._changed_at = self._full_at, {}, now
        full_at = self._full_at.get(name) or self._older_full_at.get(name, now)
        full_at = max(full_at, now)
        too_early_s = full_at + at_least / self.policy.per_s - now - self.policy.window_s
        if too_early_s < ROUNDING_S:
            self._full_at[name] = full_at = full_at + tokens / self.policy.per_s
            too_early_s = 0.0
        full_in_s = full_at - now
        remaining = max(0, math.floor((self.policy.window_s - full_in_s) * self.policy.per_s + 1e-9))
        return Taken(self.policy, remaining, full_in_s, too_early_s)


def token_buckets(name: str, per_s: float, burst: int) -> TokenBuckets:
    """The buckets of a rate, by which a batch counts as many requests as it has operations."""
    return TokenBuckets(Policy(name, per_s, burst), max_owed=MAX_OPERATIONS)


@dataclass(slots=True)
class Used:
    """A bucket that a request has used, for its response's headers and for further charges."""

    buckets: TokenBuckets
    name: str
    taken: Taken

    def headers(self) -> tuple[bytes, bytes]:
        """Policy and state, as in the response headers."""
        return self.taken.policy.header, self.taken.header()

    def charge(self, tokens: int) -> None:
        """Takes more tokens for the request. Raises a 429 problem when the bucket owes some already."""
        self.taken = self.buckets.charge(self.name, tokens)
        self.taken.require()


def use(buckets: TokenBuckets, name: str, state: RequestState) -> None:
    """Takes a token for the request whose state this is. Raises a 429 problem when there is none."""
    used = Used(buckets, name, buckets.take(name))
    state.rate_limits.append(used)
    used.taken.require()


def charge(request: Request, tokens: int) -> None:
    """Counts the request as so many more, in each of its rates. Raises a 429 problem."""
    if tokens > 0:
        for used in state_of(request.scope).rate_limits:
            used.charge(tokens)


class RateLimits:
    """ASGI middleware: limits requests per address, and adds the rate-limit headers to every response."""

    def __init__(self, app: ASGIApp, settings: RateLimitSettings) -> None:
        self._app = app
        self._proxies = settings.trusted_proxies
        per_s = settings.address_requests_per_s
        self._addresses = token_buckets("address", per_s, settings.address_burst) if per_s else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = state_of(scope)

        async def send_with_limits(message: Message) -> None:
            if message["type"] == "http.response.start" and state.rate_limits:
                policies, remaining = zip(*(used.headers() for used in state.rate_limits), strict=True)
                message["headers"] = [
                    *message["headers"],
                    (_POLICY_NAME, b", ".join(policies)),
                    (_REMAINING_NAME, b", ".join(remaining)),
                ]
            await send(message)

        try:
            if self._addresses is not None:
                use(self._addresses, client_address(scope, self._proxies), state)
        except Problem as problem:
            await problem_response(problem)(scope, receive, send_with_limits)
        else:
            await self._app(scope, receive, send_with_limits)


def rate_limited(users: TokenBuckets) -> Callable[[str, Request], None]:
    """A dependency that limits the requests of the user in the path; over the limit 429."""

    def limit(user_id: UserId, request: Request) -> None:
        use(users, user_id, state_of(request.scope))

    return limit


def client_address(scope: Scope, trusted_proxies: int) -> str:
    """The client's address: the peer, or the address that the outermost trusted proxy appended to X-Forwarded-For.

    Each proxy appends the address of its peer; earlier entries are written by the client and not trusted. Where a proxy
    appended no valid address, the next valid one towards this server counts.
    """
    client = scope.get("client")
    peer: str = client[0] if client else ""
    seen = _forwarded_for(scope["headers"]) if trusted_proxies else []
    trusted = seen[-trusted_proxies:] if len(seen) >= trusted_proxies else []
    return next((known for address in (*trusted, peer) if (known := bucket_name(address)) is not None), "")


@lru_cache(maxsize=4096)
def bucket_name(address: str) -> str | None:
    """The bucket name of an address; None when it is not an address.

    An IPv4 address has one name, whether written alone, with a port or IPv4-mapped. IPv6 addresses share a bucket per
    /64 network, the usual size for a household. Brackets, quotes and ports, as proxies write them, are removed.
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
