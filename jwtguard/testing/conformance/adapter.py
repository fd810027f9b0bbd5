"""`AdapterConformance`: inherit it, say how to build a site, and every case of the table is a test of yours.

>>> class TestMyAdapter(AdapterConformance):
...     can = frozenset({"mounting"})
...
...     def client(self, site):
...         raise NotImplementedError("build the site with your framework; return wsgi_client(app) or asgi_client(app)")

Needs pytest.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import ClassVar

import pytest

from jwtguard.core.errors import ConfigurationError
from jwtguard.testing.conformance.adapter_case import ADMIN, EXPIRED, GOOD, HOST, Case, bearer, cookie
from jwtguard.testing.conformance.adapter_cases import CACHE_CASES, CASES, CacheCase
from jwtguard.testing.conformance.adapter_sites import NOW, Site, guard_for_tests, site
from jwtguard.testing.conformance.raw_clients import Client, Message, RawAnswer, RawRequest
from jwtguard.testing.conformance.selection import looks_of, looks_of_caching, rows_that_differ


class AdapterConformance:
    """The contract of an adapter, as tests.

    `can` names what only some adapters can do: `mounting` (a root path in front), `preflight` (lets CORS preflights
    pass that something inside answers), `async views`, `methods in any case` (the framework routes `get` as GET), and
    `no csrf of its own` (the framework has no CSRF protection besides ours). Cases that need more are not collected.

    `every_row = False` leaves out rows that differ from another row only in what the core decides, for an adapter that
    shares its code with one that runs all rows.
    """

    every_row: ClassVar[bool] = True

    can: ClassVar[frozenset[str]] = frozenset(
        {"mounting", "preflight", "async views", "methods in any case", "no csrf of its own"}
    )

    def client(self, site: Site) -> Client:
        """Build `site` with the framework, and return a client of it."""
        raise NotImplementedError("an adapter's test says how a site is built")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each case that this adapter can run."""
        cases = CASES if self.every_row else rows_that_differ(CASES, looks_of)
        cache_cases = CACHE_CASES if self.every_row else rows_that_differ(CACHE_CASES, looks_of_caching)
        tables: dict[str, Sequence[Case | CacheCase]] = {"case": cases, "cache_case": cache_cases}
        for name in tables.keys() & set(metafunc.fixturenames):
            rows = [row for row in tables[name] if _needed(row) <= self.can]
            metafunc.parametrize(name, rows, ids=[f"{row.site}: {row.name}" for row in rows])

    def test_answer(self, case: Case) -> None:
        """The request gets the answer that the table says."""
        answer = self.client(site(case.site))(case.request)
        assert answer.status == case.status, answer
        assert_challenge(case.challenge, answer.header("WWW-Authenticate"))
        assert answer.header("Retry-After") == case.retry_after
        if case.status == 200:
            if case.request.method in {"GET", "POST"}:
                assert answer.json() == {"subject": case.subject}
        elif case.request.method == "HEAD":
            assert answer.body == b""
            # RFC 9110 §8.6: if a length is told, it is that of the body which GET would get.
            assert answer.header("Content-Length") != "0"
        else:
            assert answer.header("Content-Type") == "application/problem+json"
            problem = answer.json()
            detail = problem.pop("detail")
            assert detail
            assert (case.detail or "") in detail
            expected = {"type": "about:blank", "title": HTTPStatus(case.status).phrase, "status": case.status}
            assert problem == (expected if case.error is None else {**expected, "error": case.error})

    def test_a_guard_in_front_says_what_it_does(self) -> None:
        """A middleware whose guard has no `rules` raises when the application is built or first called."""
        silent = replace(site("middleware"), guard=guard_for_tests())
        with pytest.raises(ConfigurationError, match="rules=UNCHECKED"):
            self.client(silent)(RawRequest(target="/plain", headers=[HOST, bearer(GOOD)]))

    def test_what_caches_are_told(self, cache_case: CacheCase) -> None:
        """`Vary` names every field in which a guard looked for a token, once, and no other that a token may be in."""
        answer = self.client(site(cache_case.site))(cache_case.request)
        assert answer.status == cache_case.status, answer
        vary = [name.strip().lower() for value in _fields(answer, "Vary") for name in value.split(",")]
        places = ["authorization", "cookie", "x-token"]
        assert sorted(name for name in vary if name in places) == sorted(map(str.lower, cache_case.vary))
        directives = ", ".join(_fields(answer, "Cache-Control"))
        assert ("private" in directives) is cache_case.is_private
        if answer.status in {400, 401, 403, 503}:
            assert directives == "no-store"


_OWN_SITE = ("Sec-Fetch-Site", "same-origin")


def _fields(answer: RawAnswer, name: str) -> list[str]:
    return [value for field, value in answer.headers if field.lower() == name.lower()]


class WebSocketConformance:
    """What an adapter for websockets must do besides. Every site has a websocket at `/socket`, which needs a token.

    The view accepts, sends the subject as text, and then receives until the client is gone.
    """

    def websocket(
        self,
        site: Site,
        request: RawRequest,
        *,
        can_deny: bool = True,
        sleep: Callable[[float], Awaitable[object]] | None = None,
        incoming: Sequence[Message] = (),
    ) -> list[Message]:
        """Build `site`, open a websocket, and return all that the application sent (see `websocket_client`).

        `sleep` is the middleware's, where the site has one.
        """
        raise NotImplementedError("an adapter's test says how a site is built")

    gone: ClassVar[Sequence[Message]] = ({"type": "websocket.disconnect", "code": 1000},)

    @pytest.mark.parametrize("name", ["decorated", "middleware"])
    def test_accepted(self, name: str) -> None:
        """With a good token the view runs, and knows the caller."""
        sent = self.websocket(site(name), _handshake(bearer(GOOD)), incoming=self.gone)
        assert [message["type"] for message in sent[:2]] == ["websocket.accept", "websocket.send"]
        assert sent[1]["text"] == "user-1"

    @pytest.mark.parametrize(
        ("headers", "name", "status"),
        [
            ([], "decorated", 401),
            ([], "middleware", 401),
            ([], "rules", 401),
            ([bearer(EXPIRED)], "decorated", 401),
            ([bearer(GOOD), bearer(GOOD)], "decorated", 400),
            ([bearer(GOOD)], "out of reach", 503),
            ([cookie(GOOD)], "cookies", 403),
            ([cookie(GOOD), ("Origin", "https://evil.example")], "cookies", 403),
            ([cookie(GOOD), ("Origin", "https://evil.example")], "cookies unchecked", 403),
            ([cookie(GOOD), *[("Origin", "https://api.example")] * 2], "cookies", 403),
            ([bearer(GOOD)], "proxy", 403),
            ([bearer(GOOD), ("Origin", "https://evil.example")], "proxy", 403),
            ([bearer(GOOD), ("Origin", "https://evil.example"), _OWN_SITE], "proxy", 403),
            ([bearer(GOOD), ("Origin", "https://evil.example")], "proxy middleware", 403),
        ],
    )
    def test_denied(self, headers: Sequence[tuple[str, str]], name: str, status: int) -> None:
        """A handshake is refused before it is accepted: with an HTTP answer where the server can, else by closing."""
        denial = self.websocket(site(name), _handshake(*headers))
        assert [message["type"] for message in denial] == [
            "websocket.http.response.start",
            "websocket.http.response.body",
        ]
        assert denial[0]["status"] == status
        challenges = [value for field, value in denial[0]["headers"] if field.lower() == b"www-authenticate"]
        assert len(challenges) == (1 if status in {400, 401} else 0)
        closed = self.websocket(site(name), _handshake(*headers), can_deny=False)
        assert [message["type"] for message in closed] == ["websocket.close"]
        assert closed[0]["code"] == (1013 if status == 503 else 1008)

    @pytest.mark.parametrize("target", ["/socket%0a", "//socket", "/x/../socket", "/socket%ff", "socket"])
    def test_ambiguous_path(self, target: str) -> None:
        """A path with more than one reading is refused behind rules, with a good token too, and without a challenge."""
        request = replace(_handshake(bearer(GOOD)), target=target)
        denial = self.websocket(site("rules"), request)
        assert [message["type"] for message in denial] == [
            "websocket.http.response.start",
            "websocket.http.response.body",
        ]
        assert denial[0]["status"] == 400
        assert b"www-authenticate" not in {field.lower() for field, _ in denial[0]["headers"]}
        closed = self.websocket(site("rules"), request, can_deny=False)
        assert closed == [{"type": "websocket.close", "code": 1008, "reason": ""}]

    @pytest.mark.parametrize(("name", "token"), [("cookies", cookie(GOOD)), ("proxy", bearer(GOOD))])
    def test_from_our_own_page(self, name: str, token: tuple[str, str]) -> None:
        """A cookie, or a gateway's header, opens a socket for our own page, which sends its Origin."""
        request = _handshake(token, ("Origin", "https://api.example"))
        sent = self.websocket(site(name), request, incoming=self.gone)
        assert sent[0]["type"] == "websocket.accept"

    def test_closed_when_the_token_expires(self) -> None:
        """The middleware ends the socket of an expired token with 3000, and the application sees a disconnect."""
        clock = [NOW]
        naps: list[float] = []

        async def sleep(seconds: float) -> None:
            for _ in range(100):  # Let the application get to where it waits for the client.
                await asyncio.sleep(0)
            naps.append(seconds)
            clock[0] += seconds

        at = site("middleware")
        ticking = _with_clock(at, lambda: clock[0])
        sent = self.websocket(ticking, _handshake(bearer(ADMIN)), sleep=sleep)
        assert sent[-1] == {"type": "websocket.close", "code": 3000, "reason": "the access token has expired"}
        # Five minutes of life and ten seconds of leeway.
        assert sum(naps) == 310

    @pytest.mark.parametrize("offered", [f"bearer, {GOOD}", f"graphql-transport-ws, bearer, {GOOD}, chat"])
    def test_subprotocol(self, offered: str) -> None:
        """A browser sends the token as a subprotocol, beside others, and gets the one that is none of the token's."""
        request = _handshake(("Sec-WebSocket-Protocol", offered))
        sent = self.websocket(site("subprotocol"), request, incoming=self.gone)
        assert (sent[0]["type"], sent[0]["subprotocol"]) == ("websocket.accept", "bearer")
        assert sent[1]["text"] == "user-1"


def assert_challenge(expected: str | None, found: str | None) -> None:
    """Compare challenges; `…` in the expected one stands for anything, and one of 400 is compared by its beginning."""
    if expected is None or found is None:
        assert found == expected
    elif 'error="invalid_request"' in expected:
        assert found.startswith(expected)
    else:
        assert re.fullmatch(".*".join(map(re.escape, expected.split("…"))), found), found


def _needed(case: Case | CacheCase) -> frozenset[str]:
    return case.needs | (frozenset({"async views"}) if site(case.site).async_views else frozenset())


def _handshake(*headers: tuple[str, str]) -> RawRequest:
    return RawRequest(target="/socket", headers=[HOST, *headers], scheme="wss")


def _with_clock(at: Site, clock: Callable[[], float]) -> Site:
    return replace(at, guard=guard_for_tests(clock=clock, rules=at.guard.rules))
