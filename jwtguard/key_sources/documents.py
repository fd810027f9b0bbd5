"""A fetched document of keys: what it brought, how long it is fresh, and what every source of such documents takes.

>>> lifetime_of({"cache-control": "max-age=300", "age": "60"})
240.0
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self, TypeAlias, TypedDict

from jwtguard.core.flow import Steps
from jwtguard.core.tokens.jwk_set import JWKSet, SkippedKey
from jwtguard.key_sources.http_client import Fetcher, FetchResponse

if TYPE_CHECKING:
    from ssl import SSLContext

    from jwtguard.key_sources.httpx_fetcher import HTTPXClient

MIN_LIFETIME, MAX_LIFETIME, DEFAULT_LIFETIME = 60.0, 86400.0, 600.0
"""Seconds: the bounds for what a provider's `Cache-Control` says, and what counts where it says nothing."""
_MOST_TOLD = 5

Fetch: TypeAlias = Callable[[str, str], Steps[FetchResponse]]
"""Gets the document at a URL, which messages call by the second argument; raises `FetchError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What one fetch brought. `lifetime` is in seconds; `sha256` tells whether it is the same document as before."""

    keys: JWKSet
    lifetime: float
    sha256: bytes
    skipped: tuple[SkippedKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysAtHand:
    """The keys of the latest good fetch. By the clock: fresh until `stale_at`, serving until `dead_at`."""

    keys: JWKSet
    sha256: bytes
    skipped: tuple[SkippedKey, ...]
    fetched_at: float
    stale_at: float
    dead_at: float

    @classmethod
    def of(cls, fetched: Fetched, before: KeysAtHand | None, *, begun_at: float, hard_lifetime: float) -> Self:
        """What a fetch gives that began at `begun_at`; `before` is what was at hand. `hard_lifetime` is in seconds."""
        keys = fetched.keys
        # The same set for as long as its keys are the same: another one means that tokens are verified anew.
        if before is not None and (before.sha256 == fetched.sha256 or before.keys.holds_same_keys(keys)):
            keys = before.keys
        lifetime = min(max(fetched.lifetime, MIN_LIFETIME), MAX_LIFETIME)
        return cls(
            keys=keys,
            sha256=fetched.sha256,
            skipped=fetched.skipped,
            fetched_at=begun_at,
            # Some time before they die, or the first request after that would have to wait.
            stale_at=begun_at + min(lifetime, hard_lifetime * 23 / 24),
            dead_at=begun_at + hard_lifetime,
        )

    def is_fresh(self, now: float) -> bool:
        """Whether they need not be fetched yet. After a clock was set back their age is unknown, so they are old."""
        return self.fetched_at <= now < self.stale_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The latest fetch that has ended, by the clock; `searched_at`: when the latest one for an unknown `kid` began."""

    ended_at: float
    searched_at: float | None
    error: str | None


class FetchSettings(TypedDict, total=False):
    """What every source of fetched keys takes, by keyword.

    `allow_http_loopback`: plain http too, for addresses of this machine; `allow_http_hosts`: for these hosts, which are
    reached over a network of your own. `fetcher`: a `Fetcher`, an `httpx.Client` or an `httpx.AsyncClient`; the default
    needs no dependency. `tls`: an `ssl.SSLContext` for the default fetcher.
    `timeout`: for one fetch altogether (5 s). `cool_down`: between searches for an unknown `kid`, and after a failure
    (10 s). `hard_lifetime`: how long keys serve without a successful fetch (24 h). `clock`: seconds since the epoch.
    """

    allow_http_loopback: bool
    allow_http_hosts: Iterable[str]
    fetcher: Fetcher | HTTPXClient | None
    tls: SSLContext | None
    timeout: timedelta
    cool_down: timedelta
    hard_lifetime: timedelta
    clock: Callable[[], float]


def told(skipped: Sequence[SkippedKey]) -> str:
    """What is said of the keys that are not used."""
    listed = [str(each) for each in skipped[:_MOST_TOLD]]
    if len(skipped) > _MOST_TOLD:
        listed.append(f"{len(skipped) - _MOST_TOLD} more")
    return f"not used, though it could sign tokens: {'; '.join(listed)}"


def lifetime_of(headers: Mapping[str, str]) -> float:
    """The seconds for which an answer is fresh, by its `Cache-Control` and `Age` (RFC 9111 §4.2)."""
    directives: dict[str, str] = {}
    for directive in headers.get("cache-control", "").lower().split(","):
        name, _, value = directive.partition("=")
        directives.setdefault(name.strip(), value.strip().strip('"'))
    if "no-store" in directives or "no-cache" in directives:
        return 0.0
    max_age, age = directives.get("max-age", ""), headers.get("age", "").strip()
    if not (max_age.isascii() and max_age.isdigit()):
        return DEFAULT_LIFETIME
    spent = float(age[:18]) if age.isascii() and age.isdigit() else 0.0
    return max(0.0, float(max_age[:18]) - spent)


def skew_of(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds by which the clock is ahead that wrote an answer's `Date` (RFC 9110 §6.6.1); None without one."""
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - slow to import, and fetches are few

    try:
        written_at = parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError):
        return None
    age = headers.get("age", "").strip()  # It lay in a cache for so long (RFC 9111 §5.1).
    return written_at + (float(age[:18]) if age.isascii() and age.isdigit() else 0.0) - now


def fingerprint(*parts: bytes) -> bytes:
    """Tells one document from another."""
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()
