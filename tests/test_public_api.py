"""The public names, spelled out: adding or losing one is a decision."""

from __future__ import annotations

import inspect
import types

import pytest

import jwtguard

EXPORTED = {
    "AccessDeniedError",
    "Actor",
    "AmbiguousPathError",
    "AuthorizationHeader",
    "CSRF",
    "CSRFError",
    "ClaimPath",
    "ClaimsMapping",
    "ConfigurationError",
    "Event",
    "FetchRequest",
    "FetchResponse",
    "Grants",
    "Guard",
    "HTTPResponse",
    "HTTPRequest",
    "InsufficientScopeError",
    "InsufficientUserAuthenticationError",
    "Introspection",
    "InvalidGrantError",
    "InvalidRequestError",
    "InvalidTokenError",
    "JWKSet",
    "JWTGuardError",
    "LocalJWKSet",
    "LoginFailedError",
    "MalformedTokenError",
    "MissingTokenError",
    "OpenIDProvider",
    "Principal",
    "RemoteJWKSet",
    "ResourceMetadata",
    "Requirement",
    "Rule",
    "Rules",
    "Session",
    "SessionEvent",
    "SessionRevocation",
    "SessionStore",
    "Sessions",
    "SigningKey",
    "SigningKeys",
    "TokenCookie",
    "TokenHeader",
    "TokenIssuer",
    "TokenKind",
    "TokenQuery",
    "TokenResponse",
    "TokenSubprotocol",
    "TooManyRequestsError",
    "TrustedIssuer",
    "UNCHECKED",
    "UnavailableError",
    "VerificationKey",
    "VerifiedToken",
    "X509Keys",
    "acted_by",
    "authenticated",
    "denied",
    "fan_out",
    "fresh",
    "has_permission",
    "has_role",
    "has_scope",
    "not_delegated",
    "optional",
    "optional_lenient",
    "predicate",
    "public",
}


def test_exported_names() -> None:
    """`jwtguard` exports exactly these names."""
    public = {
        name
        for name in dir(jwtguard)
        if not name.startswith("_") and not isinstance(getattr(jwtguard, name), types.ModuleType)
    }
    assert public == EXPORTED


def test_version() -> None:
    """The package is typed and documented."""
    assert jwtguard.__doc__ is not None


KEYWORD_ONLY = [
    (jwtguard.Guard, []),
    (jwtguard.TokenIssuer, []),
    (jwtguard.CSRF, []),
    (jwtguard.ClaimsMapping, []),
    (jwtguard.Actor, []),
    (jwtguard.Principal, []),
    (jwtguard.Event, []),
    (jwtguard.VerifiedToken, []),
    (jwtguard.TokenCookie, ["name"]),
    (jwtguard.TokenHeader, ["name"]),
    (jwtguard.TokenQuery, ["name"]),
    (jwtguard.ClaimPath, ["path"]),
    (jwtguard.Rule, ["path", "requirement"]),
    (jwtguard.Rules, ["rules"]),
    (jwtguard.fresh, []),
    (jwtguard.has_role, ["name"]),
    (jwtguard.predicate, ["function"]),
    (jwtguard.VerificationKey.from_secret, ["secret"]),
    (jwtguard.VerificationKey.from_pem, ["pem"]),
    (jwtguard.VerificationKey.from_jwk, ["jwk"]),
    (jwtguard.SigningKey.from_secret, ["secret"]),
    (jwtguard.SigningKey.from_pem, ["pem"]),
    (jwtguard.SigningKey.from_jwk, ["jwk"]),
    (jwtguard.SigningKey.generate, ["algorithm"]),
    (jwtguard.LocalJWKSet, ["document"]),
    (jwtguard.RemoteJWKSet, ["url"]),
    (jwtguard.OpenIDProvider, ["issuer"]),
    (jwtguard.X509Keys, ["url"]),
    (jwtguard.TrustedIssuer, []),
    (jwtguard.TokenKind, []),
    (jwtguard.Introspection, ["endpoint"]),
    (jwtguard.SigningKeys, ["path"]),
    (jwtguard.SigningKeys.rotate, ["self", "algorithm"]),
    (jwtguard.SigningKeys.add, ["self", "key"]),
    (jwtguard.SigningKeys.compromise, ["self", "kid"]),
    (jwtguard.FetchRequest, []),
    (jwtguard.FetchResponse, []),
    (jwtguard.TokenCookie.set, ["self", "text"]),
    (jwtguard.TokenIssuer.access_token, ["self", "subject"]),
    (jwtguard.Guard.csrf_token, ["self", "token"]),
    (jwtguard.Guard.csrf_cookie, ["self", "token"]),
    (jwtguard.Guard.verify, ["self", "text"]),
    (jwtguard.Guard.principal_of, ["self", "token"]),
]


@pytest.mark.parametrize(("function", "expected"), KEYWORD_ONLY, ids=lambda value: getattr(value, "__qualname__", ""))
def test_positional_arguments(function: object, expected: list[str]) -> None:
    """Nothing but these may be passed without its name."""
    parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    positional = [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    assert positional == expected


@pytest.mark.parametrize("name", sorted(EXPORTED - {"UNCHECKED"}))
def test_everything_public_is_documented(name: str) -> None:
    """Each public class and function says what it is for."""
    value = getattr(jwtguard, name)
    assert inspect.getdoc(value)


def test_unchecked_says_what_it_is() -> None:
    """The word for "not checked" reads as one."""
    assert repr(jwtguard.UNCHECKED) == "UNCHECKED"
