"""Finding the token of a request: the same in ASGI, where fields come apart, and in WSGI, which folds them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from jwtguard import (
    AuthorizationHeader,
    ConfigurationError,
    InvalidRequestError,
    JWTGuardError,
    MalformedTokenError,
    TokenCookie,
    TokenHeader,
    TokenQuery,
    TokenSubprotocol,
)
from jwtguard.core.http.request import MAX_FIELD
from jwtguard.core.http.response import HTTPRequest
from jwtguard.core.http.token_sources import (
    Extracted,
    TokenSource,
    check_sources,
    extract,
    is_ambient,
    scheme_hint,
    subprotocols_without_token,
)
from tests.samples import READERS, Fields, asgi, calls_made, handshake

Reader = Callable[..., HTTPRequest]
either = pytest.mark.parametrize("read", READERS, ids=["asgi", "wsgi"])
SOME = "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"
MEGABYTE = "a" * 1_000_000


def _outcome(source: TokenSource, request: HTTPRequest) -> str | None:
    """The token; for a refusal its reason and status."""
    try:
        return source.read(request)
    except JWTGuardError as error:
        return f"{error.status} {error.reason}"


ABSENT = None
MALFORMED = "401 bearer_credential"
TWICE = "400 two_credentials"


@either
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ABSENT),
        ([""], ABSENT),
        ([" \t"], ABSENT),
        (["Bearer a.b.c"], "a.b.c"),
        (["bearer a.b.c"], "a.b.c"),
        (["BEARER a.b.c"], "a.b.c"),
        (["bEaReR a.b.c"], "a.b.c"),
        (["  Bearer a.b.c\t"], "a.b.c"),
        (["Bearer    a.b.c"], "a.b.c"),
        # What stands behind the scheme is the verifier's to refuse.
        (["Bearer a b"], "a b"),
        (["Bearer =a"], "=a"),
        (['Bearer "a.b.c"'], '"a.b.c"'),
        (["Bearer Bearer a"], "Bearer a"),
        (["Bearer a\x00b"], "a\x00b"),
        (["Bearer \xe9"], "\xe9"),
        # The scheme alone, or something else than a space behind it, was meant as one.
        (["Bearer"], MALFORMED),
        (["bearer "], MALFORMED),
        (["Bearer\ta.b.c"], MALFORMED),
        (["Bearer \t"], MALFORMED),
        (["Bearer:a.b.c"], MALFORMED),
        (["Bearer=a.b.c"], MALFORMED),
        (["Bearer/a.b.c"], MALFORMED),
        # Other schemes, even with a token in them, and tokens without a scheme, are none of ours.
        (["Basic YTpi"], ABSENT),
        (["Basic a.b.c"], ABSENT),
        (["JWT a.b.c"], ABSENT),
        (["Token a.b.c"], ABSENT),
        (["a.b.c"], ABSENT),
        (["Bearera.b.c"], ABSENT),
        (["Bearers a.b.c"], ABSENT),
        (["Bearer-2 a.b.c"], ABSENT),
        (["\x0bBearer a.b.c"], ABSENT),
        (["Bear er a.b.c"], ABSENT),
        (["Proxy Bearer a.b.c"], ABSENT),
        (['Digest username="u", realm="r"'], ABSENT),
        (['Digest username="Bearer x"'], ABSENT),
        # A comma is how servers fold two fields into one.
        (["Bearer a.b.c,"], TWICE),
        (["Bearer a,b"], TWICE),
        (["Bearer ,a"], TWICE),
        (["Bearer,a"], TWICE),
        (["Bearer a, Basic YTpi"], TWICE),
        (["Bearer a,Bearer a"], TWICE),
        (["Basic YTpi, Bearer a"], TWICE),
        (["Basic YTpi,Bearer a"], TWICE),
        (["Basic YTpi, \t bearer a"], TWICE),
        (['Digest a="b", c="d", Bearer a'], TWICE),
        (["Basic YTpi, DPoP a"], TWICE),
        (["Basic YTpi,dpop a"], TWICE),
        (["DPoP a"], ABSENT),
        (["DPoP a, DPoP b"], TWICE),
        (["Basic YTpi, DPoP"], ABSENT),
        (["Basic YTpi, Bearer"], ABSENT),
        (["Basic YTpi, Bearers a"], ABSENT),
        (["Basic YTpi, Xbearer a"], ABSENT),
        # Two fields.
        (["Bearer a", "Bearer a"], TWICE),
        (["Bearer a", "Bearer b"], TWICE),
        (["Bearer a", "Basic YTpi"], TWICE),
        (["Basic YTpi", "Bearer a"], TWICE),
        (["", "Bearer a"], TWICE),
        (["Bearer a", ""], TWICE),
        (["Bearer", "a"], TWICE),
        (["Basic YTpi", "Basic YTpj"], ABSENT),
        (["", ""], ABSENT),
    ],
)
def test_authorization(read: Reader, values: list[str], expected: str | None) -> None:
    """`Authorization: Bearer <token>`, and all that is not quite it."""
    request = read([("Authorization", value) for value in values])
    assert _outcome(AuthorizationHeader(), request) == expected


@either
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], ABSENT),
        ([("X-Token", "")], ABSENT),
        ([("X-Token", " \t")], ABSENT),
        ([("X-Token", "a.b.c")], "a.b.c"),
        ([("X-Token", "\t a.b.c ")], "a.b.c"),
        ([("X-Token", "Bearer a.b.c")], "Bearer a.b.c"),
        ([("X-Token", "a"), ("X-Token", "a")], "400 repeated_header"),
        ([("X-Token", "a"), ("X-Token", "")], "400 repeated_header"),
        ([("X-Token", "a,b")], "400 repeated_header"),
        ([("X-Tokens", "a"), ("XX-Token", "a"), ("Authorization", "Bearer a")], ABSENT),
    ],
)
def test_named_header(read: Reader, fields: Fields, expected: str | None) -> None:
    """A header of another name holds the bare token, once."""
    assert _outcome(TokenHeader("X-Token", from_proxy=False), read(fields)) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ABSENT),
        ("access_token", ABSENT),
        ("access_token=", ABSENT),
        ("access_token=a.b.c", "a.b.c"),
        ("x=1&access_token=a.b.c&y=2", "a.b.c"),
        ("x=1;access_token=a.b.c;y=2", "a.b.c"),
        ("my_access_token=a&access_tokens=b&access-token=c", ABSENT),
        ("x=access_token=a", ABSENT),
        ("ACCESS_TOKEN=a", ABSENT),
        ("access_token=a=b", "a=b"),
        ("access_token=a%2Eb%2ec", "a.b.c"),
        ("access_token=a+b", "a+b"),
        ("access_token=%ff", "\ufffd"),
        ("access_token=%", "%"),
        ("access_token=a&access_token=a", "400 repeated_query"),
        ("access_token=a&access_token=", "400 repeated_query"),
        ("access_token=&access_token=a", "400 repeated_query"),
        ("access_token=a;access_token=b", "400 repeated_query"),
        ("access_token=" + "%41" * 30_000, "%41" * 30_000),
    ],
)
def test_query(query: str, expected: str | None) -> None:
    """A query parameter, once; escapes are read, but not by the hundred thousand: no token holds a percent sign."""
    requests = [asgi(query_string=query.encode("ascii")), READERS[1](QUERY_STRING=query)]
    assert [_outcome(TokenQuery(), request) for request in requests] == [expected, expected]


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ([], ABSENT),
        ([""], ABSENT),
        (["chat"], ABSENT),
        (["chat, superchat"], ABSENT),
        (["xbearer, bearers, Bearer"], ABSENT),
        (["bearer, a.b.c"], "a.b.c"),
        (["bearer,a.b.c"], "a.b.c"),
        ([" bearer ,\ta.b.c "], "a.b.c"),
        (["bearer", "a.b.c"], "a.b.c"),
        (["bearer"], "401 subprotocol"),
        (["bearer,"], "401 subprotocol"),
        (["bearer, , a.b.c"], "401 subprotocol"),
        (["chat, bearer"], "401 subprotocol"),
        (["a.b.c, bearer"], "401 subprotocol"),
        (["bearer, a.b.c, chat"], "a.b.c"),
        (["bearer, a.b.c,"], "a.b.c"),
        (["graphql-transport-ws, bearer, a.b.c"], "a.b.c"),
        (["chat", "bearer", "a.b.c", "superchat"], "a.b.c"),
        (["bearer, bearer"], "400 two_tokens"),
        (["bearer, a.b.c, bearer, a.b.c"], "400 two_tokens"),
    ],
)
def test_subprotocol(offered: list[str], expected: str | None) -> None:
    """`Sec-WebSocket-Protocol: bearer, <token>`, before, behind or between subprotocols of the application."""
    fields = [("Sec-WebSocket-Protocol", value) for value in offered]
    assert _outcome(TokenSubprotocol(), handshake(fields)) == expected


@either
def test_subprotocol_is_for_handshakes_only(read: Reader) -> None:
    """A plain request with that header carries no token."""
    assert TokenSubprotocol().read(read([("Sec-WebSocket-Protocol", "bearer, a.b.c")])) is None


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ("bearer, a.b.c", []),
        ("graphql-transport-ws, bearer, a.b.c", ["graphql-transport-ws"]),
        ("bearer,a.b.c,graphql-ws,\tgraphql-transport-ws", ["graphql-ws", "graphql-transport-ws"]),
        ("a, bearer, a.b.c, b", ["a", "b"]),
        ("a, , b", ["a", "b"]),
        ("", []),
    ],
)
def test_subprotocols_of_the_application(offered: str, expected: list[str]) -> None:
    """The application sees the offered subprotocols in their order, without `bearer` and the token."""
    assert subprotocols_without_token(handshake([("Sec-WebSocket-Protocol", offered)])) == expected


PLACES: list[TokenSource] = [
    AuthorizationHeader(),
    TokenCookie("access", secure=False),
    TokenHeader("X-Token", from_proxy=False),
    TokenQuery(),
]
HEADER, COOKIE, NAMED = ("Authorization", "Bearer a"), ("Cookie", "access=a"), ("X-Token", "a")


@either
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], None),
        ([HEADER], PLACES[0]),
        ([COOKIE], PLACES[1]),
        ([NAMED], PLACES[2]),
        ([("Authorization", "Basic YTpi"), COOKIE], PLACES[1]),
        ([("Authorization", ""), ("Cookie", "access="), NAMED], PLACES[2]),
    ],
)
def test_place(read: Reader, fields: Fields, expected: TokenSource | None) -> None:
    """The token of the one place that holds any, and which place that was."""
    found = extract(read(fields), PLACES)
    assert found == Extracted(text=None if expected is None else "a", source=expected)


@either
@pytest.mark.parametrize("fields", [[HEADER, COOKIE], [HEADER, NAMED], [COOKIE, NAMED], [HEADER, COOKIE, NAMED]])
def test_two_places(read: Reader, fields: Fields) -> None:
    """Tokens in two places are refused, even if they are equal (RFC 6750 §2)."""
    with pytest.raises(InvalidRequestError) as refused:
        extract(read(fields), PLACES)
    assert (refused.value.status, refused.value.reason) == (400, "two_tokens")


def test_malformed_in_one_place_and_good_in_another() -> None:
    """A botched bearer credential is not forgiven because a cookie is there too."""
    with pytest.raises(MalformedTokenError):
        extract(asgi([("Authorization", "Bearer"), COOKIE]), PLACES)


@pytest.mark.parametrize(
    ("source", "request_"),
    [
        (TokenHeader("X-Token", from_proxy=False), asgi([("X-Token", MEGABYTE)])),
        (TokenQuery(), asgi(query_string=b"access_token=" + MEGABYTE.encode())),
        (TokenSubprotocol(), handshake([("Sec-WebSocket-Protocol", "bearer, " + MEGABYTE)])),
    ],
    ids=["header", "query", "subprotocol"],
)
def test_megabyte(source: TokenSource, request_: HTTPRequest) -> None:
    """A token of a megabyte comes out whole, in a few calls, for the verifier to refuse by its length."""
    assert source.read(request_) == MEGABYTE
    assert calls_made(lambda: source.read(request_)) < 50


@either
@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("Bearer ", "", "401 too_long"),
        ("bearer ", "", "401 too_long"),
        (" \tBearer ", "", "401 too_long"),
        ("Bearer a,", "", TWICE),
        ("Bearer\x01", "", MALFORMED),
        ("Basic ", "", ABSENT),
        ("Basic ", ", Bearer a", TWICE),
        ("Bearerish ", "", ABSENT),
    ],
)
def test_a_field_that_is_far_too_long(start: str, end: str, expected: str | None, read: Reader) -> None:
    """A token is refused by the start of it; whatever else stands there may hold one further on."""
    field = start + "a" * MAX_FIELD + end

    assert expected == _outcome(AuthorizationHeader(), read([("Authorization", field)]))


@either
def test_the_longest_token_that_may_be_allowed(read: Reader) -> None:
    """A token of the greatest allowed length is extracted whole, and so is a longer one for the verifier."""
    for length in (65536, MAX_FIELD - len("Bearer ")):
        assert _outcome(AuthorizationHeader(), read([("Authorization", "Bearer " + "a" * length)])) == "a" * length


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["Bearer " + "a" * 70_000] * 2, TWICE),
        (["Bearer " + "a" * MAX_FIELD, ""], "401 too_long"),
        (["", "Bearer " + "a" * MAX_FIELD], TWICE),
        (["Basic " + "a" * MAX_FIELD, "Bearer a"], TWICE),
        (["Basic " + "a" * MAX_FIELD, "Basic a"], ABSENT),
    ],
    ids=["two", "nothing behind", "nothing in front", "another scheme in front", "another scheme"],
)
@either
def test_several_fields_that_are_too_long_together(values: list[str], expected: str | None, read: Reader) -> None:
    """Several fields count as one joined field, joined by the server or by the core."""
    assert expected == _outcome(AuthorizationHeader(), read([("Authorization", value) for value in values]))


@either
def test_a_megabyte_is_not_copied(read: Reader) -> None:
    """Only the start of a field that is too long is kept."""
    request, source = read([("Authorization", "Bearer " + MEGABYTE)]), AuthorizationHeader()
    _outcome(source, request)
    tracemalloc.start()
    try:
        _outcome(source, request)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 3 * MAX_FIELD


@pytest.mark.parametrize("part", ["a", ",", ", ", ";", "&", "%41", "bearer,", ",bearer", "access_token=", "x-token"])
def test_megabyte_of_anything(part: str) -> None:
    """No way to fill a field makes reading it take a step of Python for each of its parts."""
    field = part * (1_000_000 // len(part))
    fields = [(name, field) for name in ("Authorization", "X-Token", "Sec-WebSocket-Protocol")]
    request = handshake(fields, query_string=field.encode())

    def read() -> None:
        for source in (
            AuthorizationHeader(),
            TokenHeader("X-Token", from_proxy=False),
            TokenQuery(),
            TokenSubprotocol(),
        ):
            _outcome(source, request)

    assert calls_made(read) < 200


@either
@pytest.mark.parametrize(
    ("scheme", "value", "expected"),
    [
        ("Bearer", "Bearer a.b.c", "a.b.c"),
        ("Bearer", "bEARER   a.b.c ", "a.b.c"),
        ("bearer", "Bearer a.b.c", "a.b.c"),
        ("Token", "token a.b.c", "a.b.c"),
        ("Bearer", "", ABSENT),
        ("Bearer", " ", ABSENT),
        ("Bearer", "a.b.c", ABSENT),
        ("Bearer", "Basic YTpi", ABSENT),
        ("Bearer", "Bearers a.b.c", ABSENT),
        ("Bearer", "Bearer", MALFORMED),
        ("Bearer", "Bearer ", MALFORMED),
        ("Bearer", "Bearer\ta.b.c", MALFORMED),
        ("Bearer", "Bearer a, Bearer b", "400 repeated_header"),
    ],
)
def test_named_header_with_a_scheme(read: Reader, scheme: str, value: str, expected: str | None) -> None:
    """With a scheme, a named header holds what `Authorization` would hold."""
    source = TokenHeader("X-Access-Token", from_proxy=False, scheme=scheme)
    assert _outcome(source, read([("X-Access-Token", value)])) == expected


@pytest.mark.parametrize("name", ["", "a b", "a:b", "ä", "a\n", 5, "Authorization", "authorization", "Cookie"])
@pytest.mark.parametrize("from_proxy", [None, False, True])
def test_header_names(name: Any, from_proxy: bool | None) -> None:
    """A header's name is an RFC 9110 token, and none of the fields that hold more than a token."""
    with pytest.raises(ConfigurationError, match=r"a header's name is|would read the field whole"):
        TokenHeader(name, from_proxy=from_proxy)


@pytest.mark.parametrize(
    ("name", "settings", "problem"),
    [
        ("X-Token", {}, "who sets the header X-Token"),
        ("X-Token", {"from_proxy": None}, "who sets the header X-Token"),
        ("X-Token", {"from_proxy": 1}, "from_proxy is True or False, found 1"),
        ("X-Token", {"from_proxy": "false"}, "from_proxy is True or False, found 'false'"),
        ("X-Token", {"from_proxy": False, "scheme": ""}, 'scheme is a name as in scheme="Bearer"'),
        ("X-Token", {"from_proxy": False, "scheme": "Bearer "}, 'scheme is a name as in scheme="Bearer"'),
        ("X-Token", {"from_proxy": False, "scheme": 5}, 'scheme is a name as in scheme="Bearer"'),
        *(
            (name, {"from_proxy": False}, "gateways set the header")
            for name in (
                "Cf-Access-Jwt-Assertion",
                "CF-ACCESS-JWT-ASSERTION",
                "cf_access_jwt_assertion",
                "X-Goog-IAP-JWT-Assertion",
                "X-Amzn-Oidc-Data",
                "x-amzn-oidc-accesstoken",
                "X-Forwarded-Access-Token",
                "X-Forwarded-Authorization",
                "X-Auth-Request-Access-Token",
                "X-MS-TOKEN-AAD-ID-TOKEN",
                "x-ms-token-google-access-token",
                "X-Auth-Request-Id-Token",
                "X-Pomerium-Jwt-Assertion",
                "Teleport-Jwt-Assertion",
                "X-authentik-jwt",
            )
        ),
    ],
)
def test_who_sets_a_header(name: str, settings: dict[str, Any], problem: str) -> None:
    """`TokenHeader` requires `from_proxy`, and refuses False for names that only gateways set."""
    with pytest.raises(ConfigurationError, match=problem):
        TokenHeader(name, **settings)


def test_all_that_is_wrong_with_a_header() -> None:
    """Everything is said at once."""
    with pytest.raises(ConfigurationError) as refused:
        TokenHeader("X-Token", scheme="a b")
    assert len(refused.value.problems) == 2


@pytest.mark.parametrize("from_proxy", [None, 0, "yes"])
def test_authorization_from_a_proxy_is_a_switch(from_proxy: Any) -> None:
    """`from_proxy` of the Authorization header is False, or True."""
    with pytest.raises(ConfigurationError, match="from_proxy is True or False"):
        AuthorizationHeader(from_proxy=from_proxy)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (AuthorizationHeader(), False),
        (AuthorizationHeader(from_proxy=True), True),
        (TokenHeader("X-Token", from_proxy=False), False),
        (TokenHeader("X-Token", from_proxy=True), True),
        (TokenHeader("X-Forwarded-Access-Token", from_proxy=True), True),
        (TokenCookie(), True),
        (TokenQuery(), False),
        (TokenSubprotocol(), False),
    ],
)
def test_what_is_added_by_itself(source: TokenSource, expected: bool) -> None:
    """A browser adds cookies, and a gateway its header, to requests that other sites start."""
    assert is_ambient(source) is expected


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a&b", "a;b", "ä", None])
def test_query_names(name: Any) -> None:
    """A parameter's name holds nothing that a query gives a meaning."""
    with pytest.raises(ConfigurationError):
        TokenQuery(name)


def test_names_are_taken_literally() -> None:
    """A name may hold what means something in a pattern."""
    assert TokenQuery("a.b").read(asgi(query_string=b"axb=1&a.b=2")) == "2"


@pytest.mark.parametrize(
    ("tokens_from", "message"),
    [
        (None, "is a list of places"),
        ("authorization", "is a list of places"),
        (b"authorization", "is a list of places"),
        (AuthorizationHeader(), "is a list of places"),
        ([], "found none"),
        (["authorization"], "found 'authorization'"),
        ([AuthorizationHeader], "found <class"),
        ([AuthorizationHeader(), AuthorizationHeader()], "names one place twice"),
        ([TokenHeader("x", from_proxy=False), TokenHeader("X", from_proxy=True)], "names one place twice"),
        ([AuthorizationHeader(), AuthorizationHeader(from_proxy=True)], "names one place twice"),
    ],
)
def test_sources_that_are_none(tokens_from: object, message: str) -> None:
    """A value that is no list of different places is a ConfigurationError that says what to write."""
    with pytest.raises(ConfigurationError, match=message):
        check_sources(tokens_from)


def test_sources() -> None:
    """Any iterable of places is made a tuple, in its order."""
    assert check_sources(iter(PLACES)) == tuple(PLACES)


def test_token_is_not_in_a_repr() -> None:
    """The repr of an extracted token does not hold its text."""
    assert "secret" not in repr(Extracted(text="secret", source=AuthorizationHeader()))


@dataclass(eq=True)
class Unhashable:
    """A place of a user's own, as a plain dataclass is: comparable and not hashable."""

    def read(self, request: HTTPRequest) -> str | None:
        return None


@pytest.mark.parametrize(
    ("places", "are_two"),
    [
        ([TokenHeader("X-Token", from_proxy=False), TokenHeader("x-token", from_proxy=False)], False),
        ([TokenCookie("access"), TokenCookie("access", path="/x")], False),
        ([TokenCookie("__Host-access", development=True), TokenCookie("access")], False),
        ([Unhashable(), Unhashable()], False),
        ([Unhashable(), AuthorizationHeader()], True),
        ([TokenHeader("X-Token", from_proxy=False), TokenHeader("X-Other", from_proxy=False)], True),
        ([TokenQuery("a"), TokenQuery("b")], True),
    ],
)
def test_one_place_named_twice(places: list[TokenSource], are_two: bool) -> None:
    """Two sources that find the same token are one place, in each spelling."""
    if are_two:
        assert check_sources(places) == tuple(places)
    else:
        with pytest.raises(ConfigurationError, match="names one place twice"):
            check_sources(places)


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("Basic dXNlcjpwYXNz", "the scheme Basic"),
        (f"Basic {SOME}", "the scheme Basic"),
        (f"Token {SOME}", "the scheme Token"),
        (f"JWT\t{SOME}", "the scheme JWT"),
        (f"  jwt   {SOME}", "the scheme jwt"),
        ("AWS4-HMAC-SHA256 Credential=x", "the scheme AWS4-HMAC-SHA256"),
        (SOME, "a credential without a scheme"),
        ("opaque", "a credential without a scheme"),
        # The first word may be the credential itself, or anything else.
        (f"{SOME} {SOME}", "an unknown scheme"),
        ("AKIAIOSFODNN7EXAMPLE x", "an unknown scheme"),
        ("sk_live_1 x", "an unknown scheme"),
        ("t\xf6ken x", "an unknown scheme"),
        ("\x1b[31mToken x", "an unknown scheme"),
        ("0a1b2c x", "an unknown scheme"),
    ],
)
def test_scheme_hint(field: str, found: str) -> None:
    """The log names the scheme that was found and the one that is expected, and never a credential."""
    request = asgi([("Authorization", field)])
    assert (
        scheme_hint(request, [TokenCookie("a"), AuthorizationHeader()]) == f"Authorization has {found}, expected Bearer"
    )


def test_scheme_hint_of_a_named_header() -> None:
    """A header of another name has a scheme of its own, or takes the bare token."""
    named = TokenHeader("X-Access-Token", from_proxy=False, scheme="Token")
    request = asgi([("X-Access-Token", f"Bearer {SOME}"), ("X-Bare", f"Bearer {SOME}")])
    assert scheme_hint(request, [named]) == "X-Access-Token has the scheme Bearer, expected Token"
    assert scheme_hint(request, [TokenHeader("X-Bare", from_proxy=False)]) is None


@pytest.mark.parametrize("headers", [[], [("Authorization", "")], [("Authorization", "  ")], [("Cookie", "a=b")]])
def test_no_scheme_hint(headers: list[tuple[str, str]]) -> None:
    """Where nothing stands in the place of a token, there is nothing to say."""
    assert scheme_hint(asgi(headers), [AuthorizationHeader(), TokenCookie("b")]) is None
