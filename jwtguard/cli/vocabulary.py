"""What header parameters and claims mean, in words, for people who look at a token.

>>> meaning_of_claim("exp").title
'Expires at'
>>> meaning_of_claim("https://api.example/roles").title
'A claim of your own'
>>> meaning_of_algorithm("ES256")
'ECDSA on the curve P-256 with SHA-256: a private key signs, its public half checks.'

The sources are the registries of IANA, the RFCs and OpenID Connect, and what the providers that `jwtguard.providers`
knows say about theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    """A name in a few words, and a sentence about it."""

    title: str
    sentence: str


HEADER: Mapping[str, Meaning] = {
    "alg": Meaning("Algorithm", "How the token is signed. The key decides which one counts, not the token."),
    "typ": Meaning("Type", "What kind of token this is: JWT, or at+jwt for an access token."),
    "kid": Meaning("Key ID", "Which of the issuer's keys signed it."),
    "cty": Meaning("Content type", "Says that another token is inside. Refused by jwtguard."),
    "crit": Meaning(
        "Critical", "Extensions that a reader must understand. Refused by jwtguard, which understands none."
    ),
    "b64": Meaning("Encoding of the payload", "An unencoded payload (RFC 7797). Refused by jwtguard."),
    "enc": Meaning(
        "Encryption", "How the content of an encrypted token is encrypted. jwtguard takes signed ones only."
    ),
    "jku": Meaning("URL of a JWK Set", "Where the sender says its keys are. Never read: an attacker can write it."),
    "jwk": Meaning("Key", "A key that the sender offers. Never read: an attacker can write it."),
    "x5u": Meaning("URL of a certificate", "Where the sender says its certificate is. Never read."),
    "x5c": Meaning("Certificates", "A chain that the sender offers. Never read."),
    "x5t": Meaning("Fingerprint of a certificate", "The SHA-1 of the certificate of the signing key. Not read."),
    "x5t#S256": Meaning("Fingerprint of a certificate", "The SHA-256 of the certificate of the signing key. Not read."),
    "nonce": Meaning("Nonce", "Microsoft Graph's own: only Graph can check such tokens."),
    "cat": Meaning("Category", "Clerk's name for the kind of token."),
}
"""The header's parameters (RFC 7515 §4.1 and its registry)."""

CLAIMS: Mapping[str, Meaning] = {
    # RFC 7519 §4.1
    "iss": Meaning("Issuer", "Who made the token. Compared letter by letter, down to a slash at its end."),
    "sub": Meaning("Subject", "The user or the client that the token is about. Unique for this issuer only."),
    "aud": Meaning("Audience", "The APIs it is for. An API accepts it only if it is named here."),
    "exp": Meaning("Expires at", "Refused from this time on, plus the leeway for clocks that differ."),
    "nbf": Meaning("Not before", "Refused before this time."),
    "iat": Meaning("Issued at", "When it was made."),
    "jti": Meaning("Token ID", "Unique for each token."),
    # RFC 8693, RFC 9068, RFC 7800, RFC 9470
    "scope": Meaning("Scope", "What the client was allowed to do on the user's behalf, separated by spaces."),
    "scp": Meaning("Scope", "What the client was allowed to do: the name that Entra ID and Okta use."),
    "client_id": Meaning("Client", "The application that asked for the token."),
    "act": Meaning("Actor", "Who acts on the subject's behalf (RFC 8693)."),
    "may_act": Meaning("May act", "Who is allowed to act on the subject's behalf (RFC 8693)."),
    "cnf": Meaning("Confirmation", "A key that the sender must prove to have. Without the proof it is refused."),
    "roles": Meaning("Roles", "What the subject is, for has_role(…)."),
    "groups": Meaning("Groups", "The groups that the subject is in (RFC 9068)."),
    "entitlements": Meaning("Entitlements", "What the subject may do (RFC 9068)."),
    "permissions": Meaning("Permissions", "What the subject may do, for has_permission(…)."),
    "authorization_details": Meaning("Authorization details", "What was granted, in detail (RFC 9396)."),
    # jwtguard's sessions
    "gen": Meaning("Generation", "Of a refresh token of jwtguard: how often its session was refreshed."),
    # OpenID Connect Core
    "azp": Meaning("Authorized party", "The client that the token was made for."),
    "sid": Meaning("Session", "The login that it belongs to: ending that session ends the token."),
    "auth_time": Meaning("Logged in at", "When the user last proved who they are, for fresh(max_age=…)."),
    "acr": Meaning("Authentication class", "How sure the issuer is of the user, in the issuer's own terms."),
    "amr": Meaning("Authentication methods", "How the user logged in: pwd a password, otp a code, mfa several."),
    "nonce": Meaning("Nonce", "Ties an ID token to the login that asked for it."),
    "at_hash": Meaning("Access token hash", "Shows that this is an ID token: it goes with an access token."),
    "c_hash": Meaning("Code hash", "Shows that this is an ID token: it goes with an authorization code."),
    "s_hash": Meaning("State hash", "Shows that this is an ID token: it goes with a login's state."),
    "name": Meaning("Name", "The user's full name, for showing."),
    "given_name": Meaning("Given name", "The user's first name."),
    "family_name": Meaning("Family name", "The user's last name."),
    "preferred_username": Meaning("User name", "For showing. It can change and be given to another: identify by sub."),
    "email": Meaning("E-mail", "For showing. It can change and be given to another: identify by sub."),
    "email_verified": Meaning("E-mail verified", "Whether the issuer has seen that the address is the user's."),
    "picture": Meaning("Picture", "The address of the user's picture."),
    "locale": Meaning("Locale", "The user's language."),
    "updated_at": Meaning("Profile changed at", "When the profile last changed."),
    "events": Meaning("Events", "A security event or a logout token, not an access token."),
    # Kinds of tokens
    "token_use": Meaning("Kind of token", "Amazon Cognito's: access or id."),
    "token_type": Meaning("Kind of token", "Which kind of token this is, in the issuer's terms."),
    "type": Meaning("Kind of token", "Which kind of token this is, in the issuer's terms."),
    "typ": Meaning("Kind of token", "Keycloak's: Bearer for access tokens, ID, Refresh, Offline, Logout."),
    "gty": Meaning("Grant type", "Auth0's: how the token was had, client-credentials for instance."),
    # Keycloak
    "realm_access": Meaning("Realm roles", "Keycloak's roles for the whole realm, under roles."),
    "resource_access": Meaning("Client roles", "Keycloak's roles by client."),
    "allowed-origins": Meaning("Allowed origins", "Keycloak's: web origins that the client may be on."),
    "session_state": Meaning("Session", "The name of sid in older releases of Keycloak."),
    # Microsoft Entra ID
    "tid": Meaning("Tenant", "Entra ID's: the organisation that the user belongs to."),
    "oid": Meaning("Object ID", "Entra ID's: the user or service in its tenant, the same for all applications."),
    "appid": Meaning("Client", "Entra ID's name for azp in tokens of version 1."),
    "ver": Meaning("Version", "Entra ID's: of the token's form. 1.0 and 2.0 name issuer and audience differently."),
    "idtyp": Meaning("Subject's kind", "Entra ID's: app, where the token is for a service and no user."),
    "upn": Meaning("User principal name", "Entra ID's: for showing. It can change: identify by sub or oid."),
    "unique_name": Meaning("User name", "Entra ID's: for showing, never for identifying."),
    "wids": Meaning("Directory roles", "Entra ID's: the administrator roles of the tenant."),
    "uti": Meaning("Token ID", "Entra ID's name for jti."),
    "rh": Meaning("Internal", "Entra ID's own: there is nothing in it for an application."),
    "aio": Meaning("Internal", "Entra ID's own: there is nothing in it for an application."),
    # Amazon Cognito, Okta, Clerk, Supabase, Firebase, Google
    "cognito:groups": Meaning("Groups", "Amazon Cognito's: the groups of the user pool."),
    "cognito:username": Meaning("User name", "Amazon Cognito's: the user's name in the pool."),
    "username": Meaning("User name", "For showing: identify by sub."),
    "origin_jti": Meaning("First token ID", "Amazon Cognito's: of the login's first token. Revocation goes by it."),
    "event_id": Meaning("Event", "Amazon Cognito's: the login."),
    "cid": Meaning("Client", "Okta's name for client_id."),
    "uid": Meaning("User ID", "Okta's: the user, where sub is a login name."),
    "org_id": Meaning("Organisation", "The organisation that the user was acting for."),
    "org_role": Meaning("Role in the organisation", "Clerk's: what the user is in the organisation."),
    "fva": Meaning("Factor ages", "Clerk's: minutes since each factor was verified; -1 is never."),
    "aal": Meaning("Assurance level", "Supabase's: aal1 with one factor, aal2 with two."),
    "role": Meaning("Role", "What the subject is; Supabase means the role in its database."),
    "is_anonymous": Meaning("Anonymous", "Supabase's: whether the user never said who they are."),
    "app_metadata": Meaning("Application's data", "Supabase's: what the user cannot change."),
    "user_metadata": Meaning("User's data", "Supabase's: what the user can change. Never decide by it."),
    "firebase": Meaning("Firebase", "How the user logged in, and with which identities."),
    "user_id": Meaning("User ID", "The user; Firebase says the same in sub."),
    "hd": Meaning("Hosted domain", "Google's: the organisation that the account belongs to."),
}
"""Claims by name (RFC 7519 §4 and its registry, OpenID Connect Core, and well-known providers)."""

_OWN = Meaning("A claim of your own", "Named by a URL, so that no other claim has the same name (RFC 7519 §4.2).")
_UNKNOWN = Meaning("Unregistered", "A name that neither a standard nor a well-known provider uses.")

_HASHES = {"256": "SHA-256", "384": "SHA-384", "512": "SHA-512"}
_CURVES = {"256": "P-256", "384": "P-384", "512": "P-521"}


def meaning_of_header(name: str) -> Meaning:
    """What a parameter of the header means."""
    return HEADER.get(name, _UNKNOWN)


def meaning_of_claim(name: str) -> Meaning:
    """What a claim means."""
    return CLAIMS.get(name, _OWN if "://" in name else _UNKNOWN)


def meaning_of_algorithm(algorithm: str) -> str:
    """What an `alg` value means, and who can sign with it."""
    family, size = algorithm[:2], algorithm[2:]
    if size in _HASHES:
        pair = "a private key signs, its public half checks."
        sentences = {
            "HS": f"HMAC with {_HASHES[size]}: one shared secret. Who can check can also sign.",
            "RS": f"RSA (PKCS #1 v1.5) with {_HASHES[size]}: {pair}",
            "PS": f"RSA (PSS) with {_HASHES[size]}: {pair}",
            "ES": f"ECDSA on the curve {_CURVES[size]} with {_HASHES[size]}: {pair}",
        }
        if family in sentences:
            return sentences[family]
    if algorithm in {"EdDSA", "Ed25519", "Ed448"}:
        curve = "Ed25519 or Ed448" if algorithm == "EdDSA" else algorithm
        return f"EdDSA on the curve {curve}: a private key signs, its public half checks."
    if algorithm.lower() == "none":
        return "Not signed: an attacker could have written it. Always refused."
    return "An algorithm that jwtguard does not take."
