"""Providers on loopback: reachable or not, with usable keys or not, and with their own idea of the time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from jwtguard import Introspection, RemoteJWKSet, SigningKey
from jwtguard.doctor import bounded_call
from jwtguard.doctor.provider import check_introspection, check_providers
from tests.doctor.contexts import codes, context
from tests.key_sources.server import Server, answer, hang, serving
from tests.samples import NOW, clock, guard

KEYS = json.dumps({"keys": [SigningKey.generate("ES256", kid="a1").verification_key.to_jwk()]}).encode()


def keys_of(server: Server, **settings: object) -> RemoteJWKSet:
    """The keys that `server` publishes."""
    timeout = timedelta(seconds=1)
    return RemoteJWKSet(f"{server.origin}/jwks", allow_http_loopback=True, clock=clock, timeout=timeout, **settings)  # type: ignore[arg-type]


def dated(seconds: float, more: str = "") -> str:
    """The header fields of an answer by a clock that is ahead by so much."""
    at = datetime.fromtimestamp(NOW + seconds, UTC)
    return f"Date: {format_datetime(at, usegmt=True)}\r\n{more}"


CLOCKS = [
    ("", 10, []),
    ("Date: yesterday\r\n", 10, []),
    (dated(0), 10, []),
    (dated(5), 10, []),
    (dated(8), 10, [("warning", "clock_skew")]),
    (dated(-8), 10, [("warning", "clock_skew")]),
    (dated(60), 10, [("error", "clock_skew")]),
    (dated(-60), 10, [("error", "clock_skew")]),
    (dated(-60, "Age: 58\r\n"), 10, []),
    (dated(8), 0, [("error", "clock_skew")]),
    (dated(3), 0, []),
]


@pytest.mark.parametrize(("headers", "leeway", "expected"), CLOCKS)
def test_clocks(headers: str, leeway: int, expected: list[tuple[str, str]]) -> None:
    """A clock that differs by more than the leeway is an error; by what a `Date` cannot tell, nothing is found."""
    with serving() as server:
        server.behaviour = answer(KEYS, headers=headers)
        asked = guard(keys=keys_of(server), leeway=timedelta(seconds=leeway))
        assert codes(check_providers(context(guards=[asked, guard()], asks_network=True))) == expected


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (answer(b"", status="404 Not DiscoveredRoute"), "answered 404"),
        (answer(b"<html>"), "not a JSON object"),
        (answer(b'{"keys": []}'), "no usable key"),
        (hang, "did not answer within 1 s"),
    ],
)
def test_no_keys(behaviour: object, reason: str) -> None:
    """Whatever keeps the first token from being verified is told, and within the time-out."""
    with serving() as server:
        server.behaviour = behaviour
        (found,) = check_providers(context(guards=[guard(keys=keys_of(server))], asks_network=True))
    assert (found.severity, found.code) == ("error", "provider_unreachable")
    assert reason in found.what


def test_offline_sends_no_request() -> None:
    """Without the network nothing is sent."""
    with serving() as server:
        asked = context(guards=[guard(keys=keys_of(server), introspection=introspection(server))])
        assert codes(check_providers(asked)) == codes(check_introspection(asked)) == []
        assert server.count == 0


def introspection(server: Server) -> Introspection:
    """Asks `server`."""
    return Introspection(
        f"{server.origin}/introspect", client_id="c", client_secret="s", allow_http_loopback=True,
        timeout=timedelta(seconds=1),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (b'{"active": false}', "200 OK", []),
        (b'{"active": true, "sub": "u"}', "200 OK", []),  # Active, and refused by the guard's policy: nothing is open.
        (b"{}", "401 Unauthorized", [("error", "introspection_unreachable")]),
        (b"{}", "200 OK", [("error", "introspection_unreachable")]),
    ],
)
def test_introspection(body: bytes, status: str, expected: list[tuple[str, str]]) -> None:
    """A made-up token must not be active, and the endpoint must know its client."""
    with serving() as server:
        server.behaviour = answer(body, status=status)
        asked = guard(introspection=introspection(server))
        assert codes(check_introspection(context(guards=[asked, guard()], asks_network=True))) == expected


def test_introspection_that_says_yes_to_everything() -> None:
    """An endpoint that calls a made-up token active is an error."""
    with serving() as server:
        claims = {"active": True, "sub": "u", "iss": "https://issuer.example", "aud": "https://api.example"}
        server.behaviour = answer(json.dumps(claims | {"exp": NOW + 60}).encode())
        (found,) = check_introspection(context(guards=[guard(introspection=introspection(server))], asks_network=True))
    assert "takes a made-up token for active" in found.what


def test_what_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call is bounded, also if the called service hangs."""
    import threading

    from jwtguard.core.flow import Call, Flow, Steps

    release = threading.Event()

    def steps() -> Steps[None]:
        yield Call(release.wait)

    with pytest.raises(TimeoutError, match=r"no answer within 0\.01 s"):
        bounded_call.answer_of(lambda: Flow(steps()), timeout=0.01)
    release.set()


async def _answer() -> str:
    return "awaited"


def _blocking() -> str:
    return ", and blocking"


def test_what_can_only_be_awaited() -> None:
    """A flow with a coroutine function in it runs on a loop of its own; what is wrong in both ways is raised."""
    from jwtguard import ConfigurationError
    from jwtguard.core.flow import Call, Flow, Steps

    def steps() -> Steps[str]:
        answer: str = yield Call(_answer)
        more: str = yield Call(_blocking)
        return answer + more

    def wrong() -> Steps[str]:
        raise ConfigurationError("wrong")
        yield

    assert bounded_call.answer_of(lambda: Flow(steps())) == "awaited, and blocking"
    with pytest.raises(ConfigurationError, match="wrong"):
        bounded_call.answer_of(lambda: Flow(wrong()))
