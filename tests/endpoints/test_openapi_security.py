"""The locks of an OpenAPI document: schemes, scopes, refusals, and what the document says already."""

from __future__ import annotations

from typing import Any

import pytest

from jwtguard import (
    AuthorizationHeader,
    Guard,
    OpenIDProvider,
    TokenCookie,
    TrustedIssuer,
    authenticated,
    denied,
    has_role,
    has_scope,
    optional,
    public,
)
from jwtguard.endpoints.openapi_security import lock_operation, login_schemes
from jwtguard.view_metadata import ViewMetadata
from tests.samples import KEY, guard

READ, WRITE = has_scope("read"), has_scope("write")
LOGIN = {"type": "oauth2", "flows": {"password": {"tokenUrl": "auth/login", "scopes": {}}}}


def described(*requirements: Any, operation: dict[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    """The document with one operation, after these requirements were written into it twice."""
    deciding = guard(**settings)
    document: dict[str, Any] = {"paths": {"/x": {"get": operation or {}}}}
    for _ in range(2):
        found = [ViewMetadata(requirement=requirement) for requirement in requirements]
        lock_operation(document, "/x", "GET", deciding, found, logins=login_schemes(deciding, "auth/login"))
    return document


@pytest.mark.parametrize(
    ("requirements", "settings", "expected"),
    [
        ([authenticated], {}, [{"BearerToken": []}, {"Login": []}]),
        ([has_role("admin")], {}, [{"BearerToken": []}, {"Login": []}]),
        ([READ & WRITE], {}, [{"BearerToken": ["read", "write"]}, {"Login": ["read", "write"]}]),
        ([READ, WRITE | READ], {}, [{"BearerToken": ["read", "write"]}, {"Login": ["read", "write"]}]),
        ([READ], {"tokens_from": [TokenCookie("a")]}, [{"CookieToken.a": ["read"]}]),
        (
            [READ],
            {"tokens_from": [TokenCookie("a"), AuthorizationHeader()]},
            [{"CookieToken.a": ["read"]}, {"BearerToken": ["read"]}, {"Login": ["read"]}],
        ),
        ([optional], {}, [{"BearerToken": []}, {"Login": []}, {}]),
        ([optional, READ], {}, [{"BearerToken": ["read"]}, {"Login": ["read"]}]),
        ([public], {}, None),
        ([denied], {}, None),
        ([], {}, None),
    ],
)
def test_security(requirements: list[Any], settings: dict[str, Any], expected: Any) -> None:
    """Each place is an alternative, and each way to get a token for the header; writing it twice changes nothing."""
    document = described(*requirements, **settings)
    operation = document["paths"]["/x"]["get"]
    assert operation.get("security") == expected
    named = {name for each in expected or () for name in each}
    assert document.get("components", {}).get("securitySchemes", {}).keys() == named
    assert operation.get("responses", {}).keys() == ({"401", "403", "503"} if expected else set())


def test_what_the_document_says_already_stays() -> None:
    """Security by other names is one more alternative, and a response that is described is not described anew."""
    operation: dict[str, Any] = {"security": [{"ApiKey": []}, {}], "responses": {"401": {"description": "mine"}}}
    document = described(READ, operation=operation)
    assert operation["security"] == [{"BearerToken": ["read"]}, {"Login": ["read"]}, {"ApiKey": []}]
    assert operation["responses"]["401"] == {"description": "mine"}
    flow = document["components"]["securitySchemes"]["Login"]["flows"]["password"]
    assert flow == {"tokenUrl": "auth/login", "scopes": {"read": ""}}


def test_an_operation_that_is_not_in_the_document() -> None:
    """A route that is left out of the schema stays out."""
    document: dict[str, Any] = {"paths": {}}
    lock_operation(document, "/x", "GET", guard(), [ViewMetadata(requirement=READ)])
    assert document == {"paths": {}}


def test_logins() -> None:
    """Each OpenID provider that the guard trusts, and the shipped login where it answers with tokens."""
    assert login_schemes(guard(), None) == {}
    one, two = OpenIDProvider("https://one.example/r"), OpenIDProvider("https://two.example")
    assert login_schemes(guard(keys=one), "auth/login") == {
        "Login": LOGIN,
        "OpenIDConnect": {
            "type": "openIdConnect",
            "openIdConnectUrl": "https://one.example/r/.well-known/openid-configuration",
        },
    }
    issuers = [TrustedIssuer(issuer=each.issuer, audience="a", keys=each) for each in (one, two)]
    issuers.append(TrustedIssuer(issuer="https://three.example", audience="a", keys=KEY.verification_key))
    assert [*login_schemes(Guard(issuers=issuers), None)] == ["OpenIDConnect1", "OpenIDConnect2"]
