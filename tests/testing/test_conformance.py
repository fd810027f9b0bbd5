"""The conformance suite judges adapters, so here it is judged: what is wrong with an adapter, it must find."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from jwtguard import UnavailableError
from jwtguard.core.http.response import HTTPRequest, HTTPResponse
from jwtguard.testing import AdapterConformance, RawAnswer, RawRequest, Site, WebSocketConformance
from jwtguard.testing.conformance.adapter import assert_challenge
from jwtguard.testing.conformance.adapter_cases import CASES
from jwtguard.testing.conformance.adapter_sites import Broken, OutOfReach, site
from jwtguard.testing.conformance.raw_clients import Client
from jwtguard.testing.conformance.route_cases import ROUTE_CASES
from jwtguard.testing.conformance.selection import looks_of, looks_of_route, rows_that_differ

Change = Callable[[HTTPResponse], HTTPResponse]


class Direct(AdapterConformance):
    """An adapter without a framework: it asks the guard, and changes the answer as it is told."""

    can = AdapterConformance.can

    def __init__(self, change: Change = lambda answer: answer) -> None:
        self.change = change

    def client(self, site: Site) -> Client:
        def send(request: RawRequest) -> RawAnswer:
            fields = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers]
            scope = {
                "type": "http",
                "method": request.method,
                "path": request.path,
                "headers": fields,
                "query_string": request.query.encode("latin-1"),
                "scheme": request.scheme,
            }
            asked = HTTPRequest.from_asgi(scope)
            route = next(route for route in site.routes if route.path == request.path)
            assert route.requirement is not None
            try:
                admission = site.guard.admit(asked, route.requirement, tokens_from=route.tokens_from).run()
            except Exception as error:
                answer = self.change(site.guard.answer(error, asked))  # type: ignore[arg-type]
                return RawAnswer(status=answer.status, headers=answer.headers, body=answer.body)
            subject = "null" if admission.principal is None else f'"{admission.principal.subject}"'
            return RawAnswer(status=200, headers=(), body=f'{{"subject": {subject}}}'.encode())

        return send


DECORATED = [case for case in CASES if case.site == "decorated" and case.request.path != "/other"]


@pytest.mark.parametrize("case", DECORATED, ids=lambda case: case.name)
def test_right_adapter(case: Any) -> None:
    """An adapter that does nothing wrong passes."""
    Direct().test_answer(case)


def without(name: str) -> Change:
    """A mistake: a header is lost."""
    return lambda answer: replace(answer, headers=tuple(field for field in answer.headers if field[0] != name))


def named(name: str) -> Any:
    """A case of the table."""
    return next(case for case in CASES if case.name == name and case.site in {"decorated", "explained"})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("no token", without("WWW-Authenticate")),
        ("no token", without("Content-Type")),
        ("no token", lambda answer: replace(answer, status=403)),
        ("no token", lambda answer: replace(answer, body=b'{"detail": "no"}')),
        ("no token", lambda answer: replace(answer, body=answer.body.replace(b"Unauthorized", b"No"))),
        ("no token", lambda answer: replace(answer, headers=(*answer.headers, ("Retry-After", "5")))),
        ("no role", lambda answer: replace(answer, body=answer.body.replace(b"access token", b"admin"))),
        ("no role, explained", lambda answer: replace(answer, body=answer.body.replace(b"has_role", b"role"))),
        ("an expired token", lambda answer: replace(answer, body=answer.body.replace(b"invalid_token", b"expired"))),
        ("an expired token", lambda answer: replace(answer, headers=(*answer.headers, answer.headers[0]))),
        ("a HEAD request is refused without a body", lambda answer: replace(answer, body=b"body")),
    ],
)
def test_wrong_adapter(name: str, change: Change) -> None:
    """A mistake in an answer is found."""
    with pytest.raises((AssertionError, ValueError, KeyError)):
        Direct(change).test_answer(named(name))


def test_wrong_caller() -> None:
    """A view that sees another caller is found."""
    with pytest.raises(AssertionError):
        Direct().test_answer(replace(named("a bearer token"), subject="user-2"))


def test_names_are_unique() -> None:
    """Every case has a name of its own in its site, by which a failure is found."""
    names = Counter((case.site, case.name) for case in CASES)
    assert [name for name, count in names.items() if count > 1] == []
    assert len(CASES) > 300


def test_every_site_is_asked() -> None:
    """No site is made that no case asks; the one for subprotocols is asked by websockets."""
    assert {case.site for case in CASES} == {*_site_names()} - {"subprotocol"}


def _site_names() -> Iterator[str]:
    from jwtguard.testing.conformance.adapter_sites import _sites

    yield from _sites()


class Metafunc:
    """What pytest hands to `pytest_generate_tests`."""

    def __init__(self, *fixturenames: str) -> None:
        self.fixturenames = fixturenames
        self.ids: list[str] = []

    def parametrize(self, name: str, cases: list[Any], ids: list[str]) -> None:
        assert (name, len(cases)) == ("case", len(ids))
        self.ids = ids


@pytest.mark.parametrize(
    ("missing", "left_out"),
    [
        ("mounting", "rules: a mounted application"),
        ("preflight", "preflight: a preflight that something answers"),
        ("async views", "decorated async: the role"),
        ("methods in any case", "decorated: a method in lower case"),
        ("no csrf of its own", "cookies unchecked: csrf unchecked"),
    ],
)
def test_what_an_adapter_cannot_do(missing: str, left_out: str) -> None:
    """An adapter that cannot do something is not asked for it, and for all the rest."""
    able: Any = Direct()
    every = Metafunc("case")
    able.pytest_generate_tests(every)
    assert (left_out in every.ids, len(every.ids)) == (True, len(CASES))
    fewer = Metafunc("case")
    unable: Any = type("Unable", (Direct,), {"can": Direct.can - {missing}})()
    unable.pytest_generate_tests(fewer)
    assert left_out not in fewer.ids
    assert 0 < len(fewer.ids) < len(every.ids)


def test_other_tests_of_an_adapter() -> None:
    """Tests that take no case are left alone."""
    adapter: Any = Direct()
    metafunc = Metafunc("monkeypatch")
    adapter.pytest_generate_tests(metafunc)
    assert metafunc.ids == []


def test_adapters_say_how_a_site_is_built() -> None:
    """Without `client` or `websocket` there is nothing to test."""
    with pytest.raises(NotImplementedError, match="how a site is built"):
        AdapterConformance().client(site("decorated"))
    with pytest.raises(NotImplementedError, match="how a site is built"):
        WebSocketConformance().websocket(site("decorated"), RawRequest())


@pytest.mark.parametrize(
    ("expected", "found", "is_right"),
    [
        (None, None, True),
        (None, "Bearer", False),
        ("Bearer", None, False),
        ("Bearer", "Bearer", True),
        ("Bearer", 'Bearer realm="api"', False),
        ("a…c", "abc", True),
        ("a…c", "abcd", False),
        ("a.c", "abc", False),
        ('error="invalid_request", The ', 'error="invalid_request", The cookie', True),
        ('error="invalid_request", The ', 'error="invalid_token", The cookie', False),
    ],
)
def test_challenges(expected: str | None, found: str | None, is_right: bool) -> None:
    """Challenges are compared whole, but for what the table leaves open."""
    if is_right:
        assert_challenge(expected, found)
    else:
        with pytest.raises(AssertionError):
            assert_challenge(expected, found)


@pytest.mark.parametrize("source", [OutOfReach(), Broken()])
def test_sources_that_fail(source: Any) -> None:
    """The key sources of the sites fail in the ways they are there for."""
    with pytest.raises((UnavailableError, RuntimeError)):
        source.refreshed(None).run()


def test_rows_that_an_adapter_can_tell_apart() -> None:
    """`every_row = False` keeps each site, each answer and each way to send a token."""
    kept = rows_that_differ(CASES, looks_of)
    assert len(kept) < len(CASES)
    for look in (
        lambda case: (case.site, case.status, case.subject, case.retry_after),
        lambda case: (case.site, case.request.method, case.request.target[:100]),
        lambda case: (case.site, tuple(name for name, _ in case.request.headers)),
    ):
        assert set(map(look, kept)) == set(map(look, CASES))


def test_rows_of_routes_that_an_adapter_can_tell_apart() -> None:
    """`every_row = False` keeps each route of each site, each answer of it, and each kind of body."""
    kept = rows_that_differ(ROUTE_CASES, looks_of_route)
    assert len(kept) < len(ROUTE_CASES)
    for look in (
        lambda case: (case.site, case.method, case.path, case.status),
        lambda case: (case.path, tuple(case.headers)),
    ):
        assert set(map(look, kept)) == set(map(look, ROUTE_CASES))
