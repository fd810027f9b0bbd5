"""Protected resource metadata (RFC 9728): what a document says, and what cannot be published."""

from __future__ import annotations

from typing import Any

import pytest

from jwtguard import (
    UNCHECKED,
    AuthorizationHeader,
    ConfigurationError,
    Guard,
    InvalidTokenError,
    MissingTokenError,
    ResourceMetadata,
    Rule,
    Rules,
    TokenCookie,
    TokenQuery,
    TrustedIssuer,
    has_role,
    has_scope,
)
from jwtguard.core.http.challenges import BEARER, Challenges, Scheme
from tests.samples import ISSUER, KEY, guard

WELL_KNOWN = "/.well-known/oauth-protected-resource"


@pytest.mark.parametrize(
    ("resource", "url"),
    [
        ("https://api.example", f"https://api.example{WELL_KNOWN}"),
        ("https://api.example/", f"https://api.example{WELL_KNOWN}"),
        ("https://api.example/mcp", f"https://api.example{WELL_KNOWN}/mcp"),
        ("https://api.example/a/b/", f"https://api.example{WELL_KNOWN}/a/b/"),
        ("https://api.example:8443/mcp", f"https://api.example:8443{WELL_KNOWN}/mcp"),
        ("http://localhost:8000/mcp", f"http://localhost:8000{WELL_KNOWN}/mcp"),
        ("http://[::1]:8000", f"http://[::1]:8000{WELL_KNOWN}"),
        ("http://127.0.0.2", f"http://127.0.0.2{WELL_KNOWN}"),
    ],
)
def test_the_document_stands_between_host_and_path(resource: str, url: str) -> None:
    """RFC 9728 §3.1: the well-known path is inserted, and a lone slash after the host is dropped."""
    metadata = ResourceMetadata(resource=resource)
    assert metadata.url == url
    assert url.endswith(metadata.path)


@pytest.mark.parametrize(
    "resource",
    [
        "/mcp",
        "api.example",
        "//api.example",
        "",
        None,
        5,
        "ftp://api.example",
        "https://",
        "https:///mcp",
        "https://api.example#top",
        "https://api.example/#",
        "https://api.example/?",
        "https://api.example?tenant=a",
        "https://user@api.example",
        "https://api.example/a b",
        'https://api.example/"',
        "https://api.example/a%20b",
        "https://api.example/{id}",
        "https://api.example//mcp",
        "https://api.example:0",
        "https://api.example:port",
        "https://[::1",
        "https://ä.example",
        "http://api.example",
        "http://10.0.0.1",
        "http://localhost.attacker.example",
    ],
)
def test_resources_that_are_none(resource: Any) -> None:
    """RFC 9728 §1.2: an absolute https URL without a fragment; http for this machine alone."""
    with pytest.raises(ConfigurationError, match="resource is the public URL of this resource"):
        ResourceMetadata(resource=resource)


def test_every_problem_is_told_at_once() -> None:
    """One error names all members that are wrong."""
    wrong: dict[str, Any] = {
        "authorization_servers": ["login.example"],
        "scopes_supported": ["two words"],
        "bearer_methods_supported": "header",
        "resource_name": 5,
        "resource_documentation": "docs",
    }
    with pytest.raises(ConfigurationError) as caught:
        ResourceMetadata(resource="https://api.example", **wrong)
    assert len(caught.value.problems) == len(wrong)


RESOURCE = ResourceMetadata(resource="https://api.example")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"authorization_servers": [ISSUER], "bearer_methods_supported": ["header"]}),
        (
            {"rules": Rules([Rule("/a/", has_scope("read") | has_scope("write"))], default=has_scope("read"))},
            {"scopes_supported": ["read", "write"]},
        ),
        ({"tokens_from": [TokenQuery(), AuthorizationHeader()]}, {"bearer_methods_supported": ["query", "header"]}),
        ({"tokens_from": [TokenCookie("__Host-access")]}, {"bearer_methods_supported": []}),
    ],
)
def test_what_the_guard_gives(settings: dict[str, Any], expected: dict[str, Any]) -> None:
    """Issuers, scopes of the rules and places of tokens are those of the guard, unless they are given."""
    metadata = guard(resource_metadata=RESOURCE, **settings).resource_metadata
    assert metadata is not None
    document = metadata.document()
    assert document == {**document, "resource": "https://api.example", **expected}
    assert "scopes_supported" in expected or "scopes_supported" not in document


def test_what_is_given_counts() -> None:
    """A member that the user gives is published as it is."""
    given = ResourceMetadata(
        resource="https://api.example",
        authorization_servers=["https://other.example"],
        scopes_supported=["read"],
        bearer_methods_supported=["header"],
        resource_name="Orders",
        resource_documentation="https://docs.example",
        resource_policy_uri="https://docs.example/policy",
        resource_tos_uri="https://docs.example/terms",
        jwks_uri="https://api.example/jwks",
    )
    metadata = guard(resource_metadata=given, rules=Rules([], default=has_scope("write"))).resource_metadata
    assert metadata is not None
    assert metadata == given
    assert set(metadata.document()) == set(ResourceMetadata.__dataclass_fields__)


def test_issuers_of_a_guard() -> None:
    """Each issuer that is a URL is an authorization server; without one, the error says what to write."""
    several = [
        TrustedIssuer(issuer=name, audience="a", keys=KEY.verification_key)
        for name in ("https://one.example", "https://two.example", "urn:three")
    ]
    found = Guard(issuers=several, resource_metadata=RESOURCE).resource_metadata
    assert found is not None
    assert found.authorization_servers == ("https://one.example", "https://two.example")
    for issuer in ("urn:three", UNCHECKED):
        with pytest.raises(ConfigurationError, match="names the authorization servers"):
            guard(issuer=issuer, resource_metadata=RESOURCE)


@pytest.mark.parametrize("wrong", ["https://api.example", {"resource": "https://api.example"}, 5])
def test_settings_that_are_none(wrong: Any) -> None:
    """The setting is a `ResourceMetadata`; a mapping takes a URL or the members."""
    with pytest.raises(ConfigurationError, match="resource_metadata is ResourceMetadata"):
        guard(resource_metadata=wrong)


@pytest.mark.parametrize("value", ["https://api.example", {"resource": "https://api.example"}])
def test_plain_data(value: Any) -> None:
    """A mapping holds the URL, or the members of the document."""
    config = {"issuer": ISSUER, "audience": "a", "keys": {"secret": "not a secret, only an example!!!"}}
    found = Guard.from_config({**config, "resource_metadata": value}).resource_metadata
    assert found is not None
    assert found.resource == "https://api.example"


def test_challenges_of_several_schemes() -> None:
    """RFC 9110 §11.6.1: a field for each scheme, with the parameters of the resource and those of the scheme."""
    challenges = Challenges(
        realm="api",
        schemes=(BEARER, Scheme(name="DPoP", parameters=(("algs", "ES256 EdDSA"),))),
        resource_metadata="https://api.example/m",
    )
    error = InvalidTokenError("expired")
    error.scope = ("read", "write")
    said = (
        f'realm="api", error="invalid_token", error_description="{error.detail}", scope="read write",'
        ' resource_metadata="https://api.example/m"'
    )
    assert challenges.fields(error) == [
        ("WWW-Authenticate", f"Bearer {said}"),
        ("WWW-Authenticate", f'DPoP {said}, algs="ES256 EdDSA"'),
    ]


@pytest.mark.parametrize(
    ("requirement", "scope"),
    [(has_scope("a") & (has_role("b") | has_scope("c")), ', scope="a c"'), (has_role("a"), "")],
)
def test_the_challenge_names_scopes_where_the_resource_has_metadata(requirement: Any, scope: str) -> None:
    """A client learns which scopes to ask for; a guard without metadata says no more than before."""
    for metadata, said in (
        (RESOURCE, f'{scope}, resource_metadata="https://api.example{WELL_KNOWN}"'),
        (None, ""),
    ):
        deciding = guard(resource_metadata=metadata)
        with pytest.raises(MissingTokenError) as caught:
            deciding.admission(requirement, None)
        answer = deciding.answer(caught.value)
        assert dict(answer.headers)["WWW-Authenticate"] == f'Bearer realm="api"{said}'
