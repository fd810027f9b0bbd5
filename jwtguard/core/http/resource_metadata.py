"""Protected resource metadata (RFC 9728): tells a client which authorization server issues tokens for this resource.

>>> metadata = ResourceMetadata(resource="https://api.example/mcp", authorization_servers=["https://login.example"])
>>> metadata.url
'https://api.example/.well-known/oauth-protected-resource/mcp'
>>> metadata.document()["authorization_servers"]
['https://login.example']
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jwtguard.core.errors import ConfigurationError, is_quotable
from jwtguard.core.events import log_fields
from jwtguard.core.http.token_sources import AuthorizationHeader, TokenQuery, TokenSource
from jwtguard.core.tokens.principal import SCOPE_TOKEN
from jwtguard.core.validation import Problems

if TYPE_CHECKING:
    from urllib.parse import SplitResult

logger = logging.getLogger("jwtguard")

WELL_KNOWN = "/.well-known/oauth-protected-resource"
"""Stands between the host and the path of the resource (RFC 9728 §3.1)."""
METHODS = ("GET", "HEAD", "OPTIONS")
"""With OPTIONS, since some clients in a browser send a field that needs a preflight."""
_METHODS = {AuthorizationHeader: "header", TokenQuery: "query"}
"""How RFC 9728 §2 names the places of a token."""
_LISTS = ("authorization_servers", "scopes_supported", "bearer_methods_supported")
_URLS = ("resource_documentation", "resource_policy_uri", "resource_tos_uri", "jwks_uri")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceMetadata:
    """What the metadata document of a resource says; the names are those of RFC 9728 §2.

    `resource` is the public URL of the resource: https, or http on a loopback host, without query and fragment. The
    guard gives the members that are None: `authorization_servers` are its issuers, `scopes_supported` those that its
    rules name, and `bearer_methods_supported` the places where it looks for tokens. Raises `ConfigurationError` with
    all problems.
    """

    resource: str
    authorization_servers: Iterable[str] | None = None
    scopes_supported: Iterable[str] | None = None
    bearer_methods_supported: Iterable[str] | None = None
    resource_name: str | None = None
    resource_documentation: str | None = None
    resource_policy_uri: str | None = None
    resource_tos_uri: str | None = None
    jwks_uri: str | None = None

    def __post_init__(self) -> None:
        problems = Problems()
        problem = _resource_problem(self.resource)
        if problem:
            problems.append(
                f'resource is the public URL of this resource, as in "https://api.example/mcp": {problem}, found'
                f" {self.resource!r}"
            )
        for name in _LISTS:
            given = getattr(self, name)
            if given is not None:
                listed = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (None,)
                if not all(isinstance(each, str) and each for each in listed):
                    problems.append(f"{name} is a list of strings: found {given!r}")
                object.__setattr__(self, name, listed)
        for name, urls in [("authorization_servers", self.authorization_servers or ()), *self._single_urls()]:
            problems += [f"{name}: {url!r} is no URL of http or https" for url in urls if not _is_url(url)]
        problems += [
            f"scopes_supported: {scope!r} is no scope (RFC 6749 §3.3)"
            for scope in self.scopes_supported or ()
            if not SCOPE_TOKEN.fullmatch(str(scope))
        ]
        if self.resource_name is not None and not isinstance(self.resource_name, str):
            problems.append(f"resource_name is a string, found {self.resource_name!r}")
        problems.raise_all()

    def _single_urls(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(name, (getattr(self, name),)) for name in _URLS if getattr(self, name) is not None]

    def completed(
        self, *, issuers: Iterable[str], scopes: Iterable[str], tokens_from: Iterable[TokenSource]
    ) -> ResourceMetadata:
        """The same with the members that the guard gives; raises `ConfigurationError` if it knows no issuer."""
        servers = tuple(issuers) if self.authorization_servers is None else self.authorization_servers
        if not servers:
            raise ConfigurationError(
                "resource_metadata names the authorization servers for clients, and the guard has no issuer that is a"
                ' URL: write ResourceMetadata(..., authorization_servers=["https://login.example"])'
            )
        methods = dict.fromkeys(_METHODS[type(place)] for place in tokens_from if type(place) in _METHODS)
        return replace(
            self,
            authorization_servers=servers,
            scopes_supported=(tuple(scopes) or None) if self.scopes_supported is None else self.scopes_supported,
            bearer_methods_supported=tuple(methods)
            if self.bearer_methods_supported is None
            else self.bearer_methods_supported,
        )

    @property
    def path(self) -> str:
        """The path of the document, which the router of the whole site must match."""
        path = _split(self.resource).path
        return WELL_KNOWN + ("" if path == "/" else path)

    @property
    def url(self) -> str:
        """The URL of the document, as challenges name it."""
        return "{0.scheme}://{0.netloc}".format(_split(self.resource)) + self.path

    def document(self) -> dict[str, Any]:
        """The document (RFC 9728 §3.2), without the members that are None."""
        given = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: list(value) if isinstance(value, tuple) else value for name, value in given if value is not None}


@lru_cache(maxsize=64)  # Once for each place: it comes from the server, not from clients.
def warn_of_mount(root_path: str, url: str) -> None:
    """Warn that the whole application is mounted below `root_path`, so that it may not get requests for `url`."""
    logger.warning(
        "the application is mounted below %r and cannot serve %s itself: let the server in front route that URL to it",
        root_path,
        url,
        extra=log_fields("resource_mounted", source=url),
    )


def _resource_problem(url: object) -> str | None:
    """What keeps `url` from being the identifier of a resource (RFC 9728 §1.2)."""
    if not isinstance(url, str) or not _is_url(url):
        return "it begins with https:// and a host"
    parts = _split(url)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        return "it is https; http is for loopback hosts"
    if "#" in url or "?" in url or "@" in parts.netloc:
        return "it has no query, no fragment and no user"
    if "%" in url or "{" in url or "//" in parts.path:
        return "its path is plain, without percent encoding, braces and empty segments"
    return None


def _is_url(url: object) -> bool:
    if not isinstance(url, str) or not is_quotable(url) or " " in url:
        return False
    try:
        parts = _split(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _split(url: str) -> SplitResult:
    from urllib.parse import urlsplit  # noqa: PLC0415 - slow to import, and most guards have no metadata

    return urlsplit(url)
