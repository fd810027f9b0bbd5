"""When keys are fetched, who waits, and what is answered meanwhile: the rules of `fetched_keys.py`, one by one."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from jwtguard import (
    ConfigurationError,
    FetchRequest,
    FetchResponse,
    Guard,
    InvalidTokenError,
    RemoteJWKSet,
    UnavailableError,
)
from jwtguard.core.flow import Wait
from jwtguard.key_sources import background as background_fetches
from tests.core.keys import signing_key
from tests.key_sources.scripted import (
    AUDIENCE,
    FIRST,
    ISSUER,
    NOW,
    SECOND,
    URL,
    Clock,
    Fetcher,
    as_json,
    cached,
    jwks,
    token,
)

THIRD = signing_key("ES256", "third")
MINUTE, HOUR, DAY = 60, 3600, 86400


def settle(keys: RemoteJWKSet) -> None:
    """Wait for what happens behind the scenes."""
    background_fetch = keys._background_fetch
    if background_fetch is not None:
        background_fetch.future.exception(timeout=5)


class Site:
    """A guard with a scripted provider and a clock to move."""

    def __init__(self, answer: Any = None, **settings: Any) -> None:
        self.clock = Clock()
        self.fetcher = Fetcher(answer)
        self.keys = RemoteJWKSet(URL, fetcher=self.fetcher, clock=self.clock, **settings)
        self.guard = Guard(issuer=ISSUER, audience=AUDIENCE, keys=self.keys, clock=self.clock)

    def outcome(self, text: str) -> str:
        """`accepted`, or the reason of the refusal."""
        try:
            self.guard.verify(text).run()
        except (InvalidTokenError, UnavailableError) as error:
            return f"{error.status} {error.reason}"
        return "accepted"

    def after(self, seconds: float) -> None:
        """Let time pass, and what it starts behind the scenes end."""
        self.clock.now += seconds
        self.keys.current()
        settle(self.keys)


def test_making_one_fetches_nothing() -> None:
    """Rule 1: no input or output when it is made."""
    site = Site()
    assert (site.fetcher.count, site.keys.current(), site.keys.stale, site.keys.available) == (0, None, True, False)


def test_first_token_fetches() -> None:
    """The first token brings the keys, the second finds them."""
    site = Site()
    assert [site.outcome(token()), site.outcome(token(sub="other")), site.fetcher.count] == ["accepted", "accepted", 1]
    assert (site.keys.age, site.keys.stale, site.keys.available, site.keys.last_error) == (0, False, True, None)


def test_request_of_the_fetch() -> None:
    """The request of a fetch is bounded in time and size."""
    site = Site()
    site.outcome(token())
    (request,) = site.fetcher.requests
    assert (request.url, request.method, request.max_bytes) == (URL, "GET", 512 * 1024)
    assert 4 < request.timeout <= 5


# Cache-Control and Age, and after how many seconds the keys are stale.
LIFETIMES = [
    ("", {}, 600),
    ("max-age=3600", {}, 3600),
    ('public, MAX-AGE="900"', {}, 900),
    ("max-age=900", {"age": "300"}, 600),
    ("max-age=900", {"age": "9000"}, 60),
    ("max-age=900", {"age": "soon"}, 900),
    ("max-age=5", {}, 60),
    ("no-store", {}, 60),
    ("no-cache, max-age=900", {}, 60),
    ("max-age=never", {}, 600),
    ("max-age=-1", {}, 600),
    ("max-age=" + "9" * 5000, {}, DAY * 23 / 24),
    ("max-age=86400", {}, DAY * 23 / 24),
]


@pytest.mark.parametrize(("cache_control", "headers", "lifetime"), LIFETIMES)
def test_soft_lifetime(cache_control: str, headers: dict[str, str], lifetime: float) -> None:
    """Rule 3: the provider says how long its keys are fresh, within a minute and a day."""
    site = Site(cached(jwks(FIRST), cache_control, **headers))
    site.keys.prefetch().run()
    site.clock.now = NOW + lifetime - 1
    fresh = not site.keys.stale
    site.clock.now = NOW + lifetime
    assert (fresh, site.keys.stale) == (True, True)


def test_stale_keys_serve_while_new_ones_are_fetched() -> None:
    """Rule 3: no caller waits for the fetch that old keys start."""
    site = Site()
    assert site.outcome(token()) == "accepted"
    site.fetcher.gate = threading.Event()
    site.fetcher.answer = jwks(SECOND)
    site.clock.now += 10 * MINUTE
    assert [site.outcome(token(jti=str(n))) for n in range(3)] == ["accepted"] * 3
    site.fetcher.gate.set()
    settle(site.keys)
    assert (site.fetcher.count, site.outcome(token(SECOND)), site.fetcher.count) == (2, "accepted", 2)


def test_same_document_keeps_the_cache() -> None:
    """A fetch that brings nothing new leaves verified tokens verified."""
    site, text = Site(), token()
    verified = site.guard.verify(text).run()
    site.after(10 * MINUTE)
    assert (site.fetcher.count, site.keys.age) == (2, 0)
    assert site.guard.verify(text).run() is verified


def test_hard_lifetime_ends() -> None:
    """Rule 3: after a day without a successful fetch every token is a 503, cached ones included."""
    site = Site()
    assert site.outcome(token()) == "accepted"
    site.fetcher.answer = OSError("down")
    site.after(DAY - 1)
    assert (site.outcome(token()), site.keys.available) == ("accepted", True)
    site.after(11)
    assert (site.outcome(token()), site.keys.available, site.keys.age) == ("503 keys", False, DAY + 10)
    site.fetcher.answer = jwks(FIRST)
    site.after(10)
    assert site.outcome(token()) == "accepted"


def test_rotated_key_is_found_at_once() -> None:
    """Rule 4: right after an ordinary fetch, too."""
    site = Site()
    site.outcome(token())
    site.fetcher.answer = jwks(FIRST, SECOND)
    assert (site.outcome(token(SECOND)), site.fetcher.count) == ("accepted", 2)


def test_key_that_appears_while_old_keys_are_fetched() -> None:
    """Rule 4: a fetch that was under way may have been answered before the key was there, so there is one more."""
    site = Site()
    site.outcome(token())
    site.clock.now += 600
    site.fetcher.gate = threading.Event()
    assert site.outcome(token(jti="starts the fetch")) == "accepted"
    steps = site.keys.refreshed("second").take()
    joined = next(steps)
    assert isinstance(joined, Wait)
    site.fetcher.gate.set()
    joined.future.result(5)
    site.fetcher.answer = jwks(FIRST, SECOND)
    searching = steps.send(None)
    assert isinstance(searching, Wait)
    searching.future.result(5)
    with pytest.raises(StopIteration) as done:
        steps.send(None)
    assert "second" in done.value.value
    assert site.fetcher.count == 3


def test_cool_down_after_a_search() -> None:
    """Rules 4 and 5: within the cool-down, an unknown kid is refused without a fetch; after it, there is one."""
    site = Site()
    assert [site.outcome(token(SECOND)), site.fetcher.count] == ["401 key", 1]
    assert [site.outcome(token(SECOND)), site.fetcher.count] == ["401 key", 2]
    site.fetcher.answer = jwks(FIRST, THIRD)
    site.after(9.9)
    assert [site.outcome(token(THIRD)), site.fetcher.count] == ["401 key", 2]
    site.after(0.1)
    assert [site.outcome(token(THIRD)), site.fetcher.count] == ["accepted", 3]


def test_refresh_between_searches_does_not_shorten_the_cool_down() -> None:
    """An ordinary fetch in the middle is no leave for another search."""
    site = Site(cached(jwks(FIRST), "max-age=60"))
    site.outcome(token())
    site.after(59)
    assert [site.outcome(token(SECOND)), site.fetcher.count] == ["401 key", 2]
    site.keys._good = None
    site.keys.prefetch().run()
    site.after(5)
    assert [site.outcome(token(SECOND)), site.fetcher.count] == ["401 key", 3]


def test_failure_gates_too() -> None:
    """Rules 4 to 6: a failed fetch starts the cool-down; meanwhile unknown keys are 503, known ones serve."""
    site = Site()
    site.outcome(token())
    site.fetcher.answer = 500
    assert [site.outcome(token(SECOND)), site.outcome(token(THIRD)), site.fetcher.count] == ["503 keys"] * 2 + [2]
    assert site.keys.last_error == f"{URL} answered 500"
    assert site.outcome(token(jti="another")) == "accepted"
    site.fetcher.answer = jwks(FIRST)
    site.after(10)
    assert [site.outcome(token(SECOND)), site.outcome(token(THIRD)), site.fetcher.count] == ["401 key"] * 2 + [3]
    assert site.keys.last_error is None


def test_cold_start_without_a_provider() -> None:
    """Without any keys it is 503 with the time to wait, and one fetch a cool-down."""
    site = Site(OSError("down"))
    for passed, count in ((0, 1), (4, 1), (6, 2)):
        site.after(passed)
        with pytest.raises(UnavailableError) as refused:
            site.guard.verify(token()).run()
        assert site.fetcher.count == count
    assert refused.value.retry_after == 10
    site.after(7.5)
    with pytest.raises(UnavailableError) as refused:
        site.guard.verify(token()).run()
    assert refused.value.retry_after == 3


def test_token_without_kid_needs_no_search() -> None:
    """Without a name there is nothing to search for; with keys at hand, nothing is fetched."""
    site = Site()
    nameless = token(signing_key("ES256"))
    assert [site.outcome(nameless), site.outcome(nameless), site.fetcher.count] == ["401 signature"] * 2 + [1]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"iss": "https://stranger.example"}, "401 iss"), ({"iss": None}, "401 iss")],
)
def test_stranger_causes_no_traffic(changes: dict[str, Any], reason: str) -> None:
    """The issuer is looked at before anything is fetched."""
    site = Site()
    assert [site.outcome(token(**changes)), site.fetcher.count] == [reason, 0]


def test_wrong_algorithm_causes_no_traffic() -> None:
    """A token with another algorithm causes no fetch."""
    site = Site(algorithms=["RS256"])
    assert [site.outcome(token()), site.fetcher.count] == ["401 alg", 0]
    assert Site().outcome(token(signing_key("HS256", "first"))) == "401 alg"


@pytest.mark.parametrize(("algorithm", "allowed"), [("EdDSA", "Ed25519"), ("Ed25519", "EdDSA"), ("Ed448", "EdDSA")])
def test_edwards_curves_go_by_two_names(algorithm: str, allowed: str) -> None:
    """RFC 9864 and RFC 8037 name the same signatures."""
    key = signing_key(algorithm, "curve")
    assert Site(jwks(key), algorithms=[allowed]).outcome(token(key)) == "accepted"


def test_clock_set_back() -> None:
    """A clock that was set back makes keys old, and holds up no fetch."""
    site = Site()
    site.outcome(token())
    site.fetcher.answer = OSError("down")
    site.after(-DAY)
    assert (site.fetcher.count, site.keys.stale, site.keys.available) == (2, True, True)
    site.fetcher.answer = jwks(FIRST)
    site.after(-DAY)
    assert (site.fetcher.count, site.keys.stale, site.keys.age) == (3, False, 0)


def test_prefetch() -> None:
    """`prefetch` fetches unless fresh keys are at hand, and raises when it cannot."""
    site = Site()
    site.guard.prefetch().run()
    site.keys.prefetch().run()
    assert site.fetcher.count == 1
    site.clock.now += 10 * MINUTE
    site.fetcher.answer = OSError("down")
    with pytest.raises(UnavailableError):
        site.keys.prefetch().run()
    assert site.outcome(token()) == "accepted"


def test_guard_prefetches_what_can_be() -> None:
    """Keys at hand need nothing."""
    Guard(issuer=ISSUER, audience=AUDIENCE, keys=FIRST.verification_key).prefetch().run()


def test_failures_are_logged_without_content(caplog: pytest.LogCaptureFixture) -> None:
    """An operator reads why, once a fetch."""
    site = Site(ZeroDivisionError("x" * 5000))
    with caplog.at_level(logging.WARNING, "jwtguard"):
        site.outcome(token())
    (message,) = [record.getMessage() for record in caplog.records if "keys of" in record.getMessage()]
    assert message.startswith(f"keys of {URL}: {URL} cannot be reached: ZeroDivisionError: xxx")
    assert len(message) < 400


# Many at once.


def in_threads(count: int, work: Any) -> list[Any]:
    """The results of `work` on as many threads at once."""
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    return results


@pytest.mark.parametrize(("answer", "outcome"), [(None, "accepted"), (OSError("down"), "503 keys")])
def test_threads_share_one_fetch(answer: Any, outcome: str) -> None:
    """Rule 2: thirty threads wait for one fetch, and all get its outcome."""
    site = Site(answer)
    site.fetcher.gate = threading.Event()
    threading.Timer(0.1, site.fetcher.gate.set).start()
    assert in_threads(30, lambda: site.outcome(token())) == [outcome] * 30
    assert site.fetcher.count == 1


def test_hanging_fetcher_delays_no_known_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule 2: a waiting caller waits for the time-out, a later one not at all, and one with keys never."""
    monkeypatch.setattr(background_fetches, "GRACE", 0.0)
    site = Site(timeout=timedelta(seconds=0.2))
    site.outcome(token())
    site.fetcher.gate = threading.Event()
    begun = time.monotonic()
    assert in_threads(30, lambda: site.outcome(token(SECOND))) == ["503 keys"] * 30
    waited = time.monotonic() - begun
    assert 0.2 <= waited < 1.5
    assert (site.outcome(token(SECOND)), site.outcome(token(jti="new"))) == ("503 keys", "accepted")
    assert time.monotonic() - begun - waited < 0.2
    assert site.fetcher.count == 2
    # One that never comes back counts as lost after a minute, and another may start.
    monkeypatch.setattr(background_fetches, "ABANDONED", -0.2)
    gate, site.fetcher.gate = site.fetcher.gate, None
    assert (site.outcome(token(SECOND)), site.fetcher.count) == ("401 key", 3)
    gate.set()


def test_fork_loses_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that stayed in the parent process is not waited for in the child."""
    site = Site()
    site.fetcher.gate = threading.Event()
    waiting = threading.Thread(target=lambda: site.outcome(token()))
    waiting.start()
    while not site.fetcher.count:
        time.sleep(0.001)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    gate, site.fetcher.gate = site.fetcher.gate, None
    assert (site.outcome(token()), site.fetcher.count) == ("accepted", 2)
    gate.set()
    waiting.join(5)


def test_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that cannot be started is an outage, and said to be one."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    site = Site()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert site.outcome(token()) == "503 keys"
    assert site.keys.last_error == "no thread or event loop to fetch them on"


def test_another_caller_was_quicker() -> None:
    """Keys that arrived since the caller looked are taken as they are."""
    site = Site()
    site.outcome(token())
    assert site.keys.refreshed("first").run() is site.keys.current()
    assert site.keys.refreshed(None).run() is site.keys.current()
    assert site.fetcher.count == 1


def test_two_find_old_keys_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second sees under the lock that the first has started the fetch."""
    site = Site()
    site.outcome(token())
    site.clock.now += 10 * MINUTE
    answers = iter([True, False])
    monkeypatch.setattr(RemoteJWKSet, "_may_start", lambda self, now, searching: next(answers))
    assert site.keys.current() is not None
    assert site.fetcher.count == 1


def test_no_time_is_left_for_a_second_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time-out is for a fetch altogether."""
    from jwtguard import OpenIDProvider

    metadata = as_json({"issuer": ISSUER, "jwks_uri": URL})
    provider = OpenIDProvider(ISSUER, fetcher=Fetcher(metadata))
    times = iter([0.0, 0.0, 6.0])
    monkeypatch.setattr("jwtguard.key_sources.cached.time", type("T", (), {"monotonic": lambda: next(times)}))
    with pytest.raises(UnavailableError):
        provider.prefetch().run()
    assert provider.last_error == f"no time was left to fetch {URL}"


# On an event loop.


def test_tasks_share_one_fetch_and_cancelling_one_cancels_no_other() -> None:
    """Two hundred tasks, sync fetcher: one fetch, and a cancelled task cancels no other."""
    site = Site()
    site.fetcher.gate = threading.Event()

    async def main() -> list[object]:
        tasks = [asyncio.ensure_future(_verified(site.guard, token())) for _ in range(200)]
        await asyncio.sleep(0.05)
        for task in tasks[:100]:
            task.cancel()
        assert site.fetcher.gate is not None
        site.fetcher.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = asyncio.run(main())
    assert [type(result).__name__ for result in results] == ["CancelledError"] * 100 + ["VerifiedToken"] * 100
    assert site.fetcher.count == 1


async def _verified(guard: Guard, text: str) -> object:
    return await guard.verify(text)


class AsyncFetcher(Fetcher):
    """The same for event loops. `release` is awaited if it is there."""

    release: asyncio.Event | None = None

    async def __call__(self, request: FetchRequest) -> FetchResponse:  # type: ignore[override]
        response = super().__call__(request)
        if self.release is not None:
            await self.release.wait()
        return response


def async_site(**settings: Any) -> tuple[Guard, AsyncFetcher, RemoteJWKSet, Clock]:
    """A guard with an async fetcher."""
    fetcher, clock = AsyncFetcher(), Clock()
    keys = RemoteJWKSet(URL, fetcher=fetcher, clock=clock, **settings)
    return Guard(issuer=ISSUER, audience=AUDIENCE, keys=keys, clock=clock), fetcher, keys, clock


def test_async_fetcher_and_cancelled_leader() -> None:
    """The task that came first is cancelled, and the fetch goes on for the others."""
    guard, fetcher, keys, clock = async_site()

    async def main() -> None:
        fetcher.release = asyncio.Event()
        tasks = [asyncio.ensure_future(_verified(guard, token())) for _ in range(200)]
        await asyncio.sleep(0.02)
        tasks[0].cancel()
        await asyncio.sleep(0)
        fetcher.release.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result).__name__ for result in results] == ["CancelledError"] + ["VerifiedToken"] * 199
        assert fetcher.count == 1
        # Old keys are refreshed behind the scenes here too, also when a request on another thread finds them old.
        for start in (keys.current, lambda: in_threads(1, keys.current)):
            clock.now += 10 * MINUTE
            count = fetcher.count
            start()
            for _ in range(100):
                await asyncio.sleep(0.001)
                if not keys.stale:
                    break
            assert (fetcher.count, keys.stale) == (count + 1, False)

    asyncio.run(main())


def test_async_fetcher_times_out() -> None:
    """An async fetcher that hangs is ended when its time is over."""
    guard, fetcher, keys, _ = async_site(timeout=timedelta(seconds=0.05))

    async def main() -> None:
        fetcher.release = asyncio.Event()
        with pytest.raises(UnavailableError):
            await guard.verify(token())

    asyncio.run(main())
    assert keys.last_error == f"{URL} did not answer within 0.05 s"


def test_async_fetcher_serves_one_loop() -> None:
    """From sync code, or from another loop, the error names the sync way; keys at hand serve everywhere."""
    guard, _, keys, clock = async_site()
    with pytest.raises(ConfigurationError, match=r"cannot run from sync code: use a sync fetcher"):
        guard.verify(token()).run()
    asyncio.run(_verified(guard, token()))
    assert guard.verify(token(jti="new")).run().claims["sub"] == "user-1"
    with pytest.raises(ConfigurationError, match=r"this is another: use a sync fetcher"):
        asyncio.run(_verified(guard, token(SECOND)))
    clock.now += 10 * MINUTE
    assert guard.verify(token()).run().claims["sub"] == "user-1"
    assert keys.last_error == "no thread or event loop to fetch them on"


def test_loop_ends_while_fetching(caplog: pytest.LogCaptureFixture) -> None:
    """A loop that shuts down takes the fetch along, and says so."""
    guard, fetcher, keys, _ = async_site()

    async def main() -> None:
        fetcher.release = asyncio.Event()
        task = asyncio.ensure_future(_verified(guard, token()))
        await asyncio.sleep(0.02)
        assert not task.done()

    asyncio.run(main())
    gc.collect()
    assert keys.last_error == "the fetch was cancelled"
    assert keys._background_fetch is not None
    assert not keys._background_fetch.is_under_way()


def test_old_keys_before_any_loop() -> None:
    """Without a loop there is nothing to refresh on: the keys at hand serve on."""
    _, _, keys, clock = async_site()
    loaded = RemoteJWKSet(URL, fetcher=Fetcher(), clock=clock)
    loaded.prefetch().run()
    keys._good = loaded._good
    clock.now += 10 * MINUTE
    assert keys.current() is loaded.current()
    assert keys.last_error == "no thread or event loop to fetch them on"


def test_sync_function_that_returns_a_coroutine() -> None:
    """A synchronous fetcher that returns a coroutine is an error that says what to write."""
    fetcher = AsyncFetcher()
    keys = RemoteJWKSet(URL, fetcher=lambda request: fetcher(request))
    with pytest.raises(ConfigurationError, match="is asynchronous and cannot run from sync code: use async def"):
        keys.prefetch().run()
    assert "asynchronous" in str(keys.last_error)


def test_async_fetcher_with_a_broken_program() -> None:
    """An error of the program is raised on a loop as well."""

    async def fetcher(request: FetchRequest) -> FetchResponse:
        raise ConfigurationError("the client has no certificate")

    async def main() -> None:
        await RemoteJWKSet(URL, fetcher=fetcher).prefetch()

    with pytest.raises(ConfigurationError, match="no certificate"):
        asyncio.run(main())


# Settings.

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"url": "http://issuer.example/jwks"}, "url must be https"),
    ({"url": "http://127.0.0.1/jwks"}, "allow_http_loopback=True"),
    ({"url": "http://issuer.example/jwks", "allow_http_loopback": True}, "url must be https"),
    ({"url": "http://127.0.0.1.evil.example/", "allow_http_loopback": True}, "url must be https"),
    ({"url": "file:///etc/passwd"}, "absolute https address"),
    ({"url": "https://"}, "absolute https address"),
    ({"url": "https://a b/"}, "absolute https address"),
    ({"url": "https://issuer.example:port/"}, "absolute https address"),
    ({"url": "https://[::1/"}, "absolute https address"),
    ({"url": "https://issuer.example/\r\nHost: x"}, "absolute https address"),
    ({"url": "https://issüer.example/"}, "absolute https address"),
    ({"url": None}, "absolute https address"),
    ({"url": "https://user:password@issuer.example/"}, "credentials"),
    ({"url": "https://issuer.example/#fragment"}, "fragment"),
    ({"algorithms": "RS256"}, "algorithms is a list"),
    ({"algorithms": []}, "at least one"),
    ({"algorithms": ["RS256", "HS256"]}, "no shared secrets"),
    ({"algorithms": ["none"]}, "not supported"),
    ({"fetcher": "urllib"}, "fetcher is a function"),
    ({"fetcher": Fetcher}, "fetcher is a function"),
    ({"fetcher": Fetcher(), "tls": object()}, "tls= is for the default fetcher"),
    ({"timeout": 5}, r"write timeout=timedelta\(seconds=10\)"),
    ({"timeout": timedelta(0)}, "timeout is more than 0 seconds"),
    ({"timeout": timedelta(minutes=2)}, "timeout must be at least 0 seconds and at most 60"),
    ({"cool_down": 10}, "cool_down is a timedelta"),
    ({"hard_lifetime": timedelta(seconds=1)}, "hard_lifetime at least a minute"),
    ({"clock": 5}, "clock is a function"),
]


@pytest.mark.parametrize(("settings", "message"), WRONG)
def test_wrong_setting(settings: dict[str, Any], message: str) -> None:
    """A wrong setting is a ConfigurationError at construction."""
    with pytest.raises(ConfigurationError, match=message):
        RemoteJWKSet(settings.pop("url", URL), **settings)


def test_all_problems_at_once() -> None:
    """As everywhere."""
    with pytest.raises(ConfigurationError) as refused:
        RemoteJWKSet("ftp://x", algorithms=["none"], timeout=1, cool_down=2, clock=3)  # type: ignore[arg-type]
    assert len(refused.value.problems) == 5


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "localhost", "[::1]"])
def test_plain_http_on_this_machine(host: str) -> None:
    """By name, plain http may be used for addresses that never leave the machine."""
    keys = RemoteJWKSet(f"http://{host}:8080/jwks", allow_http_loopback=True)
    assert repr(keys) == f"RemoteJWKSet('http://{host}:8080/jwks')"


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    yield
    for thread in threading.enumerate():
        if thread.name.startswith("jwtguard keys"):
            thread.join(5)
