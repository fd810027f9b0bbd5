"""Fetched keys and their cache: when they are fetched, who waits for a fetch, and what is answered meanwhile.

>>> from jwtguard.key_sources.remote_jwk_set import RemoteJWKSet  # one of those that are built on this
>>> keys = RemoteJWKSet("https://issuer.example/jwks.json", algorithms=["RS256"])
>>> keys.available, keys.age, keys.last_error
(False, None, None)

The rules:

1. To make one does no I/O: the first fetch happens when the first token needs it, or at `prefetch()`.
2. One fetch at a time serves all threads and tasks; each waits for it at most for its time-out.
3. Keys are fresh for as long as `Cache-Control` says, within a minute and a day. After that they serve on while new
   ones are fetched in the background, until the hard lifetime ends: then the answer is 503.
4. A `kid` that is not there is searched at once, and then not again before the cool-down has passed, so that invented
   ones cost the provider nothing. A failed fetch starts the cool-down too.
5. A token with an unknown `kid` is refused (401) only if a fetch succeeded within the cool-down. If the fetch failed
   the answer is 503, so that an outage ends no session.
6. A failed fetch never removes a key.
7. If a signature does not hold by a fetched key, it may have been replaced: that is searched once a minute at most,
   never while the document is younger, and a failed search changes no answer.
"""

from __future__ import annotations

import logging
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from jwtguard.core.errors import JWTGuardError, UnavailableError
from jwtguard.core.events import LogEvent, log_fields
from jwtguard.core.flow import Flow, Steps, Wait, is_async
from jwtguard.core.forks import Lock
from jwtguard.core.tokens.jwk_set import JWKSet, SkippedKey
from jwtguard.core.validation import Problems
from jwtguard.key_sources.background import BackgroundFetch, BackgroundFetches
from jwtguard.key_sources.documents import (
    MIN_LIFETIME,
    Attempt,
    Fetch,
    Fetched,
    KeysAtHand,
    skew_of,
    told,
)
from jwtguard.key_sources.entries import public_algorithms
from jwtguard.key_sources.fetchers import as_fetcher, no_fetcher
from jwtguard.key_sources.http_client import (
    TIMEOUT,
    Fetcher,
    FetchError,
    FetchRequest,
    FetchResponse,
    PlainHTTP,
    fetching,
)

if TYPE_CHECKING:
    from ssl import SSLContext

    from jwtguard.key_sources.httpx_fetcher import HTTPXClient

logger = logging.getLogger("jwtguard")

COOL_DOWN, HARD_LIFETIME = timedelta(seconds=10), timedelta(hours=24)
REPLACEMENT_INTERVAL = 60.0
"""Seconds between two searches for keys that took the place of others, and the age of a document before the first."""


class FetchedKeys(ABC):
    """A `KeySource` that fetches. Subclasses say how, in `_fetching`; each says which arguments it takes."""

    def __init__(
        self,
        address: str,
        *,
        algorithms: Iterable[str] | None,
        allow_http_loopback: bool = False,
        allow_http_hosts: Iterable[str] = (),
        fetcher: Fetcher | HTTPXClient | None = None,
        tls: SSLContext | None = None,
        timeout: timedelta = timedelta(seconds=TIMEOUT),
        cool_down: timedelta = COOL_DOWN,
        hard_lifetime: timedelta = HARD_LIFETIME,
        clock: Callable[[], float] = time.time,
    ) -> None:
        problems = Problems()
        self.algorithms = problems.of(lambda: public_algorithms(algorithms)) or ()
        self._fetcher: Fetcher = problems.of(lambda: as_fetcher(fetcher, tls=tls)) or no_fetcher
        http = problems.of(
            lambda: PlainHTTP.of(allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts)
        )
        self._http: PlainHTTP = PlainHTTP() if http is None else http
        if http is not None:
            problems.of(lambda: self._check_address(address))
        self._timeout = problems.seconds("timeout", timeout, at_most=60)
        self._cool_down = problems.seconds("cool_down", cool_down)
        self._hard_lifetime = problems.seconds("hard_lifetime", hard_lifetime)
        if not problems and (self._timeout <= 0 or self._hard_lifetime < MIN_LIFETIME):
            problems.append("timeout is more than 0 seconds, and hard_lifetime at least a minute")
        if not callable(clock):
            problems.append(f"clock is a function that returns seconds since the epoch: found {clock!r}")
        problems.raise_all()
        self._address = address
        self._clock = clock
        name = f"jwtguard keys of {address}"
        self._background_fetches = BackgroundFetches(is_async=is_async(self._fetcher), name=name)
        # Guards what follows where it is written; readers take what they find, each a value that is never changed.
        self._lock = Lock("keys")
        self._good: KeysAtHand | None = None
        self._attempt: Attempt | None = None
        self._background_fetch: BackgroundFetch[None] | None = None
        self._skew: float | None = None
        self._replacement_sought_at: float | None = None

    @abstractmethod
    def _fetching(self, fetch: Fetch) -> Steps[Fetched]:
        """The steps of one fetch; `fetch(url, label)` gets a document. Raises `FetchError`."""

    @abstractmethod
    def _check_address(self, address: str) -> None:
        """Raise `ConfigurationError` unless `address` may be fetched from."""

    # The port: `jwtguard.core.tokens.jwk_set.KeySource`.

    def current(self) -> JWKSet | None:
        """The keys at hand, without waiting; None if there are none or they are past their hard lifetime.

        If they are past their soft lifetime, a fetch is started behind the scenes.
        """
        good = self._good
        if good is None:
            return None
        now = self._clock()
        if good.is_fresh(now):
            return good.keys
        if not now < good.dead_at:
            return None
        if self._may_start(now, searching=False):
            with self._lock:
                if self._may_start(now, searching=False):
                    self._start(searching=False)
        return good.keys

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        """Look again, for `kid`; raises `UnavailableError` where the keys are unknown (503)."""
        return Flow(self._refreshed(kid))

    def replaced(self, keys: JWKSet) -> Flow[JWKSet | None]:
        """Look whether others have taken the place of `keys`, by which a signature did not hold (rule 7)."""
        return Flow(self._replaced(keys))

    def prefetch(self) -> Flow[None]:
        """Fetch now unless fresh keys are at hand: `keys.prefetch().run()`, or `await keys.prefetch()`.

        For a program that would rather wait at its start than at the first request. Raises `UnavailableError`.
        """
        return Flow(self._prefetch())

    @property
    def address(self) -> str:
        """Where the keys come from: a URL, or the issuer who knows it."""
        return self._address

    @property
    def age(self) -> float | None:
        """Seconds since the last successful fetch began, or None if there was none."""
        good = self._good
        return None if good is None else max(0.0, self._clock() - good.fetched_at)

    @property
    def last_error(self) -> str | None:
        """Why the latest fetch failed, or None if it did not."""
        attempt = self._attempt
        return None if attempt is None else attempt.error

    @property
    def skipped(self) -> tuple[SkippedKey, ...]:
        """The keys of the document at hand that could have signed tokens, and that are not used."""
        good = self._good
        return () if good is None else good.skipped

    @property
    def clock_skew(self) -> float | None:
        """Whole seconds by which the provider's clock is ahead of ours, by the `Date` of its latest answer, if any."""
        return self._skew

    @property
    def stale(self) -> bool:
        """Whether the keys are past their soft lifetime, or there are none."""
        good = self._good
        return good is None or not good.is_fresh(self._clock())

    @property
    def available(self) -> bool:
        """Whether tokens can be verified without another fetch."""
        good = self._good
        return good is not None and self._clock() < good.dead_at

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address!r})"

    def _prefetch(self) -> Steps[None]:
        if self.stale:
            yield from self._refreshed(None, even_if_available=True)

    def _refreshed(self, kid: str | None, *, even_if_available: bool = False) -> Steps[JWKSet]:
        yield from self._background_fetches.preparing()
        keys, is_joined = yield from self._fetched(kid, even_if_available=even_if_available)
        if kid is not None and kid not in keys and is_joined:
            # A fetch that was under way when the caller came may have been answered before the key was there.
            keys, _ = yield from self._fetched(kid, even_if_available=False)
        return keys

    def _fetched(self, kid: str | None, *, even_if_available: bool) -> Steps[tuple[JWKSet, bool]]:
        """The keys after a fetch, and whether that was under way already when the caller came."""
        with self._lock:
            now = self._clock()
            keys = self._living(now)
            if keys is not None and not even_if_available and (kid is None or kid in keys):
                return keys, False  # Another caller fetched them since this one looked.
            background_fetch = self._background_fetch
            is_joined = background_fetch is not None and background_fetch.is_under_way()
            if not is_joined:
                searching = keys is not None and not even_if_available
                background_fetch = (
                    self._start(searching=searching) if self._may_start(now, searching=searching) else None
                )
        if background_fetch is not None:
            yield from _waiting(background_fetch, self._unavailable)
        keys, attempt = self._living(self._clock()), self._attempt
        if keys is not None and not even_if_available and (kid is None or kid in keys):
            return keys, is_joined
        if keys is None or attempt is None or attempt.error is not None:
            raise self._unavailable()
        return keys, is_joined  # Without `kid`, on the word of a fetch that is young enough (rule 5).

    def _replaced(self, keys: JWKSet) -> Steps[JWKSet | None]:
        yield from self._background_fetches.preparing()
        with self._lock:
            now = self._clock()
            good, background_fetch = self._good, self._background_fetch
            if good is None or good.keys is not keys:
                return self._living(now)  # They were replaced since the caller looked.
            if background_fetch is None or not background_fetch.is_under_way():
                background_fetch = None
                if self._may_seek_replacement(good, now):
                    self._replacement_sought_at = now
                    background_fetch = self._start(searching=False)
        if background_fetch is None:
            return None
        try:
            yield from _waiting(background_fetch, self._unavailable)
        except UnavailableError:
            return None
        newer = self._living(self._clock())
        return None if newer is keys else newer

    def _may_seek_replacement(self, good: KeysAtHand, now: float) -> bool:
        sought_at = self._replacement_sought_at
        is_young = 0 <= now - good.fetched_at < REPLACEMENT_INTERVAL
        is_sought = sought_at is not None and 0 <= now - sought_at < REPLACEMENT_INTERVAL
        return not is_young and not is_sought and self._may_start(now, searching=False)

    def _living(self, now: float) -> JWKSet | None:
        good = self._good
        return good.keys if good is not None and now < good.dead_at else None

    def _may_start(self, now: float, *, searching: bool) -> bool:
        """Whether a fetch may start: none is under way, and the cool-down has passed where one counts (rule 4)."""
        background_fetch = self._background_fetch
        if background_fetch is not None and background_fetch.is_under_way():
            return False
        attempt = self._attempt
        if attempt is None:
            return True
        if attempt.error is not None:
            return not 0 <= now - attempt.ended_at < self._cool_down
        # A fetch that succeeded holds up the next search only if it was one itself: a key that appeared right after
        # an ordinary one must be found at once.
        searched_at = attempt.searched_at
        return not (searching and searched_at is not None and 0 <= now - searched_at < self._cool_down)

    def _start(self, *, searching: bool) -> BackgroundFetch[None]:
        background_fetch: BackgroundFetch[None] = BackgroundFetch(self._timeout)
        begun_at = self._clock()
        attempt = self._attempt
        searched_at = begun_at if searching else None if attempt is None else attempt.searched_at
        self._background_fetch = background_fetch
        if not self._background_fetches.start(background_fetch, lambda: Flow(self._perform(begun_at, searched_at))):
            self._fail(searched_at, "no thread or event loop to fetch them on")
        return background_fetch

    def _perform(self, begun_at: float, searched_at: float | None) -> Steps[None]:
        deadline = time.monotonic() + self._timeout

        def fetch(url: str, label: str) -> Steps[FetchResponse]:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise FetchError(f"no time was left to fetch {label}")
            response = yield from fetching(self._fetcher, FetchRequest(url=url, timeout=remaining, label=label))
            self._skew = skew_of(response.headers, self._clock())
            return response

        try:
            fetched = yield from self._fetching(fetch)
        except JWTGuardError as error:
            self._fail(searched_at, error.detail)
            raise  # An error of the program is raised in each waiter; every other error is an outage.
        except Exception as error:  # noqa: BLE001 - rule 6
            self._fail(searched_at, str(error) if isinstance(error, FetchError) else type(error).__name__)
        except BaseException:
            self._fail(searched_at, "the fetch was cancelled")
            raise
        else:
            self._succeed(fetched, begun_at, searched_at)

    def _succeed(self, fetched: Fetched, begun_at: float, searched_at: float | None) -> None:
        before = self._good
        is_known = before is not None and before.sha256 == fetched.sha256
        with self._lock:
            self._good = KeysAtHand.of(fetched, before, begun_at=begun_at, hard_lifetime=self._hard_lifetime)
            self._attempt = Attempt(ended_at=self._clock(), searched_at=searched_at, error=None)
        if fetched.skipped and not is_known:
            self._warn("keys_skipped", told(fetched.skipped))

    def _fail(self, searched_at: float | None, error: str) -> None:
        self._warn("keys_not_fetched", error)
        self._attempt = Attempt(ended_at=self._clock(), searched_at=searched_at, error=error)

    def _warn(self, event: LogEvent, what: str) -> None:
        logger.warning("keys of %s: %s", self._address, what, extra=log_fields(event, source=self._address))

    def _unavailable(self) -> UnavailableError:
        attempt = self._attempt
        remaining = 0.0
        if attempt is not None and attempt.error is not None:
            remaining = attempt.ended_at + self._cool_down - self._clock()
        return UnavailableError("keys", retry_after=max(1, math.ceil(min(remaining, self._cool_down))))


def _waiting(background_fetch: BackgroundFetch[None], error: Callable[[], UnavailableError]) -> Steps[None]:
    """Wait for a fetch; raises `error` if it did not end in time, or never began: the keys are unknown then."""
    try:
        yield Wait(background_fetch.future, timeout=background_fetch.wait_seconds())
    except (TimeoutError, RuntimeError):
        raise error() from None
