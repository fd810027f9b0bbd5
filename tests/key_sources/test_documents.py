"""What is in a fetched document: JWK Sets as providers publish them, metadata, and certificates."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from jwtguard import FetchResponse, OpenIDProvider, RemoteJWKSet, UnavailableError, X509Keys
from jwtguard.key_sources.cached import FetchedKeys
from tests.core.certificates import certificate
from tests.core.keys import signing_key
from tests.key_sources.scripted import FIRST, ISSUER, URL, Clock, Fetcher, as_json, jwks


def jwk(algorithm: str, name: str | None = "it", /, **changes: Any) -> dict[str, Any]:
    """A public key; None takes a member out."""
    members = signing_key(algorithm, name).verification_key.to_jwk() | changes
    return {member: value for member, value in members.items() if value is not None}


def found(*entries: Any, **settings: Any) -> list[tuple[str | None, str]]:
    """The name and the algorithm of each key that is used."""
    keys = RemoteJWKSet(URL, fetcher=Fetcher(jwks(*entries)), **settings)
    keys.prefetch().run()
    return [(key.kid, key.algorithm) for key in keys.current() or []]


RSA = {"kty": "RSA", "n": jwk("RS256")["n"], "e": "AQAB"}
OTHERS: dict[str, Any] = {
    "encryption key": jwk("RS256", "other", use="enc"),
    "encryption algorithm": jwk("RS256", "other", alg="RSA-OAEP-256", use=None),
    "key agreement": {"kty": "OKP", "crv": "X25519", "x": "A" * 43, "kid": "other"},
    "unknown type": {"kty": "AKP", "alg": "ML-DSA-44", "kid": "other", "pub": "AAAA"},
    "unknown curve": {"kty": "EC", "crv": "secp256k1", "x": "A" * 43, "y": "A" * 43, "kid": "other"},
    "symmetric": {"kty": "oct", "k": "A" * 43, "alg": "HS256", "kid": "other"},
    "symmetric without alg": {"kty": "oct", "k": "A" * 43, "kid": "other"},
    "private": {**signing_key("ES256", "other").to_private_jwk()},
    "weak": {"kty": "RSA", "alg": "RS256", "n": "4" * 171, "e": "AQAB", "kid": "other"},
    "small exponent": {**RSA, "alg": "RS256", "e": "Aw", "kid": "other"},
    "broken": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43, "alg": "ES256", "kid": "other"},
    "no members": {"kty": "RSA", "alg": "RS256", "kid": "other"},
    "operations": jwk("ES256", "other", key_ops=["encrypt"]),
    "kid is a number": jwk("ES256", "other", kid=7),
    "kid is long": jwk("ES256", "other", kid="x" * 257),
    "alg is a list": jwk("ES256", "other", alg=["ES256"]),
    "alg of another type": jwk("ES256", "other", alg="RS256"),
    "alg of another curve": jwk("ES256", "other", alg="ES384"),
    "alg none": jwk("ES256", "other", alg="none"),
    "crv is a list": jwk("ES256", "other", crv=["P-256"]),
    "kty is a list": jwk("ES256", "other", kty=["EC"]),
    "null": None,
    "text": "key",
}


@pytest.mark.parametrize("entry", OTHERS.values(), ids=OTHERS)
def test_what_is_of_no_use_is_skipped(entry: Any) -> None:
    """The rest serves."""
    assert found(entry, FIRST) == [("first", "ES256")]


def test_unusable_key_of_the_same_name_is_harmless() -> None:
    """Only usable entries count when two have one name."""
    assert found(jwk("RS256", "first", use="enc"), FIRST) == [("first", "ES256")]


# An entry, the allow-list, and what comes of it.
SETTLED: list[tuple[dict[str, Any], list[str] | None, list[str]]] = [
    (jwk("RS256", alg=None), ["RS256"], ["RS256"]),
    ({**jwk("RS256"), "alg": None, "use": None, "key_ops": None, "x5c": None}, ["RS512"], ["RS512"]),
    ({**jwk("ES256"), "alg": None, "use": None}, None, ["ES256"]),
    (jwk("RS256", alg=None), ["RS256", "PS256", "ES256"], ["RS256", "PS256"]),
    (jwk("RS256", alg=None), None, ["PS256", "PS384", "PS512", "RS256", "RS384", "RS512"]),
    (jwk("RS256", alg=None, use=None), ["RS512"], ["RS512"]),
    (jwk("RS256"), ["RS256", "PS256"], ["RS256"]),
    (jwk("ES384", alg=None), None, ["ES384"]),
    (jwk("EdDSA", alg=None), None, ["Ed25519"]),
    (jwk("EdDSA"), ["Ed25519"], ["EdDSA"]),
    (jwk("Ed25519"), ["EdDSA"], ["Ed25519"]),
    (jwk("Ed448", alg=None), ["EdDSA"], ["EdDSA"]),
]


@pytest.mark.parametrize(("entry", "allowed", "algorithms"), SETTLED)
def test_algorithms_of_a_key(entry: dict[str, Any], allowed: list[str] | None, algorithms: list[str]) -> None:
    """Its own `alg`, or what its type and the allow-list leave."""
    assert sorted(found(entry, algorithms=allowed)) == [("it", name) for name in sorted(algorithms)]


def test_key_without_alg_and_kid_is_found() -> None:
    """One key under several algorithms is still one key, whatever the token says of it."""
    keys = RemoteJWKSet(URL, fetcher=Fetcher(jwks(jwk("EdDSA", None, alg=None), jwk("RS256", None, alg=None))))
    keys.prefetch().run()
    current = keys.current()
    assert current is not None
    for name in ("EdDSA", "Ed25519", "RS256", "PS512"):
        assert len(current.candidates(None, name)) == 1
    assert current.candidates(None, "ES256") == ()


def test_message_says_what_is_wrong() -> None:
    """With the first few reasons, cut short."""
    keys = RemoteJWKSet(URL, fetcher=Fetcher(jwks(*[{**jwk("ES256"), "use": "x" * 1000}] * 5)))
    with pytest.raises(UnavailableError):
        keys.prefetch().run()
    message = str(keys.last_error)
    assert message.startswith(f"{URL} has no usable key (key 1: its use is 'xxx")
    assert len(message) < 800


# Metadata.


def provider(answers: dict[str, Any], issuer: str = ISSUER, **settings: Any) -> tuple[OpenIDProvider, Fetcher]:
    """An OpenID provider with these answers."""
    fetcher = Fetcher(answers)
    return OpenIDProvider(issuer, fetcher=fetcher, clock=settings.pop("clock", Clock()), **settings), fetcher


def metadata(issuer: str = ISSUER, **changes: Any) -> bytes:
    """Metadata that lead to the keys."""
    return as_json({"issuer": issuer, "jwks_uri": URL, **changes})


OIDC, OAUTH = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"
ADDRESSES = [
    ("https://i.example", [f"https://i.example{OIDC}", f"https://i.example{OAUTH}"]),
    ("https://i.example/", [f"https://i.example{OIDC}", f"https://i.example{OAUTH}"]),
    ("https://i.example/a/b", [f"https://i.example/a/b{OIDC}", f"https://i.example{OAUTH}/a/b"]),
    ("https://i.example:8443/a/", [f"https://i.example:8443/a{OIDC}", f"https://i.example:8443{OAUTH}/a"]),
]


@pytest.mark.parametrize(("issuer", "addresses"), ADDRESSES)
def test_where_metadata_are(issuer: str, addresses: list[str]) -> None:
    """OpenID Connect Discovery §4.1 appends, RFC 8414 §3.1 inserts; a slash at the end is dropped for that."""
    assert list(OpenIDProvider(issuer).metadata_urls) == addresses


@pytest.mark.parametrize("status", [403, 404, 405, 410])
def test_rfc_8414_where_there_is_no_openid(status: int) -> None:
    """The other address is tried once, and remembered."""
    answers = {ISSUER + OIDC: status, ISSUER + OAUTH: metadata(), URL: jwks(FIRST)}
    clock = Clock()
    keys, fetcher = provider(answers, clock=clock)
    keys.prefetch().run()
    assert fetcher.urls == [ISSUER + OIDC, ISSUER + OAUTH, URL]
    clock.now += 600
    keys.prefetch().run()
    assert fetcher.urls[3:] == [ISSUER + OAUTH, URL]


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ({ISSUER + OIDC: 500, ISSUER + OAUTH: metadata(), URL: jwks(FIRST)}, 1),
        ({ISSUER + OIDC: OSError("down"), ISSUER + OAUTH: metadata(), URL: jwks(FIRST)}, 1),
        ({URL: jwks(FIRST)}, 2),
        ({ISSUER + OIDC: b"<html>", URL: jwks(FIRST)}, 1),
        ({ISSUER + OIDC: metadata(), URL: 404}, 2),
    ],
)
def test_metadata_that_cannot_be_had(answers: dict[str, Any], asked: int) -> None:
    """Unreachable metadata is an outage; the other standard's address is tried only where it may be."""
    keys, fetcher = provider(answers)
    with pytest.raises(UnavailableError):
        keys.prefetch().run()
    assert fetcher.count == asked


@pytest.mark.parametrize("page", [b"<html>", metadata("https://other.example")])
def test_what_is_no_metadata_is_not_remembered(page: bytes) -> None:
    """A server that answers any address with a page must not make an outage of a minute last for ever."""
    answers: dict[str, Any] = {ISSUER + OIDC: 404, ISSUER + OAUTH: page, URL: jwks(FIRST)}
    clock = Clock()
    keys, _ = provider(answers, clock=clock)
    with pytest.raises(UnavailableError):
        keys.prefetch().run()
    answers[ISSUER + OIDC] = metadata()
    clock.now += 10
    keys.prefetch().run()
    assert keys.available


def test_issuer_is_compared_to_the_letter() -> None:
    """With the slash where it has one."""
    answers = {ISSUER + OIDC: metadata(f"{ISSUER}/"), URL: jwks(FIRST)}
    with pytest.raises(UnavailableError):
        provider(answers)[0].prefetch().run()
    provider(answers, f"{ISSUER}/")[0].prefetch().run()


def test_metadata_elsewhere() -> None:
    """By a named address."""
    elsewhere = "https://elsewhere.example/metadata"
    keys, fetcher = provider({elsewhere: metadata(), URL: jwks(FIRST)}, metadata_url=elsewhere)
    keys.prefetch().run()
    assert fetcher.urls == [elsewhere, URL]


@pytest.mark.parametrize(
    ("issuer", "settings", "message"),
    [
        ("http://i.example", {}, "issuer must be https"),
        ("https://i.example?tenant=a", {}, "an issuer has no query"),
        (None, {}, "issuer is an absolute https address"),
        ("https://i.example", {"metadata_url": "http://i.example"}, "metadata_url must be https"),
    ],
)
def test_wrong_issuer(issuer: Any, settings: dict[str, Any], message: str) -> None:
    """Found when it is made."""
    from jwtguard import ConfigurationError

    with pytest.raises(ConfigurationError, match=message):
        OpenIDProvider(issuer, **settings)


# Certificates.


def certificates(**settings: Any) -> tuple[FetchedKeys, Fetcher]:
    """Certificates as Google publishes them, among things that are none."""
    pem = certificate("RS256", Encoding.PEM).decode()
    fetcher = Fetcher(
        as_json({"a": pem, "b": certificate("ES256", Encoding.PEM).decode(), "c": "no certificate", "d": 7})
    )
    return X509Keys(URL, fetcher=fetcher, **settings), fetcher


@pytest.mark.parametrize(
    ("algorithms", "expected"),
    [
        (["RS256"], [("a", "RS256")]),
        (["RS256", "PS256"], [("a", "RS256"), ("a", "PS256")]),
        (["RS256", "ES256"], [("a", "RS256"), ("b", "ES256")]),
    ],
)
def test_certificates(algorithms: list[str], expected: list[tuple[str, str]]) -> None:
    """Each by its name, for the algorithms that fit."""
    keys, _ = certificates(algorithms=algorithms)
    keys.prefetch().run()
    assert [(key.kid, key.algorithm) for key in keys.current() or []] == expected


@pytest.mark.parametrize(
    "document",
    [b"{}", b"[]", b'{"a": "x"}', as_json({str(n): "x" for n in range(101)}), b"<html>"],
)
def test_no_certificates(document: bytes) -> None:
    """Nothing usable is an outage."""
    keys, fetcher = certificates()
    fetcher.answer = FetchResponse(status=200, body=document)
    with pytest.raises(UnavailableError):
        keys.prefetch().run()


def test_empty_kid_is_no_name() -> None:
    """A certificate under no name serves tokens without one."""
    fetcher = Fetcher(as_json({"": certificate("RS256", Encoding.PEM).decode()}))
    keys = X509Keys(URL, fetcher=fetcher)
    keys.prefetch().run()
    assert [(key.kid, key.algorithm) for key in keys.current() or []] == [(None, "RS256")]


# Which entries serve, by the kid and the alg of a token.


def other(algorithm: str, **changes: Any) -> dict[str, Any]:
    """A key that no other is, as a JWK."""
    from jwtguard import SigningKey

    members = {**SigningKey.generate(algorithm, kid="it").verification_key.to_jwk(), **changes}
    return {member: value for member, value in members.items() if value is not None}


RSA_IT, EC_IT, EC_OTHER = jwk("RS256"), jwk("ES256"), other("ES256")
SERVING: list[tuple[str, list[dict[str, Any]], dict[tuple[str | None, str], int]]] = [
    ("one key twice", [RSA_IT, RSA_IT], {("it", "RS256"): 1}),
    ("one key for two algorithms", [RSA_IT, {**RSA_IT, "alg": "RS512"}], {("it", "RS256"): 1, ("it", "RS512"): 1}),
    ("two types of one kid", [RSA_IT, EC_IT], {("it", "RS256"): 1, ("it", "ES256"): 1, ("it", "PS256"): 0}),
    ("two keys of one kid and alg", [EC_IT, EC_OTHER], {("it", "ES256"): 2, (None, "ES256"): 2}),
    ("a key for encryption of the same kid", [{**EC_OTHER, "use": "enc"}, EC_IT], {("it", "ES256"): 1}),
    ("a key that does not check", [{**EC_OTHER, "key_ops": ["sign"]}, EC_IT], {("it", "ES256"): 1}),
    ("a blank and a named copy", [{**EC_IT, "kid": ""}, EC_IT], {("it", "ES256"): 1, (None, "ES256"): 1}),
    (
        "blank and named copies of two authorities",
        [EC_IT, {**EC_IT, "kid": ""}, {**EC_OTHER, "kid": "new"}, {**EC_OTHER, "kid": ""}],
        {("it", "ES256"): 1, ("new", "ES256"): 1, (None, "ES256"): 2},
    ),
    ("four", [other("ES256", kid=None) for _ in range(4)], {(None, "ES256"): 4, ("x", "ES256"): 4}),
    ("five", [other("ES256", kid=None) for _ in range(5)], {(None, "ES256"): 0}),
]


@pytest.mark.parametrize(("entries", "candidates"), [case[1:] for case in SERVING], ids=[case[0] for case in SERVING])
def test_entries_are_told_apart_by_kid_and_alg(
    entries: list[dict[str, Any]], candidates: dict[tuple[str | None, str], int]
) -> None:
    """Entries are used by `kid` and `alg`, as long as four at most remain."""
    keys = RemoteJWKSet(URL, fetcher=Fetcher(jwks(*entries)))
    keys.prefetch().run()
    current = keys.current()
    assert current is not None
    assert {pair: len(current.candidates(*pair)) for pair in candidates} == candidates


@pytest.mark.parametrize(
    ("use", "setting", "expected"),
    [
        ("sig", {}, [("it", "ES256")]),
        (None, {}, [("it", "ES256")]),
        ("jwt-svid", {"use": "jwt-svid"}, [("it", "ES256")]),
        ("jwt-svid", {}, []),
        ("sig", {"use": "jwt-svid"}, []),
        (None, {"use": "jwt-svid"}, []),
        ("x509-svid", {"use": "jwt-svid"}, []),
    ],
)
def test_use(use: str | None, setting: dict[str, Any], expected: list[Any]) -> None:
    """`sig` or nothing, or with that setting exactly `jwt-svid`."""
    try:
        assert found(jwk("ES256", use=use), **setting) == expected
    except UnavailableError:
        assert expected == []


def test_use_is_one_of_two() -> None:
    """Another word is a slip."""
    from jwtguard import ConfigurationError

    with pytest.raises(ConfigurationError, match='use is "sig" or "jwt-svid"'):
        RemoteJWKSet(URL, use="enc")  # type: ignore[arg-type]
