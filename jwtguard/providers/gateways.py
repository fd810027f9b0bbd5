"""Gateways that log users in and add a token to each request in a header of their own.

>>> cloudflare_access("acme.cloudflareaccess.com", audience="4714c1358e65fe4b").tokens_from
(TokenHeader(name='Cf-Access-Jwt-Assertion', from_proxy=True, scheme=None),)

A gateway adds its header to requests that other sites start, too, so these tokens pass the CSRF check like one in a
cookie. The application must not be reachable without the gateway.
"""

from __future__ import annotations

from collections.abc import Iterable

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.http.token_sources import TokenHeader
from jwtguard.core.tokens.key_sources import Keys
from jwtguard.core.tokens.principal import ClaimsMapping
from jwtguard.core.tokens.sentinels import UNCHECKED
from jwtguard.core.tokens.token_kind import TokenKind
from jwtguard.key_sources.remote_jwk_set import RemoteJWKSet
from jwtguard.providers.common import RS256, Audience, https
from jwtguard.trust.trusted_issuer import TrustedIssuer


def cloudflare_access(team_domain: str, *, audience: str | Iterable[str], keys: Keys | None = None) -> TrustedIssuer:
    """Cloudflare Access of one team, for example `acme.cloudflareaccess.com`.

    `audience` is the AUD tag of the application: tokens of all applications of the team have the same keys. The subject
    of a user is `sub`; a service token has an empty one, and is known by its client id, `common_name`. Custom claims of
    the identity provider stand in `custom`. The header is `Cf-Access-Jwt-Assertion`.
    """
    issuer = https(team_domain).rstrip("/")
    return TrustedIssuer(
        issuer=issuer,
        audience=_application(audience),
        keys=RemoteJWKSet(f"{issuer}/cdn-cgi/access/certs", algorithms=RS256) if keys is None else keys,
        algorithms=RS256,
        claims=ClaimsMapping(subject=[("sub",), ("common_name",)], roles=[("custom", "groups")]),
        # Tokens for the team's login itself have the type "org".
        kind=TokenKind(values={"type": ["app"]}),
        tokens_from=[TokenHeader("Cf-Access-Jwt-Assertion", from_proxy=True)],
    )


def google_iap(*, audience: str | Iterable[str], keys: Keys | None = None) -> TrustedIssuer:
    """Google's Identity-Aware Proxy.

    `audience` names the resource behind it: `/projects/1234/global/backendServices/5678` for a load balancer,
    `/projects/1234/apps/my-project` for App Engine. The header is `x-goog-iap-jwt-assertion`.
    """
    return TrustedIssuer(
        issuer="https://cloud.google.com/iap",
        audience=_application(audience),
        keys=RemoteJWKSet("https://www.gstatic.com/iap/verify/public_key-jwk", algorithms=["ES256"])
        if keys is None
        else keys,
        algorithms=["ES256"],
        tokens_from=[TokenHeader("X-Goog-IAP-JWT-Assertion", from_proxy=True)],
    )


def _application(audience: Audience) -> str | Iterable[str]:
    """The audience, which cannot be left open: the gateway signs for the applications of other people alike."""
    if audience is UNCHECKED:
        raise ConfigurationError("audience is what tells your application from others behind the gateway: name it")
    return audience
