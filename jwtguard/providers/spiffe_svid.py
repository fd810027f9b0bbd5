"""SPIFFE: identities of workloads, as SPIRE and service meshes issue them in JWT-SVIDs.

>>> prod = spiffe("prod.example", audience="orders-api", bundle_url="https://spire.prod.example/bundle.json")
>>> prod.issuer, prod.algorithms[:2]
('spiffe://prod.example', ('RS256', 'RS384'))
"""

from __future__ import annotations

from collections.abc import Iterable

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.tokens.key_sources import Keys
from jwtguard.core.tokens.principal import ClaimsMapping
from jwtguard.core.tokens.sentinels import UNCHECKED
from jwtguard.core.tokens.token_kind import TokenKind
from jwtguard.core.tokens.trust_domains import SPIFFE
from jwtguard.key_sources.remote_jwk_set import RemoteJWKSet
from jwtguard.providers.common import Audience
from jwtguard.trust.trusted_issuer import TrustedIssuer

# JWT-SVID §2.1.
_ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512")


def spiffe(
    trust_domain: str,
    *,
    audience: Audience,
    bundle_url: str | None = None,
    algorithms: Iterable[str] = _ALGORITHMS,
    allow_http_loopback: bool = False,
    allow_http_hosts: Iterable[str] = (),
    keys: Keys | None = None,
) -> TrustedIssuer:
    """JWT-SVIDs of one trust domain of SPIFFE, for example `prod.example`.

    `bundle_url` is where the domain publishes its bundle; of the keys there, those for JWT-SVIDs are used. `sub` is the
    workload, `spiffe://prod.example/ns/shop/sa/orders`, and must lie in the trust domain: keys of one domain are of no
    use for another. `audience` is required (JWT-SVID §3.2); `iss` is not checked. Several domains stand side by side:
    `Guard(issuers=[spiffe(...), spiffe(...)])`.
    """
    if audience is UNCHECKED:
        raise ConfigurationError("audience is required in JWT-SVIDs: name the one that workloads ask for")
    if not isinstance(trust_domain, str):
        raise ConfigurationError(f'trust_domain is a name, as in "prod.example": found {trust_domain!r}')
    if keys is None:
        if bundle_url is None:
            raise ConfigurationError("bundle_url is where the trust domain publishes its bundle: pass it, or keys=...")
        keys = RemoteJWKSet(
            bundle_url,
            algorithms=algorithms,
            use="jwt-svid",
            allow_http_loopback=allow_http_loopback,
            allow_http_hosts=allow_http_hosts,
        )
    return TrustedIssuer(
        issuer=SPIFFE + trust_domain.removeprefix(SPIFFE),
        audience=audience,
        keys=keys,
        algorithms=algorithms,
        claims=ClaimsMapping(),
        # JWT-SVID §2.3: JWT or JOSE, if it is there.
        kind=TokenKind(types=["jwt", "jose", ""]),
        required_claims=("exp", "aud", "sub"),
    )
