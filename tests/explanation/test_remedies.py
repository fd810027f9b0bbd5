"""Every remedy of the table is returned for its cause, and its predicate separates it from the others."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from jwtguard import (
    UNCHECKED,
    FetchResponse,
    Guard,
    RemoteJWKSet,
    SigningKey,
    TrustedIssuer,
    VerificationKey,
)
from jwtguard.core.tokens.encoding import encode_segment
from jwtguard.explanation import explain
from jwtguard.explanation.remedies import REMEDIES, remedy
from jwtguard.explanation.services import way_out
from jwtguard.explanation.token_context import TokenContext
from jwtguard.providers import cognito, entra, keycloak, oidc, supabase
from tests.core.keys import hs256, signing_key, verification_key
from tests.core.token_samples import AUDIENCE, ISSUER, NOW, Clock, claims, compact
from tests.explanation.worlds import GOOD, guard, kind, of, trusting

RSA = signing_key("RS256", "r")
ES = signing_key("ES256", "e")
TENANT = "11111111-1111-1111-1111-111111111111"
V1, V2 = f"https://sts.windows.net/{TENANT}/", f"https://login.microsoftonline.com/{TENANT}/v2.0"
KC = "https://kc.example/realms/acme"


def rs(payload: dict[str, Any], **header: Any) -> str:
    """A token signed as most providers do."""
    return compact({"alg": "RS256", "kid": "r", **header}, payload, key=RSA)


def azure(version: Any, *audience: str) -> Guard:
    """A guard for Entra tokens of one version."""
    keys = RSA.verification_key
    return Guard(issuers=[entra(TENANT, audience=audience or "app", version=version, keys=keys)], clock=Clock())


def provider(issuer: TrustedIssuer) -> Guard:
    """A guard for one provider."""
    return Guard(issuers=[issuer], clock=Clock())


def secret(text: bytes) -> Guard:
    """A guard with this secret, as it stands."""
    return guard(keys=VerificationKey.from_secret(text, algorithm="HS256"))


def signed_with(text: bytes) -> str:
    """A token signed with this secret."""
    return compact(key=SigningKey.from_secret(text, algorithm="HS256"))


def published(*entries: dict[str, Any]) -> Guard:
    """A guard whose issuer publishes these keys beside a good one."""
    body = json.dumps({"keys": [ES.verification_key.to_jwk(), *entries]}).encode()
    keys = RemoteJWKSet("https://issuer.example/jwks", fetcher=lambda _: FetchResponse(status=200, body=body))
    keys.prefetch().run()
    return guard(keys=keys)


WEAK = {"kty": "RSA", "alg": "RS256", "n": "4" * 171, "e": "AQAB", "kid": "r"}
RAW = bytes(range(200, 248))
"""A secret that is no text."""


def der() -> str:
    """A token with an ECDSA signature as OpenSSL writes it."""
    head, payload, _ = compact({"alg": "ES256", "kid": "e"}, key=ES).split(".")
    return f"{head}.{payload}.{encode_segment(b'0' + bytes(70))}"


def parts(text: str, *replaced: str) -> str:
    """A token with other text behind its first part."""
    return ".".join([text.split(".", maxsplit=1)[0], *replaced])


US = V2.replace("microsoftonline.com", "microsoftonline.us")
ENTRA_CLAIMS = {"aud": "app", "sub": "u", "exp": NOW + 300, "tid": TENANT, "azp": "web", "appid": "web"}

CASES: list[tuple[str, Guard, Any, str]] = [
    ("too_long", guard(), f"{GOOD}, {'a' * 8192}", "joined by a comma"),
    ("alphabet", guard(), f"\ufeff{GOOD}", "byte order mark"),
    ("alphabet", guard(), f"“{GOOD}”", "typographic quotes"),
    ("alphabet", guard(), f"{GOOD[:20]}…", "ellipsis"),
    ("form", guard(), "-----BEGIN PUBLIC KEY-----", "a key or a certificate"),
    ("form", guard(), '{"payload": "x", "signatures": []}', "the JSON form of a JWS"),
    ("form", guard(), '{"access_token": "x.y"}', "what stands in access_token"),
    ("form", guard(), '{"a": 1}', "This is JSON"),
    ("form", guard(), f'"{GOOD}.x"', "Take the quotes off"),
    ("form", guard(), "Bearer x", "off (Bearer)"),
    ("form", guard(), "ya29.a0AfH6SMBx", "an access token of Google"),
    ("form", guard(issuer="https://acme.eu.auth0.com/"), "4Qv0dWs0b3UA", f'with audience="{AUDIENCE}"'),
    ("base64url", guard(), f"'{GOOD}'", "Take the quotes off"),
    ("base64url", guard(), f"Authorization: Bearer {GOOD}", "off (Bearer)"),
    ("base64url", guard(), f" {GOOD}", "off the ends"),
    ("form", guard(), GOOD.replace(".", "%2E"), "%2E stands for a dot"),
    ("form", guard(), f"{GOOD.rpartition('.')[0]}.", "It is not signed"),
    ("form", guard(), GOOD.rpartition(".")[0], "The signature is missing"),
    ("form", guard(), "opaque", "Introspection(...)"),
    ("encrypted", guard(), "eyJhbGciOiJkaXIifQ.a.b.c.d", "no audience was asked for"),
    ("base64url", guard(), GOOD[:10] + "\n" + GOOD[10:], "Join the lines"),
    ("base64url", guard(), f"{GOOD}%3D", "URL form"),
    ("base64url", guard(), f"{GOOD}=", "padding"),
    ("base64url", guard(), parts(GOOD, "a", "b+b/"), "base64url: - and _"),
    ("header_extension", guard(), compact({"alg": "HS256", "enc": "A256GCM", "cty": "JWT"}), "an encrypted token"),
    ("header_extension", guard(), compact({"alg": "HS256", "cty": "JWT"}), "the inner token"),
    ("header_extension", guard(), compact({"alg": "HS256", "b64": False}), "RFC 7797"),
    ("alg", trusting(algorithms=["HS256"]), compact({"alg": "none"}), "alg none"),
    ("alg", trusting(algorithms=["HS256"]), compact({"alg": "dir", "enc": "A256GCM"}), "JWE"),
    ("alg", trusting(algorithms=["HS256"]), compact({"alg": "ES256K"}), '"ES256K" is not supported'),
    ("alg", trusting(algorithms=["RS256"], keys=RSA.verification_key), GOOD, "If not, it is forged"),
    ("typ", guard(), compact({"alg": "HS256", "typ": "refresh+jwt"}), "a refresh token"),
    ("typ", guard(), compact({"alg": "HS256", "typ": "application/logout+jwt"}), "a logout token"),
    ("typ", guard(), compact({"alg": "HS256", "typ": "dpop+jwt"}), "a DPoP proof"),
    ("typ", kind(types=["at+jwt"]), compact({"alg": "HS256", "typ": "JWT"}), "RFC 9068 §2.1"),
    ("key", guard(keys=RSA.verification_key), rs(claims(), alg="PS256"), 'The key "r" is for RS256'),
    ("key", guard(keys=RSA.verification_key), GOOD, "If not, it is forged"),
    ("key", guard(), rs(claims()), "this guard has a secret"),
    ("key", guard(keys=RSA.verification_key), rs(claims(), kid="x"), 'No key is called "x": there are "r"'),
    (
        "key",
        guard(keys=[signing_key("ES256", kid).verification_key for kid in "rs"]),
        compact({"alg": "ES256"}, key=signing_key("ES256", "r")),
        "the token does not say which",
    ),
    ("key", published(WEAK), rs(claims()), "publishes a key with kid 'r': the RSA key has 1024 bits"),
    ("signature", guard(), GOOD[:80] + "\n" + GOOD[80:], "Join the lines"),
    ("signature", guard(), parts(GOOD, "a", GOOD.split(".")[2]), "its payload was cut"),
    ("signature", secret(b" " + RAW), signed_with(RAW), "white space"),
    ("signature", secret(RAW), signed_with(RAW + b"\n"), "line break"),
    ("signature", secret(base64.b64encode(RAW)), signed_with(RAW), "base64.b64decode"),
    ("signature", secret(base64.urlsafe_b64encode(RAW)), signed_with(RAW), "base64.urlsafe_b64decode"),
    ("signature", secret(RAW.hex().encode()), signed_with(RAW), "bytes.fromhex"),
    ("signature", secret(RAW), signed_with(base64.b64encode(RAW)), "as base64 text"),
    ("signature", secret(RAW), signed_with(RAW.hex().encode()), "hexadecimal text"),
    ("signature", guard(keys=ES.verification_key), der(), "DER form"),
    ("signature", guard(), parts(GOOD, GOOD.split(".")[1], "c2ln"), "too short"),
    (
        "signature",
        guard(),
        compact(payload=claims(iss="https://b.example"), key=hs256(secret="another secret, but an example!!")),
        'it is from "https://b.example"',
    ),
    ("missing_aud", guard(), of(aud=None, token_use="access"), "cognito"),
    ("missing_sub", guard(), of(sub=None, client_id="web"), "for a client and no user"),
    ("missing_exp", guard(), of(exp=None), "stays valid forever"),
    ("iss", guard(), of(iss=""), "a string that is not empty"),
    ("iss", guard(), of(iss=f"{ISSUER}/"), f'write issuer="{ISSUER}/"'),
    ("iss", guard(), of(iss="https://Issuer.example"), "Capital letters"),
    ("iss", guard(), of(iss="http://issuer.example"), "http and https"),
    ("iss", azure(2), rs({**ENTRA_CLAIMS, "iss": V1, "ver": "1.0"}), "entra(..., version=1)"),
    ("iss", azure(1), rs({**ENTRA_CLAIMS, "iss": V2, "ver": "2.0"}), "entra(..., version=2)"),
    ("iss", azure(2), rs({**ENTRA_CLAIMS, "iss": US, "ver": "2.0"}), 'cloud="usgov"'),
    (
        "iss",
        provider(keycloak(KC, audience="a", keys=RSA.verification_key)),
        rs(claims(iss=KC.replace("kc.example", "localhost:8080"))),
        "Keycloak: hostname",
    ),
    ("aud", guard(), of(aud="web", nonce="n"), "an ID token"),
    ("aud", guard(audience="x"), of(aud="api://x"), "an Entra token of version 1"),
    ("aud", guard(audience="api://x"), of(aud="x"), "an Entra token of version 2"),
    ("aud", guard(), of(aud=f"{AUDIENCE}/"), "Slashes at the end"),
    ("aud", guard(), of(aud=f"other {AUDIENCE}"), "as a list"),
    ("aud", guard(), of(aud="account"), "audience mapper"),
    ("aud", guard(), of(aud="https://acme.eu.auth0.com/userinfo"), "comes where none was asked for"),
    ("aud", guard(), of(aud=[]), "must send aud"),
    ("kind_ver", azure(2), rs({**ENTRA_CLAIMS, "iss": V2, "ver": "1.0"}), "the other version"),
    (
        "kind_token_use",
        provider(cognito(ISSUER, client_id="web", keys=RSA.verification_key)),
        rs(claims(token_use="id", client_id="web")),
        "an ID token",
    ),
    (
        "kind_typ",
        provider(keycloak(ISSUER, audience=AUDIENCE, keys=RSA.verification_key)),
        rs(claims(typ="ID")),
        "an ID",
    ),
    (
        "kind_typ",
        provider(keycloak(ISSUER, audience=AUDIENCE, keys=RSA.verification_key)),
        rs(claims(typ="Offline")),
        "a refresh token",
    ),
    (
        "kind_role",
        provider(supabase("https://p.supabase.co", keys=RSA.verification_key)),
        rs(claims(iss="https://p.supabase.co/auth/v1", aud="authenticated", role="anon")),
        "an API key of the project",
    ),
    ("exp", guard(), of(exp=NOW * 1000), "milliseconds"),
    ("nbf", guard(), of(nbf=NOW * 1000), "milliseconds"),
    ("iat", guard(), of(iat=NOW * 1000), "milliseconds"),
    ("expired", guard(), of(exp=NOW - 60), "It expired 1 min ago"),
    ("not_yet_valid", guard(), of(nbf=NOW + 120), "It is valid in 2 min. The clocks"),
    ("not_yet_valid", guard(), of(nbf=NOW + 7200), "It is valid in 2 h: the issuer"),
    ("proof_of_possession", guard(), of(cnf={"jkt": "x"}), "DPoP"),
    ("proof_of_possession", guard(), of(cnf={"x5t#S256": "x"}), "mutual TLS"),
]


@pytest.mark.parametrize(("reason", "asked", "text", "words"), CASES, ids=[f"{c[0]}-{c[3]}" for c in CASES])
def test_the_hint_fits(reason: str, asked: Guard, text: Any, words: str) -> None:
    """The guard refuses the token for this reason, and the remedy speaks of the cause."""
    found = explain(asked, text).run()

    assert found.reason == reason
    assert found.failed is not None
    assert words in found.failed.remedy


def test_every_hint_is_given() -> None:
    """No line of the table stands behind another that always comes first."""
    given = set()
    for reason, asked, text, _ in CASES:
        context = TokenContext.of(asked, text)
        given.add(next(index for index, entry in enumerate(REMEDIES) if entry.reason == reason and entry.when(context)))
    assert given == set(range(len(REMEDIES)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'"{GOOD}"', "Take the quotes off"),
        (f" '{GOOD}' ", "Take the quotes off"),
        (f"bearer {GOOD}", "off (Bearer)"),
        (f"Bearer  {GOOD}", "off (Bearer)"),
        (f"Token {GOOD}", "off (Bearer)"),
        (f"{GOOD}\n", "off the ends"),
    ],
)
def test_what_was_copied_along(text: str, words: str) -> None:
    """What stands around a token is named, and not taken for a fault in it."""
    found = explain(guard(), text).run()
    assert (found.verdict, words in (found.failed or found.steps[0]).remedy) == ("refused", True)


GRAPH = {**ENTRA_CLAIMS, "aud": "00000003-0000-0000-c000-000000000000", "iss": V1, "ver": "1.0"}
REMOVED = f"{GOOD.rpartition('.')[0]}.SIGNATURE_REMOVED_BY_GOOGLE"
ALB = {
    "alg": "ES256",
    "kid": "3f4d",
    "signer": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/web/1234",
    "iss": "https://login.example",
    "client": "orders",
    "exp": NOW + 60,
}


def padded(header: dict[str, Any]) -> str:
    """A token as a load balancer writes it, with padding in all its parts."""
    written = [json.dumps(part).encode() for part in (header, {"sub": "u", "exp": NOW + 60})]
    return ".".join(base64.urlsafe_b64encode(part).decode() for part in (*written, bytes(64)))


@pytest.mark.parametrize(
    ("asked", "text", "words"),
    [
        (guard(), REMOVED, "in X-Serverless-Authorization"),
        (guard(keys=RSA.verification_key), REMOVED, "in X-Serverless-Authorization"),
        (trusting(issuer="https://other.example"), REMOVED, "in X-Serverless-Authorization"),
        (azure(2), rs(GRAPH, nonce="n"), "for Microsoft Graph"),
        (azure(1), rs(GRAPH, nonce="n", kid="other"), "for Microsoft Graph"),
        (azure(1), rs({**GRAPH, "aud": "https://graph.microsoft.com"}), "for Microsoft Graph"),
        (azure(2), rs({**GRAPH, "aud": "https://graph.microsoft.us/", "iss": US}), "for Microsoft Graph"),
        (azure(2), rs({**ENTRA_CLAIMS, "iss": US}, nonce="n"), "for Microsoft Graph"),
        (guard(), padded(ALB), "x-amzn-oidc-accesstoken"),
        (guard(), padded({**ALB, "kid": "3f4d1"}), "x-amzn-oidc-accesstoken"),
        (guard(), padded({**ALB, "kid": "3f4d12"}), "x-amzn-oidc-accesstoken"),
        (
            guard(),
            of(iss="https://acme.okta.com", aud="https://acme.okta.com", cid="web"),
            "custom authorization server",
        ),
        (guard(), of(iss="kubernetes/serviceaccount", aud=None, exp=None), "a projected token"),
    ],
)
def test_tokens_for_one_service_alone(asked: Guard, text: str, words: str) -> None:
    """Whatever the reason, the service is named and the way out."""
    found = explain(asked, text).run()
    assert found.failed is not None
    assert words in found.failed.remedy


@pytest.mark.parametrize(
    "text",
    [
        padded({**ALB, "signer": "arn:aws:kms:eu-west-1:1:key/2"}),
        padded({**ALB, "signer": 7}),
        of(iss="https://acme.okta.com/oauth2/default", cid="web"),
        of(iss="https://acme.okta.com"),
        rs(claims(iss="https://issuer.example", aud="other"), nonce="n"),
        of(aud=["00000003-0000-0000-c000-000000000000", "other"]),
        of(aud=[]),
        "a.b",
    ],
)
def test_tokens_that_only_look_like_these(text: str) -> None:
    """Half of a predicate is none."""
    assert way_out(TokenContext.of(guard(), text)) is None


@pytest.mark.parametrize(
    ("reason", "asked", "text", "words"),
    [
        ("signature", guard(), compact(key=hs256(secret="another secret, but an example!!")), "token was altered"),
        ("signature", guard(keys=ES.verification_key), compact({"alg": "ES256", "kid": "e"}, key=hs256()), "too short"),
        ("expired", guard(), of(exp=NOW - 86400), "Get a new token"),
        ("key", guard(keys=verification_key("HS512")), GOOD, "Give the guard the key"),
        ("iss", guard(), of(iss="https://evil.example"), "if that is whom you trust"),
        ("iss", provider(oidc(ISSUER, audience="a", keys=RSA.verification_key)), rs(claims(iss=1)), "a string"),
        ("aud", guard(), of(aud="other"), "Ask the issuer"),
        ("aud", guard(audience=UNCHECKED), of(aud=1), "must send aud"),
        ("typ", guard(), compact({"alg": "HS256", "typ": "x"}), "at+jwt, or it has none"),
        ("encrypted", guard(), "a.b.c.d.e", "this one is encrypted"),
    ],
)
def test_without_a_clue_the_reason_speaks(reason: str, asked: Guard, text: str, words: str) -> None:
    """Where nothing more shows, the remedy is that of the reason, or the next entry that fits."""
    assert words in remedy(TokenContext.of(asked, text), reason)


def test_a_secret_is_in_no_remedy() -> None:
    """Other readings of the secret are tried and never told."""
    for reason, asked, text, _ in CASES:
        if reason == "signature":
            told = explain(asked, text).run()
            assert RAW.hex() not in str(told)
            assert base64.b64encode(RAW).decode() not in str(told)
