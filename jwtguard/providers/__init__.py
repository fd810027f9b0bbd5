"""Well-known identity providers and gateways, each as a function that returns a `TrustedIssuer`.

>>> from jwtguard import Guard
>>> from jwtguard.providers import keycloak
>>> guard = Guard(issuers=[keycloak("https://kc.example/realms/acme", audience="orders-api")])

Each knows its provider's issuer, keys, audience and algorithms, which kind of its tokens is for an API (an ID token is
not), where roles, scopes and permissions stand in the claims, and where the token travels. `keys` replaces where the
keys come from, for tests for example; `dataclasses.replace` changes anything else:

>>> from dataclasses import replace
>>> from datetime import timedelta
>>> issuer = replace(keycloak("https://kc.example/realms/acme", audience="orders-api"), leeway=timedelta(0))

What tells the kinds of token apart was taken from the providers' documentation and from tokens they sent. All raise
`ConfigurationError`.
"""

from __future__ import annotations

from collections.abc import Callable

from jwtguard.providers.clerk_sessions import clerk as clerk
from jwtguard.providers.common import Audience as Audience
from jwtguard.providers.entra_id import entra as entra
from jwtguard.providers.gateways import cloudflare_access as cloudflare_access
from jwtguard.providers.gateways import google_iap as google_iap
from jwtguard.providers.identity import auth0 as auth0
from jwtguard.providers.identity import authentik as authentik
from jwtguard.providers.identity import cognito as cognito
from jwtguard.providers.identity import firebase as firebase
from jwtguard.providers.identity import google as google
from jwtguard.providers.identity import keycloak as keycloak
from jwtguard.providers.identity import oidc as oidc
from jwtguard.providers.identity import okta as okta
from jwtguard.providers.identity import supabase as supabase
from jwtguard.providers.spiffe_svid import spiffe as spiffe
from jwtguard.trust.trusted_issuer import TrustedIssuer

PRESETS: dict[str, Callable[..., TrustedIssuer]] = {
    preset.__name__: preset
    for preset in (
        auth0,
        authentik,
        clerk,
        cloudflare_access,
        cognito,
        entra,
        firebase,
        google,
        google_iap,
        keycloak,
        oidc,
        okta,
        spiffe,
        supabase,
    )
}
"""The presets by name, for configuration as plain data."""
