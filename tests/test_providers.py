"""The presets, held against the shapes of tokens that the providers send, each beside what must be refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jwtguard import (
    UNCHECKED,
    ConfigurationError,
    Guard,
    InvalidTokenError,
    TokenCookie,
    TokenKind,
    TrustedIssuer,
    providers,
)
from jwtguard.core.http.token_sources import AuthorizationHeader
from jwtguard.core.tokens.jws import sign
from jwtguard.core.tokens.principal import Principal
from jwtguard.key_sources.openid_discovery import OpenIDProvider
from jwtguard.key_sources.remote_jwk_set import RemoteJWKSet
from jwtguard.key_sources.x509 import X509Keys
from tests.core.keys import hs256, signing_key

NOW = 1_800_000_010
KEY = signing_key("RS256")
KEYS = KEY.verification_key
SHAPES = {
    (provider["name"], token["kind"]): token
    for provider in json.loads((Path(__file__).parent / "key_sources" / "provider_tokens.json").read_text())[
        "providers"
    ]
    for token in provider["tokens"]
}
TENANT = "11111111-1111-1111-1111-111111111111"
API = "22222222-2222-2222-2222-222222222222"

KEYCLOAK = providers.keycloak("https://kc.example.test/realms/acme", audience="orders-api", keys=KEYS)
AUTH0 = providers.auth0("acme.auth0.test", audience="https://api.example.test", keys=KEYS)
ENTRA_1 = providers.entra(TENANT, audience=f"api://{API}", version=1, keys=KEYS)
ENTRA_2 = providers.entra(TENANT, audience=API, keys=KEYS)
POOL = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE"
COGNITO = providers.cognito(POOL, client_id="0exampleclient", keys=KEYS)
OKTA = providers.okta("https://acme.okta.test/oauth2/default", keys=KEYS)
GOOGLE = providers.google(client_id="1-a.apps.googleusercontent.com", keys=KEYS)
FIREBASE = providers.firebase("demo-proj", keys=KEYS)
FIREBASE_COOKIE = providers.firebase("demo-proj", session_cookie="__session", keys=KEYS)
SUPABASE = providers.supabase("https://abcdefgh.supabase.co", keys=KEYS)
AUTHENTIK = providers.authentik("https://auth.example/application/o/orders/", audience="orders-client", keys=KEYS)
CLERK = providers.clerk("https://acme.clerk.accounts.dev", authorized_parties=["https://app.example.test"], keys=KEYS)
OIDC = providers.oidc("https://issuer.example", audience="https://api.example", keys=KEYS)

# Shapes that the file does not have.
TIMES = {"iat": 1_800_000_000, "exp": 1_800_003_600}
GOOGLE_ID = {
    "iss": "https://accounts.google.com",
    "azp": "1-b.apps.googleusercontent.com",
    "aud": "1-a.apps.googleusercontent.com",
    "sub": "110169484474386276334",
    "hd": "example.test",
    "email": "a@example.test",
    "email_verified": True,
    **TIMES,
}
SUPABASE_USER = {
    "iss": "https://abcdefgh.supabase.co/auth/v1",
    "sub": "00000000-0000-0000-0000-000000000030",
    "aud": "authenticated",
    "role": "authenticated",
    "aal": "aal1",
    "session_id": "00000000-0000-0000-0000-000000000031",
    "is_anonymous": False,
    "app_metadata": {"provider": "email", "roles": ["editor"]},
    "user_metadata": {"roles": ["admin"]},
    **TIMES,
}
CLERK_SESSION = {
    "iss": "https://acme.clerk.accounts.dev",
    "azp": "https://app.example.test",
    "sub": "user_1",
    "sid": "sess_1",
    "v": 2,
    "sts": "active",
    "o": {"id": "org_1", "rol": "admin", "slg": "acme"},
    "org_permissions": ["org:invoices:create"],
    "nbf": 1_799_999_990,
    **TIMES,
}
CLERK_FEATURES = {
    **{name: value for name, value in CLERK_SESSION.items() if name != "org_permissions"},
    "pla": "o:pro",
    "fea": "o:articles,u:newsletter,uo:dashboard",
    "o": {"id": "org_1", "slg": "acme", "rol": "admin", "per": "read,manage", "fpm": "3,2"},
}
CLERK_PERMISSIONS = {"org:articles:read", "org:articles:manage", "org:dashboard:manage"}
AUTHENTIK_ACCESS = {
    "iss": "https://auth.example/application/o/orders/",
    "sub": "b2f4e7",
    "aud": "orders-client",
    "auth_time": 1_800_000_000,
    "acr": "goauthentik.io/providers/oauth2/default",
    "amr": ["pwd"],
    "nonce": "n-0S6_WzA2Mj",
    "sid": "5f2b",
    "email": "alice@example.test",
    "groups": ["admins"],
    "azp": "orders-client",
    "uid": "k3Zx9",
    **TIMES,
}
PLAIN = {"iss": "https://issuer.example", "aud": "https://api.example", "sub": "user-1", "scp": ["read"], **TIMES}
ENTRA_ID_TOKEN = {
    "aud": API,
    "iss": f"https://login.microsoftonline.com/{TENANT}/v2.0",
    "name": "A",
    "oid": "00000000-0000-0000-0000-000000000010",
    "roles": ["Items.Admin"],
    "sub": "pairwise-sub",
    "tid": TENANT,
    "ver": "2.0",
    **TIMES,
}

ACCEPTED: list[tuple[str, TrustedIssuer, Any, dict[str, set[str]]]] = [
    (
        "Keycloak",
        KEYCLOAK,
        "access",
        {
            "roles": {"offline_access", "default-roles-acme", "manager", "orders:write"},
            "scopes": {"openid", "email", "profile"},
        },
    ),
    (
        "Auth0",
        AUTH0,
        "access (Auth0 profile, RBAC on)",
        {"scopes": {"openid", "profile", "read:items"}, "permissions": {"read:items", "write:items"}},
    ),
    ("Auth0", AUTH0, "access (RFC 9068 profile)", {"scopes": {"read:items"}, "permissions": {"read:items"}}),
    ("Auth0", AUTH0, "machine to machine", {"scopes": {"read:items"}}),
    ("Microsoft Entra ID v1", ENTRA_1, "access", {"roles": {"Items.Admin"}, "scopes": {"Items.Read", "Items.Write"}}),
    ("Microsoft Entra ID v2", ENTRA_2, "access", {"scopes": {"access_as_user"}}),
    ("Microsoft Entra ID v2", ENTRA_2, "app-only (client credentials)", {"roles": {"Items.Read.All"}}),
    (
        "AWS Cognito",
        COGNITO,
        "access",
        {
            "roles": {"admins"},
            "scopes": {"aws.cognito.signin.user.admin", "openid", "https://api.example.test/items.read"},
        },
    ),
    (
        "Okta (custom authorization server)",
        OKTA,
        "access",
        {"roles": {"Everyone", "admins"}, "scopes": {"openid", "items:read"}},
    ),
    ("Firebase Auth", FIREBASE, "id", {"roles": {"editor"}}),
    ("Firebase Auth", FIREBASE_COOKIE, "session cookie", {}),
    ("Google", GOOGLE, GOOGLE_ID, {}),
    ("Google", GOOGLE, {**GOOGLE_ID, "iss": "accounts.google.com"}, {}),
    ("Supabase", SUPABASE, SUPABASE_USER, {"roles": {"authenticated", "editor"}}),
    ("Clerk", CLERK, CLERK_SESSION, {"roles": {"org:admin"}, "permissions": {"org:invoices:create"}}),
    ("Clerk", CLERK, CLERK_FEATURES, {"roles": {"org:admin"}, "permissions": CLERK_PERMISSIONS}),
    ("authentik", AUTHENTIK, AUTHENTIK_ACCESS, {"roles": {"admins"}}),
    (
        "Clerk",
        CLERK,
        {**{name: value for name, value in CLERK_SESSION.items() if name != "o"}, "org_role": "org:member"},
        {"roles": {"org:member"}, "permissions": {"org:invoices:create"}},
    ),
    ("OIDC", OIDC, PLAIN, {"scopes": {"read"}}),
    ("OIDC", OIDC, {**PLAIN, "scp": "read write"}, {"scopes": {"read", "write"}}),
]


def shape(name: str, kind: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the payload of a token."""
    if isinstance(kind, str):
        token = copy.deepcopy(SHAPES[name, kind])
        return token["header"], token["payload"]
    return {"alg": "RS256", "typ": "JWT"}, dict(kind)


def text_of(header: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    """It, signed with our key; ours has no kid, so that those of the shapes do not matter."""
    kept = {name: value for name, value in header.items() if name in {"typ", "x5t"}}
    return sign(json.dumps(payload).encode(), KEY, header=kept)


def outcome(issuer: TrustedIssuer, header: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    """`accepted`, or why not."""
    guard = Guard(issuers=[issuer], clock=lambda: NOW)
    try:
        guard.verify(text_of(header, payload)).run()
    except InvalidTokenError as error:
        return error.reason
    return "accepted"


@pytest.mark.parametrize(("name", "issuer", "kind", "rights"), ACCEPTED)
def test_access_token_is_accepted(name: str, issuer: TrustedIssuer, kind: Any, rights: dict[str, set[str]]) -> None:
    """A real access token passes, and its rights are where the preset says."""
    guard = Guard(issuers=[issuer], clock=lambda: NOW)
    token = guard.verify(text_of(*shape(name, kind))).run()
    principal: Principal = guard.principal_of(token)
    nothing: dict[str, set[str]] = {"roles": set(), "scopes": set(), "permissions": set()}
    assert {
        "roles": set(principal.roles),
        "scopes": set(principal.scopes),
        "permissions": set(principal.permissions),
    } == nothing | rights


COMMON: list[tuple[str, Callable[[dict[str, Any]], object], str]] = [
    ("another issuer", lambda claims: claims.update(iss="https://evil.example"), "iss"),
    ("expired", lambda claims: claims.update(exp=NOW - 60), "expired"),
    ("another audience", lambda claims: claims.update(aud="other"), "aud"),
    ("no subject", lambda claims: claims.pop("sub"), "missing_sub"),
    ("a nonce", lambda claims: claims.update(at_hash="AAAA", c_hash="AAAA"), "kind_"),
]


@pytest.mark.parametrize(("name", "issuer", "kind", "rights"), ACCEPTED)
@pytest.mark.parametrize(("what", "change", "reason"), COMMON, ids=[row[0] for row in COMMON])
def test_wrong_token_is_refused(
    name: str, issuer: TrustedIssuer, kind: Any, rights: object, what: str, change: Any, reason: str
) -> None:
    """The same token, spoiled."""
    header, payload = shape(name, kind)
    change(payload)
    if (what == "another audience" and issuer.audience is UNCHECKED) or (
        # Where the ID token is what is sent, or the provider has a claim that says it all.
        what == "a nonce" and issuer in (GOOGLE, FIREBASE, FIREBASE_COOKIE, COGNITO)
    ):
        return
    assert outcome(issuer, header, payload).startswith(reason)


REFUSED: list[tuple[str, TrustedIssuer, Any, dict[str, Any], str]] = [
    ("Keycloak", KEYCLOAK, "id", {}, "aud"),
    ("Keycloak", KEYCLOAK, "id", {"aud": "orders-api"}, "kind_typ"),
    ("Keycloak", KEYCLOAK, "refresh (HS512, same realm)", {"aud": "orders-api"}, "kind_typ"),
    ("Keycloak", KEYCLOAK, "access, lightweight / client without the basic scope (no sub)", {}, "missing_aud"),
    ("Keycloak", KEYCLOAK, "access", {"aud": "account"}, "aud"),
    ("Keycloak", KEYCLOAK, "access", {"azp": None}, "kind_client"),
    ("Auth0", AUTH0, "access (Auth0 profile, RBAC on)", {"azp": ""}, "kind_client"),
    ("Auth0", AUTH0, "access (Auth0 profile, RBAC on)", {"nonce": "n"}, "kind_nonce"),
    ("Entra", ENTRA_2, ENTRA_ID_TOKEN, {}, "kind_client"),
    ("Microsoft Entra ID v1", ENTRA_2, "access", {}, "iss"),
    ("Microsoft Entra ID v2", ENTRA_1, "access", {}, "iss"),
    ("Microsoft Entra ID v2", ENTRA_2, "access", {"tid": "33333333-1111-1111-1111-111111111111"}, "tenant"),
    ("Microsoft Entra ID v2", ENTRA_2, "access", {"ver": "1.0"}, "kind_ver"),
    (
        "Microsoft Entra ID v2",
        ENTRA_2,
        "access",
        {"iss": "https://login.microsoftonline.com/33333333-1111-1111-1111-111111111111/v2.0"},
        "iss",
    ),
    ("Microsoft Entra ID v2", ENTRA_2, "access", {"iss": "https://login.microsoftonline.com/{tenantid}/v2.0"}, "iss"),
    ("AWS Cognito", COGNITO, "id", {}, "kind_token_use"),
    ("AWS Cognito", COGNITO, "id", {"client_id": "0exampleclient"}, "kind_token_use"),
    ("AWS Cognito", COGNITO, "access", {"client_id": "other"}, "client"),
    ("AWS Cognito", COGNITO, "access", {"client_id": None}, "kind_client"),
    ("Okta (custom authorization server)", OKTA, "access", {"cid": None}, "kind_client"),
    ("Okta (custom authorization server)", OKTA, "access of the org server (must be treated as opaque)", {}, "typ"),
    ("Firebase Auth", FIREBASE, "session cookie", {}, "iss"),
    ("Firebase Auth", FIREBASE_COOKIE, "id", {}, "iss"),
    ("Firebase Auth", FIREBASE, "id", {"auth_time": NOW + 60}, "auth_time"),
    ("Firebase Auth", FIREBASE, "id", {"auth_time": None}, "missing_auth_time"),
    ("Firebase Auth", FIREBASE, "id", {"auth_time": "now"}, "auth_time"),
    ("Firebase Auth", FIREBASE, "id", {"sub": ""}, "sub"),
    ("Supabase", SUPABASE, {**SUPABASE_USER, "role": "service_role"}, {}, "kind_role"),
    ("Supabase", SUPABASE, {**SUPABASE_USER, "role": "anon"}, {}, "kind_role"),
    ("Clerk", CLERK, {**CLERK_SESSION, "azp": "https://evil.example"}, {}, "client"),
    ("Clerk", CLERK, {**CLERK_SESSION, "sts": "pending"}, {}, "kind_sts"),
    ("Clerk", CLERK, CLERK_SESSION, {"sid": None}, "missing_sid"),
    ("authentik", AUTHENTIK, AUTHENTIK_ACCESS, {"azp": None, "uid": None, "at_hash": "h"}, "kind_at_hash"),
    ("authentik", AUTHENTIK, AUTHENTIK_ACCESS, {"azp": None, "uid": None}, "kind"),
    ("authentik", AUTHENTIK, AUTHENTIK_ACCESS, {"azp": None}, "kind_client"),
    ("authentik", AUTHENTIK, AUTHENTIK_ACCESS, {"uid": None}, "kind"),
    ("authentik", AUTHENTIK, AUTHENTIK_ACCESS, {"iss": "https://auth.example/application/o/other/"}, "iss"),
    ("authentik", AUTHENTIK, AUTHENTIK_ACCESS, {"aud": "other-client", "azp": "other-client"}, "aud"),
    ("OIDC", OIDC, {**PLAIN, "token_use": "id"}, {}, "kind_token_use"),
    ("OIDC", OIDC, {**PLAIN, "typ": "Refresh"}, {}, "kind_typ"),
    ("OIDC", OIDC, PLAIN, {"scp": None}, "kind"),
    ("OIDC", OIDC, {**PLAIN, "cnf": {"jkt": "x"}}, {}, "proof_of_possession"),
]


@pytest.mark.parametrize(("name", "issuer", "kind", "changes", "reason"), REFUSED)
def test_other_kind_is_refused(
    name: str, issuer: TrustedIssuer, kind: Any, changes: dict[str, Any], reason: str
) -> None:
    """An ID token, a refresh token or a token for another audience is refused."""
    header, payload = shape(name, kind)
    payload |= changes
    payload = {claim: value for claim, value in payload.items() if value is not None}
    assert outcome(issuer, header, payload) == reason


@pytest.mark.parametrize(
    "changes",
    [
        {"fpm": "3"},
        {"fpm": "3,2,1"},
        {"fpm": "3,4"},
        {"fpm": "3,x"},
        {"fpm": "3,-1"},
        {"fpm": "3, 0x2"},
        {"fpm": "3,\u0662"},
        {"fpm": "3,"},
        {"fpm": "3," + "9" * 100},
        {"fpm": ["3", "2"]},
        {"fpm": 3},
        {"fpm": None},
        {"per": "read,"},
        {"per": "read,man:age"},
        {"per": ["read", "manage"]},
        {"per": None},
        {"fea": "articles,o:dashboard"},
        {"fea": "o:,o:dashboard"},
        {"fea": ["o:articles", "o:dashboard"]},
        {"fea": None},
        {"o": ["admin"]},
        {"o": None},
    ],
)
def test_clerk_permissions_that_are_malformed(changes: dict[str, Any]) -> None:
    """A mask that does not fit the features and permissions gives nothing, for any of them."""
    payload: dict[str, Any] = copy.deepcopy(CLERK_FEATURES)
    for name, value in changes.items():
        (payload["o"] if name in {"fpm", "per"} else payload)[name] = value
    guard = Guard(issuers=[CLERK], clock=lambda: NOW)
    assert guard.verify(text_of({}, payload)).run().principal.permissions == set()


@pytest.mark.parametrize(
    ("role", "expected"),
    [("member", {"org:member"}), ("org:member", {"org:member"}), ("", set()), ("a b", set()), (["admin"], set())],
)
def test_clerk_role(role: object, expected: set[str]) -> None:
    """Both versions of Clerk's claims give the same role name."""
    payload = {**CLERK_FEATURES, "o": {"rol": role}}
    guard = Guard(issuers=[CLERK], clock=lambda: NOW)
    assert guard.verify(text_of({}, payload)).run().principal.roles == expected


def test_clerk_permissions_by_their_bits() -> None:
    """The lowest bit stands for the first permission; features of the user alone have no mask."""
    payload = {
        **CLERK_FEATURES,
        "fea": "u:beta,o:a,ou:b,o:c",
        "o": {"rol": "admin", "per": "read,write,delete", "fpm": "5, 0,2"},
    }
    guard = Guard(issuers=[CLERK], clock=lambda: NOW)
    permissions = guard.verify(text_of({}, payload)).run().principal.permissions
    assert permissions == {"org:a:read", "org:a:delete", "org:c:write"}


CLOUDS = [
    ("usgov", 2, "https://login.microsoftonline.us/{}/v2.0", "https://login.microsoftonline.us/{}/discovery/v2.0/keys"),
    ("usgov", 1, "https://sts.windows.net/{}/", "https://login.microsoftonline.us/{}/discovery/keys"),
    (
        "china",
        2,
        "https://login.partner.microsoftonline.cn/{}/v2.0",
        "https://login.partner.microsoftonline.cn/{}/discovery/v2.0/keys",
    ),
    ("china", 1, "https://sts.chinacloudapi.cn/{}/", "https://login.partner.microsoftonline.cn/{}/discovery/keys"),
]


@pytest.mark.parametrize(("cloud", "version", "issuer", "address"), CLOUDS)
def test_entra_in_national_clouds(cloud: Any, version: Any, issuer: str, address: str) -> None:
    """Tokens of the cloud are taken, those of the global one are not; the keys come from the cloud."""
    header, payload = shape(f"Microsoft Entra ID v{version}", "access")
    audience = payload["aud"]
    trusted = providers.entra(TENANT, audience=audience, version=version, cloud=cloud, keys=KEYS)
    assert outcome(trusted, header, {**payload, "iss": issuer.format(TENANT)}) == "accepted"
    if payload["iss"] != issuer.format(TENANT):
        assert outcome(trusted, header, payload) == "iss"
    source = providers.entra(TENANT, audience=audience, version=version, cloud=cloud).key_source
    assert address.format(TENANT) in repr(source)


def claims_of(issuer: str, **claims: Any) -> dict[str, Any]:
    """A Claims Set for `orders-api`; None takes a claim out."""
    everything = {"iss": issuer, "aud": "orders-api", "sub": "user-1", **TIMES, **claims}
    return {name: value for name, value in everything.items() if value is not None}


# Access tokens of providers without a preset, as `oidc` takes them.
WITHOUT_PRESET: dict[str, tuple[dict[str, Any], set[str]]] = {
    "Ory Hydra": (claims_of("https://hydra.test/", aud=["orders-api"], client_id="c", ext={}, scp=["read"]), {"read"}),
    "Zitadel": (claims_of("https://acme.zitadel.test", aud=["orders-api", "2"], client_id="c"), set()),
    "Authentik": (claims_of("https://a.test/application/o/app/", azp="c", uid="x", scope="read"), {"read"}),
    "PingOne": (claims_of("https://auth.pingone.test/e/as", aud=["orders-api"], client_id="c", scope="read"), {"read"}),
    "Duende IdentityServer": (claims_of("https://demo.test", client_id="c", scope=["read"], idp="local"), {"read"}),
    "Spring Authorization Server": (claims_of("https://spring.test", scope=["read"]), {"read"}),
    "Logto": (claims_of("https://x.logto.test/oidc", client_id="c", scope="read"), {"read"}),
    "Kinde": (claims_of("https://x.kinde.test", aud=["orders-api"], azp="c", gty=[], scp=["read"]), {"read"}),
    "Azure AD B2C": (claims_of("https://a.test/t/v2.0/", tfp="B2C_1_in", azp="c", scp="read", ver="1.0"), {"read"}),
}


@pytest.mark.parametrize(("payload", "scopes"), WITHOUT_PRESET.values(), ids=WITHOUT_PRESET)
def test_providers_without_a_preset(payload: dict[str, Any], scopes: set[str]) -> None:
    """Three lines for them too; what an ID token of theirs has is refused."""
    issuer = providers.oidc(payload["iss"], audience="orders-api", keys=KEYS)
    guard = Guard(issuers=[issuer], clock=lambda: NOW)
    token = guard.verify(text_of({"typ": "JWT"}, payload)).run()
    assert guard.principal_of(token).scopes == scopes
    id_token = claims_of(payload["iss"], azp="c", nonce="n", at_hash="h")
    assert outcome(issuer, {}, id_token).startswith("kind_")


# Tokens that show neither scopes nor a client: what binds them is said with `TokenKind`, and `oidc` refuses them.
GITHUB = claims_of("https://token.actions.githubusercontent.com", repository_owner="acme", ref="refs/heads/main")
CLUSTER = claims_of(
    "https://kubernetes.default.svc", aud=["orders-api"], **{"kubernetes.io": {"namespace": "shop", "pod": {}}}
)
WORKLOADS: list[tuple[dict[str, Any], TokenKind, dict[str, Any], str]] = [
    (GITHUB, TokenKind(values={"repository_owner": ["acme"]}), {"repository_owner": "evil"}, "kind_repository_owner"),
    (
        CLUSTER,
        TokenKind(values={("kubernetes.io", "namespace"): ["shop"]}),
        {"kubernetes.io": {"namespace": "evil"}},
        "kind_namespace",
    ),
]


@pytest.mark.parametrize("found", [False, 1, "true", None])
def test_a_claim_that_must_be_true(found: object) -> None:
    """`True` means this value, and neither a number nor a word."""
    kind = TokenKind(values={"email_verified": [True]})
    kind.check({"email_verified": True})
    with pytest.raises(InvalidTokenError):
        kind.check({"email_verified": found})


@pytest.mark.parametrize(("payload", "kind", "changes", "reason"), WORKLOADS)
def test_workloads(payload: dict[str, Any], kind: TokenKind, changes: dict[str, Any], reason: str) -> None:
    """Of an issuer that others use as well: theirs are refused, and `oidc` says that it cannot tell the kind."""
    issuer = TrustedIssuer(issuer=payload["iss"], audience="orders-api", keys=KEYS, kind=kind)
    unbound = providers.oidc(payload["iss"], audience="orders-api", keys=KEYS)
    seen = [outcome(issuer, {}, payload), outcome(issuer, {}, payload | changes), outcome(unbound, {}, payload)]
    assert seen == ["accepted", reason, "kind"]


def test_unsigned_token_of_the_emulator() -> None:
    """Firebase's emulator makes tokens of the production issuer without a signature."""
    from jwtguard.core.tokens.encoding import encode_segment

    header, payload = shape("Firebase Auth", "local emulator (unsigned!)")
    parts = [encode_segment(json.dumps(part).encode()) for part in (header, payload)]
    for signature in ("", "AAAA"):
        with pytest.raises(InvalidTokenError):
            Guard(issuers=[FIREBASE], clock=lambda: NOW).verify(".".join([*parts, signature])).run()


def test_authorized_parties() -> None:
    """Only tokens of the named clients pass, whichever claim names the client."""
    auth0 = providers.auth0(
        "https://acme.auth0.test/", audience="https://api.example.test", authorized_parties=["other"], keys=KEYS
    )
    for kind in ("access (Auth0 profile, RBAC on)", "access (RFC 9068 profile)"):
        assert outcome(auth0, *shape("Auth0", kind)) == "client"
    keycloak = providers.keycloak(
        "https://kc.example.test/realms/acme", audience="orders-api", authorized_parties=["web"], keys=KEYS
    )
    assert outcome(keycloak, *shape("Keycloak", "access")) == "accepted"


def test_keycloak_clients() -> None:
    """Names of clients may hold dots and slashes; with an unchecked audience only the realm's roles count."""
    header, payload = shape("Keycloak", "access")
    payload["resource_access"]["https://api.example/v1.0"] = {"roles": ["writer"]}
    issuer = "https://kc.example.test/realms/acme"
    named = providers.keycloak(issuer, audience=["orders-api"], clients=["https://api.example/v1.0"], keys=KEYS)
    unchecked = providers.keycloak(issuer, audience=UNCHECKED, keys=KEYS)
    several = providers.keycloak(issuer, audience=["account", "orders-api"], keys=KEYS)
    seen = []
    for trusted in (named, unchecked, several):
        guard = Guard(issuers=[trusted], clock=lambda: NOW)
        roles = guard.principal_of(guard.verify(text_of(header, payload)).run()).roles
        seen.append(sorted(roles - {"offline_access", "default-roles-acme", "manager"}))
    assert seen == [["writer"], [], ["manage-account", "orders:write", "view-profile"]]


def test_auth0_roles_claim() -> None:
    """Custom claims are named by URL."""
    auth0 = providers.auth0(
        "acme.auth0.test", audience="https://api.example.test", roles_claim="https://app.example.test/roles", keys=KEYS
    )
    guard = Guard(issuers=[auth0], clock=lambda: NOW)
    token = guard.verify(text_of(*shape("Auth0", "access (Auth0 profile, RBAC on)"))).run()
    assert guard.principal_of(token).roles == {"admin"}


def test_entra_tenants() -> None:
    """A list of tenants, or all by word; what the token says widens neither."""
    header, payload = shape("Microsoft Entra ID v2", "access")
    other = "33333333-1111-1111-1111-111111111111"
    for tenants, expected in (([other, TENANT.upper()], "accepted"), ([other], "iss"), (UNCHECKED, "accepted")):
        issuer = providers.entra(tenants, audience=API, keys=KEYS)
        assert outcome(issuer, header, payload) == expected
    everybody = providers.entra(UNCHECKED, audience=API, keys=KEYS)
    for iss in (
        f"https://login.microsoftonline.com/{other}/v2.0",
        f"https://login.microsoftonline.com/{TENANT}/../{TENANT}/v2.0",
        f"https://login.microsoftonline.com.evil.example/{TENANT}/v2.0",
        f"https://login.microsoftonline.com/{TENANT}/v2.0/",
        f"https://login.microsoftonline.com/{TENANT}\n/v2.0",
    ):
        assert outcome(everybody, header, {**payload, "iss": iss}) in {"iss", "tenant"}


def test_google_hosted_domain_and_firebase_tenant() -> None:
    """`hosted_domain` and `tenant` refuse tokens of other domains and tenants."""
    google = providers.google(client_id=GOOGLE_ID["aud"], hosted_domain="example.test", keys=KEYS)  # type: ignore[arg-type]
    assert outcome(google, {}, GOOGLE_ID) == "accepted"
    assert outcome(google, {}, {**GOOGLE_ID, "hd": "evil.example"}) == "kind_hd"
    header, payload = shape("Firebase Auth", "id")
    tenants = [providers.firebase("demo-proj", tenant=name, keys=KEYS) for name in ("t-1", "t-2")]
    assert [outcome(tenant, header, payload) for tenant in tenants] == ["accepted", "kind_tenant"]


def test_rfc_9068_by_type() -> None:
    """Held to the RFC, the header says what an access token is."""
    strict = providers.oidc(
        "https://issuer.example", audience="https://api.example", access_token_types=["at+jwt"], keys=KEYS
    )
    types = ["at+jwt", "application/AT+JWT", "JWT", None]
    headers = [{} if typ is None else {"typ": typ} for typ in types]
    assert [outcome(strict, header, PLAIN) for header in headers] == ["accepted", "accepted", "typ", "typ"]


def test_where_tokens_travel() -> None:
    """In the header, unless the provider's cookie is asked for; a guard looks in the places of all its issuers."""
    clerk = providers.clerk(
        "https://acme.clerk.accounts.dev", authorized_parties=UNCHECKED, cookie="__session", keys=KEYS
    )
    assert outcome(clerk, {}, {**CLERK_SESSION, "azp": "https://any.example"}) == "accepted"
    both = (AuthorizationHeader(), TokenCookie("__session"))
    assert Guard(issuers=[clerk, KEYCLOAK]).tokens_from == both
    assert Guard(issuers=[FIREBASE_COOKIE]).tokens_from == (TokenCookie("__session"),)
    assert Guard(issuers=[KEYCLOAK, AUTH0]).tokens_from == (AuthorizationHeader(),)
    assert Guard(issuers=[FIREBASE_COOKIE], tokens_from=[AuthorizationHeader()]).tokens_from == (AuthorizationHeader(),)


# Without `keys`, where they come from.
SOURCES: list[tuple[TrustedIssuer, type, str]] = [
    (
        providers.keycloak("https://kc.example/realms/acme", audience="a"),
        OpenIDProvider,
        "https://kc.example/realms/acme",
    ),
    (providers.auth0("acme.auth0.test", audience="a"), OpenIDProvider, "https://acme.auth0.test/"),
    (
        providers.entra(TENANT, audience="a"),
        RemoteJWKSet,
        f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys",
    ),
    (
        providers.entra([TENANT, API], audience="a", version=1),
        RemoteJWKSet,
        "https://login.microsoftonline.com/organizations/discovery/keys",
    ),
    (providers.cognito(POOL, client_id=["a", "b"]), OpenIDProvider, POOL),
    (
        providers.okta("https://acme.okta.test/oauth2/default"),
        OpenIDProvider,
        "https://acme.okta.test/oauth2/default",
    ),
    (providers.google(client_id="a"), OpenIDProvider, "https://accounts.google.com"),
    (providers.firebase("demo-proj"), X509Keys, "securetoken@system.gserviceaccount.com"),
    (providers.firebase("demo-proj", session_cookie="session"), X509Keys, "relyingparty/publicKeys"),
    (
        providers.supabase("abcdefgh.supabase.co"),
        RemoteJWKSet,
        "https://abcdefgh.supabase.co/auth/v1/.well-known/jwks.json",
    ),
    (
        providers.clerk("https://acme.clerk.accounts.dev", authorized_parties=["https://a.example"]),
        OpenIDProvider,
        "https://acme.clerk.accounts.dev",
    ),
    (
        providers.authentik("https://auth.example/application/o/orders/", audience="a"),
        OpenIDProvider,
        "https://auth.example/application/o/orders/",
    ),
    (providers.oidc("https://issuer.example", audience="a"), OpenIDProvider, "https://issuer.example"),
]


@pytest.mark.parametrize(("issuer", "kind", "address"), SOURCES)
def test_where_keys_come_from(issuer: TrustedIssuer, kind: type, address: str) -> None:
    """Each knows where its provider publishes them."""
    assert type(issuer.key_source) is kind
    assert address in repr(issuer.key_source)


def test_supabase_with_its_legacy_secret() -> None:
    """A project that has no signing keys yet."""
    secret = hs256()
    issuer = providers.supabase("https://abcdefgh.supabase.co/auth/v1", keys=secret.verification_key)
    text = sign(json.dumps(SUPABASE_USER).encode(), secret)
    assert Guard(issuers=[issuer], clock=lambda: NOW).verify(text).run().claims["sub"] == SUPABASE_USER["sub"]


def test_replace_changes_anything_else() -> None:
    """`dataclasses.replace` changes any other setting of a preset."""
    from datetime import timedelta

    header, payload = shape("Keycloak", "access")
    payload["exp"] = NOW - 5
    strict = replace(KEYCLOAK, leeway=timedelta(0))
    assert [outcome(each, header, payload) for each in (KEYCLOAK, strict)] == ["accepted", "expired"]


WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: providers.entra("common", audience="a"), "stands in no token"),
    (lambda: providers.entra("contoso.onmicrosoft.com", audience="a"), "stands in no token"),
    (lambda: providers.entra([], audience="a"), "at least one"),
    (lambda: providers.entra([7], audience="a"), "at least one"),  # type: ignore[list-item]
    (lambda: providers.entra(TENANT, audience="a", version=3), "version is 1 or 2"),  # type: ignore[arg-type]
    (lambda: providers.entra(TENANT, audience="a", cloud="de"), "cloud is"),  # type: ignore[arg-type]
    (lambda: providers.okta("https://acme.okta.com"), "custom authorization server"),
    (lambda: providers.auth0("", audience="a"), "a host name or an https URL"),
    (lambda: providers.auth0("http://acme.example", audience="a"), "issuer must be https"),
    (lambda: providers.firebase("https://demo"), "project_id"),
    (lambda: providers.cognito(POOL, client_id=[]), "at least one client"),
    (lambda: providers.oidc("https://x.example", audience="a", access_token_types=["JWS"]), "types are among"),
    (lambda: providers.keycloak("https://kc.example", audience=None), "audience is required"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("make", "message"), WRONG)
def test_wrong_arguments(make: Callable[[], object], message: str) -> None:
    """Said when it is made."""
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_names() -> None:
    """Configuration finds them by their names."""
    names = {
        *("oidc", "keycloak", "auth0", "entra", "cognito", "okta", "google", "firebase", "supabase", "clerk"),
        *("authentik", "cloudflare_access", "google_iap", "spiffe"),
    }
    assert set(providers.PRESETS) == names
