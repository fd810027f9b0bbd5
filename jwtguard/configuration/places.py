"""Where a token travels and where its claims say what, as plain data.

>>> sources_from_config(["authorization", {"cookie": "__Host-access"}])[1].name
'__Host-access'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jwtguard.configuration.plain import each, is_unchecked, made, unknown_keys
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.http.cookies import TokenCookie
from jwtguard.core.http.csrf import CSRF
from jwtguard.core.http.resource_metadata import ResourceMetadata
from jwtguard.core.http.token_sources import AuthorizationHeader, TokenHeader, TokenQuery, TokenSource, TokenSubprotocol
from jwtguard.core.tokens.principal import ClaimPath, ClaimsMapping
from jwtguard.core.tokens.sentinels import UNCHECKED
from jwtguard.core.validation import Problems


def resource_metadata_from_config(value: Any) -> Any:
    """The URL of the resource, or the arguments of `ResourceMetadata`."""
    if isinstance(value, str):
        return ResourceMetadata(resource=value)
    return made(ResourceMetadata, value) if isinstance(value, Mapping) else value


def sources_from_config(value: Any) -> Any:
    """The places of a token: `"authorization"`, `{"cookie": name}`, `{"header": name, "from_proxy": ...}` and so on."""
    if value is None:
        return None
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ConfigurationError('write a list, as in ["authorization", {"cookie": "__Host-access"}]')
    return each(value, _token_source)


def _token_source(place: Any) -> TokenSource:
    if place == "authorization":
        return AuthorizationHeader()
    if place == "subprotocol":
        return TokenSubprotocol()
    if isinstance(place, Mapping):
        if "cookie" in place:
            known = ("cookie", "path", "domain", "samesite", "development", "secure")
            ConfigurationError.raise_all(unknown_keys(place, known))
            return TokenCookie(place["cookie"], **{name: place[name] for name in known[1:] if name in place})
        if "header" in place:
            return _header(place)
        if len(place) == 1 and "query" in place:
            return TokenQuery(place["query"])
    elif isinstance(place, TokenSource) and not isinstance(place, type):
        return place
    raise ConfigurationError(
        'a place is "authorization", {"cookie": name}, {"header": name, "from_proxy": true or false}, {"query": name}'
        ' or "subprotocol",'
        f" found {place!r}"
    )


def _header(place: Mapping[str, Any]) -> TokenSource:
    """`{"header": "Authorization", "from_proxy": true}`, or a header of another name with what `TokenHeader` takes."""
    if isinstance(place["header"], str) and place["header"].lower() == "authorization":
        ConfigurationError.raise_all(unknown_keys(place, ("header", "from_proxy")))
        return AuthorizationHeader(from_proxy=place.get("from_proxy", False))
    known = ("header", "from_proxy", "scheme")
    ConfigurationError.raise_all(unknown_keys(place, known))
    return TokenHeader(place["header"], **{name: place[name] for name in known[1:] if name in place})


def claims_from_config(value: Any) -> Any:
    """Where roles and so on stand, and the subject: `{"roles": [["realm_access", "roles"]], "subject": ["oid"]}`.

    Several places of the subject are a list of lists: `[["sub"], ["common_name"]]`.
    """
    if not isinstance(value, Mapping):
        return value
    ConfigurationError.raise_all(unknown_keys(value, ("roles", "scopes", "permissions", "subject")))
    return ClaimsMapping(
        **{
            name: [_claim_path(path) for path in paths] if isinstance(paths, list | tuple) else paths
            for name, paths in value.items()
            if name != "subject"
        },
        subject=_subject(value.get("subject")),
    )


def _subject(value: Any) -> Any:
    if isinstance(value, list | tuple) and any(isinstance(path, list | tuple | Mapping) for path in value):
        return [_claim_path(path) for path in value]
    return _claim_path(value)


def _claim_path(path: Any) -> Any:
    if isinstance(path, Mapping):
        shapes = {name: value for name, value in path.items() if name != "path"}
        problems = Problems(unknown_keys(path, ("path", "single_string", "keys", "member")))
        problems += [
            f"{name} is true or false: found {shapes[name]!r}"
            for name in ("single_string", "keys")
            if not isinstance(shapes.get(name, False), bool)
        ]
        problems.raise_all()
        return ClaimPath(_claim_path(path.get("path")), **shapes)
    return tuple(path) if isinstance(path, list) else path


def csrf_from_config(value: Any) -> Any:
    """The arguments of `CSRF`, or `"UNCHECKED"`."""
    if is_unchecked(value):
        return UNCHECKED
    if not isinstance(value, Mapping):
        return value
    ConfigurationError.raise_all(unknown_keys(value, ("trusted_origins", "require_token", "secret")))
    return CSRF(**value)
