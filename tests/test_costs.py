"""What a verification and a guarded request cost, in calls, parses and allocations: a gate that no busy machine moves.

A ceiling is what was needed when it was written, and next to nothing over. Whoever comes upon one has made every
request dearer: there may be a reason, and then the ceiling goes up in the same change, which says it.
"""

from __future__ import annotations

import gc
import itertools
import json
import logging
import tracemalloc
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest

from jwtguard import (
    Guard,
    InvalidTokenError,
    Principal,
    Rule,
    Rules,
    SessionRevocation,
    SigningKey,
    TokenCookie,
    TrustedIssuer,
    VerificationKey,
    authenticated,
    has_permission,
    has_role,
    public,
)
from jwtguard.core.authorization import Rights
from jwtguard.core.http import HTTPRequest
from jwtguard.core.jws import sign
from tests.core.session_world import ACCESS_KEY, World
from tests.costs import Counter, Work, opcodes
from tests.samples import AUDIENCE, ISSUER, KEY, NOW, asgi, clock, forged, guard, token, wsgi

ALGORITHMS = ["HS256", "RS256", "PS256", "ES256", "EdDSA"]
KEYS = {name: SigningKey.generate(name, kid="k") for name in ALGORITHMS}
STEPS = {"HS256": 895, "RS256": 879, "PS256": 874, "ES256": 970, "EdDSA": 858}
"""Bytecode instructions of a new token, with r and s that need a sign; each costs most behind a web framework."""
HASHES = {"HS256": 1, "RS256": 2, "PS256": 2, "ES256": 2, "EdDSA": 1}
"""The SHA-256s of a new token: its own, and where the primitive is given a hash, that of what is signed."""
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

    assert counted.work == Work(json=1, base64=2, sha256=HASHES[algorithm])
    assert counted.calls <= 17, counted.names
    assert 0 < steps_after_one(by, signed(key)) <= STEPS[algorithm]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_seen_before(algorithm: str) -> None:
    """Nothing but its SHA-256 is worked out again."""
    key = KEYS[algorithm]
    by = guard(keys=key.verification_key)
    counted = after_one(by, signed(key))

    assert counted.work == Work(sha256=1)
    assert counted.calls <= 7, counted.names
    assert 0 < steps_after_one(by, signed(key)) <= 156


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
    ("changes", "cold", "warm"),
    [
        pytest.param({}, 22, 10, id="who is it"),
        pytest.param({"rules": IN_FRONT}, 35, 20, id="by rules"),
    ],
)
def test_a_request(reader: Callable[..., HTTPRequest], changes: dict[str, Any], cold: int, warm: int) -> None:
    """From the request to the caller, with the token new and seen before."""
    by, request = (
        guard(keys=KEYS["ES256"].verification_key, **changes),
        bearer(signed(KEYS["ES256"]), reader, path="/x"),
    )
    by.verify(signed(KEYS["ES256"], jti="another")).run()
    first, second = (Counter(lambda: by.enter(request).run()) for _ in range(2))

    assert (first.work, second.work) == (Work(json=1, base64=2, sha256=HASHES["ES256"]), Work(sha256=1))
    assert first.calls <= cold, first.names
    assert second.calls <= warm, second.names


def test_a_cookie() -> None:
    """It costs a request that changes nothing little more than the header does."""
    by, text = guard(tokens_from=[TokenCookie()]), token()
    request = asgi([("Cookie", f"theme=dark; __Host-access={text}; lang=en")])
    by.enter(request).run()
    counted = Counter(lambda: by.enter(request).run())

    assert counted.work == Work(sha256=1)
    assert counted.calls <= 18, counted.names


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
    assert counted.calls <= 17, counted.names


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
    """Whoever sends bad tokens keeps us no busier than those who send good ones."""
    by = guard(keys=KEYS["ES256"].verification_key, cache_size=0)
    accepting = after_one(by, GOOD)

    def refuse() -> None:
        with pytest.raises(InvalidTokenError):
            by.verify(text).run()

    refusing = Counter(refuse)
    more = 4  # The error, its reason for the log, and the header of a stranger's token.

    assert refusing.calls <= accepting.calls + more, refusing.names
    assert refusing.work.json <= 2
    if len(text) > 8192:
        assert (refusing.work, refusing.calls <= 12) == (Work(), True), refusing.names


# How costs grow.


def many_keys(number: int) -> list[VerificationKey]:
    return [VerificationKey.from_secret(f"{index:032}", algorithm="HS256", kid=f"k{index}") for index in range(number)]


def are_alike(counts: Iterable[int]) -> bool:
    """Whether counts for one thing and for a hundred or more differ by less than one for each.

    Not "are equal", since the interpreter's own instrumentation shows at times.
    """
    found = list(counts)
    return min(found) > 0 and max(found) - min(found) < 50


def steps_after_one(by: Guard, text: str) -> int:
    """The bytecode that it takes to verify `text` when it, or with no cache another like it, was seen before."""
    by.verify(text).run()
    return opcodes(lambda: by.verify(text).run())


@pytest.mark.parametrize("cache_size", [0, 1024], ids=["cold", "warm"])
def test_the_number_of_keys_does_not_matter(cache_size: int) -> None:
    """One of a hundred is found as one of one is."""
    named = SigningKey.from_secret("0" * 32, algorithm="HS256", kid="k0")
    guards = [guard(keys=many_keys(number), cache_size=cache_size) for number in (1, 100)]

    assert are_alike(steps_after_one(by, signed(named)) for by in guards)


def test_the_first_token_of_each_key_costs_the_same() -> None:
    """Before its header is known, too."""
    named = SigningKey.from_secret("0" * 32, algorithm="HS256", kid="k0")
    guards = [guard(keys=many_keys(number)) for number in (1, 100)]

    assert are_alike(opcodes(lambda by=by: by.verify(signed(named)).run()) for by in guards)  # type: ignore[misc]


@pytest.mark.parametrize("cache_size", [0, 1024], ids=["cold", "warm"])
def test_the_number_of_issuers_does_not_matter(cache_size: int) -> None:
    """An issuer is looked up, not searched for."""
    found = []
    for number in (2, 100):
        others = [
            TrustedIssuer(issuer=f"https://{index}.example", audience="a", keys=KEY.verification_key)
            for index in range(number - 1)
        ]
        ours = TrustedIssuer(issuer=ISSUER, audience=AUDIENCE, keys=KEY.verification_key)
        found.append(steps_after_one(Guard(issuers=[*others, ours], cache_size=cache_size, clock=clock), token()))

    assert are_alike(found)


@pytest.mark.parametrize("path", ["/p000/x", "/p000/a/b/c", "/e000", "/none"])
def test_the_number_of_rules_does_not_matter(path: str) -> None:
    """Rules are found through an index, exact ones and prefixes."""
    found = []
    for number in (1, 1000):
        rules = [Rule(f"/p{index:03}/", authenticated) for index in range(number)]
        rules += [Rule(f"/e{index:03}", public) for index in range(number)]
        indexed = Rules(rules)
        found.append(opcodes(lambda rules=indexed: rules.requirement("GET", path)))  # type: ignore[misc]

    assert are_alike(found)


@pytest.mark.parametrize("requirement", [has_role("r0"), has_permission("p0")], ids=repr)
def test_the_number_of_roles_does_not_matter(requirement: Any) -> None:
    """Neither those that the guard knows nor those of the caller are gone through."""
    found = []
    for number in (1, 1000):
        rights = Rights(
            role_hierarchy={f"r{index + 1}": {f"r{index}"} for index in range(number)},
            role_permissions={f"r{index}": {f"p{index}"} for index in range(number)},
        )
        caller = Principal(subject="user-1", roles=frozenset(f"r{index}" for index in range(number)))
        found.append(opcodes(lambda r=rights, c=caller: requirement.check(c, r, now=NOW)))  # type: ignore[misc]

    assert are_alike(found)


def test_the_size_of_a_token_is_left_to_c() -> None:
    """No step of ours goes through a token character by character."""
    by = guard(cache_size=0, max_token_bytes=65536)

    assert are_alike(steps_after_one(by, signed(KEY, note="x" * size)) for size in (1, 8000))


def test_a_role_in_a_token_costs_a_few_steps_and_no_call() -> None:
    """Each member of an array is looked at once, when the array is made read-only."""
    by = guard(cache_size=0, max_token_bytes=65536)
    few, many = (signed(KEY, roles=[f"r{index}" for index in range(count)]) for count in (1, 1001))

    assert after_one(by, few).calls == after_one(by, many).calls
    assert (steps_after_one(by, many) - steps_after_one(by, few)) / 1000 <= 25


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


def held_at_once(by: Guard, text: str) -> int:
    """The bytes that a verification holds when it holds most, beyond those that it began with."""
    for _ in range(3):
        by.verify(text).run()
    gc.collect()
    tracemalloc.start()
    try:
        by.verify(text).run()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        by.verify(text).run()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_is_held_in_as_few_copies_as_it_has_forms(algorithm: str) -> None:
    """Its bytes, what was signed of them, the payload before and after it is decoded, its text, its claims.

    By what a longer token needs beyond a short one, since a tracer, such as the one of coverage, has memory of its own.
    """
    key = KEYS[algorithm]
    by = guard(keys=key.verification_key, cache_size=0)
    short, long = signed(key), signed(key, note="x" * 4000)

    assert (held_at_once(by, long) - held_at_once(by, short)) / (len(long) - len(short)) <= 6.2


@pytest.mark.parametrize("kind", ["accepted", *REFUSED])
def test_nothing_is_left_of_a_request(kind: str) -> None:
    """Whether it was let in or refused, and for what."""
    by = guard(keys=KEYS["ES256"].verification_key, cache_size=0)
    request = bearer({"accepted": GOOD, **REFUSED}[kind])

    def ask() -> None:
        for _ in range(300):
            by.enter(request).run()

    assert left_over(ask) < SLACK


def test_a_remembered_token_takes_at_most_two_and_a_half_kilobytes() -> None:
    """With ten claims, its principal worked out, and all that goes with it."""
    by = guard(keys=KEYS["HS256"].verification_key, cache_size=512)
    texts = [signed(KEYS["HS256"], jti=f"{index:032}", sub=f"user-{index}") for index in range(256)]
    by.verify(signed(KEYS["HS256"])).run()
    gc.collect()
    tracemalloc.start()
    try:
        for text in texts:
            by.enter(bearer(text)).run()
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size / len(texts) <= 2560


def test_memory_is_bounded() -> None:
    """Four times as many tokens as the cache holds: each makes room for the next."""
    by = guard(cache_size=64)
    texts = iter([token(f"user-{index}") for index in range(512)])

    def verify_all() -> None:
        for text in itertools.islice(texts, 256):
            by.verify(text).run()

    assert left_over(verify_all) < SLACK
