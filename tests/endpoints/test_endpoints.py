"""The routes without a framework: what no adapter's table asks."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from jwtguard import (
    UNCHECKED,
    ConfigurationError,
    Guard,
    HTTPResponse,
    LoginFailedError,
    Principal,
    SigningKey,
    TokenCookie,
    UnavailableError,
)
from jwtguard.authentication import Authentication
from jwtguard.endpoints import LOGIN, LOGOUT, LOGOUT_ALL, REFRESH, SESSION, SESSIONS, Endpoints, LoginAttempt
from jwtguard.request_auth import RequestAuth
from jwtguard.stores.memory import MemoryStore
from jwtguard.testing.conformance.adapter_sites import AUDIENCE, ISSUER
from jwtguard.testing.conformance.route_sites import RouteSite, route_site
from tests.endpoints.requests import wsgi

ALICE = json.dumps({"username": "alice", "password": "wonderland"}).encode()


def login(site: RouteSite, **settings: Any) -> HTTPResponse:
    """Log alice in."""
    given: Any = {**site.settings, **settings}
    return Endpoints(site.guard, site.sessions, **given).answer(LOGIN, wsgi("POST", "/auth/login"), ALICE).run()


@pytest.mark.parametrize(
    ("subject", "found"), [(True, "bool"), (object(), "object"), ("", "str"), (1.5, "float"), (b"alice", "bytes")]
)
def test_what_is_no_subject(subject: Any, found: str) -> None:
    """`True` would be one subject for everybody, a user object none at all: the program is wrong, and says so."""
    with pytest.raises(ConfigurationError, match=f"returns the user's subject.*found {found}"):
        login(route_site("bearer"), authenticate=lambda username, password: subject)


def test_numbers_are_subjects() -> None:
    """An integer, as databases have them, becomes a string."""
    site = route_site("bearer")
    assert login(site, authenticate=lambda username, password: 7).status == 200
    assert len(site.sessions.list("7").run()) == 1


def test_errors_of_ours_are_answers() -> None:
    """A JWTGuardError of `authenticate` is the answer."""

    def check(username: str, password: str) -> str:
        raise LoginFailedError("locked")

    assert login(route_site("bearer"), authenticate=check).status == 401


def test_no_function_checks_passwords() -> None:
    """Without `authenticate` a login is an error of the program, whatever was mounted by hand."""
    with pytest.raises(ConfigurationError, match="pass authenticate=check_password"):
        login(route_site("bearer"), authenticate=None)


def test_the_log_names_no_password(caplog: pytest.LogCaptureFixture) -> None:
    """A broken directory is logged with its traceback, a refusal with its reason, and neither with what was typed."""
    caplog.set_level(logging.DEBUG)
    endpoints = route_site("bearer").endpoints()
    for password in ("broken", "opensesame"):
        body = json.dumps({"username": "secret-name", "password": password}).encode()
        endpoints.answer(LOGIN, wsgi("POST", "/auth/login"), body).run()
    assert "authenticate raised OSError" in caplog.text
    assert "login refused: password" in caplog.text
    assert "opensesame" not in caplog.text
    assert "secret-name" not in caplog.text


def test_an_attempt() -> None:
    """The hook learns who tries, from where, and never with which password."""
    seen: list[LoginAttempt] = []
    login(route_site("bearer"), before_login=seen.append)
    (attempt,) = seen
    assert (attempt.username, attempt.client, attempt.request.path) == ("alice", "192.0.2.1", "/auth/login")
    assert "alice" not in repr(attempt)


def test_a_hook_that_answers_something_else() -> None:
    """An answer that is none is an error of the program."""
    with pytest.raises(ConfigurationError, match="returns None or an HTTPResponse"):
        login(route_site("bearer"), before_login=lambda attempt: 429)


def test_errors_of_the_hook_are_its_own() -> None:
    """An exception of a framework's rate limiter reaches the framework."""

    def hook(attempt: LoginAttempt) -> None:
        raise KeyError("its own")

    with pytest.raises(KeyError, match="its own"):
        login(route_site("bearer"), before_login=hook)


@pytest.mark.parametrize("key", ["another", "same"])
def test_guard_and_sessions_must_fit(key: str) -> None:
    """A guard that refuses the cookies it would get is found out at the first login, with the reason."""
    site = route_site("cookies")
    signing = SigningKey.generate("HS256") if key == "another" else site.sessions.issuer.signing_key
    guard = Guard(
        issuer=ISSUER if key == "another" else "https://other.example",
        audience=AUDIENCE,
        keys=signing.verification_key,
        tokens_from=[TokenCookie()],
        clock=site.clock,
    )
    endpoints = Endpoints(guard, site.sessions, **site.settings)
    with pytest.raises(ConfigurationError, match="the guard refuses the access tokens that the sessions issue"):
        endpoints.answer(LOGIN, wsgi("POST", "/auth/login"), ALICE).run()
    assert site.sessions.list("user-alice").run() == []


def test_what_cannot_be_delivered_costs_no_rotation() -> None:
    """Where the new pair fits into no cookie, the generation is not taken."""
    site = route_site("cookies, too large")
    token = site.sessions.start("user-alice").run().refresh_token
    request = wsgi("POST", "/auth/refresh", cookie=f"__Host-refresh={token}")
    with pytest.raises(ConfigurationError, match="the largest claims: portrait"):
        site.endpoints().answer(REFRESH, request).run()
    assert site.store.rotations == 0


def cleared(answer: HTTPResponse) -> int:
    """How many cookies an answer takes away."""
    return sum(name == "Set-Cookie" and "Max-Age=0" in value for name, value in answer.headers)


def test_refresh_cookie_twice() -> None:
    """Two refresh cookies are refused by a refresh and not by a logout, and both take the cookies away."""
    endpoints = route_site("cookies").endpoints()
    for endpoint, status in ((REFRESH, 400), (LOGOUT, 204)):
        request = wsgi("POST", f"/auth{endpoint.path}", cookie="__Host-refresh=a; __Host-refresh=b")
        answer = endpoints.answer(endpoint, request).run()
        assert (answer.status, cleared(answer)) == (status, 3)


@pytest.mark.parametrize(("genuine", "status", "left"), [(8, 204, 0), (9, 400, 1)])
def test_a_logout_ends_so_many_sessions_and_no_more(genuine: int, status: int, left: int) -> None:
    """Each genuine refresh cookie costs a look-up, so what one request can ask for is bounded."""
    site = route_site("cookies")
    tokens = [site.sessions.start("user-alice").run().refresh_token for _ in range(genuine)]
    cookies = "; ".join(f"__Host-refresh={token}" for token in [tokens[0], *tokens])
    answer = site.endpoints().answer(LOGOUT, wsgi("POST", "/auth/logout", cookie=cookies)).run()
    assert (answer.status, cleared(answer)) == (status, 3)
    assert len(site.sessions.list("user-alice").run()) == left


def test_a_logout_tries_every_token_when_the_store_fails_once() -> None:
    """An outage is told, after the sessions that can be ended were ended."""
    site = route_site("cookies")
    tokens = [site.sessions.start("user-alice").run().refresh_token for _ in range(2)]
    revoke, failing = site.store.revoke, [True]

    def revoke_the_second(session_id: str, *, now: float) -> bool:
        if failing.pop() if failing else False:
            raise OSError("the store is down")
        return revoke(session_id, now=now)

    site.store.revoke = revoke_the_second  # type: ignore[method-assign]
    cookies = "; ".join(f"__Host-refresh={token}" for token in tokens)
    answer = site.endpoints().answer(LOGOUT, wsgi("POST", "/auth/logout", cookie=cookies)).run()
    assert (answer.status, cleared(answer)) == (503, 3)
    assert len(site.sessions.list("user-alice").run()) == 1


def test_logout_asks_the_program_to_be_right() -> None:
    """An asynchronous store from sync code is the program's error, at logout too."""

    class Asynchronous(MemoryStore):
        async def revoke(self, session_id: str, *, now: float) -> bool:  # type: ignore[override]
            raise AssertionError

    site = route_site("bearer")
    token = site.sessions.start("user-alice").run().refresh_token
    site.store.__class__ = type("Mixed", (Asynchronous, type(site.store)), {})
    body = json.dumps({"refresh_token": token}).encode()
    with pytest.raises(ConfigurationError, match="asynchronous"):
        site.endpoints().answer(LOGOUT, wsgi("POST", "/auth/logout"), body).run()


@pytest.mark.parametrize("endpoint", [SESSIONS, SESSION, LOGOUT_ALL])
@pytest.mark.parametrize(
    ("issuer", "subject"), [("https://other.example", "user-alice"), (None, "user-alice"), (ISSUER, None)]
)
def test_the_same_subject_elsewhere(endpoint: Any, issuer: str | None, subject: str | None) -> None:
    """An equal `sub` of another issuer is another user."""
    site = route_site("bearer")
    site.sessions.start("user-alice").run()
    stranger = Principal(subject=subject, issuer=issuer, auth_time=site.clock())
    request = wsgi(endpoint.method, f"/auth{endpoint.path}")
    endpoints, request_auth = site.endpoints(), RequestAuth()
    request_auth.keep(endpoints.guard, Authentication(principal=stranger))
    answer = endpoints.answer(endpoint, request, request_auth=request_auth).run()
    assert answer.status == 403
    assert len(site.sessions.list("user-alice").run()) == 1


def test_unchecked_csrf_is_no_login_csrf() -> None:
    """A guard without CSRF checks still refuses a login from another origin, and sets no CSRF cookie."""
    site = route_site("cookies")
    issuer = site.sessions.issuer
    guard = Guard(
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=issuer.verification_keys,
        tokens_from=[TokenCookie()],
        csrf=UNCHECKED,
        clock=site.clock,
    )
    endpoints = Endpoints(guard, site.sessions, **site.settings)
    request = wsgi("POST", "/auth/login", sec_fetch_site="cross-site")
    assert endpoints.answer(LOGIN, request, ALICE).run().status == 403
    answer = endpoints.answer(LOGIN, wsgi("POST", "/auth/login"), ALICE).run()
    assert len([name for name, _ in answer.headers if name == "Set-Cookie"]) == 2


def test_scope_is_left_out() -> None:
    """A user without scopes gets an answer without one."""
    site = route_site("cookies, too large")
    pair = site.sessions.start("user-alice").run()
    answer = site.endpoints()._delivery.answer(pair, ())
    assert json.loads(answer.body) == {"expires_in": 300}


def test_keys_out_of_reach_leave_no_session() -> None:
    """A login whose token cannot be verified at present is 503, and leaves no session behind."""
    site = route_site("cookies")
    endpoints = site.endpoints()

    def headers(*_: object) -> Any:
        raise UnavailableError("keys")
        yield

    endpoints._delivery.headers = headers  # type: ignore[assignment, method-assign]
    assert endpoints.answer(LOGIN, wsgi("POST", "/auth/login"), ALICE).run().status == 503
    assert site.sessions.list("user-alice").run() == []
