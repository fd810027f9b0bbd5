"""How the OpenAPI document of an application names a place where tokens are read.

>>> from jwtguard.core.http.token_sources import AuthorizationHeader
>>> security_scheme(AuthorizationHeader())
('BearerToken', {'type': 'http', 'scheme': 'bearer', 'bearerFormat': 'JWT'})
"""

from __future__ import annotations

import re

from jwtguard.core.http.cookies import TokenCookie
from jwtguard.core.http.token_sources import TokenHeader, TokenQuery, TokenSource


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
