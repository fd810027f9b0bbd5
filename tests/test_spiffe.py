"""JWT-SVIDs: the subject binds a token to its trust domain, and each key is good for its own domain alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from jwtguard import UNCHECKED, ConfigurationError, Guard, InvalidTokenError, SigningKey, providers
from jwtguard.core.tokens.jws import sign
from jwtguard.explanation import explain
from jwtguard.key_sources.http_client import FetchRequest, FetchResponse
from jwtguard.key_sources.remote_jwk_set import RemoteJWKSet
from jwtguard.migration import tokens_without_issuer
from jwtguard.testing import tokens_for
from tests.core.keys import hs256, signing_key

NOW = 1_800_000_010
PROD, STAGING = signing_key("ES256"), signing_key("RS256")
WORKLOAD = "spiffe://prod.example/ns/shop/sa/orders"
SVID = {"sub": WORKLOAD, "aud": ["orders-api"], "exp": 1_800_000_300, "iat": 1_800_000_000}
BUNDLE = "https://spire.prod.example/bundle.json"


def guard(*others: Any) -> Guard:
    """A guard for two trust domains, and other issuers."""
    domains = [
        providers.spiffe("prod.example", audience="orders-api", keys=PROD.verification_key),
        providers.spiffe("staging.example", audience="orders-api", keys=STAGING.verification_key),
    ]
    return Guard(issuers=[*domains, *others], clock=lambda: NOW)


def alone() -> Guard:
    """A guard for one trust domain."""
    only = providers.spiffe("spiffe://prod.example", audience="orders-api", keys=PROD.verification_key)
    return Guard(issuers=[only], clock=lambda: NOW)


def text_of(payload: dict[str, Any], key: SigningKey = PROD, **header: str) -> str:
    """A token; None takes a claim out."""
    claims = {name: value for name, value in payload.items() if value is not None}
    return sign(json.dumps(claims).encode(), key, header=header)


def outcome(asked: Guard, text: str) -> str | None:
    """Who is calling, or why not."""
    try:
        return asked.verify(text).run().principal.subject
    except InvalidTokenError as error:
        return error.reason


@pytest.mark.parametrize("asked", [guard(), alone()], ids=["several", "alone"])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, WORKLOAD),
        ({"iss": "https://spire.prod.example"}, WORKLOAD),
        ({"sub": "spiffe://prod.example/a.b-c_D/..."}, "spiffe://prod.example/a.b-c_D/..."),
        ({"iss": 7}, "iss"),
        ({"aud": None}, "missing_aud"),
        ({"aud": ["other-api"]}, "aud"),
        ({"exp": None}, "missing_exp"),
        ({"exp": NOW - 60}, "expired"),
    ],
)
def test_claims(asked: Guard, changes: dict[str, Any], expected: str) -> None:
    """`sub`, `aud` and `exp` are required; `iss` names no more than the server that signed."""
    assert outcome(asked, text_of({**SVID, **changes})) == expected


@pytest.mark.parametrize(
    "subject",
    [
        "spiffe://prod.example.evil/ns/shop/sa/orders",
        "spiffe://prod.example@evil.example/ns/shop/sa/orders",
        "spiffe://evil@prod.example/ns/shop/sa/orders",
        "spiffe://prod.example:443/ns/shop/sa/orders",
        "spiffe://prodXexample/ns/shop/sa/orders",
        "spiffe://PROD.example/ns/shop/sa/orders",
        "SPIFFE://prod.example/ns/shop/sa/orders",
        "spiffe:///prod.example/orders",
        "spiffe://prod.example",
        "spiffe://prod.example/",
        "spiffe://prod.example/orders/",
        "spiffe://prod.example//orders",
        "spiffe://prod.example/../staging.example/orders",
        "spiffe://prod.example/./orders",
        "spiffe://prod.example/orders/..",
        "spiffe://prod.example/%2e%2e/orders",
        "spiffe://prod.example/orders?x=1",
        "spiffe://prod.example/orders#x",
        "spiffe://prod.example/orders\n",
        "spiffe://prod.example/\u00f6rders",
        "spiffe://prod.example\\@evil.example/orders",
        "spiffe://prod.example/" + "a" * 2048,
        " spiffe://prod.example/orders",
        "https://prod.example/orders",
        "orders",
        "",
        7,
        ["spiffe://prod.example/orders"],
    ],
)
def test_subjects_outside_the_trust_domain(subject: Any) -> None:
    """A subject that only resembles an identity of the domain is refused."""
    text = text_of({**SVID, "sub": subject})
    assert (outcome(guard(), text), outcome(alone(), text)) == ("trust_domain", "trust_domain")


def test_no_subject() -> None:
    """A token without a subject is refused."""
    assert outcome(guard(), text_of({**SVID, "sub": None})) == "trust_domain"
    assert outcome(alone(), text_of({**SVID, "sub": None})) == "missing_sub"


@pytest.mark.parametrize(
    ("typ", "expected"),
    [("JWT", WORKLOAD), ("JOSE", WORKLOAD), ("jose", WORKLOAD), (None, WORKLOAD), ("at+jwt", "typ"), ("", "typ")],
)
def test_types(typ: str | None, expected: str) -> None:
    """`JWT`, `JOSE` or none (JWT-SVID §2.3)."""
    header = {} if typ is None else {"typ": typ}
    assert outcome(alone(), text_of(SVID, PROD, **header)) == expected


def test_each_key_for_its_own_domain() -> None:
    """The keys of one domain do not sign for another, whatever the token says of its issuer."""
    other = {**SVID, "sub": "spiffe://staging.example/orders"}
    asked = guard()
    assert outcome(asked, text_of(other, STAGING)) == "spiffe://staging.example/orders"
    for iss in (None, "spiffe://prod.example", "spiffe://staging.example"):
        assert outcome(asked, text_of({**other, "iss": iss}, PROD)) == "key"
        assert outcome(asked, text_of({**SVID, "iss": iss}, STAGING)) == "key"


def test_beside_other_issuers() -> None:
    """A token goes to the issuer that it names; `JOSE` is of use to a trust domain alone."""
    keycloak = providers.keycloak(
        "https://kc.example/realms/acme", audience="orders-api", keys=hs256().verification_key, algorithms=["HS256"]
    )
    nameless = tokens_without_issuer(
        hs256().verification_key, until=datetime(2100, 1, 1, tzinfo=UTC), audience="orders-api"
    )
    asked = guard(keycloak, nameless)
    claims = {**SVID, "iss": "https://kc.example/realms/acme", "typ": "Bearer", "azp": "web"}
    user = {**claims, "sub": "alice"}
    assert outcome(asked, text_of(user, hs256())) == "alice"
    assert outcome(asked, text_of(user, hs256(), typ="JOSE")) == "typ"
    assert outcome(asked, text_of(claims, PROD)) == "alg"
    assert outcome(asked, text_of({**user, "iss": None}, hs256())) == "alice"
    assert outcome(asked, text_of({**user, "iss": None}, hs256(), typ="JOSE")) == "typ"
    assert outcome(asked, text_of({**user, "iss": "https://evil.example"}, hs256())) == "iss"
    assert outcome(asked, text_of({**SVID, "sub": "spiffe://evil.example/a", "iss": "https://x.example"})) == (
        "trust_domain"
    )


def test_keys_of_the_bundle() -> None:
    """The keys of a bundle for JWT-SVIDs are used, and those for certificates are not."""
    svid, certificates = signing_key("ES256", "svid"), signing_key("RS256", "x509")
    entries = [
        {**svid.verification_key.to_jwk(), "alg": None, "use": "jwt-svid"},
        {**certificates.verification_key.to_jwk(), "alg": None, "use": "x509-svid"},
    ]

    def fetch(request: FetchRequest) -> FetchResponse:
        assert request.url == BUNDLE
        body = json.dumps({"keys": entries, "spiffe_sequence": 1, "spiffe_refresh_hint": 300}).encode()
        return FetchResponse(status=200, headers={}, body=body)

    keys = RemoteJWKSet(BUNDLE, use="jwt-svid", fetcher=fetch)
    issuer = providers.spiffe("prod.example", audience="orders-api", keys=keys)
    asked = Guard(issuers=[issuer], clock=lambda: NOW)
    assert outcome(asked, text_of(SVID, svid)) == WORKLOAD
    assert outcome(asked, text_of(SVID, certificates)) == "key"


def test_where_keys_come_from() -> None:
    """The bundle's address is named, since no other can be guessed."""
    source = providers.spiffe("prod.example", audience="a", bundle_url=BUNDLE).key_source
    assert isinstance(source, RemoteJWKSet)
    assert BUNDLE in repr(source)
    config = {"preset": "spiffe", "trust_domain": "prod.example", "audience": "a", "bundle_url": BUNDLE}
    assert str(Guard.from_config({"issuers": [config]}).trust.policies[0].issuer) == "spiffe://prod.example"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trust_domain": "Prod.Example"}, "a trust domain is spiffe:// and a name of small letters"),
        ({"trust_domain": "prod.example/orders"}, "a trust domain is"),
        ({"trust_domain": "prod.example:443"}, "a trust domain is"),
        ({"trust_domain": "spiffe://spiffe://prod.example"}, "a trust domain is"),
        ({"trust_domain": "SPIFFE://prod.example"}, "a trust domain is"),
        ({"trust_domain": "*"}, "a trust domain is"),
        ({"trust_domain": ""}, "a trust domain is"),
        ({"trust_domain": None}, "trust_domain is a name"),
        ({"audience": UNCHECKED}, "audience is required in JWT-SVIDs"),
        ({"audience": []}, "audience is required"),
        ({"keys": None}, "bundle_url is where the trust domain publishes its bundle"),
        ({"keys": None, "bundle_url": "http://spire.example/bundle"}, "https"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    """Said when it is made."""
    settings = {"trust_domain": "prod.example", "audience": "a", "keys": PROD.verification_key, **arguments}
    with pytest.raises(ConfigurationError, match=message):
        providers.spiffe(**settings)


def test_explanation() -> None:
    """The explanation names the trusted domains."""
    failed = explain(guard(), text_of({**SVID, "sub": "spiffe://evil.example/a"})).run().failed
    assert failed is not None
    assert (failed.number, failed.found) == (5, 'sub "spiffe://evil.example/a"')
    domains = '"spiffe://prod.example" or "spiffe://staging.example"'
    assert failed.expected == f"sub is the SPIFFE ID of a workload in {domains}"
    failed = explain(alone(), text_of(SVID, typ="at+jwt")).run().failed
    assert failed is not None
    assert failed.expected == 'typ is "jose" or "jwt", or is left out'
    claims = explain(alone(), text_of(SVID)).run().steps[6]
    assert "sub is the SPIFFE ID of a workload in spiffe://prod.example; aud is or holds" in claims.expected


def test_tokens_for_tests() -> None:
    """A token for tests is one of the trust domain."""
    asked = alone()
    with tokens_for(asked) as token_for:
        assert outcome(asked, token_for("orders")) == "spiffe://prod.example/orders"
        assert outcome(asked, token_for(WORKLOAD, issuer="spiffe://prod.example")) == WORKLOAD
