"""Clients that are logged in, as far as that needs no framework: one of httpx, which answers with what it was sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from jwtguard import CSRF, UNCHECKED, AuthorizationHeader, ConfigurationError, TokenCookie, TokenHeader, TokenQuery
from jwtguard.testing import Authenticated, TokenFor, throwaway_guard, tokens_for


def client(base_url: str = "http://testserver", set_cookie: str = "") -> httpx.Client:
    """A client whose server answers with the fields of the request."""

    def handle(request: httpx.Request) -> httpx.Response:
        fields = {"Set-Cookie": set_cookie} if set_cookie else {}
        return httpx.Response(200, headers=fields, json=dict(request.headers))

    return httpx.Client(transport=httpx.MockTransport(handle), base_url=base_url)


def sent(by: httpx.Client) -> dict[str, str]:
    """What a request of this client has, without what every client says of itself."""
    fields: dict[str, str] = by.get("/").json()
    usual = {"host", "accept", "accept-encoding", "connection", "user-agent"}
    return {name: value for name, value in fields.items() if name not in usual}


@pytest.fixture
def token_for() -> Iterator[TokenFor]:
    with tokens_for(throwaway_guard()) as made:
        yield made


def made_for(**settings: Any) -> Any:
    """`tokens_for` of a guard with these settings."""
    return tokens_for(throwaway_guard(**settings))


def subject_of(made: TokenFor, text: str) -> str | None:
    return made.guard.verify(text).run().principal.subject


def test_header(token_for: TokenFor) -> None:
    """By default the token travels in the guard's first token source."""
    with Authenticated(token_for) as authenticated:
        of_alice = authenticated(client(), "alice", roles=["admin"])
        fields = sent(of_alice)
        assert list(fields) == ["authorization"]
        assert subject_of(token_for, fields["authorization"].removeprefix("Bearer ")) == "alice"
    assert sent(of_alice) == {}


def test_cookie(token_for: TokenFor) -> None:
    """A cookie comes with what a browser and a page of our own would send."""
    with Authenticated(token_for) as authenticated:
        of_alice = authenticated(client(), "alice", via="cookie")
        fields = sent(of_alice)
        cookies = dict(pair.split("=", 1) for pair in fields.pop("cookie").split("; "))
        token = token_for.guard.verify(cookies["__Host-access"]).run()
        csrf = token_for.guard.csrf_token(token)
        assert fields == {"sec-fetch-site": "same-origin", "x-csrf-token": csrf}
        assert cookies["__Host-csrf"] == csrf
    assert sent(of_alice) == {}


@pytest.mark.parametrize(
    ("settings", "csrf", "expected"),
    [
        ({}, False, {"cookie"}),
        ({"csrf": CSRF()}, True, {"cookie", "sec-fetch-site"}),
        ({"csrf": UNCHECKED}, True, {"cookie", "sec-fetch-site"}),
    ],
)
def test_less_than_a_page_sends(settings: dict[str, Any], csrf: bool, expected: set[str]) -> None:
    """Without the proof of origin, for a test that must fail; and without a CSRF token where there is none."""
    with made_for(**settings) as made, Authenticated(made) as authenticated:
        assert sent(authenticated(client(), via="cookie", csrf=csrf)).keys() == expected


def test_a_token_that_is_refused_has_no_csrf_token(token_for: TokenFor) -> None:
    """An expired token can be sent in a cookie, too."""
    with Authenticated(token_for) as authenticated:
        fields = sent(authenticated(client(), via="cookie", expires_in=timedelta(hours=-1)))
        assert fields.keys() == {"cookie", "sec-fetch-site"}


@pytest.mark.parametrize("via", [None, "header"])
def test_another_header(via: Any) -> None:
    """A guard with a header of another name is spoken to by that name."""
    with made_for(tokens_from=[TokenHeader("X-Token", from_proxy=False)]) as made, Authenticated(made) as authenticated:
        assert subject_of(made, sent(authenticated(client(), "alice", via=via))["x-token"]) == "alice"


def test_a_place_of_a_route_s_own(token_for: TokenFor) -> None:
    """A source in `tokens_from` of a route can be named."""
    with Authenticated(token_for) as authenticated:
        assert sent(authenticated(client(), via=TokenHeader("X-Token", from_proxy=False))).keys() == {"x-token"}
        fields = sent(authenticated(client(), via=TokenCookie("session"), csrf=False))
        assert fields["cookie"].startswith("session=ey")


@pytest.mark.parametrize(
    ("place", "expected", "start"),
    [
        (TokenHeader("X-Token", from_proxy=False, scheme="Bearer"), {"x-token"}, "Bearer ey"),
        (TokenHeader("X-Token", from_proxy=True), {"x-token", "sec-fetch-site"}, "ey"),
    ],
)
def test_the_header_of_a_gateway(place: TokenHeader, expected: set[str], start: str) -> None:
    """A scheme stands in front, and with a gateway's header goes what a browser says of our own pages."""
    with made_for(tokens_from=[place]) as made, Authenticated(made) as authenticated:
        fields = sent(authenticated(client()))
        assert expected == fields.keys() - {"x-csrf-token", "cookie"}
        assert fields["x-token"].startswith(start)


@pytest.mark.parametrize(
    ("places", "via", "message"),
    [
        ([AuthorizationHeader()], "cookie", "reads no token from a cookie: its tokens_from is .AuthorizationHeader"),
        ([TokenCookie()], "header", "reads no token from a header"),
        ([TokenQuery()], None, "reads no token from a header or a cookie"),
        ([AuthorizationHeader()], TokenQuery(), "reads no token from a header or a cookie"),
        ([AuthorizationHeader(), TokenCookie()], "body", "reads no token from a body"),
    ],
)
def test_a_place_where_the_guard_does_not_look(places: list[Any], via: Any, message: str) -> None:
    """A test would wonder about its 401s."""
    with (
        made_for(tokens_from=places) as made,
        Authenticated(made) as authenticated,
        pytest.raises(ConfigurationError, match=message),
    ):
        authenticated(client(), via=via)


def test_logging_in_as_another(token_for: TokenFor) -> None:
    """A second login replaces the first one, with the token in a header or in a cookie."""
    with Authenticated(token_for) as authenticated:
        one = client()
        one.headers["Authorization"] = "Basic eDp5"
        authenticated(one, "alice", via="cookie")
        assert sent(one)["authorization"] == "Basic eDp5"
        authenticated(one, "bob")
        fields = sent(one)
        assert list(fields) == ["authorization"]
        assert subject_of(token_for, fields["authorization"].removeprefix("Bearer ")) == "bob"
        authenticated.logout(one)
        authenticated.logout(one)
        assert sent(one) == {"authorization": "Basic eDp5"}


@pytest.mark.parametrize("host", ["testserver", "api.example"])
def test_a_cookie_that_the_application_sets_takes_its_place(token_for: TokenFor, host: str) -> None:
    """A renewed token is sent instead of the first one, never both; and a deleted one is gone."""
    with Authenticated(token_for) as authenticated:
        renewed = authenticated(client(f"https://{host}", "__Host-access=renewed; Path=/; Secure"), via="cookie")
        renewed.get("/")
        assert sent(renewed)["cookie"].count("__Host-access=") == 1
        assert "__Host-access=renewed" in sent(renewed)["cookie"]
        ended = authenticated(client(f"https://{host}", "__Host-access=; Path=/; Max-Age=0; Secure"), via="cookie")
        ended.get("/")
        assert "__Host-access" not in sent(ended)["cookie"]
    assert sent(ended) == {}


def test_a_client_without_an_address(token_for: TokenFor) -> None:
    """A client of no server in particular sends the cookie to all."""
    with Authenticated(token_for) as authenticated:
        one = authenticated(client(""), via="cookie")
        assert "__Host-access=" in one.get("http://localhost/").json()["cookie"]


@pytest.mark.parametrize("wrong", [object(), httpx.Client, None])
def test_no_client(token_for: TokenFor, wrong: Any) -> None:
    """Something else is no client, and the error says which are."""
    with Authenticated(token_for) as authenticated, pytest.raises(TypeError, match="test client of Flask, Starlette"):
        authenticated(wrong)
