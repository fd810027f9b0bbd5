"""What a verification and a guarded request cost, as counts of work: a busy machine does not change them."""

from __future__ import annotations

import gc
import itertools
import json
import logging
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jwtguard import (
    Guard,
    InvalidTokenError,
    Rule,
    Rules,
    SessionRevocation,
    SigningKey,
    TokenCookie,
    TrustedIssuer,
    has_role,
)
from jwtguard.core.http.response import HTTPRequest
from jwtguard.core.tokens.jws import sign
from tests.core.session_world import ACCESS_KEY, World
from tests.costs import Counter, Work
from tests.samples import AUDIENCE, ISSUER, KEY, NOW, asgi, clock, forged, guard, token, wsgi

ALGORITHMS = ["HS256", "RS256", "PS256", "ES256", "EdDSA"]
KEYS = {name: SigningKey.generate(name, kid="k") for name in ALGORITHMS}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "user-1",
    "aud": AUDIENCE,
    "exp": NOW + 300,
    "iat": NOW,
    "jti": "0123456789abcdef",
    "client_id": "web",
    "sid": "0123456789abcdef",
    "roles": ["accounting", "admin"],
    "scope": "reports:read reports:write",
}


def signed(key: SigningKey, **changes: Any) -> str:
    """A token with the ten claims that real ones have."""
    return sign(json.dumps({**CLAIMS, **changes}, separators=(",", ":")).encode(), key, header={"typ": "JWT"})


GOOD = signed(KEYS["ES256"])
HEAD, PAYLOAD, SIGNATURE = GOOD.split(".")


def after_one(by: Guard, text: str, another: str | None = None) -> Counter:
    """What it costs to verify `text` once `another` token of the issuer, or the same, was seen."""
    by.verify(text if another is None else another).run()
    return Counter(lambda: by.verify(text).run())


def bearer(text: str, reader: Callable[..., HTTPRequest] = asgi, **request: Any) -> HTTPRequest:
    """A request with a token in its header."""
    return reader([("Host", "a.example"), ("Accept", "*/*"), ("Authorization", f"Bearer {text}")], **request)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_that_is_new(algorithm: str) -> None:
    """Three steps of base64 and JSON at most: payload and signature are decoded, and one JSON text is parsed."""
    key = KEYS[algorithm]
    by = guard(keys=key.verification_key, cache_size=0)
    counted = after_one(by, signed(key), signed(key, jti="another"))

    assert counted.work == Work(json=1, base64=2, sha256=1)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_seen_before(algorithm: str) -> None:
    """Nothing but its SHA-256 is worked out again."""
    key = KEYS[algorithm]
    by = guard(keys=key.verification_key)
    counted = after_one(by, signed(key))

    assert counted.work == Work(sha256=1)


def test_the_first_token_of_an_issuer() -> None:
    """Its header is read, too, once."""
    by, text = guard(), token()

    assert Counter(lambda: by.verify(text).run()).work == Work(json=2, base64=3, sha256=1)


@pytest.mark.parametrize("several", [False, True], ids=["one issuer", "several issuers"])
def test_no_second_parse(several: bool) -> None:
    """Where the issuer must be told first, that is the parse there is, not one more."""
    others = [TrustedIssuer(issuer=f"https://{name}.example", audience="a", keys=KEY.verification_key) for name in "ab"]
    ours = TrustedIssuer(issuer=ISSUER, audience=AUDIENCE, keys=KEY.verification_key)
    by = Guard(issuers=[*others, ours], cache_size=0, clock=clock) if several else guard(cache_size=0)

    assert after_one(by, token(), token()).work == Work(json=1, base64=2, sha256=1)


REQUIREMENT = has_role("admin")
IN_FRONT = Rules([Rule("/x", REQUIREMENT)])


@pytest.mark.parametrize("reader", [asgi, wsgi])
@pytest.mark.parametrize(
    "changes", [pytest.param({}, id="without rules"), pytest.param({"rules": IN_FRONT}, id="by rules")]
)
def test_a_request(reader: Callable[..., HTTPRequest], changes: dict[str, Any]) -> None:
    """From the request to the caller, with the token new and seen before."""
    by, request = (
        guard(keys=KEYS["ES256"].verification_key, **changes),
        bearer(signed(KEYS["ES256"]), reader, path="/x"),
    )
    by.verify(signed(KEYS["ES256"], jti="another")).run()
    first, second = (Counter(lambda: by.enter(request).run()) for _ in range(2))

    assert (first.work, second.work) == (Work(json=1, base64=2, sha256=1), Work(sha256=1))


def test_a_cookie() -> None:
    """A cookie costs a request that changes nothing little more than the header."""
    by, text = guard(tokens_from=[TokenCookie()]), token()
    request = asgi([("Cookie", f"theme=dark; __Host-access={text}; lang=en")])
    by.enter(request).run()
    counted = Counter(lambda: by.enter(request).run())

    assert counted.work == Work(sha256=1)


def test_a_session_asked_about_before() -> None:
    """Within `max_staleness` there is no look-up, no lock and no wait."""
    world = World()
    text = world.start().access_token
    by = Guard(
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=ACCESS_KEY.verification_key,
        revocation=SessionRevocation(world.store, max_staleness=timedelta(seconds=5), monotonic=lambda: 0.0),
        clock=world.clock,
    )
    by.enter(bearer(text)).run()
    world.store.calls.clear()
    counted = Counter(lambda: by.enter(bearer(text)).run())

    assert (counted.work, world.store.calls) == (Work(sha256=1), [])


REFUSED = {
    "expired": signed(KEYS["ES256"], exp=NOW - 60),
    "another audience": signed(KEYS["ES256"], aud="https://other.example"),
    "another's signature": forged(),
    "a changed signature": f"{HEAD}.{PAYLOAD}.{'A' * len(SIGNATURE)}",
    "garbage": "x.y.z",
    "no token": "garbage",
    "a megabyte": "x" * 1_000_000,
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=list(REFUSED))
def test_refusing_costs_no_more_than_accepting(text: str) -> None:
    """A bad token takes no more work than a good one; a long one takes none."""
    by = guard(keys=KEYS["ES256"].verification_key, cache_size=0)

    def refuse() -> None:
        with pytest.raises(InvalidTokenError):
            by.verify(text).run()

    refusing = Counter(refuse)

    assert refusing.work.json <= 2
    if len(text) > 8192:
        assert refusing.work == Work()


# What stays in memory.


SLACK = 16 * 1024
"""Bytes that hundreds of requests may leave: what the interpreter keeps at hand, for ever the same."""


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No log: pytest keeps each record, which would count as memory of ours if a test before set a level."""
    monkeypatch.setattr(logging.getLogger("jwtguard"), "disabled", True)


def left_over(function: Callable[[], object]) -> int:
    """Bytes that are held after `function` has run a second time and were not after the first."""
    tracemalloc.start()
    try:
        sizes = []
        for _ in range(2):
            function()
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    return sizes[1] - sizes[0]


@pytest.mark.parametrize("kind", ["accepted", *REFUSED])
def test_nothing_is_left_of_a_request(kind: str) -> None:
    """Whether it was let in or refused, and for what."""
    by = guard(keys=KEYS["ES256"].verification_key, cache_size=0)
    request = bearer({"accepted": GOOD, **REFUSED}[kind])

    def ask() -> None:
        for _ in range(300):
            by.enter(request).run()

    assert left_over(ask) < SLACK


def test_memory_is_bounded() -> None:
    """Four times as many tokens as the cache holds: each makes room for the next."""
    by = guard(cache_size=64)
    texts = iter([token(f"user-{index}") for index in range(512)])

    def verify_all() -> None:
        for text in itertools.islice(texts, 256):
            by.verify(text).run()

    assert left_over(verify_all) < SLACK
