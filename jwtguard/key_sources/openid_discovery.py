"""The keys of an issuer that describes itself: OpenID Connect Discovery 1.0 and RFC 8414.

>>> provider = OpenIDProvider("https://issuer.example/realms/acme")
>>> provider.metadata_urls[0]
'https://issuer.example/realms/acme/.well-known/openid-configuration'
>>> from jwtguard import Guard
>>> guard = Guard(issuer=provider.issuer, audience="orders-api", keys=provider)

When it is fetched, who waits and what is answered meanwhile stands in `cached.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Unpack

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.events import escaped, quoted
from jwtguard.core.flow import Steps
from jwtguard.key_sources.cached import FetchedKeys
from jwtguard.key_sources.documents import Fetch, Fetched, FetchSettings, fingerprint
from jwtguard.key_sources.http_client import FetchError, StatusError, check_url
from jwtguard.key_sources.remote_jwk_set import fetched_object, fetched_set


class OpenIDProvider(FetchedKeys):
    """The keys that `issuer` publishes, found through its metadata, which must name exactly this `issuer`.

    `algorithms` are the `alg` values that its keys may be for: all with public keys by default. `metadata_url` is for
    a provider that keeps its metadata elsewhere than the standards say. The settings are those of `FetchSettings`.
    Makes no request when it is made; raises `ConfigurationError` for an issuer that is not https.
    """

    def __init__(
        self,
        issuer: str,
        *,
        algorithms: Iterable[str] | None = None,
        metadata_url: str | None = None,
        **settings: Unpack[FetchSettings],
    ) -> None:
        self._metadata_url = metadata_url
        super().__init__(issuer, algorithms=algorithms, **settings)
        self.issuer = issuer
        self.metadata_urls: tuple[str, ...] = _well_known(issuer) if metadata_url is None else (metadata_url,)

    def _check_address(self, address: str) -> None:
        check_url(address, self._http, what="issuer")
        if "?" in address:
            raise ConfigurationError(f"an issuer has no query (RFC 8414 §2): found {address!r}")
        if self._metadata_url is not None:
            check_url(self._metadata_url, self._http, what="metadata_url")

    def _fetching(self, fetch: Fetch) -> Steps[Fetched]:
        where, metadata = yield from self._metadata(fetch)
        # OpenID Connect Discovery §4.3, RFC 8414 §3.3: character by character, or another issuer's keys become ours.
        if metadata.get("issuer") != self.issuer:
            raise FetchError(f"the metadata is that of issuer {quoted(metadata.get('issuer'))}, not of {self.issuer!r}")
        self.metadata_urls = (where,)  # Found: they stay there. A page that anything is answered with is not them.
        try:
            url = check_url(metadata.get("jwks_uri"), self._http, what="jwks_uri in the metadata")
        except ConfigurationError as error:
            raise FetchError(error.detail) from None
        label = escaped(url)
        response = yield from fetch(url, label)
        fetched = fetched_set(response, self.algorithms, label)
        return replace(fetched, sha256=fingerprint(url.encode(), fetched.sha256))

    def _metadata(self, fetch: Fetch) -> Steps[tuple[str, Mapping[str, Any]]]:
        url, *others = self.metadata_urls
        try:
            response = yield from fetch(url, url)
        except StatusError as error:
            # Not there: it may be an OAuth server that speaks RFC 8414 only. Any other answer is one.
            if error.status not in {403, 404, 405, 410} or not others:
                raise
            url = others[0]
            response = yield from fetch(url, url)
        return url, fetched_object(response, url)


def _well_known(issuer: str) -> tuple[str, ...]:
    """Where an issuer's metadata may be: OpenID Connect Discovery §4.1, then RFC 8414 §3.1."""
    from urllib.parse import urlsplit  # noqa: PLC0415 - slow to import

    parts = urlsplit(issuer)
    path = parts.path.removesuffix("/")
    origin = f"{parts.scheme}://{parts.netloc}"
    return (
        f"{origin}{path}/.well-known/openid-configuration",
        f"{origin}/.well-known/oauth-authorization-server{path}",
    )
