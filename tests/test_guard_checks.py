"""What is insecure in how a guard takes tokens: a finding for each, and none for what is in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jwtguard import (
    CSRF,
    UNCHECKED,
    AuthorizationHeader,
    Introspection,
    ResourceMetadata,
    TokenCookie,
    TokenQuery,
    TrustedIssuer,
)
from jwtguard.guard_checks import findings_of
from jwtguard.migration import flask_jwt_extended
from tests.samples import KEY, guard

COOKIE = TokenCookie("__Host-access")
INTROSPECTION = Introspection("https://issuer.example/introspect", client_id="c", client_secret="s", audience=UNCHECKED)
OLD = flask_jwt_extended(KEY.verification_key, until=datetime(2027, 3, 1, tzinfo=UTC))
ANY = TrustedIssuer(issuer="https://any.example", audience=UNCHECKED, keys=KEY.verification_key)

CASES: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({}, []),
    ({"tokens_from": [COOKIE]}, []),
    ({"csrf": UNCHECKED}, []),
    ({"tokens_from": [COOKIE], "csrf": UNCHECKED}, [("error", "csrf_unchecked")]),
    ({"tokens_from": [AuthorizationHeader(from_proxy=True)], "csrf": UNCHECKED}, [("error", "csrf_unchecked")]),
    ({"tokens_from": [AuthorizationHeader(from_proxy=True)]}, []),
    ({"tokens_from": [TokenCookie("access", development=True)]}, [("warning", "cookie_development")]),
    ({"tokens_from": [TokenCookie("access", secure=False)]}, [("error", "cookie_insecure")]),
    ({"tokens_from": [TokenCookie("access", http_only=False)]}, [("warning", "cookie_readable")]),
    ({"tokens_from": [TokenCookie("access", domain="example.com")]}, [("note", "cookie_domain")]),
    ({"tokens_from": [TokenQuery("t")]}, [("warning", "query_tokens")]),
    ({"issuer": UNCHECKED}, [("warning", "issuer_unchecked")]),
    ({"audience": UNCHECKED}, [("warning", "audience_unchecked")]),
    ({"introspection": INTROSPECTION}, [("warning", "audience_unchecked")]),
    ({"issuer": None, "audience": None, "keys": None, "issuers": [OLD]}, []),
    ({"issuer": None, "audience": None, "keys": None, "issuers": [OLD, ANY]}, [("warning", "audience_unchecked")]),
    ({"leeway": timedelta(seconds=60)}, []),
    ({"leeway": timedelta(seconds=61)}, [("note", "leeway_long")]),
    ({"resource_metadata": ResourceMetadata(resource="https://api.example")}, []),
    ({"resource_metadata": ResourceMetadata(resource="https://api.example/mcp")}, [("note", "resource_no_audience")]),
    (
        {"audience": UNCHECKED, "resource_metadata": ResourceMetadata(resource="https://api.example/mcp")},
        [("warning", "audience_unchecked")],
    ),
    ({"csrf": CSRF(trusted_origins=["http://app.example"])}, []),
    (
        {"tokens_from": [COOKIE], "csrf": CSRF(trusted_origins=["http://app.example", "https://b.example"])},
        [("warning", "origin_insecure")],
    ),
    ({"tokens_from": [COOKIE], "csrf": CSRF(trusted_origins=["http://localhost:5173", "http://127.0.0.1:80"])}, []),
]


@pytest.mark.parametrize(("settings", "expected"), CASES)
def test_findings(settings: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """Each setting has the finding that belongs to it."""
    found = list(findings_of(guard(**settings)))
    assert [(finding.severity, finding.code) for finding in found] == expected
    assert all(finding.what and finding.why and finding.remedy for finding in found)
