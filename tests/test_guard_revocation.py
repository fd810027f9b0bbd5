"""Revocation in a guard: where it stands in the order, what it is told to whom, and how it is set up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from jwtguard import (
    CSRF,
    UNCHECKED,
    AuthorizationHeader,
    ConfigurationError,
    Event,
    Guard,
    InvalidTokenError,
    JWTGuardError,
    SessionRevocation,
    TokenCookie,
    TrustedIssuer,
    UnavailableError,
    has_role,
)
from jwtguard.core.http.response import HTTPRequest
from jwtguard.stores.memory import MemoryStore
from tests.core.session_world import ACCESS_KEY, World, token_issuer
from tests.core.token_samples import AUDIENCE, ISSUER, NOW

OTHER = "https://other.example"


class Site:
    """A guard with revocation before sessions on a store, and events."""

    def __init__(self, *, staleness: float = 0, dial: dict[str, Any] | None = None, **changes: Any) -> None:
        self.world = World()
        self.answer = self.world.start()
        self.session_id = self.world.row(self.answer).session_id
        self.world.store.calls.clear()
        self.events: list[Event] = []
        self.revocation = SessionRevocation(
            self.world.store, max_staleness=timedelta(seconds=staleness), **(dial or {})
        )
        arguments: dict[str, Any] = {
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "keys": ACCESS_KEY.verification_key,
            "revocation": self.revocation,
            "on_event": self.events.append,
            "clock": self.world.clock,
        }
        self.guard = Guard(**arguments | changes)

    def end(self) -> None:
        self.world.sessions.end(self.answer.refresh_token).run()
        self.world.store.calls.clear()

    def verified(self, text: str | None = None) -> str:
        """`accepted`, or the reason for which `guard.verify` refuses."""
        try:
            self.guard.verify(text or self.answer.access_token).run()
        except JWTGuardError as error:
            return error.reason
        return "accepted"


def request(*fields: tuple[str, str], method: str = "GET") -> HTTPRequest:
    """A request of raw fields."""

    def values(name: str) -> Iterable[str]:
        return [value for field, value in fields if field.lower() == name]

    return HTTPRequest(method=method, path="/", values=lambda name: list(values(name)))


def bearer(text: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {text}"


def test_verify_includes_revocation() -> None:
    """An access token of an ended session is 401, though it is good until it expires."""
    site = Site()
    assert site.verified() == "accepted"
    site.end()
    assert site.verified() == "revoked"
    assert [(event.outcome, event.reason, event.subject, event.session_id) for event in site.events] == [
        ("accepted", "accepted", "user-1", site.session_id),
        ("refused", "revoked", "user-1", site.session_id),
    ]


def test_a_request() -> None:
    """The error is kept for the first read of the principal, and its event names the session."""
    site = Site()
    assert site.guard.authenticate(request(bearer(site.answer.access_token))).run().principal is not None
    site.end()
    kept = site.guard.authenticate(request(bearer(site.answer.access_token))).run()
    assert isinstance(kept.error, InvalidTokenError)
    assert (kept.principal, kept.error.reason, kept.error.status) == (None, "revoked", 401)
    assert site.events[-1].session_id == site.session_id
    with pytest.raises(InvalidTokenError):
        site.guard.admit(request(bearer(site.answer.access_token)), has_role("user")).run()


def test_the_store_is_down() -> None:
    """503, told as unavailable; and recovery by itself."""
    site = Site()
    site.world.store.fails = {"find"}
    assert site.verified() == "store"
    with pytest.raises(UnavailableError):
        site.guard.admit(request(bearer(site.answer.access_token)), has_role("user")).run()
    assert {(event.outcome, event.reason) for event in site.events} == {("unavailable", "store")}
    site.world.store.fails = set()
    assert site.verified() == "accepted"


def test_the_order() -> None:
    """Extract, verify, CSRF, revocation, authorize: what fails before leaves the store alone."""
    cookie = TokenCookie("access", secure=False)
    site = Site(tokens_from=[AuthorizationHeader(), cookie], csrf=CSRF())
    text = site.answer.access_token
    good = request(("Cookie", f"access={text}"), ("Sec-Fetch-Site", "same-origin"), method="POST")
    for refused in (
        request(),
        request(bearer("garbage")),
        request(bearer(text), bearer(text)),
        request(("Cookie", f"access={text}"), ("Sec-Fetch-Site", "cross-site"), method="POST"),
    ):
        assert site.guard.authenticate(refused).run().error is not None
    assert site.world.store.calls == []
    with pytest.raises(JWTGuardError, match="insufficient_scope"):
        site.guard.admit(good, has_role("admin")).run()
    assert site.world.store.calls == ["find"]
    site.end()
    with pytest.raises(InvalidTokenError):
        site.guard.admit(good, has_role("admin")).run()


def test_once_for_a_request() -> None:
    """A decorator goes by what the middleware found."""
    site = Site()
    asked = request(bearer(site.answer.access_token))
    kept = site.guard.authenticate(asked).run()
    site.guard.admit(asked, has_role("user"), kept=kept).run()
    assert site.world.store.calls == ["find"]


def test_it_goes_by_the_guards_clock() -> None:
    """The guard's clock is used where the store has none."""
    site = Site()
    assert site.verified() == "accepted"
    site.world.clock.now = NOW + 15 * 86400
    long_lived = token_issuer(site.world.clock).access_token("user-1", session_id=site.session_id)
    assert site.verified(long_lived) == "revoked"


def test_all_that_the_guard_trusts() -> None:
    """Sessions of all trusted issuers are looked up unless `issuers` is set; a token without a session is refused."""
    site = Site()
    assert site.verified(token_issuer().access_token("user-1")) == "no_session"
    allowing = Site(dial={"allow_without_session": True})
    assert allowing.verified(token_issuer().access_token("user-1")) == "accepted"


def test_any_issuer() -> None:
    """A guard that trusts them all may ask about some."""
    site = Site(issuer=UNCHECKED, dial={"issuers": [ISSUER]})
    assert site.verified() == "accepted"
    assert site.verified(token_issuer(issuer=OTHER).access_token("user-1")) == "accepted"
    site.end()
    assert site.verified() == "revoked"


def test_a_connection_that_stays_open() -> None:
    """An open connection is looked up again, and told when its session ends."""
    site = Site(staleness=5)
    token = site.guard.verify(site.answer.access_token).run()
    assert site.guard.has_revocation
    assert 0 < site.guard.rechecking(token).run() <= 5
    site = Site()
    token = site.guard.verify(site.answer.access_token).run()
    site.end()
    object.__setattr__(site.revocation, "_known", {})
    with pytest.raises(InvalidTokenError):
        site.guard.rechecking(token).run()
    assert site.events[-1].reason == "revoked"
    stateless = Site(revocation=None).guard
    assert not stateless.has_revocation
    assert stateless.rechecking(token).run() == float("inf")


@pytest.mark.parametrize(
    ("revocation", "problem"),
    [
        (MemoryStore(), "SessionRevocation"),
        (True, "SessionRevocation"),
        (SessionRevocation, "SessionRevocation"),
        (SessionRevocation(MemoryStore(), issuers=[ISSUER + "/"]), "does not trust"),
        (SessionRevocation(MemoryStore(), issuers=[ISSUER, OTHER]), "does not trust"),
    ],
)
def test_what_the_constructor_refuses(revocation: Any, problem: str) -> None:
    """Also a name that is spelled otherwise: its tokens would never be looked up, without a sign of it."""
    with pytest.raises(ConfigurationError, match=problem):
        Site(revocation=revocation)


def test_one_of_several_issuers() -> None:
    """Only tokens of the issuers that are named are asked about, and each of them must be one that the guard trusts."""
    issuers = [
        TrustedIssuer(issuer=name, audience=AUDIENCE, keys=ACCESS_KEY.verification_key) for name in (ISSUER, OTHER)
    ]
    several: dict[str, Any] = {"issuer": None, "audience": None, "keys": None, "issuers": issuers}
    site = Site(dial={"issuers": [ISSUER]}, **several)
    assert site.verified() == "accepted"
    site.end()
    assert site.verified() == "revoked"
    assert site.guard.verify(token_issuer(issuer=OTHER).access_token("user-1")).run().claims["iss"] == OTHER
    with pytest.raises(ConfigurationError, match="does not trust"):
        Site(dial={"issuers": [ISSUER, "https://third.example"]}, **several)


def test_all_problems_at_once() -> None:
    """Together with those of other arguments."""
    with pytest.raises(ConfigurationError) as caught:
        Site(revocation=1, issuer=None, realm=1)
    assert len(caught.value.problems) == 3


def test_from_config() -> None:
    """Plain data cannot name a store, so the object stands there itself."""
    config = {"issuer": ISSUER, "audience": AUDIENCE, "keys": {"secret": "x" * 32}}
    assert Guard.from_config({**config, "revocation": SessionRevocation(MemoryStore())}).has_revocation
    assert not Guard.from_config({**config, "revocation": None}).has_revocation
    with pytest.raises(ConfigurationError, match="SessionRevocation"):
        Guard.from_config({**config, "revocation": {"max_staleness": 5}})
