"""Keys that were exchanged under the same name, or without names: rule 7 of `fetched_keys.py`."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from jwtguard import (
    UNCHECKED,
    ConfigurationError,
    FetchRequest,
    FetchResponse,
    Guard,
    InvalidTokenError,
    JWTGuardError,
    RemoteJWKSet,
    SigningKey,
    UnavailableError,
)
from jwtguard.core.tokens.jws import sign
from tests.key_sources.scripted import AUDIENCE, FIRST, ISSUER, NOW, SECOND, URL, Clock, Fetcher, cached, jwks, token

AGAIN = SigningKey.generate("ES256", kid="first")
BLANK, BLANK_AGAIN = SigningKey.generate("ES256"), SigningKey.generate("ES256")


class Site:
    """A guard with a scripted provider, whose document says that it is good for a day."""

    def __init__(self, *keys: SigningKey, **settings: Any) -> None:
        self.clock = Clock()
        self.fetcher = Fetcher()
        self.publish(*keys)
        self.keys = RemoteJWKSet(URL, fetcher=self.fetcher, clock=self.clock)
        arguments: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, **settings}
        self.guard = Guard(keys=self.keys, clock=self.clock, **arguments)
        self.keys.prefetch().run()

    def publish(self, *keys: SigningKey, more: str = "") -> None:
        """Serve these keys from now on."""
        self.fetcher.answer = cached(jwks(*keys) + more.encode(), "max-age=86400")

    def outcomes(self, *texts: str) -> list[str]:
        """`accepted`, or the reason of the refusal."""
        found = []
        for text in texts:
            try:
                self.guard.verify(text).run()
            except (InvalidTokenError, UnavailableError) as error:
                found.append(f"{error.status} {error.reason}")
            else:
                found.append("accepted")
        return found


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (FIRST, AGAIN),
        (BLANK, BLANK_AGAIN),
        (SigningKey.generate("RS256"), BLANK),
        (SigningKey.generate("RS256", kid="first"), AGAIN),
    ],
    ids=["the same kid", "no kid", "no kid, another type", "the same kid, another type"],
)
def test_an_exchanged_key_is_found(before: SigningKey, after: SigningKey) -> None:
    """The first token after a minute finds it, and tokens of the old key are then refused."""
    site = Site(before)
    assert site.outcomes(token(before)) == ["accepted"]
    site.publish(after)
    site.clock.now += 60
    refused = "401 signature" if before.algorithm == after.algorithm else "401 key"
    assert site.outcomes(token(after), token(before), token(after, jti="2")) == ["accepted", refused, "accepted"]
    assert site.fetcher.count == 2


def test_a_token_without_kid_after_names_came() -> None:
    """A set without names that gets some is still found by tokens without."""
    site = Site(BLANK)
    site.publish(FIRST)
    site.clock.now += 60
    nameless = SigningKey(FIRST._key, algorithm="ES256", kid=None)
    assert site.outcomes(token(nameless), token(FIRST)) == ["accepted"] * 2


def test_a_new_name_beside_a_blank_copy_is_found_at_once() -> None:
    """Where keys have names, a new name is a new key: it is looked for without waiting for a minute."""
    blank = SigningKey(FIRST._key, algorithm="ES256", kid=None)
    site = Site(FIRST, blank)
    site.publish(FIRST, blank, SECOND)
    assert (site.outcomes(token(SECOND)), site.fetcher.count) == (["accepted"], 2)


@pytest.mark.parametrize(("age", "count"), [(0, 1), (59, 1), (60, 2), (3600, 2)])
def test_a_young_document_is_believed(age: float, count: int) -> None:
    """Nothing is looked for before it is a minute old."""
    site = Site(FIRST)
    site.clock.now += age
    assert (site.outcomes(token(AGAIN), token(AGAIN)), site.fetcher.count) == (["401 signature"] * 2, count)


def test_once_a_minute() -> None:
    """Many forged tokens cause one search a minute, whether or not the provider answers."""
    site = Site(FIRST)
    site.fetcher.answer = OSError("down")
    counts = []
    for _ in range(20):
        site.clock.now += 15
        assert site.outcomes(token(AGAIN), token(AGAIN, jti="x")) == ["401 signature"] * 2
        counts.append(site.fetcher.count)
    assert counts == [1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6]


def test_a_failed_search_leaves_401() -> None:
    """A failed search leaves the 401 and the keys; the cool-down of a failure holds for it too."""
    site = Site(FIRST)
    site.fetcher.answer = 500
    site.clock.now += 60
    assert site.outcomes(token(SECOND)) == ["503 keys"]  # An unknown name, which the failure gates for ten seconds.
    assert (site.outcomes(token(AGAIN)), site.fetcher.count) == (["401 signature"], 2)
    site.clock.now += 10
    assert (site.outcomes(token(AGAIN), token(FIRST)), site.fetcher.count) == (["401 signature", "accepted"], 3)


def test_the_budgets_are_apart() -> None:
    """A search for an exchanged key holds up none for an unknown name, nor the other way round."""
    site = Site(FIRST)
    site.clock.now += 60
    assert (site.outcomes(token(AGAIN)), site.fetcher.count) == (["401 signature"], 2)
    assert (site.outcomes(token(SECOND), token(SECOND)), site.fetcher.count) == (["401 key"] * 2, 3)
    site.clock.now += 60
    assert (site.outcomes(token(SECOND)), site.fetcher.count) == (["401 key"], 4)
    assert (site.outcomes(token(AGAIN)), site.fetcher.count) == (["401 signature"], 4)  # The document is young again.


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "https://other.example"},
        {"aud": []},
        {"exp": NOW - 3600},
        {"exp": "soon"},
        {"exp": None},
        {"sub": ""},
    ],
    ids=repr,
)
@pytest.mark.parametrize("issuer", [ISSUER, UNCHECKED])
def test_only_for_a_token_that_could_be_good(changes: dict[str, Any], issuer: Any) -> None:
    """A token that the policy would refuse causes no search."""
    site = Site(FIRST, issuer=issuer)
    site.clock.now += 60
    refused = site.outcomes(token(AGAIN, **changes))[0]
    assert refused.startswith("401 ")
    if "iss" in changes and issuer is UNCHECKED and changes["iss"]:
        assert site.fetcher.count == 2  # Any issuer will do.
    else:
        assert site.fetcher.count == 1


def test_a_payload_that_cannot_be_read_is_worth_no_search() -> None:
    """A token with an unreadable payload is refused for its signature, without a search."""
    site = Site(FIRST, issuer=UNCHECKED)
    site.clock.now += 60
    assert (site.outcomes(sign(b"no JSON", AGAIN)), site.fetcher.count) == (["401 signature"], 1)


@pytest.mark.parametrize(
    ("keys", "more"),
    [((FIRST, SECOND), " "), ((SECOND, FIRST), ""), ((FIRST, SECOND, FIRST), "")],
    ids=["white space", "another order", "a key twice"],
)
def test_the_same_keys_keep_the_cache(keys: tuple[SigningKey, ...], more: str) -> None:
    """Another document with the same keys leaves verified tokens verified."""
    site = Site(FIRST, SECOND)
    text = token()
    before, verified = site.keys.current(), site.guard.verify(text).run()
    site.publish(*keys, more=more)
    site.clock.now += 60
    assert site.outcomes(token(AGAIN)) == ["401 signature"]
    assert (site.fetcher.count, site.keys.age) == (2, 0)
    assert site.keys.current() is before
    assert site.guard.verify(text).run() is verified


def test_another_key_empties_the_cache() -> None:
    """A key more is another set."""
    site = Site(FIRST)
    text = token()
    verified = site.guard.verify(text).run()
    site.publish(FIRST, SECOND)
    site.clock.now += 60
    site.outcomes(token(AGAIN))
    assert site.guard.verify(text).run() is not verified


def test_keys_that_were_replaced_since_the_token_was_looked_at() -> None:
    """Keys that were replaced meanwhile are used; keys that have expired meanwhile are not."""
    site = Site(FIRST)
    before = site.keys.current()
    assert before is not None
    site.publish(AGAIN)
    site.clock.now += 60
    newer = site.keys.replaced(before).run()
    assert newer is site.keys.current()
    assert site.keys.replaced(before).run() is newer
    assert RemoteJWKSet(URL, fetcher=Fetcher()).replaced(before).run() is None
    assert site.fetcher.count == 2


def test_a_fetch_under_way_is_joined() -> None:
    """Its outcome is waited for, and no other fetch begins."""
    site = Site(FIRST)
    site.publish(AGAIN)
    site.fetcher.gate = threading.Event()
    site.clock.now += 86400 - 3600  # Past the soft lifetime: looked for behind the scenes.
    assert site.outcomes(token(FIRST)) == ["accepted"]
    threading.Timer(0.1, site.fetcher.gate.set).start()
    assert (site.outcomes(token(AGAIN)), site.fetcher.count) == (["accepted"], 2)


def test_no_more_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that cannot begin is a failed one."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    site = Site(FIRST)
    site.clock.now += 60
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert site.outcomes(token(AGAIN)) == ["401 signature"]


def test_on_an_event_loop() -> None:
    """An async fetcher finds it too; where it cannot be awaited the answer stays 401."""
    fetcher = Fetcher()

    async def fetch(request: FetchRequest) -> FetchResponse:
        return fetcher(request)

    clock = Clock()
    keys = RemoteJWKSet(URL, fetcher=fetch, clock=clock)
    guard = Guard(issuer=ISSUER, audience=AUDIENCE, keys=keys, clock=clock)

    async def main() -> None:
        await keys.prefetch()
        fetcher.answer = jwks(AGAIN)
        clock.now += 60
        await guard.verify(token(AGAIN))

    asyncio.run(main())
    clock.now += 60
    with pytest.raises(InvalidTokenError, match="signature"):
        guard.verify(token(FIRST)).run()
    with pytest.raises(ConfigurationError):
        guard.verify(token(SECOND)).run()


@pytest.mark.parametrize("error", [UnavailableError("keys"), ConfigurationError("no"), InvalidTokenError("x")])
def test_a_source_of_another_author(error: JWTGuardError) -> None:
    """A source that knows of replaced keys is asked for them, and may fail."""

    class Source(RemoteJWKSet):
        def _replaced(self, keys: Any) -> Any:
            raise error
            yield

    source = Source(URL, fetcher=Fetcher(), clock=Clock())
    source.prefetch().run()
    guard = Guard(issuer=ISSUER, audience=AUDIENCE, keys=source, clock=Clock())
    with pytest.raises(InvalidTokenError) as refused:
        guard.verify(token(AGAIN)).run()
    assert refused.value.reason == "signature"


def test_events_tell_the_refusal_once() -> None:
    """A token that is looked for elsewhere is refused once."""
    told: list[Any] = []
    site = Site(FIRST, on_event=told.append)
    site.clock.now += 60
    site.outcomes(token(AGAIN))
    assert [event.reason for event in told] == ["signature"]
