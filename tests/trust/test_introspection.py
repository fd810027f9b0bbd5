"""Opaque tokens: the request, the accepted answers, the cache, and outages of the endpoint."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from jwtguard import (
    UNCHECKED,
    ClaimsMapping,
    ConfigurationError,
    FetchRequest,
    FetchResponse,
    Guard,
    Introspection,
    InvalidTokenError,
    TokenKind,
    TrustedIssuer,
    UnavailableError,
)
from jwtguard.key_sources import background as background_fetches
from tests.core.keys import signing_key
from tests.key_sources import server as behaviours
from tests.key_sources.scripted import AUDIENCE, FIRST, ISSUER, NOW, Clock, Fetcher, as_json, claims, token
from tests.key_sources.server import answer, serving

ENDPOINT = "https://issuer.example/introspect"
ACTIVE = {**claims(exp=NOW + 3600), "active": True, "scope": "read", "token_type": "Bearer"}
OPAQUE = "2YotnFZFEjr1zCsicMWpAA"


class Site:
    """A guard with introspection, scripted."""

    def __init__(self, reply: Any = None, *, guard: dict[str, Any] | None = None, **settings: Any) -> None:
        self.clock = Clock()
        self.fetcher = Fetcher(as_json(ACTIVE) if reply is None else reply)
        arguments = {"client_id": "orders-api", "client_secret": "s3cret", "fetcher": self.fetcher, **settings}
        self.introspection = Introspection(ENDPOINT, **arguments)
        base = {"issuer": ISSUER, "audience": AUDIENCE, "keys": FIRST.verification_key} if guard is None else guard
        self.guard = Guard(**base, introspection=self.introspection, clock=self.clock)

    def outcome(self, text: str = OPAQUE) -> str:
        try:
            self.guard.verify(text).run()
        except (InvalidTokenError, UnavailableError) as error:
            return f"{error.status} {error.reason}"
        return "accepted"


def test_request() -> None:
    """RFC 7662 §2.1 and RFC 6749 §2.3.1: a form, and the client's name and secret encoded before they are joined."""
    site = Site(client_id="orders api", client_secret="a/secret: with+signs")
    site.outcome()
    (request,) = site.fetcher.requests
    assert (request.url, request.method) == (ENDPOINT, "POST")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs((request.body or b"").decode()) == {"token": [OPAQUE], "token_type_hint": ["access_token"]}
    sent = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
    assert sent == "orders+api:a%2Fsecret%3A+with%2Bsigns"
    assert "s3cret" not in repr(request)
    assert OPAQUE not in repr(request)


def test_request_with_the_secret_in_the_form() -> None:
    """For servers that know no other way."""
    site = Site(authentication="client_secret_post")
    site.outcome()
    (request,) = site.fetcher.requests
    form = parse_qs((request.body or b"").decode())
    assert (form["client_id"], form["client_secret"]) == (["orders-api"], ["s3cret"])
    assert "Authorization" not in request.headers


def test_principal() -> None:
    """The claims of the answer speak for the caller, by the guard's mapping."""
    site = Site()
    verified = site.guard.verify(OPAQUE).run()
    principal = site.guard.principal_of(verified)
    assert (principal.subject, principal.scopes, dict(verified.header)) == ("user-1", frozenset({"read"}), {})
    assert site.guard.expires_at(verified) == NOW + 3610


def test_jwt_stays_a_jwt() -> None:
    """A token in JWS form is never introspected; both kinds are accepted side by side."""
    site = Site()
    outcomes = [site.outcome(text) for text in (token(), token(exp=NOW - 60), "a.b.c", token(signing_key("ES256")))]
    assert (outcomes[0], {outcome[:3] for outcome in outcomes[1:]}) == ("accepted", {"401"})
    assert site.fetcher.count == 0
    assert (site.outcome(), site.fetcher.count) == ("accepted", 1)


@pytest.mark.parametrize("text", ["", "a b", "ä", "a=b", "x" * 8193, "a,b", "a\nb"])
def test_garbage_is_not_asked_about(text: str) -> None:
    """Text that is no bearer credential (RFC 6750 §2.1), or too long, is not introspected."""
    site = Site()
    assert (site.outcome(text)[:3], site.fetcher.count) == ("401", 0)


@pytest.mark.parametrize("text", ["a.b", "a.b.c.d.e", "a..c", "~token", "token=="])
def test_other_forms_are_opaque(text: str) -> None:
    """An encrypted token (five parts) is opaque to us as well."""
    site = Site()
    assert (site.outcome(text), site.fetcher.count) == ("accepted", 1)


ANSWERS: list[tuple[dict[str, Any], str]] = [
    ({}, "accepted"),
    ({"aud": [AUDIENCE, "other"]}, "accepted"),
    ({"active": False}, "401 inactive"),
    ({"aud": None}, "401 missing_aud"),
    ({"aud": "other"}, "401 aud"),
    ({"iss": None}, "401 missing_iss"),
    ({"iss": "https://evil.example"}, "401 iss"),
    ({"exp": None}, "401 missing_exp"),
    ({"exp": NOW - 60}, "401 expired"),
    ({"exp": str(NOW + 60)}, "401 exp"),
    ({"nbf": NOW + 60}, "401 not_yet_valid"),
    ({"sub": None}, "401 missing_sub"),
    ({"cnf": {"jkt": "x"}}, "401 proof_of_possession"),
    ({"token_type": "refresh_token"}, "401 inactive"),
    ({"token_type": None}, "accepted"),
    ({"active": None}, "503 introspection"),
    ({"active": "true"}, "503 introspection"),
    ({"active": 1}, "503 introspection"),
]


@pytest.mark.parametrize(("changes", "expected"), ANSWERS)
def test_answers(changes: dict[str, Any], expected: str) -> None:
    """An answer is held against the policy like the claims of a token."""
    reply = {name: value for name, value in (ACTIVE | changes).items() if value is not None}
    assert Site(as_json(reply)).outcome() == expected


FAILURES: list[tuple[Any, str]] = [
    (401, "answered 401: it does not take our client_id and client_secret"),
    (403, "answered 403"),
    (500, "answered 500"),
    (302, "redirects are not followed"),
    (b"<html>", "not a JSON object"),
    (b"[]", "not a JSON object"),
    (b"", "not a JSON object"),
    (OSError("refused"), "cannot be reached"),
    (FetchResponse(status=200, body=b" " * 600_000), "sent more than"),
]


@pytest.mark.parametrize(("reply", "message"), FAILURES)
def test_failures_are_ours(reply: Any, message: str, caplog: pytest.LogCaptureFixture) -> None:
    """A failure of the endpoint is a 503 and not remembered; the log names neither token nor secret."""
    site = Site(reply)
    assert [site.outcome(), site.outcome(), site.fetcher.count] == ["503 introspection"] * 2 + [2]
    assert message in str(site.introspection.last_error)
    assert message in caplog.text
    assert OPAQUE not in caplog.text
    assert "s3cret" not in caplog.text
    site.fetcher.answer = as_json(ACTIVE)
    assert (site.outcome(), site.introspection.last_error) == ("accepted", None)


def test_unchecked_by_word() -> None:
    """UNCHECKED leaves members that an answer lacks unchecked, for introspection alone."""
    reply = as_json({"active": True, "username": "alice", "exp": NOW + 60})
    own: dict[str, Any] = {"issuer": UNCHECKED, "audience": UNCHECKED, "required_claims": ["exp"]}
    site = Site(reply, **own, claims=ClaimsMapping(roles=[("username",)]))
    assert [Site(reply).outcome(), site.outcome()] == ["401 missing_iss", "accepted"]
    assert site.outcome(token(aud="other")) == "401 aud"


def test_kind() -> None:
    """Where a server answers refresh tokens as active, the kind can be asked for."""
    kind = TokenKind(values={"token_type": ["Bearer"]})
    without = {name: value for name, value in ACTIVE.items() if name != "token_type"}
    assert Site(kind=kind).outcome() == "accepted"
    assert Site(as_json(without), kind=kind).outcome() == "401 kind_token_type"


def test_only_opaque_tokens() -> None:
    """With introspection alone no keys are needed, and no JWT passes."""
    site = Site(guard={"issuer": ISSUER, "audience": AUDIENCE})
    assert [site.outcome(), site.outcome(token())] == ["accepted", "401 key"]


def test_several_issuers() -> None:
    """The answer's issuer chooses among them; an Introspection may have an issuer and an audience of its own."""
    trusted = [
        TrustedIssuer(issuer=ISSUER, audience=AUDIENCE, keys=FIRST.verification_key),
        TrustedIssuer(issuer="https://two.example", audience="two", keys=FIRST.verification_key),
    ]
    replies = [{"iss": "https://two.example", "aud": "two"}, {"iss": "https://two.example"}, {"iss": "https://three"}]
    seen = [Site(as_json(ACTIVE | reply), guard={"issuers": trusted}).outcome() for reply in replies]
    assert seen == ["accepted", "401 aud", "401 iss"]
    own = Site(guard={"issuers": trusted}, issuer=ISSUER, audience="other")
    assert own.outcome() == "401 aud"
    with pytest.raises(ConfigurationError, match="audience is required"):
        Site(guard={"issuers": trusted}, issuer=ISSUER)


def test_positive_answer_is_remembered() -> None:
    """Up to sixty seconds, up to `exp`; and each time its dates are looked at again."""
    site = Site()
    assert [site.outcome() for _ in range(3)] == ["accepted"] * 3
    site.clock.now = NOW + 59
    assert (site.outcome(), site.fetcher.count) == ("accepted", 1)
    site.clock.now = NOW + 60
    assert (site.outcome(), site.fetcher.count) == ("accepted", 2)
    short = Site(as_json(ACTIVE | {"exp": NOW + 5}))
    short.outcome()
    short.clock.now = NOW + 5
    assert (short.outcome(), short.fetcher.count) == ("accepted", 2)  # Within the leeway, but asked again.


def test_revoked_token_is_out_after_a_minute() -> None:
    """A cached answer does not outlive its lifetime."""
    site = Site()
    site.outcome()
    site.fetcher.answer = as_json({"active": False})
    site.clock.now = NOW + 60
    assert [site.outcome(), site.outcome(), site.fetcher.count] == ["401 inactive", "401 inactive", 2]
    site.fetcher.answer = as_json(ACTIVE)
    site.clock.now = NOW + 70
    assert (site.outcome(), site.fetcher.count) == ("accepted", 3)


def test_lifetime_can_be_nothing() -> None:
    """With lifetime 0 each request introspects."""
    site = Site(lifetime=timedelta(0))
    assert [site.outcome(), site.outcome(), site.fetcher.count] == ["accepted"] * 2 + [2]


def test_memories_are_bounded_and_apart() -> None:
    """Inactive tokens evict inactive ones from the cache, never an active one."""
    site = Site(cache_size=10)
    site.outcome()
    site.fetcher.answer = as_json({"active": False})
    for number in range(100):
        assert site.outcome(f"garbage-{number}") == "401 inactive"
    assert (len(site.introspection._active), len(site.introspection._inactive)) == (1, 10)
    count = site.fetcher.count
    assert (site.outcome(), site.fetcher.count) == ("accepted", count)


def in_threads(count: int, work: Callable[[int], str]) -> list[str]:
    """The results of `work` on as many threads."""
    results: list[str] = []
    threads = [threading.Thread(target=lambda n=n: results.append(work(n))) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    return results


def test_one_question_for_one_token() -> None:
    """Thirty threads with one token ask once."""
    site = Site()
    site.fetcher.gate = threading.Event()
    threading.Timer(0.1, site.fetcher.gate.set).start()
    assert in_threads(30, lambda n: site.outcome()) == ["accepted"] * 30
    assert site.fetcher.count == 1


def test_bounded_in_flight() -> None:
    """More questions at once than allowed are 503, and the next moment there is room again."""
    site = Site(max_in_flight=4)
    site.fetcher.gate = gate = threading.Event()
    first = [threading.Thread(target=site.outcome, args=(f"token-{n}",)) for n in range(4)]
    for thread in first:
        thread.start()
    while site.fetcher.count < 4:
        time.sleep(0.001)
    with pytest.raises(UnavailableError) as refused:
        site.guard.verify(OPAQUE).run()
    assert (refused.value.reason, refused.value.retry_after) == ("introspection_busy", 1)
    gate.set()
    for thread in first:
        thread.join(5)
    assert (site.outcome(), site.fetcher.count) == ("accepted", 5)


def test_hanging_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hanging endpoint costs each request its time-out, no more."""
    monkeypatch.setattr(background_fetches, "GRACE", 0.0)
    with serving() as server:
        server.behaviour = behaviours.hang
        asking = Introspection(
            f"{server.origin}/introspect",
            client_id="a",
            client_secret="b",
            allow_http_loopback=True,
            timeout=timedelta(seconds=1),
        )
        guard = Guard(issuer=ISSUER, audience=AUDIENCE, introspection=asking)
        begun = time.monotonic()
        with pytest.raises(UnavailableError):
            guard.verify(OPAQUE).run()
        assert time.monotonic() - begun < 5
        server.behaviour = answer(as_json(ACTIVE))
        assert guard.verify("another").run().claims["sub"] == "user-1"
        assert server.requests[-1].endswith(b"token=another&token_type_hint=access_token")


def test_fetcher_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetcher without a time-out does not hold a request beyond the limit."""
    monkeypatch.setattr(background_fetches, "GRACE", 0.0)
    site = Site(timeout=timedelta(seconds=0.1))
    site.fetcher.gate = gate = threading.Event()
    assert site.outcome() == "503 introspection"
    assert site.introspection.last_error == "it did not answer in time"
    gate.set()


def test_on_a_loop() -> None:
    """Two hundred tasks, one question; with an async fetcher too; a cancelled task cancels no other."""

    async def fetch(request: FetchRequest) -> FetchResponse:
        counted.append(request)
        await asyncio.sleep(0.05)
        return FetchResponse(status=200, body=as_json(ACTIVE))

    counted: list[FetchRequest] = []
    site = Site(fetcher=fetch)

    async def verify() -> object:
        return await site.guard.verify(OPAQUE)

    async def main() -> list[object]:
        tasks = [asyncio.ensure_future(verify()) for _ in range(200)]
        await asyncio.sleep(0.01)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    names = [type(result).__name__ for result in asyncio.run(main())]
    assert (names, len(counted)) == (["CancelledError"] + ["VerifiedToken"] * 199, 1)
    with pytest.raises(ConfigurationError, match="use a sync fetcher"):
        site.guard.verify("another").run()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"endpoint": "http://issuer.example/introspect"}, "endpoint must be https"),
    ({"client_id": ""}, "client_id is a string"),
    ({"client_secret": None}, "client_secret is a string"),
    ({"authentication": "none"}, "authentication is one of client_secret_basic"),
    ({"cache_size": 0}, "cache_size is a number"),
    ({"max_in_flight": True}, "max_in_flight is a number"),
    ({"lifetime": timedelta(minutes=2)}, "lifetime must be at least 0 seconds and at most 60"),
    ({"negative_lifetime": 5}, "negative_lifetime is a timedelta"),
    ({"timeout": 5}, "timeout is a timedelta"),
    ({"fetcher": 5}, "fetcher is a function"),
]


@pytest.mark.parametrize(("settings", "message"), WRONG)
def test_wrong_setting(settings: dict[str, Any], message: str) -> None:
    """Found when it is made."""
    arguments = {"endpoint": ENDPOINT, "client_id": "a", "client_secret": "b", **settings}
    with pytest.raises(ConfigurationError, match=message):
        Introspection(arguments.pop("endpoint"), **arguments)


def test_repr_keeps_the_secret() -> None:
    """As everywhere."""
    assert repr(Site().introspection) == f"Introspection({ENDPOINT!r})"
