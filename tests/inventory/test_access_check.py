"""What stands in a request's way, in words."""

from __future__ import annotations

import pytest

from jwtguard import AuthorizationHeader, HTTPRequest, TokenCookie, TokenHeader, TokenQuery, TokenSubprotocol
from jwtguard.core.http.token_sources import TokenSource
from jwtguard.inventory import AccessCheck, place_of


class OwnPlace:
    """A place of the application's own making."""

    def read(self, request: HTTPRequest) -> str | None:
        """Never called here."""
        raise AssertionError


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (AuthorizationHeader(), "Authorization"),
        (TokenCookie("__Host-a"), "cookie __Host-a"),
        (TokenCookie("__Host-a", development=True), "cookie a"),
        (TokenHeader("X-Token", from_proxy=False), "header X-Token"),
        (AuthorizationHeader(from_proxy=True), "Authorization from a proxy"),
        (TokenHeader("X-Token", from_proxy=True), "header X-Token from a proxy"),
        (TokenQuery("t"), "query t"),
        (TokenSubprotocol(), "subprotocol"),
        (OwnPlace(), "OwnPlace"),
    ],
)
def test_places(source: TokenSource, words: str) -> None:
    """Each place has its name."""
    assert place_of(source) == words


def test_what_is_not_ours() -> None:
    """A check that is not jwtguard's reads no token that we know of, and is called by its name."""
    check = AccessCheck(kind="third_party", name="of another package")
    assert (check.text, check.places, check.admits_anybody) == ("of another package", (), False)
