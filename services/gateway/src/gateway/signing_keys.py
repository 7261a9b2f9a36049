"""The issuer's public keys for verifying tokens: fetched, refreshed, and kept while the issuer is not available.

The format is a JSON Web Key Set (RFC 7517). Only three algorithms are accepted, none of them symmetric.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import aiohttp
from common.runtime.background import running
from jwt import PyJWK, PyJWKSet, PyJWTError
from pydantic import HttpUrl

log = logging.getLogger(__name__)

ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})
RENEWAL_INTERVAL_S = 300.0
"""A withdrawn key is accepted for this long, at most."""

PAUSE_BETWEEN_FETCHES_S = 10.0
"""Rate limit for fetches: anyone can send tokens with unknown key ids."""

FETCH_TIMEOUT_S = 5.0
MAX_SET_BYTES = 256 * 1024
MAX_KEYS = 100
MAX_TRIED = 8
"""Keys tried for one token: each costs up to 0.1 ms, and anyone can send a token."""

WAIT_FOR_FETCH_S = 0.5
"""How long a request waits for an unknown key: an unresponsive issuer must not block requests."""

type Fetch = Callable[[], Awaitable[bytes]]
"""Fetches the issuer's current key set. Raises FetchFailed."""


class FetchFailed(Exception):
    """The key set is not available or not valid."""


class UnknownSigningKey(Exception):
    """The issuer has no such key."""


class SigningKeysUnavailable(Exception):
    """It is unknown at the moment whether the issuer has such a key."""


@dataclass(frozen=True, eq=False)
class KeySet:
    """The usable keys of one key set, in its order."""

    keys: tuple[PyJWK, ...] = ()

    def matching(self, key_id: str | None, algorithm: str) -> tuple[PyJWK, ...]:
        """The keys that may have signed a token with this `kid` and `alg`; MAX_TRIED at most.

        Those with the same key id and algorithm; otherwise those without a key id. A token without a key id also
        matches a set's only key.
        """
        able = [key for key in self.keys if key.algorithm_name == algorithm]
        named = [key for key in able if key.key_id is not None and key.key_id == key_id]
        unnamed = [key for key in able if key.key_id is None]
        only = able if key_id is None and len(self.keys) == 1 else []
        return tuple((named or unnamed or only)[:MAX_TRIED])


class SigningKeys:
    """The keys of the last successful fetch. `current` is a new object whenever they change."""

    def __init__(self, fetch: Fetch, *, pause_s: float = PAUSE_BETWEEN_FETCHES_S) -> None:
        self.current = KeySet()
        self._fetch = fetch
        self._pause_s = pause_s
        self._last_set = b""
        self._fetched_at = -pause_s
        self._reachable = False
        self._renewing: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, algorithm: str) -> tuple[PyJWK, ...]:
        """The keys that may have signed a token, at least one.

        An unknown key triggers a fetch, shared by all waiting requests and limited to one per pause. A request waits
        for WAIT_FOR_FETCH_S at most; the fetch goes on without it. Raises
        UnknownSigningKey, or SigningKeysUnavailable when the last fetch failed or takes longer.
        """
        found = self.current.matching(key_id, algorithm)
        if not found:
            answered = await self.renew(wait_s=WAIT_FOR_FETCH_S)
            found = self.current.matching(key_id, algorithm)
            if not found:
                raise UnknownSigningKey if answered and self._reachable else SigningKeysUnavailable
        return found

    async def renew(self, *, wait_s: float | None = None) -> bool:
        """Fetches the keys, unless they were just fetched. On failure, the current keys stay.

        Returns False when the fetch takes longer than `wait_s`; it then goes on.
        """
        if self._renewing is None or self._renewing.done():
            if monotonic() - self._fetched_at < self._pause_s:
                return True
            self._renewing = asyncio.create_task(self._fetch_keys())
        done, _ = await asyncio.wait({self._renewing}, timeout=wait_s)
        for fetch in done:
            fetch.result()  # a bug is loud
        return bool(done)

    async def _fetch_keys(self) -> None:
        try:
            fetched = await self._fetch()
            if fetched != self._last_set:
                self.current, self._last_set = usable_keys(fetched), fetched
                log.info("the issuer has %d signing keys", len(self.current.keys))
            self._reachable = True
        except FetchFailed as error:
            self._reachable = False
            log.warning("the issuer's keys could not be fetched; keeping %d: %s", len(self.current.keys), error)
        finally:
            self._fetched_at = monotonic()

    async def keep_fresh(self) -> None:
        """Refreshes the keys for ever: often while there are none, then every RENEWAL_INTERVAL_S."""
        while True:
            await self.renew()
            await asyncio.sleep(RENEWAL_INTERVAL_S if self.current.keys else self._pause_s)

    def close(self) -> None:
        """Cancels a fetch in progress."""
        if self._renewing is not None:
            self._renewing.cancel()


def usable_keys(key_set: bytes) -> KeySet:
    """The keys of a key set that may verify tokens. Raises FetchFailed when there is none."""
    try:
        document = json.loads(key_set)
        keys = PyJWKSet(document["keys"][:MAX_KEYS]).keys
    except (ValueError, KeyError, TypeError, RecursionError, PyJWTError) as error:
        raise FetchFailed(f"not a valid key set: {type(error).__name__}") from error
    usable = tuple(key for key in keys if _is_usable(key))
    if not usable:
        raise FetchFailed(f"none of its keys is for {', '.join(sorted(ALGORITHMS))}")
    return KeySet(usable)


def _is_usable(key: PyJWK) -> bool:
    too_short = key.Algorithm.check_key_length(key.key)
    if too_short:
        log.warning("ignoring a signing key: %s", too_short)
    named = isinstance(key.key_id, str | None)
    return named and key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig") and not too_short


@asynccontextmanager
async def open_signing_keys(source: HttpUrl | Path) -> AsyncIterator[SigningKeys]:
    """The keys of a URL or a file. Usable immediately; they are fetched in the background."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=FETCH_TIMEOUT_S)) as session:

        async def fetch() -> bytes:
            return await (_read(source) if isinstance(source, Path) else _download(session, str(source)))

        keys = SigningKeys(fetch)
        try:
            async with running("signing keys", keys.keep_fresh):
                yield keys
        finally:
            keys.close()


async def _read(path: Path) -> bytes:
    try:
        return await asyncio.to_thread(path.read_bytes)
    except OSError as error:
        raise FetchFailed(error) from error


async def _download(session: aiohttp.ClientSession, url: str) -> bytes:
    try:
        async with session.get(url, allow_redirects=False, raise_for_status=True) as answer:
            parts = bytearray()
            async for part in answer.content.iter_any():
                parts += part
                if len(parts) > MAX_SET_BYTES:
                    raise FetchFailed(f"the key set has more than {MAX_SET_BYTES} bytes")
            return bytes(parts)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise FetchFailed(repr(error)) from error
