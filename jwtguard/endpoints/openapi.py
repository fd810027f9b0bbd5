"""What the OpenAPI document of an application says about the routes.

>>> from jwtguard.endpoints.endpoint import LOGIN, LOGOUT
>>> sorted(responses(LOGIN)), sorted(responses(LOGOUT))
([200, 400, 401, 403, 413, 415, 429, 503], [204, 400, 403, 413, 415, 503])
"""

from __future__ import annotations

import re
from typing import Any

from jwtguard.core.http.cookies import TokenCookie
from jwtguard.core.http.token_sources import TokenHeader, TokenQuery, TokenSource
from jwtguard.endpoints.bodies import FORM, JSON
from jwtguard.endpoints.endpoint import JWKS, LOGIN, LOGOUT, LOGOUT_ALL, REFRESH, SESSION, SESSIONS, Endpoint

_TEXT = {"type": "string"}
_PASSWORD = {"type": "string", "format": "password"}
_NUMBER = {"type": "integer"}
_PARAMETERS: dict[str, dict[str, Any]] = {
    LOGIN.name: {
        "properties": {"username": _TEXT, "password": _PASSWORD, "remember": {"type": "boolean"}},
        "required": ["username", "password"],
    },
    REFRESH.name: {"properties": {"refresh_token": _TEXT, "grant_type": _TEXT}},
    LOGOUT.name: {"properties": {"refresh_token": _TEXT}},
}
_PAIR = {
    "properties": {
        "access_token": _TEXT,
        "token_type": _TEXT,
        "expires_in": _NUMBER,
        "refresh_token": _TEXT,
        "scope": _TEXT,
    },
    "required": ["expires_in"],
}
_SESSION = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "label": {"type": ["string", "null"]},
        "created_at": _NUMBER,
        "refreshed_at": {"type": ["integer", "null"]},
        "expires_at": _NUMBER,
        "current": {"type": "boolean"},
    },
}
_ANSWERS: dict[str, dict[str, Any] | None] = {
    LOGIN.name: _PAIR,
    REFRESH.name: _PAIR,
    LOGOUT.name: None,
    LOGOUT_ALL.name: None,
    SESSIONS.name: {"properties": {"sessions": {"type": "array", "items": _SESSION}}},
    SESSION.name: None,
    JWKS.name: {"properties": {"keys": {"type": "array", "items": {"type": "object"}}}},
}
_BODY = (400, 403, 413, 415, 503)
_CALLER = (401, 403, 503)
_REFUSALS: dict[str, tuple[int, ...]] = {
    LOGIN.name: (*_BODY, 401, 429),
    REFRESH.name: _BODY,
    LOGOUT.name: _BODY,
    LOGOUT_ALL.name: _CALLER,
    SESSIONS.name: _CALLER,
    SESSION.name: (*_CALLER, 404),
    JWKS.name: (),
}


def responses(endpoint: Endpoint) -> dict[int | str, dict[str, Any]]:
    """The Responses Object, with the statuses as numbers (OpenAPI 3.1 §4.8.16)."""
    schema = _ANSWERS[endpoint.name]
    problem = {"content": {"application/problem+json": {"schema": {"type": "object"}}}}
    found: dict[int | str, dict[str, Any]] = {
        status: {"description": "A problem (RFC 9457)", **problem} for status in _REFUSALS[endpoint.name]
    }
    if schema is None:
        found[204] = {"description": "Done"}
    else:
        found[200] = {"description": endpoint.summary, "content": {JSON: {"schema": {"type": "object", **schema}}}}
    return found


def operation(endpoint: Endpoint) -> dict[str, Any]:
    """What the Operation Object says besides (OpenAPI 3.1 §4.8.10): the body, and the session in the path."""
    found: dict[str, Any] = {}
    if endpoint.name in _PARAMETERS:
        schema = {"schema": {"type": "object", **_PARAMETERS[endpoint.name]}}
        required = "required" in _PARAMETERS[endpoint.name]
        found["requestBody"] = {"content": {JSON: schema, FORM: schema}, "required": required}
    if endpoint is SESSION:
        found["parameters"] = [{"name": "session_id", "in": "path", "required": True, "schema": _TEXT}]
    return found


def security_scheme(source: TokenSource) -> tuple[str, dict[str, str]]:
    """The name of a place where tokens are read, and its Security Scheme Object (OpenAPI 3.1 §4.8.27)."""
    if isinstance(source, TokenCookie):
        return _scheme_name("CookieToken", source.sent_name), _api_key("cookie", source.sent_name)
    if isinstance(source, TokenHeader):
        scheme = _api_key("header", source.name)
        if source.scheme is not None:
            scheme["description"] = f"The value is the scheme and the token: {source.scheme} <token>"
        return _scheme_name("HeaderToken", source.name), scheme
    if isinstance(source, TokenQuery):
        return _scheme_name("QueryToken", source.name), _api_key("query", source.name)
    return "BearerToken", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def _api_key(place: str, name: str) -> dict[str, str]:
    return {"type": "apiKey", "in": place, "name": name}


def _scheme_name(kind: str, name: str) -> str:
    """A name that two places never share, of the characters that OpenAPI allows for one."""
    return f"{kind}.{re.sub('[^A-Za-z0-9._-]', '_', name)}"
