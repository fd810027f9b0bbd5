"""Issuing access tokens: what stands in them, who signs, and what is refused."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwtguard import ConfigurationError, InvalidTokenError, SigningKey, TokenIssuer
from jwtguard.core.tokens.encoding import decode_segment, parse_object
from jwtguard.core.tokens.issuer import ACCESS_TOKEN_LIFETIME, OWN_CLAIMS, new_jti
from jwtguard.core.tokens.jws import MAX_TOKEN_BYTES
from tests.samples import AUDIENCE, ISSUER, KEY, NOW, guard, issuer

OLD, NEW = SigningKey.generate("ES256", kid="old"), SigningKey.generate("ES256", kid="new")
SHARED = SigningKey.generate("HS256", kid="shared")


def _part(text: str, number: int) -> dict[str, Any]:
    return dict(parse_object(decode_segment(text.split(".")[number].encode())))


def _claims(issuing: TokenIssuer | None = None, /, subject: Any = "user-1", **arguments: Any) -> dict[str, Any]:
    return _part((issuing or issuer(new_jti=lambda: "jti-1")).access_token(subject, **arguments), 1)


PLAIN = {
    "iss": ISSUER,
    "sub": "user-1",
    "aud": AUDIENCE,
    "exp": NOW + 300,
    "iat": NOW,
    "jti": "jti-1",
    "client_id": "web",
}


def test_plain_token() -> None:
    """The claims that RFC 9068 §2.2 requires, and nothing that was not asked for."""
    assert _claims() == PLAIN


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"roles": ["admin", "editor"]}, {"roles": ["admin", "editor"]}),
        ({"roles": ()}, {}),
        ({"roles": {"b", "a", "c"}}, {"roles": ["a", "b", "c"]}),
        ({"roles": frozenset({"b", "a"})}, {"roles": ["a", "b"]}),
        ({"roles": iter(["b", "a"])}, {"roles": ["b", "a"]}),
        ({"scope": ["reports:read", "reports:write"]}, {"scope": "reports:read reports:write"}),
        ({"scope": {"b", "a"}}, {"scope": "a b"}),
        ({"permissions": ["users.delete"]}, {"permissions": ["users.delete"]}),
        ({"session_id": "s-1"}, {"sid": "s-1"}),
        ({"auth_time": NOW - 0.5}, {"auth_time": NOW - 1}),
        ({"auth_time": 0}, {"auth_time": 0}),
        ({"claims": {"name": "Älice", "https://app.example/x": [1, {"y": None}]}}, None),
        ({"claims": {}}, {}),
        ({"claims": None}, {}),
    ],
)
def test_arguments(arguments: dict[str, Any], expected: dict[str, Any] | None) -> None:
    """Each argument has its claim; what is empty is left out."""
    assert _claims(**arguments) == {**PLAIN, **(arguments["claims"] if expected is None else expected)}


def test_header() -> None:
    """The token says what it is (RFC 9068 §2.1), and which key signed it, if that has a name."""
    assert _part(issuer().access_token("user-1"), 0) == {"typ": "at+jwt", "alg": "HS256"}
    signed_by_new = issuer(signing_keys=[NEW]).access_token("user-1")
    assert _part(signed_by_new, 0) == {"typ": "at+jwt", "alg": "ES256", "kid": "new"}


@pytest.mark.parametrize("subject", [7, 0, "7", UUID(int=7)])
def test_subject_is_a_string(subject: str | int | UUID) -> None:
    """An integer or a UUID is written as a string (RFC 7519 §4.1.2)."""
    assert _claims(subject=subject)["sub"] == str(subject)


def test_own_guard_admits() -> None:
    """A guard with the issuer's settings accepts its tokens, and reads the same roles and scopes."""
    text = issuer().access_token(
        7, roles=["admin"], scope=["a", "b"], permissions=["p"], session_id="s-1", auth_time=NOW - 5
    )
    caller = guard().principal_of(guard().verify(text).run())
    assert (caller.subject, caller.session_id, caller.auth_time) == ("7", "s-1", NOW - 5)
    assert [set(names) for names in (caller.roles, caller.scopes, caller.permissions)] == [{"admin"}, {"a", "b"}, {"p"}]


@pytest.mark.parametrize(
    ("lifetime", "expected"),
    [(timedelta(minutes=5), 300), (timedelta(seconds=1), 1), (timedelta(days=1), 86400), (ACCESS_TOKEN_LIFETIME, 300)],
)
def test_lifetime(lifetime: timedelta, expected: int) -> None:
    """`exp` is so long after `iat`."""
    claims = _claims(issuer(access_token_lifetime=lifetime))
    assert claims["exp"] - claims["iat"] == expected


def test_several_audiences() -> None:
    """Several audiences are a list, one is a string, as it was given."""
    assert _claims(issuer(audience=["a", "b"]))["aud"] == ["a", "b"]
    assert _claims(issuer(audience=iter(["a"])))["aud"] == ["a"]


def test_every_token_has_a_name_of_its_own() -> None:
    """No two tokens share a `jti`, which is 128 random bits."""
    names = {_claims(issuer())["jti"] for _ in range(50)} | {new_jti() for _ in range(50)}
    assert len(names) == 100
    assert {len(decode_segment(name.encode())) for name in names} == {16}


def test_real_clock() -> None:
    """Unless told otherwise, now is now."""
    before = int(time.time())
    made = TokenIssuer(issuer=ISSUER, audience=AUDIENCE, client_id="web", signing_keys=[KEY]).access_token("user-1")
    assert before <= _part(made, 1)["iat"] <= time.time()


def test_newest_key_signs_and_older_ones_verify() -> None:
    """Keys go from oldest to newest; what an older one signed is still accepted."""
    before, after = issuer(signing_keys=[OLD]), issuer(signing_keys=[OLD, NEW])
    accepting = guard(keys=after.verification_keys)
    signed_by_old, signed_by_new = before.access_token("user-1"), after.access_token("user-1")
    assert (_part(signed_by_old, 0)["kid"], _part(signed_by_new, 0)["kid"]) == ("old", "new")
    assert [accepting.verify(text).run().header.kid for text in (signed_by_old, signed_by_new)] == ["old", "new"]
    with pytest.raises(InvalidTokenError):
        guard(keys=before.verification_keys).verify(signed_by_new).run()


def test_changing_a_shared_secret_ends_no_session() -> None:
    """Two secrets serve side by side, each with its kid."""
    second = SigningKey.generate("HS256", kid="second")
    accepting = guard(keys=issuer(signing_keys=[SHARED, second]).verification_keys)
    assert accepting.verify(issuer(signing_keys=[SHARED]).access_token("user-1")).run().header.kid == "shared"


def test_one_key_needs_no_list() -> None:
    """A key by itself is a list of one."""
    assert issuer(signing_keys=NEW).signing_key is NEW


def test_jwks_holds_the_public_keys() -> None:
    """The published set holds no secret and no private member."""
    document = issuer(signing_keys=[OLD, SHARED, NEW]).jwks()
    assert [key["kid"] for key in document["keys"]] == ["old", "new"]
    assert {name for key in document["keys"] for name in key} == {"kty", "crv", "x", "y", "kid", "use", "alg"}


@pytest.mark.parametrize("keys", [[SHARED], [KEY]])
def test_jwks_never_holds_a_secret(keys: list[SigningKey]) -> None:
    """An issuer with a shared secret has nothing to publish."""
    assert issuer(signing_keys=keys).jwks() == {"keys": []}


@pytest.mark.parametrize("name", sorted(OWN_CLAIMS))
def test_reserved_claims(name: str) -> None:
    """`claims` cannot set a claim that the issuer sets itself."""
    with pytest.raises(ConfigurationError, match=f"claims may not hold {name}"):
        issuer().access_token("user-1", claims={name: "x"})


def _deep() -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for _ in range(100_000):
        nested = {"x": nested}
    return nested


def _nested(levels: int) -> list[Any]:
    """Lists in lists, so many levels below the payload."""
    nested: list[Any] = []
    for _ in range(levels - 1):
        nested = [nested]
    return nested


def _endless() -> list[object]:
    loop: list[object] = []
    loop.append(loop)
    return loop


@pytest.mark.parametrize(
    "claims",
    [
        {"x": {1, 2}},
        {"x": b"bytes"},
        {"x": object()},
        {"x": math.nan},
        {"x": math.inf},
        {"x": "\ud800"},
        {"\udfff": "x"},
        {"x": _endless()},
        {"x": _deep()},
    ],
    ids=["set", "bytes", "object", "nan", "inf", "surrogate", "surrogate name", "endless", "deep"],
)
def test_claims_that_are_no_json(claims: dict[Any, Any]) -> None:
    """Claims that JSON cannot hold are refused when the token is made."""
    with pytest.raises(ConfigurationError, match="claims must be JSON"):
        issuer().access_token("user-1", claims=claims)


@pytest.mark.parametrize(
    "claims",
    [
        5,
        ["a"],
        "text",
        {("a",): "x"},
        {1: "a", "1": "b"},
        {"x": {1: "a", "1": "b"}},
        {"x": {1: "a"}},
        {"x": [{"y": ({True: 1},)}]},
        {"x": {None: 1}},
        {"x": {1.5: 1}},
        {"x": MappingProxyType({2: 1})},
    ],
    ids=repr,
)
def test_claims_that_are_no_mapping(claims: Any) -> None:
    """Names are strings at every depth, or two of them could become one member."""
    with pytest.raises(ConfigurationError, match="claims is a mapping of names to values"):
        issuer().access_token("user-1", claims=claims)


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (10**39, True),
        (10**40 - 1, True),
        (10**40, False),
        (10**400, False),
        (-(10**38), True),
        (-(10**39), False),
        (1.7976931348623157e308, True),
        (5e-324, True),
        (_nested(63), True),
        (_nested(64), False),
        ([[]] * 1500, True),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_a_guard_reads_and_no_more(value: Any, fits: bool) -> None:
    """Numbers of up to 40 characters and up to 64 levels: what is larger is refused when the token is made."""
    if not fits:
        with pytest.raises(ConfigurationError, match="claims must be JSON"):
            issuer().access_token("user-1", claims={"x": value})
        return
    text = issuer().access_token("user-1", claims={"x": value})
    assert guard().verify(text).run().claims["x"] == value


def test_a_token_that_is_too_long() -> None:
    """The error says how long it would be and which claims are large, without their values."""
    roles = [f"role-{number:04d}-of-the-department" for number in range(400)]
    too_long = r"refuses more than 8192 .*largest claims: roles \(\d+ bytes\)"
    with pytest.raises(ConfigurationError, match=too_long) as caught:
        issuer().access_token("user-1", roles=roles, claims={"picture": "x" * 100})
    assert "role-0001" not in str(caught.value)
    assert "picture (" in str(caught.value)
    roomy = issuer(max_token_bytes=65536).access_token("user-1", roles=roles)
    assert guard(max_token_bytes=65536).verify(roomy).run().claims["roles"] == roles


def test_the_longest_token() -> None:
    """A token of exactly as many bytes as allowed is signed."""
    length = len(issuer(new_jti=lambda: "jti").access_token("user-1"))
    assert issuer(new_jti=lambda: "jti", max_token_bytes=length).access_token("user-1")
    with pytest.raises(ConfigurationError, match=f"would have {length} bytes"):
        issuer(new_jti=lambda: "jti", max_token_bytes=length - 1).access_token("user-1")


@pytest.mark.parametrize("name", ["", 5, None, b"jti"], ids=repr)
def test_a_name_of_a_token_that_is_none(name: Any) -> None:
    """`jti` is a string (RFC 7519 §4.1.7)."""
    with pytest.raises(ConfigurationError, match="new_jti returns a string"):
        issuer(new_jti=lambda: name).access_token("user-1")


@pytest.mark.parametrize("now", [math.nan, math.inf, -1, 253402300799, 1.8e12, "now", None], ids=repr)
def test_a_clock_that_is_none(now: Any) -> None:
    """Its tokens would be refused by every guard: milliseconds, for example."""
    with pytest.raises(ConfigurationError, match="the clock gives seconds since the epoch"):
        issuer(clock=lambda: now).access_token("user-1")


_NAMES = st.text(max_size=8) | st.sampled_from(["act", "acr", "azp", "nonce", "typ", "x", "roles"])
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=-(10**45), max_value=10**45)
    | st.floats()
    | st.text(max_size=20)
    | st.text(st.characters(), max_size=4)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES | st.integers(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=400, deadline=None)
@given(
    subject=st.text(max_size=10) | st.integers() | st.uuids(),
    claims=st.dictionaries(_NAMES, _VALUES, max_size=4),
    roles=st.lists(st.text(max_size=6), max_size=3),
)
def test_what_is_signed_is_accepted(subject: Any, claims: dict[str, Any], roles: list[str]) -> None:
    """An issuer's own guard accepts each token that was signed, and reads the same values."""
    try:
        text = issuer().access_token(subject, claims=claims, roles=roles)
    except ConfigurationError:
        return
    read = guard().verify(text).run().claims
    assert read["sub"] == str(subject)
    assert {name: read[name] for name in claims} == claims


def test_a_lifetime_that_is_no_lifetime() -> None:
    """A token that ends after the calendar does would be refused by every guard."""
    with pytest.raises(ConfigurationError, match="access_token_lifetime must be at least 0 seconds and at most"):
        issuer(access_token_lifetime=timedelta(days=999_999_999))


@pytest.mark.parametrize(
    ("subject", "arguments", "message"),
    [
        ("user-1", {"auth_time": 10**400}, "the auth_time is"),
        ("", {}, "the subject is"),
        (None, {}, "the subject is"),
        (True, {}, "the subject is"),
        (1.5, {}, "the subject is"),
        (b"user-1", {}, "the subject is"),
        ("\ud800", {}, "claims must be JSON"),
        ("user-1", {"roles": "admin"}, r'write roles=\["admin"\], found \'admin\''),
        ("user-1", {"roles": b"admin"}, "roles is a list of names"),
        ("user-1", {"roles": None}, "roles is a list of names"),
        ("user-1", {"roles": [None]}, "roles is a list of names"),
        ("user-1", {"permissions": [""]}, "permissions is a list of names"),
        ("user-1", {"scope": "read write"}, "scope is a list of names"),
        ("user-1", {"scope": ["read write"]}, "a scope is printable ASCII without space"),
        ("user-1", {"scope": ["r\xe9ad"]}, "a scope is printable ASCII"),
        ("user-1", {"scope": ['"read"']}, "a scope is printable ASCII"),
        ("user-1", {"session_id": ""}, "the session_id is"),
        ("user-1", {"session_id": 5}, "the session_id is"),
        ("user-1", {"auth_time": "now"}, "the auth_time is"),
        ("user-1", {"auth_time": True}, "the auth_time is"),
        ("user-1", {"auth_time": math.nan}, "the auth_time is"),
    ],
)
def test_arguments_that_are_none(subject: Any, arguments: dict[str, Any], message: str) -> None:
    """A token that would not say what was meant is not made."""
    with pytest.raises(ConfigurationError, match=message):
        issuer().access_token(subject, **arguments)


def test_all_problems_of_a_token_at_once() -> None:
    """Everything wrong with a token is said in one error."""
    with pytest.raises(ConfigurationError) as refused:
        issuer().access_token("", scope=["a b"], session_id="", auth_time=math.inf, claims={"iss": 1, "exp": 2})
    assert len(refused.value.problems) == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"issuer": ""}, 'write issuer="https://issuer.example"'),
        ({"issuer": None}, "issuer is a string"),
        ({"max_token_bytes": 0}, "max_token_bytes is a number of bytes"),
        ({"max_token_bytes": True}, "max_token_bytes is a number of bytes"),
        ({"max_token_bytes": "8192"}, "max_token_bytes is a number of bytes"),
        ({"client_id": ""}, 'write client_id="web"'),
        ({"audience": ""}, "audience is the API"),
        ({"audience": []}, "audience is the API"),
        ({"audience": [""]}, "audience is the API"),
        ({"audience": None}, "audience is the API"),
        ({"access_token_lifetime": 300}, "access_token_lifetime is a timedelta"),
        ({"access_token_lifetime": timedelta(0)}, "at least one second"),
        ({"access_token_lifetime": timedelta(seconds=-5)}, "at least"),
        ({"signing_keys": []}, "signing_keys is a list"),
        ({"signing_keys": None}, "signing_keys is a list"),
        ({"signing_keys": [KEY.verification_key]}, "signing_keys is a list"),
        ({"signing_keys": [NEW, KEY]}, "needs a kid of its own"),
        ({"signing_keys": [NEW, SigningKey.generate("ES256", kid="new")]}, "needs a kid of its own"),
    ],
)
def test_settings_that_are_none(changes: dict[str, Any], message: str) -> None:
    """A wrong setting is a configuration error that says what to write."""
    with pytest.raises(ConfigurationError, match=message):
        issuer(**changes)


def test_all_problems_at_once() -> None:
    """Everything wrong with an issuer is said in one error."""
    with pytest.raises(ConfigurationError) as refused:
        issuer(issuer="", audience="", client_id="", signing_keys=[], access_token_lifetime=5)
    assert len(refused.value.problems) == 5


def test_issuer_is_read_only() -> None:
    """An issuer does not change once it is made, and its repr names no key."""
    with pytest.raises(AttributeError):
        issuer().issuer = "https://evil.example"  # type: ignore[misc]
    assert "Key" not in repr(issuer())


def test_keys_from_a_generator() -> None:
    """Keys that can be walked once are kept."""

    def keys() -> Iterator[SigningKey]:
        yield OLD
        yield NEW

    made = issuer(signing_keys=keys())
    assert (made.signing_key, len(list(made.verification_keys.current() or [])), len(made.jwks()["keys"])) == (
        NEW,
        2,
        2,
    )


def test_token_has_room() -> None:
    """A token with a usual load is far from the size that guards refuse."""
    assert len(issuer(signing_keys=[NEW]).access_token("user-1", roles=["admin"] * 5)) < MAX_TOKEN_BYTES / 10
