"""What caches are told of a request in which a guard looked for a token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from jwtguard import (
    AuthorizationHeader,
    HTTPRequest,
    JWTGuardError,
    TokenCookie,
    TokenHeader,
    TokenQuery,
    TokenSubprotocol,
)
from jwtguard.core.http.caching import TokenSearch
from jwtguard.core.http.token_sources import TokenSource, fields_of
from tests.samples import READERS, asgi, guard, token

Fields = Sequence[tuple[str, str]]


def searched(*names: str, found_in_query: bool = False) -> TokenSearch:
    """A search in these fields."""
    search = TokenSearch()
    search.look_in(names)
    search.found_in_query = found_in_query
    return search


@pytest.mark.parametrize(
    ("looked_in", "given", "expected"),
    [
        ([], [], None),
        ([], ["Accept"], None),
        (["Authorization"], [], ["Authorization"]),
        (["Authorization", "Cookie"], [], ["Authorization, Cookie"]),
        (["Authorization", "AUTHORIZATION"], [], ["Authorization"]),
        (["Authorization"], ["Accept"], ["Accept, Authorization"]),
        (["Authorization"], ["Accept", "Origin,\tCookie "], ["Accept, Origin, Cookie, Authorization"]),
        (["Authorization", "Cookie"], ["cookie, AUTHORIZATION"], None),
        (["Authorization", "Cookie"], ["cookie"], ["cookie, Authorization"]),
        (["Authorization"], ["*"], None),
        (["Authorization"], ["Accept, *"], None),
        (["Authorization"], ["", " , "], ["Authorization"]),
        (["Authorization", "*"], ["Accept"], ["*"]),
    ],
)
def test_vary(looked_in: list[str], given: list[str], expected: list[str] | None) -> None:
    """`Vary` names every field that was looked in, once, behind what it names already; `*` stays what it is."""
    headers = [("X-Name", "a"), *(("vary", value) for value in given)]
    found = searched(*looked_in).header_fields(200, headers)
    if expected is None:
        assert found is None
    else:
        assert found == [("X-Name", "a"), *(("Vary", value) for value in expected)]


@pytest.mark.parametrize(
    ("status", "given", "expected"),
    [
        (200, [], ["private"]),
        (304, [], ["private"]),
        (307, [], ["private"]),
        (200, ["max-age=60"], ["max-age=60, private"]),
        (200, ["public, max-age=60"], ["max-age=60, private"]),
        (200, ["PUBLIC", "max-age=60"], ["max-age=60, private"]),
        (200, ["no-store"], ["no-store, private"]),
        (200, ["Private"], None),
        (200, ['no-cache="a, b", private'], None),
        (200, ['no-cache="a, b"'], ['no-cache="a, b", private']),
        (401, ["no-store"], None),
        (404, [], None),
    ],
)
def test_a_token_in_the_query(status: int, given: list[str], expected: list[str] | None) -> None:
    """A successful answer to a request with a token in its URL is private (RFC 6750 §2.3)."""
    headers = [("cache-control", value) for value in given]
    found = searched(found_in_query=True).header_fields(status, headers)
    assert found == (None if expected is None else [("Cache-Control", value) for value in expected])


@dataclass(frozen=True)
class Own:
    """A place of a user's own, which names its fields."""

    fields: tuple[str, ...] = ("X-One", "X-Two")

    def read(self, request: HTTPRequest) -> str | None:
        return None


@dataclass(frozen=True)
class Unnamed:
    """Another, which does not."""

    def read(self, request: HTTPRequest) -> str | None:
        return None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (AuthorizationHeader(), ("Authorization",)),
        (AuthorizationHeader(from_proxy=True), ("Authorization",)),
        (TokenHeader("X-Token", from_proxy=False), ("X-Token",)),
        (TokenCookie(), ("Cookie",)),
        (TokenQuery(), ()),
        (TokenSubprotocol(), ()),
        (Own(), ("X-One", "X-Two")),
        (Unnamed(), ("*",)),
    ],
)
def test_fields_of_a_place(source: TokenSource, expected: tuple[str, ...]) -> None:
    """Each place is in header fields; one that does not say in which may be in any."""
    assert fields_of(source) == expected


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("fields", [[], [("Authorization", "Bearer")], [("Authorization", "Bearer a.b.c")]])
def test_a_guard_that_looks(read: Callable[..., HTTPRequest], fields: Fields) -> None:
    """All places count, also where the first of them was enough to refuse; and each request for itself."""
    places = [AuthorizationHeader(), TokenCookie()]
    request = read(fields)
    guard(tokens_from=places).authenticate(request).run()
    assert request.search.fields == ("Authorization", "Cookie")
    assert read(fields).search.fields == ()


@pytest.mark.parametrize(("query", "expected"), [(b"t=", False), (b"", False), (b"t=" + token().encode(), True)])
def test_a_guard_that_finds_a_token_in_the_query(query: bytes, expected: bool) -> None:
    """A URL without a token may be kept by anybody."""
    request = asgi(query_string=query)
    guard(tokens_from=[TokenQuery("t"), AuthorizationHeader()]).authenticate(request).run()
    assert request.search.found_in_query is expected


def test_requests_of_one_scope_share_what_was_found() -> None:
    """Adapters make a request anew for each thing that they ask."""
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    guard().authenticate(HTTPRequest.from_asgi(scope)).run()
    assert HTTPRequest.from_asgi(scope).search.fields == ("Authorization",)
    of_parts = HTTPRequest(method="GET", path="/", values=lambda name: [])
    guard().authenticate(of_parts).run()
    assert of_parts.search.fields == ("Authorization",)


def test_the_answer_to_a_refusal() -> None:
    """A refusal says it too, where it is for a request."""
    request, one = asgi(), guard()
    error = one.authenticate(request).run().error
    assert isinstance(error, JWTGuardError)
    assert ("Vary", "Authorization") in one.answer(error, request).headers
    assert "Vary" not in dict(one.answer(error).headers)
