"""Well-known identity providers, each as a function that returns a `TrustedIssuer`.

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

import re
from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

from jwtguard.core.cookies import TokenCookie
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.extraction import AuthorizationHeader
from jwtguard.core.key_sources import Keys
from jwtguard.core.kind import TokenKind, Values
from jwtguard.core.principal import ClaimPath, ClaimsMapping
from jwtguard.core.unchecked import UNCHECKED, UncheckedType
from jwtguard.keys.issuers import TrustedIssuer
from jwtguard.keys.openid import OpenIDProvider
from jwtguard.keys.remote import RemoteJWKSet
from jwtguard.keys.x509 import X509Keys

Audience: TypeAlias = str | Iterable[str] | UncheckedType

_RS256 = ("RS256",)
# OpenID Connect Core §2 and §3.1.3.6: what an ID token may hold about the login that made it, and nothing else has.
_ID_TOKEN_CLAIMS = ("nonce", "at_hash", "c_hash", "s_hash")
# How other kinds of token call themselves, in the claims that some providers use for it.
_OTHER_KINDS = {
    "typ": ["ID", "Refresh", "Offline", "Logout"],
    "token_use": ["id", "refresh"],
    "type": ["id", "id_token", "refresh", "refresh_token"],
    "token_type": ["id", "id_token", "refresh", "refresh_token"],
}


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
        keys=_discovered(
            issuer, algorithms, keys, allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts
        ),
        algorithms=algorithms,
        claims=claims or ClaimsMapping(scopes=[("scope",), ("scp",)]),
        kind=TokenKind(
            not_values=_OTHER_KINDS,
            without=_ID_TOKEN_CLAIMS,
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
        keys=_discovered(
            issuer, algorithms, keys, allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts
        ),
        algorithms=algorithms,
        claims=ClaimsMapping(roles=[("realm_access", "roles"), *client_roles]),
        # Keycloak may copy the nonce into all tokens of a login.
        kind=_kind("azp", parties=authorized_parties, values={"typ": ["Bearer"]}, without=_ID_TOKEN_CLAIMS[1:]),
    )


def auth0(
    domain: str,
    *,
    audience: Audience,
    roles_claim: str | None = None,
    authorized_parties: Iterable[str] | None = None,
    algorithms: Iterable[str] = _RS256,
    allow_http_loopback: bool = False,
    allow_http_hosts: Iterable[str] = (),
    keys: Keys | None = None,
) -> TrustedIssuer:
    """A tenant of Auth0: `acme.eu.auth0.com`, a custom domain, or the issuer with its slash at the end.

    `audience` is the identifier of the API, without which Auth0 sends tokens that nobody else can read. `permissions`
    are granted by its RBAC, scopes only asked for. `roles_claim` is the claim, named like a URL, that an Action puts
    roles into. `authorized_parties`: only tokens that one of these applications asked for (`azp` or `client_id`).
    """
    issuer = _https(domain).rstrip("/") + "/"
    return TrustedIssuer(
        issuer=issuer,
        audience=audience,
        keys=_discovered(
            issuer, algorithms, keys, allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts
        ),
        algorithms=algorithms,
        claims=ClaimsMapping(roles=[("roles",) if roles_claim is None else (roles_claim,)]),
        # Access tokens name their client, in one of two claims by the profile; ID tokens do not.
        kind=_kind("azp", "client_id", parties=authorized_parties, not_values=_OTHER_KINDS, without=_ID_TOKEN_CLAIMS),
    )


# Addresses that stand for several tenants and are in no token.
_NO_TENANTS = frozenset({"common", "organizations", "consumers"})


def entra(
    tenant: str | Iterable[str] | UncheckedType,
    *,
    audience: Audience,
    version: Literal[1, 2] = 2,
    authorized_parties: Iterable[str] | None = None,
    keys: Keys | None = None,
) -> TrustedIssuer:
    """Microsoft Entra ID (Azure AD).

    `tenant` is the id of a tenant, or a list of them for an application of several; `UNCHECKED` takes every tenant of
    the world, and the application decides by the `tid` claim. A name such as `common` is nobody's tenant. `version` is
    that of the tokens, which the application's registration says (`requestedAccessTokenVersion`), not the address
    that the client used: an API that gets both trusts both. `audience`: the client id, or the application ID URI in
    version 1. `authorized_parties`: only tokens that one of these clients asked for. Scopes stand in `scp`;
    application permissions are roles. `groups` are left out: over 200, Entra leaves them out too.
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
    authority = tenants[0] if tenants is not UNCHECKED and len(tenants) == 1 else "organizations"
    client = "azp" if version == 2 else "appid"
    # One set of keys signs for all tenants, so that of the issuer is not asked for: its metadata names a template.
    address = f"https://login.microsoftonline.com/{authority}/discovery{'/v2.0' if version == 2 else ''}/keys"
    return TrustedIssuer(
        issuer=(
            "https://login.microsoftonline.com/{tenantid}/v2.0"
            if version == 2
            else "https://sts.windows.net/{tenantid}/"
        ),
        tenants=tenants,
        audience=audience,
        keys=RemoteJWKSet(address, algorithms=_RS256) if keys is None else keys,
        algorithms=_RS256,
        claims=ClaimsMapping(roles=[("roles",)], scopes=[("scp",)]),
        # Its ID tokens have the same audience where an API is its own client; they never name a client.
        kind=_kind(client, parties=authorized_parties, values={"ver": [f"{version}.0"]}, without=_ID_TOKEN_CLAIMS),
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
        keys=_discovered(
            issuer, _RS256, keys, allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts
        ),
        algorithms=_RS256,
        claims=ClaimsMapping(roles=[("cognito:groups",)]),
        kind=_kind("client_id", parties=client_id, values={"token_use": ["access"]}),
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
            f"issuer {issuer!r} is an org's own server, whose tokens nobody but Okta may read: use a custom"
            ' authorization server, for example "https://acme.okta.com/oauth2/default"'
        )
    return TrustedIssuer(
        issuer=issuer,
        audience=audience,
        keys=_discovered(
            issuer, _RS256, keys, allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts
        ),
        algorithms=_RS256,
        claims=ClaimsMapping(roles=[("groups",)], scopes=[("scp",)]),
        # ID tokens name no client beside their audience.
        kind=_kind("cid", parties=authorized_parties, without=_ID_TOKEN_CLAIMS),
    )


def google(
    *, client_id: str | Iterable[str], hosted_domain: str | None = None, keys: Keys | None = None
) -> TrustedIssuer:
    """Sign in with Google. Its access tokens are opaque; what an API can verify is the ID token.

    `client_id` is what stands in `aud`: the OAuth client id of your own applications, one or several. `hosted_domain`:
    only accounts of this Workspace domain (`hd`), which anybody's mail address does not prove.
    """
    return TrustedIssuer(
        issuer="https://accounts.google.com",
        aliases=("accounts.google.com",),
        audience=client_id,
        keys=_discovered("https://accounts.google.com", _RS256, keys),
        algorithms=_RS256,
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
        keys=X509Keys(address, algorithms=_RS256) if keys is None else keys,
        algorithms=_RS256,
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
    issuer = _https(project_url).rstrip("/").removesuffix("/auth/v1") + "/auth/v1"
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
        kind=TokenKind(not_values={"role": ["anon", "service_role"], **_OTHER_KINDS}, without=_ID_TOKEN_CLAIMS),
    )


def clerk(
    issuer: str,
    *,
    authorized_parties: Iterable[str] | UncheckedType,
    audience: Audience = UNCHECKED,
    cookie: str | None = None,
    allow_http_loopback: bool = False,
    allow_http_hosts: Iterable[str] = (),
    keys: Keys | None = None,
) -> TrustedIssuer:
    """Session tokens of Clerk, for example `https://clerk.example.com` or `https://acme.clerk.accounts.dev`.

    They have no `aud` unless a template adds one: `authorized_parties` are the origins whose pages may use them
    (`azp`), `UNCHECKED` for any. `cookie="__session"` takes the token from Clerk's cookie too, with protection against
    cross-site request forgery. Sessions that are still `pending` are refused. Roles and permissions are those in the
    active organization, in the first and the second version of Clerk's claims.
    """
    client_claims, parties = (("azp",), authorized_parties) if authorized_parties is not UNCHECKED else ((), None)
    return TrustedIssuer(
        issuer=issuer,
        audience=audience,
        keys=_discovered(
            issuer, _RS256, keys, allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts
        ),
        algorithms=_RS256,
        claims=ClaimsMapping(
            roles=[ClaimPath(("org_role",), single_string=True), ClaimPath(("o", "rol"), single_string=True)],
            permissions=[("org_permissions",)],
        ),
        kind=_kind(
            *client_claims,
            parties=parties,
            not_values={"sts": ["pending"], **_OTHER_KINDS},
            without=_ID_TOKEN_CLAIMS,
        ),
        required_claims=("exp", "iss", *(() if audience is UNCHECKED else ("aud",)), "sub", "sid"),
        tokens_from=None if cookie is None else [AuthorizationHeader(), TokenCookie(cookie)],
    )


PRESETS: dict[str, Callable[..., TrustedIssuer]] = {
    preset.__name__: preset
    for preset in (oidc, keycloak, auth0, entra, cognito, okta, google, firebase, supabase, clerk)
}
"""The presets by name, for configuration as plain data."""


def _kind(
    *client_claims: str,
    parties: str | Iterable[str] | None,
    values: Values | None = None,
    not_values: Values | None = None,
    without: Iterable[str] = (),
) -> TokenKind:
    """A kind of token that names its client, which is one of `parties` if they are given."""
    return TokenKind(
        values=values or {},
        not_values=not_values or {},
        without=without,
        client_claims=client_claims,
        clients=(parties,) if isinstance(parties, str) else parties,
    )


def _discovered(
    issuer: str,
    algorithms: Iterable[str] | None,
    keys: Keys | None,
    *,
    allow_http_loopback: bool = False,
    allow_http_hosts: Iterable[str] = (),
) -> Keys | None:
    if keys is not None:
        return keys
    return OpenIDProvider(
        issuer, algorithms=algorithms, allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts
    )


def _https(address: str) -> str:
    """`address` as a URL: a bare host name gets its https."""
    if not isinstance(address, str) or not address:
        raise ConfigurationError(f"the address is a host name or an https URL: found {address!r}")
    return address if "://" in address else f"https://{address}"
