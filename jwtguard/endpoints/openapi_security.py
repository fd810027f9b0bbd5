"""The locks of an OpenAPI document: which operations need a token, from where, with which scopes, and how to get one.

>>> from jwtguard import Guard, SigningKey, has_scope
>>> from jwtguard.view_metadata import ViewMetadata
>>> key = SigningKey.generate("HS256").verification_key
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key)
>>> document = {"paths": {"/reports": {"get": {"responses": {}}}}}
>>> lock_operation(document, "/reports", "GET", guard, [ViewMetadata(requirement=has_scope("read"))])
>>> document["paths"]["/reports"]["get"]["security"]
[{'BearerToken': ['read']}]

A framework's adapter finds out which views stand at which operations; all that the document says of it is written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jwtguard.core.http.token_sources import AuthorizationHeader
from jwtguard.endpoints.openapi import security_scheme
from jwtguard.guard import Guard
from jwtguard.key_sources.openid_discovery import OpenIDProvider
from jwtguard.view_metadata import ViewMetadata

LOGIN_SCHEME = "Login"
"""The name of the password flow of the shipped login (OpenAPI 3.1 §4.8.29)."""
_REFUSALS = {
    "401": "There is no token, or it is not valid",
    "403": "The token does not grant what this operation needs",
    "503": "The token cannot be checked at the moment",
}
_PROBLEM = {"application/problem+json": {"schema": {"type": "object"}}}


def login_schemes(guard: Guard, token_url: str | None) -> dict[str, dict[str, Any]]:
    """How a user gets a token for the Authorization header, as Security Scheme Objects by their names.

    `token_url` is that of the shipped login, where it answers with tokens in the body; else None. Each OpenID provider
    that the guard trusts is one more.
    """
    schemes: dict[str, dict[str, Any]] = {}
    if token_url is not None:
        schemes[LOGIN_SCHEME] = {"type": "oauth2", "flows": {"password": {"tokenUrl": token_url, "scopes": {}}}}
    providers = [source for source in guard.trust.key_sources if isinstance(source, OpenIDProvider)]
    for number, provider in enumerate(providers, 1):
        name = "OpenIDConnect" if len(providers) == 1 else f"OpenIDConnect{number}"
        schemes[name] = {"type": "openIdConnect", "openIdConnectUrl": provider.metadata_urls[0]}
    return schemes


def lock_operation(
    document: dict[str, Any],
    path: str,
    method: str,
    guard: Guard,
    found: Iterable[ViewMetadata],
    *,
    logins: Mapping[str, dict[str, Any]] | None = None,
) -> None:
    """Write into `document` what the operation asks of its callers; nothing where it reads no token.

    `found` is the metadata of what guards it, `guard` the guard of those that name none. What the document says already
    of its security by other names, or of a response, stays.
    """
    asked = [each for each in found if each.requirement.mode.reads_token]
    operation = document.get("paths", {}).get(path, {}).get(method.lower())
    if not asked or operation is None:
        return
    scopes = list(dict.fromkeys(scope for each in asked for scope in each.requirement.scopes))
    schemes: dict[str, dict[str, Any]] = {}
    for each in asked:
        for place in each.tokens_from or (each.guard or guard).tokens_from:
            name, scheme = security_scheme(place)
            schemes[name] = scheme
            if isinstance(place, AuthorizationHeader):
                schemes |= logins or {}
    known = document.setdefault("components", {}).setdefault("securitySchemes", {})
    for name, scheme in schemes.items():
        known.setdefault(name, scheme)
        for flow in known[name].get("flows", {}).values():
            flow["scopes"] |= {scope: flow["scopes"].get(scope, "") for scope in scopes}
    others = [each for each in operation.get("security", ()) if each and not each.keys() & schemes.keys()]
    # An empty alternative says that a caller may also come without a token (OpenAPI 3.1 §4.8.30).
    anonymous: list[dict[str, Any]] = [{}] if all(each.requirement.mode.admits_anybody for each in asked) else []
    operation["security"] = [*({name: scopes} for name in schemes), *others, *anonymous]
    for status, description in _REFUSALS.items():
        operation.setdefault("responses", {}).setdefault(status, {"description": description, "content": _PROBLEM})
