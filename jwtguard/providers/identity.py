"""Identity providers whose tokens need no code of their own.

>>> okta("https://acme.okta.com/oauth2/default").audience
'api://default'
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.http.cookies import TokenCookie
from jwtguard.core.tokens.key_sources import Keys
from jwtguard.core.tokens.principal import ClaimPath, ClaimsMapping
from jwtguard.core.tokens.sentinels import UNCHECKED
from jwtguard.core.tokens.token_kind import TokenKind
from jwtguard.key_sources.remote_jwk_set import RemoteJWKSet
from jwtguard.key_sources.x509 import X509Keys
from jwtguard.providers.common import ID_TOKEN_CLAIMS, OTHER_KINDS, RS256, Audience, discovered, https, kind
from jwtguard.trust.trusted_issuer import TrustedIssuer


def oidc(
    issuer: str,
    *,
    audience: Audience,
    algorithms: Iterable[str] | None = None,
    claims: ClaimsMapping | None = None,
    access_token_types: Iterable[str] | None = None,
    allow_http_loopback: bool = False,
    allow_http_hosts: Iterable[str] = (),
    keys: Keys | None = None,
) -> TrustedIssuer:
    """Any issuer with OpenID discovery or RFC 8414 metadata.

    `access_token_types=["at+jwt"]` holds it to RFC 9068, where the header's `typ` says what an access token is. Without
    it, tokens that show themselves to be of another kind are refused, and so are those that name neither scopes nor a
    client, as ID tokens do not; `replace(…, kind=TokenKind(…))` is for a provider that does otherwise. `claims` says
    where roles and so on stand, by default `roles`, `scope` (or `scp`) and `permissions`. `allow_http_loopback` is for
    a provider on this machine, `allow_http_hosts` for one in a network of containers.
    """
    return TrustedIssuer(
        issuer=issuer,
        audience=audience,
        keys=discovered(
            issuer, algorithms, keys, allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts
        ),
        algorithms=algorithms,
        claims=claims or ClaimsMapping(scopes=[("scope",), ("scp",)]),
        kind=TokenKind(
            not_values=OTHER_KINDS,
            without=ID_TOKEN_CLAIMS,
            # RFC 9068 §2.2 and RFC 6749 §3.3: what the token allows, and to which client it was given.
            some_of=("scope", "scp", "client_id", "cid"),
            types=access_token_types,
        ),
    )


def keycloak(
    issuer: str,
    *,
    audience: Audience,
    clients: Iterable[str] | None = None,
    authorized_parties: Iterable[str] | None = None,
    algorithms: Iterable[str] | None = None,
    allow_http_loopback: bool = False,
    allow_http_hosts: Iterable[str] = (),
    keys: Keys | None = None,
) -> TrustedIssuer:
    """A realm of Keycloak, for example `https://kc.example/realms/acme`.

    `audience` is what an audience mapper puts into `aud`; Keycloak's own `account` says nothing about an API. `clients`
    are those whose client roles count beside the realm's, by default the audience itself. `authorized_parties`: only
    tokens that one of these clients asked for (`azp`). The kind of a token stands in the payload's `typ`.
    """
    if clients is None:
        audience = tuple(audience) if isinstance(audience, Iterable) and not isinstance(audience, str) else audience
        clients = audience if isinstance(audience, tuple) else (audience,) if isinstance(audience, str) else ()
    client_roles = [("resource_access", client, "roles") for client in clients]
    return TrustedIssuer(
        issuer=issuer,
        audience=audience,
        keys=discovered(
            issuer, algorithms, keys, allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts
        ),
        algorithms=algorithms,
        claims=ClaimsMapping(roles=[("realm_access", "roles"), *client_roles]),
        # Keycloak may copy the nonce into all tokens of a login.
        kind=kind("azp", parties=authorized_parties, values={"typ": ["Bearer"]}, without=ID_TOKEN_CLAIMS[1:]),
    )


def auth0(
    domain: str,
    *,
    audience: Audience,
    roles_claim: str | None = None,
    authorized_parties: Iterable[str] | None = None,
    algorithms: Iterable[str] = RS256,
    allow_http_loopback: bool = False,
    allow_http_hosts: Iterable[str] = (),
    keys: Keys | None = None,
) -> TrustedIssuer:
    """A tenant of Auth0: `acme.eu.auth0.com`, a custom domain, or the issuer with its slash at the end.

    `audience` is the identifier of the API, without which Auth0 sends tokens that only Auth0 can read. `permissions`
    are granted by its RBAC, scopes only asked for. `roles_claim` is the claim, named like a URL, that an Action puts
    roles into. `authorized_parties`: only tokens that one of these applications asked for (`azp` or `client_id`).
    """
    issuer = https(domain).rstrip("/") + "/"
    return TrustedIssuer(
        issuer=issuer,
        audience=audience,
        keys=discovered(
            issuer, algorithms, keys, allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts
        ),
        algorithms=algorithms,
        claims=ClaimsMapping(roles=[("roles",) if roles_claim is None else (roles_claim,)]),
        # Access tokens name their client, in one of two claims by the profile; ID tokens do not.
        kind=kind("azp", "client_id", parties=authorized_parties, not_values=OTHER_KINDS, without=ID_TOKEN_CLAIMS),
    )


def cognito(
    issuer: str,
    *,
    client_id: str | Iterable[str],
    audience: Audience = UNCHECKED,
    allow_http_loopback: bool = False,
    allow_http_hosts: Iterable[str] = (),
    keys: Keys | None = None,
) -> TrustedIssuer:
    """A user pool of AWS Cognito, for example `https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE`.

    Its access tokens have no `aud`: `client_id` (one or several app clients) is what binds them, and `token_use` tells
    them from ID tokens. `audience` is for pools with resource binding, which put one in. Groups are roles.
    """
    return TrustedIssuer(
        issuer=issuer,
        audience=audience,
        keys=discovered(
            issuer, RS256, keys, allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts
        ),
        algorithms=RS256,
        claims=ClaimsMapping(roles=[("cognito:groups",)]),
        kind=kind("client_id", parties=client_id, values={"token_use": ["access"]}),
    )


def okta(
    issuer: str,
    *,
    audience: Audience = "api://default",
    authorized_parties: Iterable[str] | None = None,
    allow_http_loopback: bool = False,
    allow_http_hosts: Iterable[str] = (),
    keys: Keys | None = None,
) -> TrustedIssuer:
    """A custom authorization server of Okta, for example `https://acme.okta.com/oauth2/default`.

    The org's own server (an issuer without `/oauth2/…`) makes tokens that are Okta's alone, and is refused here.
    `authorized_parties`: only tokens that one of these clients asked for (`cid`). `groups` are roles.
    """
    if "/oauth2/" not in issuer:
        raise ConfigurationError(
            f"issuer {issuer!r} is an org's own server, whose tokens only Okta may read: use a custom"
            ' authorization server, for example "https://acme.okta.com/oauth2/default"'
        )
    return TrustedIssuer(
        issuer=issuer,
        audience=audience,
        keys=discovered(
            issuer, RS256, keys, allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts
        ),
        algorithms=RS256,
        claims=ClaimsMapping(roles=[("groups",)], scopes=[("scp",)]),
        # ID tokens name no client beside their audience.
        kind=kind("cid", parties=authorized_parties, without=ID_TOKEN_CLAIMS),
    )


def google(
    *, client_id: str | Iterable[str], hosted_domain: str | None = None, keys: Keys | None = None
) -> TrustedIssuer:
    """Sign in with Google. Its access tokens are opaque; what an API can verify is the ID token.

    `client_id` is what stands in `aud`: the OAuth client id of your own applications, one or several. `hosted_domain`:
    only accounts of this Workspace domain (`hd`), which a mail address does not prove.
    """
    return TrustedIssuer(
        issuer="https://accounts.google.com",
        aliases=("accounts.google.com",),
        audience=client_id,
        keys=discovered("https://accounts.google.com", RS256, keys),
        algorithms=RS256,
        kind=TokenKind(values={} if hosted_domain is None else {"hd": [hosted_domain]}),
    )


_FIREBASE_KEYS = "https://www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com"
_SESSION_KEYS = "https://www.googleapis.com/identitytoolkit/v3/relyingparty/publicKeys"


def firebase(
    project_id: str, *, session_cookie: str | None = None, tenant: str | None = None, keys: Keys | None = None
) -> TrustedIssuer:
    """Firebase Authentication of one project, for example `demo-proj`. The ID token is what its clients send.

    `session_cookie` names the cookie of Firebase's session cookies (`__session` behind Firebase Hosting), which are
    tokens of another issuer: they are then what is accepted, from there. `tenant`: only users of this tenant of
    Identity Platform. Roles are the custom claims `roles` (a list) and `role` (one).
    """
    if not isinstance(project_id, str) or not re.fullmatch(r"[a-z][a-z0-9-]+(?:[.:][a-z0-9.:-]+)?", project_id):
        raise ConfigurationError(f"project_id is the id of the Firebase project: found {project_id!r}")
    host, address = ("securetoken", _FIREBASE_KEYS) if session_cookie is None else ("session.firebase", _SESSION_KEYS)
    return TrustedIssuer(
        issuer=f"https://{host}.google.com/{project_id}",
        audience=project_id,
        keys=X509Keys(address, algorithms=RS256) if keys is None else keys,
        algorithms=RS256,
        claims=ClaimsMapping(roles=[("roles",), ClaimPath(("role",), single_string=True)]),
        kind=TokenKind(values={} if tenant is None else {("firebase", "tenant"): [tenant]}),
        required_claims=("exp", "iat", "iss", "aud", "sub", "auth_time"),
        past_claims=("auth_time",),
        tokens_from=None if session_cookie is None else [TokenCookie(session_cookie)],
    )


def supabase(
    project_url: str,
    *,
    audience: Audience = "authenticated",
    algorithms: Iterable[str] | None = None,
    allow_http_loopback: bool = False,
    allow_http_hosts: Iterable[str] = (),
    keys: Keys | None = None,
) -> TrustedIssuer:
    """A project of Supabase, for example `https://abcdefgh.supabase.co`, with signing keys.

    A project that still signs with its legacy secret passes `keys=VerificationKey.from_secret(secret,
    algorithm="HS256")`. Roles are the database role (`role`) and `app_metadata.roles`;
    `user_metadata` is the user's to write, and never looked at.
    """
    issuer = https(project_url).rstrip("/").removesuffix("/auth/v1") + "/auth/v1"
    if keys is None:
        algorithms = algorithms or ("ES256", "RS256", "EdDSA")
        address = f"{issuer}/.well-known/jwks.json"
        keys = RemoteJWKSet(
            address, algorithms=algorithms, allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts
        )
    return TrustedIssuer(
        issuer=issuer,
        audience=audience,
        keys=keys,
        algorithms=algorithms,
        claims=ClaimsMapping(
            roles=[ClaimPath(("role",), single_string=True), ("app_metadata", "roles")],
            scopes=[("scope",)],
        ),
        # The project's own API keys are tokens of the same issuer, for no user.
        kind=TokenKind(not_values={"role": ["anon", "service_role"], **OTHER_KINDS}, without=ID_TOKEN_CLAIMS),
    )


def authentik(
    issuer: str,
    *,
    audience: Audience,
    algorithms: Iterable[str] | None = None,
    allow_http_loopback: bool = False,
    allow_http_hosts: Iterable[str] = (),
    keys: Keys | None = None,
) -> TrustedIssuer:
    """An application of authentik, for example `https://auth.example/application/o/orders/`, with the slash at the end.

    `audience` is the client id of its provider, which is in `aud`. Access and ID tokens are signed alike, and both hold
    the nonce of the login; access tokens alone have `azp` and `uid`. Groups are roles, if the provider uses the
    scope mapping `profile`; scopes and permissions are what scope mappings put into the token.
    """
    return TrustedIssuer(
        issuer=issuer,
        audience=audience,
        keys=discovered(
            issuer, algorithms, keys, allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts
        ),
        algorithms=algorithms,
        claims=ClaimsMapping(roles=[("groups",)]),
        kind=TokenKind(
            not_values=OTHER_KINDS, without=ID_TOKEN_CLAIMS[1:], some_of=["uid"], client_claims=["azp"], clients=None
        ),
    )
