"""Properties: no text gets anything but our own errors out of `verify`, and what passes here passes elsewhere too."""

from __future__ import annotations

import json
import string
from typing import Any

import jwt
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from jwtguard import Guard, InvalidTokenError, JWTGuardError
from jwtguard.core.tokens.encoding import decode_segment, encode_segment, parse_object
from jwtguard.core.tokens.verifier import VerifiedToken
from tests.core.keys import SECRET, hs256, signing_key
from tests.core.token_samples import AUDIENCE, CLAIMS, ISSUER, NOW, Clock, compact, segment

# No deadline: on a busy machine a slow example says nothing.
examples = settings(deadline=None, max_examples=150)

KEY = hs256()
GUARD = Guard(
    issuer=ISSUER,
    audience=AUDIENCE,
    keys=KEY.verification_key,
    clock=Clock(),
    cache_size=16,
)
GOOD = compact()
ALPHABET = string.ascii_letters + string.digits + "-_"


def verified(text: str) -> VerifiedToken | None:
    """What the guard says; any error but a refusal, which is answered with 401, fails the test."""
    try:
        return GUARD.verify(text).run()
    except InvalidTokenError:
        return None


def signed(header: bytes, payload: bytes) -> str:
    """A token of any bytes whose signature holds."""
    return compact(header, payload, key=KEY)


numbers = st.integers() | st.floats() | st.sampled_from([0, -1, 10**39, 10**400, 1e308, NOW, NOW + 300, 253402300800])
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
claim_names = st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "cnf", "roles", "sid"]) | st.text(
    max_size=6
)
claim_values = json_values | st.sampled_from([ISSUER, AUDIENCE, [AUDIENCE], NOW, NOW + 300, NOW - 300, "user-1"])
header_names = st.sampled_from(["alg", "typ", "kid", "crit", "b64", "cty", "jwk", "jku", "x5c"]) | st.text(max_size=6)
header_values = json_values | st.sampled_from(["HS256", "none", "RS256", "JWT", "at+jwt", ["exp"]])
token_texts = st.lists(st.text(ALPHABET + "=+/ \n", max_size=20), min_size=1, max_size=7).map(".".join)


@examples
@given(st.text() | token_texts)
@example("")
@example("..")
@example("\ud800.\udc00.\x00")
@example("." * 100_000)
@example(GOOD * 3)
def test_any_text_is_refused_as_a_token(text: str) -> None:
    """Random text is refused, and never passes."""
    assert verified(text) is None


@examples
@given(st.none() | st.integers() | st.binary() | st.lists(st.text()))
def test_anything_that_is_no_text_is_refused_as_a_token(value: Any) -> None:
    """An adapter that hands over something else gets our error too."""
    assert verified(value) is None


@examples
@given(st.binary(max_size=100), st.binary(max_size=100))
def test_any_signed_bytes_are_refused_as_a_token(header: bytes, payload: bytes) -> None:
    """Random bytes with a valid signature are refused."""
    assert verified(signed(header, payload)) is None


@examples
@given(st.binary(max_size=200))
@example(b'{"iss":' + b"[" * 3000)
@example(b'{"a":' + b"9" * 5000 + b"}")
def test_any_signed_payload_is_judged_without_a_foreign_error(payload: bytes) -> None:
    """A signer we trust cannot make us stumble."""
    assert verified(signed(b'{"alg":"HS256"}', payload)) is None


@examples
@given(st.dictionaries(header_names, header_values, max_size=4), st.dictionaries(claim_names, claim_values, max_size=5))
def test_any_json_is_judged_without_a_foreign_error(header: dict[str, Any], changes: dict[str, Any]) -> None:
    """Header and claims of every shape: accepted or refused, never an error of another kind."""
    verified(signed(dumped({"alg": "HS256", **header}), dumped({**CLAIMS, **changes})))


def dumped(value: Any, *, ascii_only: bool = True, indent: int | None = None) -> bytes:
    """JSON as Python writes it, with its NaN and its lone surrogates."""
    return json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")


@examples
@given(
    changes=st.dictionaries(claim_names, claim_values, max_size=3),
    typ=st.sampled_from([None, "JWT", "at+jwt", "application/JWT"]),
    algorithm=st.sampled_from(["HS256", "RS256", "PS384", "ES256", "EdDSA"]),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1]),
)
def test_what_passes_here_passes_in_pyjwt(
    changes: dict[str, Any], typ: str | None, algorithm: str, ascii_only: bool, indent: int | None
) -> None:
    """We are stricter, never looser: PyJWT reads the same claims out of every token that we accept."""
    key = signing_key(algorithm)
    guard = Guard(issuer=ISSUER, audience=AUDIENCE, keys=key.verification_key, clock=Clock())
    header = {"alg": algorithm} if typ is None else {"alg": algorithm, "typ": typ}
    text = compact(header, dumped({**CLAIMS, **changes}, ascii_only=ascii_only, indent=indent), key=key)
    try:
        token = guard.verify(text).run()
    except JWTGuardError:
        return

    # Its clock cannot be set, so the dates are left to us.
    undated: Any = {f"verify_{name}": False for name in ("exp", "nbf", "iat")}
    claims = jwt.decode(
        text, key.verification_key._key, algorithms=[algorithm], issuer=ISSUER, audience=AUDIENCE, options=undated
    )
    assert claims == token.claims


CHANGEABLE = {
    algorithm: compact(key=signing_key(algorithm)) for algorithm in ("HS256", "RS256", "PS256", "ES256", "Ed448")
}
GUARDS = {
    algorithm: Guard(issuer=ISSUER, audience=AUDIENCE, keys=signing_key(algorithm).verification_key, clock=Clock())
    for algorithm in CHANGEABLE
}


@pytest.mark.parametrize("algorithm", CHANGEABLE)
@examples
@given(data=st.data())
def test_a_changed_token_is_refused(algorithm: str, data: st.DataObject) -> None:
    """Exchange, insert or drop characters anywhere, and it is another token; with the good one in the cache or not."""
    good, guard = CHANGEABLE[algorithm], GUARDS[algorithm]
    guard.verify(good).run()
    start = data.draw(st.integers(0, len(good)), label="start")
    end = data.draw(st.integers(start, min(start + 3, len(good))), label="end")
    text = good[:start] + data.draw(st.text(ALPHABET + "=+/. \n\x00\u00e9", max_size=3), label="inserted") + good[end:]
    assume(text != good)

    with pytest.raises(JWTGuardError):
        guard.verify(text).run()


@pytest.mark.parametrize("algorithm", CHANGEABLE)
def test_every_bit_of_a_signature_counts(algorithm: str) -> None:
    """Each single bit that is turned over makes the signature a wrong one."""
    header, payload, signature = CHANGEABLE[algorithm].split(".")
    exact = decode_segment(signature.encode())
    accepted = []
    for bit in range(len(exact) * 8):
        changed = bytearray(exact)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            GUARDS[algorithm].verify(f"{header}.{payload}.{encode_segment(bytes(changed))}").run()
        except JWTGuardError:
            continue
        accepted.append(bit)

    assert accepted == []


@examples
@given(json_values, st.booleans())
def test_parsed_json_means_what_python_says(value: Any, ascii_only: bool) -> None:
    """Accepted JSON has the value that `json.loads` gives."""
    data = dumped({"value": value}, ascii_only=ascii_only)
    try:
        parsed = parse_object(data)
    except JWTGuardError:
        return

    assert json.loads(data) == parsed


# Texts that are objects more often than not, with names that repeat, escapes, quotes and colons within strings.
strings = st.sampled_from(['"a"', '"b"', '""', '"\\u0061"', '":"', '"\\""', '"a\\":"', '"\\\\"', '"a :"'])
spaces = st.sampled_from(["", "", " ", "\t", "\n "])
scalars = strings | st.sampled_from(["1", "-0.5", "true", "null", "[]", "{}"])


@st.composite
def member_lists(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    """An object with up to four members."""
    members = draw(st.lists(st.tuples(strings, spaces, spaces, values), max_size=4))
    return "{" + ",".join(f"{name}{before}:{after}{value}" for name, before, after, value in members) + "}"


objects = st.recursive(
    member_lists(scalars),
    lambda inner: (
        member_lists(inner | scalars) | st.lists(inner | scalars, max_size=3).map(lambda v: f"[{','.join(v)}]")
    ),
    max_leaves=6,
)


@settings(examples, max_examples=600)
@given(objects)
@example('{"a":1,"a":":"}')
@example('{"a":1,"a" :2}')
@example('{"a":{"b":1,"b":2}}')
@example('{"a":[{"b":1,"\\u0062":2}]}')
def test_a_name_is_never_there_twice(text: str) -> None:
    """The proof that no name was dropped holds: the parser that looks at each pair says the same."""

    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("twice")
        return dict(pairs)

    try:
        expected = json.loads(text, object_pairs_hook=distinct)
    except ValueError:
        expected = None
    try:
        found = parse_object(text.encode())
    except InvalidTokenError:
        assert not isinstance(expected, dict)
    else:
        assert found == expected


@examples
@given(st.text('{}[]",:\\u0123456789eE+-.truefalsnINity \t\n\x00', max_size=40) | st.binary(max_size=40))
def test_any_text_is_parsed_or_refused(text: str | bytes) -> None:
    """Near-JSON: read as Python reads it, or refused with our own error."""
    data = text if isinstance(text, bytes) else text.encode()
    try:
        parsed = parse_object(data)
    except JWTGuardError:
        return

    assert json.loads(data) == parsed


@examples
@given(st.binary())
def test_base64url_comes_back(data: bytes) -> None:
    """Encoding, then decoding, gives what went in."""
    assert data == decode_segment(encode_segment(data).encode())


@examples
@given(st.text(ALPHABET, max_size=8) | st.text(ALPHABET + "=+/ \n\x00", max_size=8))
def test_base64url_has_one_spelling(text: str) -> None:
    """Encoding a decoded text gives the very same text."""
    try:
        data = decode_segment(text.encode())
    except JWTGuardError:
        return

    assert text == encode_segment(data)


def test_the_tokens_of_these_properties_can_pass() -> None:
    """The properties above say something only because the unchanged token is accepted."""
    token = verified(GOOD)

    assert (token is not None, segment(CLAIMS) in GOOD, SECRET in GOOD) == (True, True, False)
