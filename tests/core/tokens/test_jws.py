"""Steps 1 to 6: length, form, header, key and signature of a token, each refusal beside its nearest neighbour."""

from __future__ import annotations

import tracemalloc
from typing import Any, NoReturn

import pytest

from jwtguard import SigningKey, VerificationKey
from jwtguard.core.errors import JWTGuardError
from jwtguard.core.tokens import jws
from jwtguard.core.tokens.encoding import encode_segment
from jwtguard.core.tokens.jwk_set import JWKSet
from tests.core.keys import ALGORITHMS, ASYMMETRIC, hs256, signing_key, verification_key
from tests.core.token_samples import ACCEPTED, compact, segment

KEY = hs256()
GOOD = compact()
HEADER, PAYLOAD, SIGNATURE = GOOD.split(".")
OTHER_JWK = verification_key("ES256").to_jwk()


def outcome(text: Any, key: VerificationKey | JWKSet = KEY.verification_key, **limits: Any) -> str:
    """`accepted`, or the reason for which `text` is refused."""
    try:
        jws.verify(text, key, **limits)
    except JWTGuardError as error:
        return error.reason
    return ACCEPTED


# Step 1


def refuse(*_: object, **__: object) -> NoReturn:
    """What happens when a long text is touched."""
    raise AssertionError("the text was touched")


TOUCHES = (
    *("encode", "split", "partition", "find", "index", "count", "strip", "isascii", "startswith", "translate"),
    *("__getitem__", "__iter__", "__contains__", "__hash__", "__eq__", "__add__", "__str__", "__format__"),
)
# A text that may be measured and nothing else.
Unreadable = type("Unreadable", (str,), dict.fromkeys(TOUCHES, refuse))


@pytest.mark.parametrize(("limit", "expected"), [(len(GOOD), ACCEPTED), (len(GOOD) - 1, "too_long")])
def test_the_limit_of_length_is_inclusive(limit: int, expected: str) -> None:
    """A token of exactly `max_token_bytes` passes, one character more does not."""
    assert expected == outcome(GOOD, max_token_bytes=limit)


@pytest.mark.parametrize(("payload", "length", "expected"), [(6095, 8192, ACCEPTED), (6096, 8193, "too_long")])
def test_the_default_limit_is_8192(payload: int, length: int, expected: str) -> None:
    """Tokens up to 8192 bytes are read."""
    text = compact(b'{"alg":"HS256"}', b"p" * payload)

    assert (length, expected) == (len(text), outcome(text))


@pytest.mark.parametrize("character", ["a", ".", "\u00e9", "\U0001f600"])
def test_a_long_text_is_refused_untouched(character: str) -> None:
    """A megabyte is refused before it is split, decoded, hashed or copied."""
    assert outcome(Unreadable(character * 1_000_000)) == "too_long"


def test_a_long_text_costs_no_memory() -> None:
    """Refusing a megabyte allocates nothing that grows with it."""
    text = GOOD + "A" * 1_000_000
    outcome(text)
    tracemalloc.start()
    try:
        outcome(text)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 16 * 1024


@pytest.mark.parametrize("text", [None, 1, GOOD.encode(), [GOOD], bytearray(GOOD.encode())], ids=repr)
def test_a_token_is_text(text: object) -> None:
    """A value that is no `str` is refused as a token is, not with a TypeError."""
    assert outcome(text) == "not_text"


# Step 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(GOOD, ACCEPTED, id="three segments"),
        pytest.param("", "form", id="nothing"),
        pytest.param(".", "form", id="one dot"),
        pytest.param("..", "form", id="two dots"),
        pytest.param("....", "encrypted", id="four dots"),
        pytest.param(HEADER, "form", id="one segment"),
        pytest.param(f"{HEADER}.{PAYLOAD}", "form", id="two segments"),
        pytest.param(f"{HEADER}.{PAYLOAD}.", "form", id="an empty signature"),
        pytest.param(f"{HEADER}..{SIGNATURE}", "form", id="an empty payload"),
        pytest.param(f".{PAYLOAD}.{SIGNATURE}", "form", id="an empty header"),
        pytest.param(f"{GOOD}.", "form", id="a dot behind"),
        pytest.param(f".{GOOD}", "form", id="a dot in front"),
        pytest.param(f"{GOOD}.{SIGNATURE}", "form", id="four segments"),
        pytest.param(f"{GOOD}.{PAYLOAD}.{SIGNATURE}", "encrypted", id="five segments: a JWE"),
        pytest.param(f"{GOOD}.{GOOD}", "form", id="six segments"),
        pytest.param(GOOD + ".a" * 1000, "form", id="a thousand segments"),
        pytest.param(f'{{"payload":"{PAYLOAD}","protected":"{HEADER}","signature":"{SIGNATURE}"}}', "form", id="JSON"),
        pytest.param(f"Bearer {GOOD}", "base64url", id="a scheme in front"),
        pytest.param(f'"{GOOD}"', "base64url", id="quoted"),
        pytest.param(f" {GOOD}", "base64url", id="a space in front"),
        pytest.param(f"{GOOD} ", "base64url", id="a space behind"),
        pytest.param(f"{GOOD}\n", "base64url", id="a newline behind"),
        pytest.param(f"{GOOD}\x00", "base64url", id="NUL behind"),
        pytest.param(f"{GOOD}=", "base64url", id="padding behind"),
        pytest.param(f"{HEADER}=.{PAYLOAD}.{SIGNATURE}", "base64url", id="padding behind the header"),
        pytest.param(f"{HEADER}\n.{PAYLOAD}.{SIGNATURE}", "base64url", id="a newline behind the header"),
        pytest.param(f"\ufeff{GOOD}", "alphabet", id="a byte order mark"),
        pytest.param(GOOD.replace("e", "\u0435", 1), "alphabet", id="a letter that only looks like one"),
        pytest.param(GOOD[:-1] + "\uff21", "alphabet", id="a letter of full width"),
        pytest.param(GOOD + "\ud800", "alphabet", id="a lone surrogate"),
        pytest.param(GOOD.replace(".", "\u3002"), "alphabet", id="another full stop"),
    ],
)
def test_a_token_has_three_segments(text: str, expected: str) -> None:
    """RFC 7515 §7.1: three segments of base64url, none of them empty, and nothing around them."""
    assert expected == outcome(text)


@pytest.mark.parametrize(
    "payload", [f"{PAYLOAD}=", f"{PAYLOAD}\n", f"{PAYLOAD}A", f"{PAYLOAD} ", "Zh", "+/8A"], ids=repr
)
def test_a_payload_is_canonical_base64url(payload: str) -> None:
    """A payload in another spelling of base64url is refused, also with a valid signature (RFC 7515 §2)."""
    signing_input = f"{HEADER}.{payload}"
    text = f"{signing_input}.{encode_segment(KEY.sign(signing_input.encode()))}"

    assert outcome(text) == "base64url"


# Step 5, with one key or a set; the whole table is in test_jwk_set.py


def test_a_key_without_a_name_checks_any_name() -> None:
    """A key loaded without `kid` is the one for tokens with any."""
    assert outcome(compact({"alg": "HS256", "kid": "any"})) == ACCEPTED


def test_a_key_with_a_name_checks_no_other_name() -> None:
    """A token that names another key is refused."""
    assert outcome(compact({"alg": "HS256", "kid": "b"}), hs256("a").verification_key) == "key"


def test_a_key_set_finds_its_key() -> None:
    """`verify` takes a key or a set of them."""
    keys = JWKSet([hs256("a").verification_key, verification_key("ES256", "b")])

    assert outcome(compact(key=signing_key("ES256", "b"), header={"alg": "ES256", "kid": "b"}), keys) == ACCEPTED


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "Ed25519"])
def test_a_public_key_is_no_secret(algorithm: str) -> None:
    """RFC 8725 §2.1: a token signed with the text of the public key as HS256 secret does not pass under that key."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = verification_key(algorithm)
    pem = key._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    forger = SigningKey(pem, algorithm="HS256", kid=None)

    assert outcome(compact(key=forger), key) == "key"


# Step 6


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_signed_verifies(algorithm: str) -> None:
    """Every algorithm, from signing to the payload that comes out."""
    key = signing_key(algorithm)

    assert jws.verify(jws.sign(b"payload", key), key.verification_key).payload == b"payload"


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_another_algorithm_of_the_same_key_is_refused(algorithm: str) -> None:
    """RFC 8725 §3.1: one key, one algorithm, though the key could do others."""
    others = set(ALGORITHMS) - verification_key(algorithm).names

    assert {
        outcome(compact({"alg": other}, key=signing_key(algorithm)), verification_key(algorithm)) for other in others
    } == {"key"}


@pytest.mark.parametrize(
    ("key_algorithm", "token_algorithm", "expected"),
    [
        ("EdDSA", "EdDSA", ACCEPTED),
        ("EdDSA", "Ed25519", ACCEPTED),
        ("EdDSA", "Ed448", "key"),
        ("EdDSA", "ed25519", "key"),
        ("Ed25519", "Ed25519", ACCEPTED),
        ("Ed25519", "EdDSA", ACCEPTED),
        ("Ed25519", "Ed448", "key"),
        ("Ed448", "Ed448", ACCEPTED),
        ("Ed448", "EdDSA", ACCEPTED),
        ("Ed448", "Ed25519", "key"),
    ],
)
def test_edwards_keys_have_two_names(key_algorithm: str, token_algorithm: str, expected: str) -> None:
    """RFC 9864 §2.2: the curve's own name, or RFC 8037's `EdDSA`."""
    text = compact({"alg": token_algorithm}, key=signing_key(key_algorithm))

    assert expected == outcome(text, verification_key(key_algorithm))


@pytest.mark.parametrize("part", [0, 1, 2], ids=["header", "payload", "signature"])
@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "PS256", "ES256", "EdDSA", "Ed448"])
def test_a_changed_part_is_noticed(algorithm: str, part: int) -> None:
    """The signature covers header and payload, and is itself exact."""
    key = signing_key(algorithm)
    parts = compact(key=key).split(".")
    other = compact({"alg": algorithm, "x": 1}, {"sub": "admin"}, key=key).split(".")
    parts[part] = other[part]

    assert outcome(".".join(parts), key.verification_key) == "signature"


def test_the_signature_is_of_the_text_not_of_its_meaning() -> None:
    """The same JSON in another spelling has another signature (RFC 7515 §5.2)."""
    text = compact(b'{"alg":"HS256"}')
    _header, payload, signature = text.split(".")

    header = segment(b'{ "alg":"HS256"}')

    assert outcome(f"{header}.{payload}.{signature}") == "signature"


# Signing


def test_a_signed_token_names_its_key() -> None:
    """`alg` and `kid` are the key's, whatever the caller says (RFC 7515 §4.1)."""
    text = jws.sign(b"payload", hs256("k"), header={"typ": "at+jwt", "alg": "none", "kid": "other"})

    assert jws.verify(text, hs256("k").verification_key).header == {"typ": "at+jwt", "alg": "HS256", "kid": "k"}


def test_a_key_without_a_name_leaves_the_header_alone() -> None:
    """No `kid` is made up."""
    assert jws.verify(jws.sign(b"payload", KEY), KEY.verification_key).header == {"alg": "HS256"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, "user-1"),
        (f"x.{PAYLOAD}.y", "user-1"),
        ("", None),
        ("a", None),
        ("a.b", None),
        ("a.\u00e9.c", None),
        (f"a.{segment(b'[]')}.c", None),
    ],
)
def test_the_claims_of_our_own_tokens_can_be_shown(text: str, expected: str | None) -> None:
    """For an error message about a token that is too large; what is no token has no claims."""
    assert expected == jws.claims_of_unverified(text).get("sub")


def test_no_part_of_a_token_is_in_a_repr() -> None:
    """A repr shows the header at most."""
    key = SigningKey.generate("HS256")
    text = jws.sign(b"payload", key)
    unverified = jws.split(text.encode("ascii"))
    for shown in (repr(unverified), repr(jws.verify(text, key.verification_key))):
        assert not any(part in shown for part in (*text.split("."), "payload"))
