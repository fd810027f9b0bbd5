"""The presets for gateways: the tokens that they document, where these travel, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from jwtguard import UNCHECKED, ConfigurationError, Guard, InvalidTokenError, TokenHeader, TrustedIssuer, providers
from jwtguard.core.tokens.jws import sign
from jwtguard.core.tokens.principal import Principal
from jwtguard.key_sources.remote_jwk_set import RemoteJWKSet
from tests.core.keys import signing_key

NOW = 1_800_000_010
TIMES = {"iat": 1_800_000_000, "exp": 1_800_003_600}
RSA, EC = signing_key("RS256"), signing_key("ES256")
TAG = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2"
CLOUDFLARE = providers.cloudflare_access("acme.cloudflareaccess.com", audience=TAG, keys=RSA.verification_key)
BACKEND = "/projects/1234/global/backendServices/5678"
IAP = providers.google_iap(audience=BACKEND, keys=EC.verification_key)
USER = {
    "aud": [TAG],
    "email": "user@example.com",
    "nbf": 1_800_000_000,
    "iss": "https://acme.cloudflareaccess.com",
    "type": "app",
    "identity_nonce": "6ei69kawdKzMIAPF",
    "sub": "7335d417-61da-459d-899c-0a01c76a2f94",
    "country": "US",
    "custom": {"groups": ["admins"]},
    **TIMES,
}
SERVICE = {
    "type": "app",
    "aud": [TAG],
    "iss": "https://acme.cloudflareaccess.com",
    "common_name": "e367826f93b8d71185e03fe518aff3b4.access",
    "sub": "",
    **TIMES,
}
IAP_USER = {
    "aud": BACKEND,
    "email": "alice@example.com",
    "hd": "example.com",
    "google": {"access_levels": ["accessPolicies/1/accessLevels/vpn"]},
    "iss": "https://cloud.google.com/iap",
    "sub": "accounts.google.com:112233445566778899000",
    **TIMES,
}


def verified(issuer: TrustedIssuer, payload: Mapping[str, Any]) -> Principal | str:
    """The caller, or why the token is refused; None takes a claim out."""
    claims = {name: value for name, value in payload.items() if value is not None}
    text = sign(json.dumps(claims).encode(), EC if issuer is IAP else RSA, header={"typ": "JWT"})
    try:
        return Guard(issuers=[issuer], clock=lambda: NOW).verify(text).run().principal
    except InvalidTokenError as error:
        return error.reason


def subject(issuer: TrustedIssuer, payload: Mapping[str, Any]) -> str | None:
    """Who is calling, or why not."""
    found = verified(issuer, payload)
    return found if isinstance(found, str) else found.subject


def test_cloudflare_users_and_services() -> None:
    """A user is known by `sub`, a service token by its client id."""
    assert (subject(CLOUDFLARE, USER), subject(CLOUDFLARE, SERVICE)) == (USER["sub"], SERVICE["common_name"])
    caller = verified(CLOUDFLARE, USER)
    assert isinstance(caller, Principal)
    assert caller.roles == {"admins"}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({**USER, "aud": ["the tag of another application"]}, "aud"),
        ({**USER, "iss": "https://evil.cloudflareaccess.com"}, "iss"),
        ({**USER, "type": "org"}, "kind_type"),
        ({**USER, "type": None}, "kind_type"),
        ({**USER, "exp": NOW - 60}, "expired"),
        ({**USER, "sub": None}, "sub"),
        ({**SERVICE, "common_name": ""}, "sub"),
        ({**SERVICE, "common_name": None}, "sub"),
        ({**SERVICE, "common_name": ["a"]}, "sub"),
    ],
)
def test_cloudflare_refuses(payload: dict[str, Any], reason: str) -> None:
    """Tokens of other applications and teams, of another kind, and of no caller."""
    assert verified(CLOUDFLARE, payload) == reason


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, IAP_USER["sub"]),
        ({"aud": "/projects/1234/global/backendServices/9999"}, "aud"),
        ({"iss": "https://cloud.google.com/iap/"}, "iss"),
        ({"sub": ""}, "sub"),
        ({"sub": None}, "missing_sub"),
        ({"exp": NOW - 60}, "expired"),
    ],
)
def test_google_iap(changes: dict[str, Any], expected: str) -> None:
    """The token is for one resource behind the proxy."""
    assert subject(IAP, {**IAP_USER, **changes}) == expected


def test_google_iap_takes_es256_alone() -> None:
    """A published key of another type is not used."""
    issuer = providers.google_iap(audience=BACKEND, keys=RSA.verification_key)
    assert verified(issuer, IAP_USER) == "alg"


@pytest.mark.parametrize(
    ("issuer", "header", "address"),
    [
        (
            providers.cloudflare_access("https://acme.cloudflareaccess.com/", audience=TAG),
            "Cf-Access-Jwt-Assertion",
            "https://acme.cloudflareaccess.com/cdn-cgi/access/certs",
        ),
        (
            providers.google_iap(audience=BACKEND),
            "X-Goog-IAP-JWT-Assertion",
            "https://www.gstatic.com/iap/verify/public_key-jwk",
        ),
    ],
)
def test_where_tokens_travel_and_keys_come_from(issuer: TrustedIssuer, header: str, address: str) -> None:
    """The gateway's header alone is read, and counts as one that a browser did not choose to send."""
    assert Guard(issuers=[issuer]).tokens_from == (TokenHeader(header, from_proxy=True),)
    assert isinstance(issuer.key_source, RemoteJWKSet)
    assert address in repr(issuer.key_source)


def test_as_plain_data() -> None:
    """Both presets are found by name in a mapping."""
    config = [
        {"preset": "cloudflare_access", "team_domain": "acme.cloudflareaccess.com", "audience": TAG},
        {"preset": "google_iap", "audience": BACKEND},
    ]
    issuers = [policy.issuer for policy in Guard.from_config({"issuers": config}).trust.policies]
    assert issuers == ["https://acme.cloudflareaccess.com", "https://cloud.google.com/iap"]


def test_the_audience_is_named() -> None:
    """The audience is required, because it tells one application from another."""
    with pytest.raises(ConfigurationError, match="audience is what tells your application"):
        providers.cloudflare_access("acme.cloudflareaccess.com", audience=UNCHECKED)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="audience is what tells your application"):
        providers.google_iap(audience=UNCHECKED)  # type: ignore[arg-type]
