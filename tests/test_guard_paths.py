"""What a guard with rules does with a path that has more than one reading."""

from __future__ import annotations

import logging

import pytest

from jwtguard import (
    AmbiguousPathError,
    Event,
    JWTGuardError,
    Requirement,
    Rule,
    Rules,
    authenticated,
    denied,
    has_role,
    optional,
    optional_lenient,
    public,
)
from tests.samples import asgi, guard, token

MODES = [public, optional_lenient, optional, authenticated, has_role("a"), has_role("b"), denied]
SENT = {
    "no token": [],
    "a broken token": [("Authorization", "Bearer a.b.c")],
    "two tokens": [("Authorization", f"Bearer {token()}")] * 2,
    "a token": [("Authorization", f"Bearer {token()}")],
    "a role": [("Authorization", f"Bearer {token(roles=['a'])}")],
    "both roles": [("Authorization", f"Bearer {token(roles=['a', 'b'])}")],
}


@pytest.mark.parametrize("requirement", MODES, ids=repr)
@pytest.mark.parametrize("sent", SENT)
@pytest.mark.parametrize("is_exempt", [False, True])
def test_refused_before_any_token_is_read(requirement: Requirement, sent: str, is_exempt: bool) -> None:
    """One refusal for all, with its own reason and event; a shipped route or a preflight is no exception."""
    events: list[Event] = []
    deciding = guard(rules=Rules([Rule("/", requirement)]), on_event=events.append)
    with pytest.raises(AmbiguousPathError) as refused:
        deciding.enter(asgi(SENT[sent], path="/a/../b"), is_exempt=is_exempt).run()
    assert (refused.value.status, refused.value.reason) == (400, "ambiguous_path")
    assert [(event.outcome, event.reason, event.subject) for event in events] == [("refused", "ambiguous_path", None)]


def test_the_answer_has_no_challenge() -> None:
    """No token would help, so none is asked for; the problem says how the path is to be sent."""
    answer = guard().answer(AmbiguousPathError(), asgi(path="/a//b"))
    assert answer.status == 400
    assert "www-authenticate" not in {name.lower() for name, _ in answer.headers}
    assert b"more than one reading" in answer.body


def test_the_path_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The log names the reason; a path may hold what a token holds."""
    with caplog.at_level(logging.INFO, "jwtguard"), pytest.raises(AmbiguousPathError):
        guard(rules=Rules([])).enter(asgi(path="/secret//\n")).run()
    assert "ambiguous_path" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("first", MODES, ids=repr)
@pytest.mark.parametrize("second", MODES, ids=repr)
@pytest.mark.parametrize("sent", SENT)
def test_both_readings_pass(first: Requirement, second: Requirement, sent: str) -> None:
    """With `allow_double_slash`, a request passes if the rule of each reading lets it pass, and its caller is known if
    one of them reads the token.
    """
    rules = Rules([Rule("/a/", first), Rule("/a/b", second)], allow_double_slash=True)

    def outcome(path: str) -> tuple[bool, str | None]:
        try:
            found = guard(rules=rules).enter(asgi(SENT[sent], path=path)).run()
        except JWTGuardError:
            return False, None
        return True, None if found.principal is None else found.principal.subject

    as_it_is, merged, both = outcome("/a/x"), outcome("/a/b"), outcome("/a//b")
    assert both[0] is (as_it_is[0] and merged[0])
    if both[0]:
        assert both[1] == (as_it_is[1] or merged[1])
