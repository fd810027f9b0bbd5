"""Microsoft Entra ID, in the global cloud and in the national ones.

>>> entra("11111111-1111-1111-1111-111111111111", audience="api", cloud="usgov").issuer
'https://login.microsoftonline.us/{tenantid}/v2.0'
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.tokens.key_sources import Keys
from jwtguard.core.tokens.principal import ClaimsMapping
from jwtguard.core.tokens.sentinels import UNCHECKED, UncheckedType
from jwtguard.key_sources.remote_jwk_set import RemoteJWKSet
from jwtguard.providers.common import ID_TOKEN_CLAIMS, RS256, Audience, kind
from jwtguard.trust.trusted_issuer import TrustedIssuer

# Addresses that stand for several tenants and are in no token.
_NO_TENANTS = frozenset({"common", "organizations", "consumers"})
# Where users log in, which is also the issuer of version 2, and the issuer of version 1.
_CLOUDS = {
    "global": ("login.microsoftonline.com", "sts.windows.net"),
    "usgov": ("login.microsoftonline.us", "sts.windows.net"),
    "china": ("login.partner.microsoftonline.cn", "sts.chinacloudapi.cn"),
}


def entra(
    tenant: str | Iterable[str] | UncheckedType,
    *,
    audience: Audience,
    version: Literal[1, 2] = 2,
    cloud: Literal["global", "usgov", "china"] = "global",
    authorized_parties: Iterable[str] | None = None,
    keys: Keys | None = None,
) -> TrustedIssuer:
    """Microsoft Entra ID (Azure AD).

    `tenant` is the id of a tenant, or a list of them for an application of several; `UNCHECKED` takes every tenant of
    the world, and the application decides by the `tid` claim. A name such as `common` is no tenant. `version` is
    that of the tokens, which the application's registration says (`requestedAccessTokenVersion`), not the address
    that the client used: an API that gets both trusts both. `audience`: the client id, or the application ID URI in
    version 1. `authorized_parties`: only tokens that one of these clients asked for. Scopes stand in `scp`;
    application permissions are roles. `groups` are left out: over 200, Entra leaves them out too. `cloud` is where the
    tenant is: `usgov` for Microsoft Azure Government, `china` for Azure operated by 21Vianet.
    """
    tenants = (tenant,) if isinstance(tenant, str) else tenant
    if tenants is not UNCHECKED:
        tenants = tuple(each.lower() if isinstance(each, str) else each for each in tenants)
        if not _NO_TENANTS.isdisjoint(tenants) or any("." in str(each) for each in tenants):
            raise ConfigurationError(
                "tenant is the id of a tenant, as it stands in the tid claim, a list of them, or UNCHECKED for all:"
                f" {tenant!r} stands in no token"
            )
    if version not in {1, 2}:
        raise ConfigurationError(f"version is 1 or 2, that of the tokens: found {version!r}")
    if cloud not in _CLOUDS:
        raise ConfigurationError(f'cloud is "global", "usgov" or "china": found {cloud!r}')
    login, tokens_of_version_1 = _CLOUDS[cloud]
    authority = tenants[0] if tenants is not UNCHECKED and len(tenants) == 1 else "organizations"
    client = "azp" if version == 2 else "appid"
    # One set of keys signs for all tenants, so that of the issuer is not asked for: its metadata names a template.
    address = f"https://{login}/{authority}/discovery{'/v2.0' if version == 2 else ''}/keys"
    return TrustedIssuer(
        issuer=(
            f"https://{login}/{{tenantid}}/v2.0" if version == 2 else f"https://{tokens_of_version_1}/{{tenantid}}/"
        ),
        tenants=tenants,
        audience=audience,
        keys=RemoteJWKSet(address, algorithms=RS256) if keys is None else keys,
        algorithms=RS256,
        claims=ClaimsMapping(roles=[("roles",)], scopes=[("scp",)]),
        # Its ID tokens have the same audience where an API is its own client; they never name a client.
        kind=kind(client, parties=authorized_parties, values={"ver": [f"{version}.0"]}, without=ID_TOKEN_CLAIMS),
    )
