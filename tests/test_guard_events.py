"""What a guard tells of its decisions, by event and by log, and what it never tells."""

from __future__ import annotations

import contextlib
import logging
import traceback

import pytest

from jwtguard import (
    Event,
    JWTGuardError,
    Principal,
    Requirement,
    Rules,
    authenticated,
    denied,
    fresh,
    has_role,
    has_scope,
    optional,
    predicate,
    public,
)
from jwtguard.authentication import Authentication
from jwtguard.core.http.response import HTTPRequest
from tests.samples import ISSUER, asgi, forged, guard, token
from tests.test_guard import EXPIRED, GOOD, MODES, REQUESTS, bearer, cookie, guard_for

ACCEPTED = ("accepted", "accepted")


def _told(name: str, requirement: Requirement) -> list[tuple[str, str]]:
    events: list[Event] = []
    deciding = guard_for(name, on_event=events.append)
    with contextlib.suppress(JWTGuardError):
        deciding.admit(REQUESTS[name], requirement).run()
    return [(event.outcome, event.reason) for event in events]


@pytest.mark.parametrize(
    ("name", "requirement", "expected"),
    [
        ("admin", authenticated, [ACCEPTED]),
        ("cookie", authenticated, [ACCEPTED]),
        ("admin", has_role("admin"), [ACCEPTED]),
        ("editor", has_role("admin"), [ACCEPTED, ("refused", "insufficient_scope")]),
        ("admin", fresh(max_age=60), [ACCEPTED, ("refused", "stale_login")]),
        ("absent", authenticated, [("refused", "missing_token")]),
        ("absent", optional, []),
        ("absent", public, []),
        ("admin", public, []),
        ("admin", denied, [("refused", "denied")]),
        ("forged", authenticated, [("refused", "signature")]),
        ("forged", optional, [("refused", "signature")]),
        ("expired", authenticated, [("refused", "expired")]),
        ("malformed", authenticated, [("refused", "bearer_credential")]),
        ("too long", authenticated, [("refused", "too_long")]),
        ("two places", authenticated, [("refused", "two_tokens")]),
        ("two fields", authenticated, [("refused", "two_credentials")]),
        ("cookie twice", authenticated, [("refused", "repeated_cookie")]),
        ("csrf", authenticated, [("refused", "csrf_origin")]),
        ("unavailable", authenticated, [("unavailable", "keys")]),
    ],
)
def test_events_of_a_request(name: str, requirement: Requirement, expected: list[tuple[str, str]]) -> None:
    """Accepted, refused or unavailable, with the precise reason."""
    assert _told(name, requirement) == expected


def test_the_actor_of_a_delegated_token(caplog: pytest.LogCaptureFixture) -> None:
    """The event and the log name the party that acts, by its subject or else its client, not the one before it."""
    events: list[Event] = []
    deciding = guard(on_event=events.append)
    caplog.set_level(logging.INFO, logger="jwtguard")
    for act in ({"sub": "agent-7", "client_id": "c", "act": {"sub": "gateway"}}, {"client_id": "batch"}):
        found = deciding.verify(token(claims={"act": act})).run()
        with pytest.raises(JWTGuardError):
            deciding.authorize(Authentication(found.principal, found), has_role("admin") & has_role("other"))
    assert [event.actor for event in events] == ["agent-7", "agent-7", "batch", "batch"]
    assert [getattr(record, "jwtguard_actor", None) for record in caplog.records] == ["agent-7", "batch"]


def test_events_of_verify() -> None:
    """`verify` tells too."""
    events: list[Event] = []
    deciding = guard(on_event=events.append)
    deciding.verify(GOOD).run()
    with pytest.raises(JWTGuardError):
        deciding.verify(EXPIRED).run()
    assert [(event.outcome, event.reason) for event in events] == [ACCEPTED, ("refused", "expired")]


def test_who_is_told_of() -> None:
    """Subject, issuer and session of a token that was verified, and of no other."""
    events: list[Event] = []
    deciding = guard(on_event=events.append)
    text = token(session_id="s-1")
    for request in (asgi([bearer(text)]), asgi([bearer(forged())])):
        with pytest.raises(JWTGuardError):
            deciding.admit(request, has_role("admin")).run()
    assert events == [
        Event(outcome="accepted", reason="accepted", subject="user-1", issuer=ISSUER, session_id="s-1"),
        Event(outcome="refused", reason="insufficient_scope", subject="user-1", issuer=ISSUER, session_id="s-1"),
        Event(outcome="refused", reason="signature"),
    ]


def test_listener_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    """An exception of a listener is logged, and the request continues."""

    def listen(event: Event) -> None:
        raise RuntimeError("on purpose")

    deciding = guard(on_event=listen)
    assert deciding.admit(REQUESTS["admin"], authenticated).run().principal is not None
    with pytest.raises(JWTGuardError):
        deciding.admit(REQUESTS["forged"], authenticated).run()
    assert caplog.text.count("on_event raised; the request goes on") == 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("forged", (logging.INFO, "refused: reason=signature")),
        ("csrf", (logging.INFO, "refused: reason=csrf_origin")),
        ("unavailable", (logging.WARNING, "unavailable: reason=keys")),
    ],
)
def test_log(name: str, expected: tuple[int, str], caplog: pytest.LogCaptureFixture) -> None:
    """The log says the reason; an outage is worth a warning."""
    with caplog.at_level(logging.DEBUG, logger="jwtguard"):
        guard_for(name).authenticate(REQUESTS[name]).run()
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [expected]


def test_what_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    """The log and the event name the missing parts, which the client is told only by a guard that explains."""
    for explained in (False, True):
        events: list[Event] = []
        caplog.clear()
        deciding = guard(explain_refusals=explained, on_event=events.append)
        with caplog.at_level(logging.INFO, logger="jwtguard"), pytest.raises(JWTGuardError) as refused:
            deciding.admit(REQUESTS["admin"], has_role("prüfer\n") & has_scope("b")).run()
        assert events[-1].missing == ("has_role('prüfer\\n')", "has_scope('b')")
        (record,) = caplog.records
        line = r"refused: reason=insufficient_scope missing=has_role('pr\xfcfer\\n'),has_scope('b')"
        assert record.getMessage() == line
        assert ("prüfer" in refused.value.detail) is explained


def test_scheme_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Where a token is missing, the log names another scheme that stands there."""
    with caplog.at_level(logging.INFO, logger="jwtguard"), pytest.raises(JWTGuardError):
        guard().admit(asgi([("Authorization", f"JWT {GOOD}")]), authenticated).run()
    (record,) = caplog.records
    hint = "Authorization has the scheme JWT, expected Bearer"
    assert record.getMessage() == f"refused: reason=missing_token ({hint})"


def _raises(caller: Principal) -> bool:
    raise RuntimeError("on purpose")


def _listen(event: Event) -> None:
    raise RuntimeError("on purpose")


# A token that is broken in every way that gets far enough to be looked at, in every place it may come from.
TEXTS = {
    "good": GOOD,
    "forged": forged(),
    "expired": EXPIRED,
    "header": "x" + GOOD,
    "claims": GOOD.replace(".", ".x", 1),
    "signature": GOOD + "x",
    "padding": GOOD + "==",
    "non-ASCII": GOOD + "\xe4",
    "comma": GOOD + "," + GOOD,
    "long": GOOD * 100,
    "five parts": GOOD + "." + GOOD,
}
REFUSED = {
    f"{name} by {place}": request
    for name, text in TEXTS.items()
    for place, request in {
        "header": asgi([bearer(text)]),
        "cookie": asgi([cookie(text)], method="POST"),
        "both": asgi([bearer(text), cookie(text)]),
        "another scheme": asgi([("Authorization", f"Basic {text}")]),
    }.items()
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_no_token_in_any_log(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """No log record, message, traceback, problem body or header holds a part of a token."""
    said: list[str] = []
    for requirement in (*MODES, predicate(_raises)):
        deciding = guard_for(name, on_event=_listen, rules=Rules([], default=requirement))
        with caplog.at_level(logging.DEBUG):
            try:
                said.append(repr(deciding.enter(REFUSED[name]).run()))
            except JWTGuardError as error:
                answer = deciding.answer(error)
                said += [*traceback.format_exception(error), repr(error), repr(answer)]
    formatter = logging.Formatter()
    said += [formatter.format(record) for record in caplog.records]
    assert said
    everything = "\n".join(said)
    parts = {part for text in TEXTS.values() for part in text.split(".")}
    assert [part for part in parts if part in everything] == []


@pytest.mark.parametrize(
    ("name", "requirement"),
    [
        ("absent", authenticated),
        ("admin", has_role("other")),
        ("forged", authenticated),
        ("csrf", authenticated),
        ("unavailable", authenticated),
        ("admin", denied),
    ],
)
def test_client(name: str, requirement: Requirement) -> None:
    """Each event of a request tells the address that the server saw, for limits of rates."""
    events: list[Event] = []
    deciding = guard_for(name, on_event=events.append)
    request = REQUESTS[name]
    with pytest.raises(JWTGuardError):
        deciding.admit(_from("192.0.2.7", request), requirement).run()
    with pytest.raises(JWTGuardError):
        deciding.admission(requirement, deciding.authenticate(_from("192.0.2.7", request)).run())
    assert events
    assert {event.client for event in events} == {"192.0.2.7"}


def _from(client: str, request: HTTPRequest) -> HTTPRequest:
    return HTTPRequest(method=request.method, path=request.path, values=request.values, client=client)
