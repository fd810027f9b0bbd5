"""The likely cause of a refusal and what to change, where the token shows more than the reason alone: a table.

>>> from jwtguard import Guard, SigningKey
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key)
>>> remedy(TokenContext.of(guard, '"e30.e30.c2ln"'), "form")
'Take the quotes off: they are not part of the token.'

A cause without a line here gets the remedy of its reason (`jwtguard.core.tokens.reasons`). The table is long because
there are many causes; its predicates stand in `predicates.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from jwtguard.core.events import quoted
from jwtguard.core.tokens.reasons import reason_named
from jwtguard.explanation.moments import span
from jwtguard.explanation.predicates import (
    algorithm_unknown,
    always,
    another_issuer,
    api_scheme,
    api_scheme_wanted,
    audience_by_slash,
    claim_is,
    differs_by_case,
    differs_by_host,
    differs_by_scheme,
    differs_by_slash,
    early_by_little,
    ends_with,
    entra_of_another_cloud,
    entra_v1_for_v2,
    entra_v2_for_v1,
    has,
    has_confirmation,
    header_has,
    header_is,
    is_der_signature,
    is_id_token,
    is_list_in_a_string,
    key_is_skipped,
    kid_has_another_algorithm,
    kid_missing,
    kid_unknown,
    late_by_little,
    milliseconds,
    number,
    of_auth0,
    only,
    payload_is_broken,
    public_meets_symmetric,
    secret_variant,
    signature_is_short,
    symmetric_meets_public,
    text,
)
from jwtguard.explanation.services import way_out
from jwtguard.explanation.token_context import TokenContext, cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """If a token was refused for `reason` and `when` holds of it, `remedy` is what helps; {names} are `_facts`."""

    reason: str
    when: Callable[[TokenContext], bool]
    remedy: str


def remedy(context: TokenContext, reason: str) -> str:
    """What helps against `reason`: by what the token is, by the first entry that fits, else what always helps."""
    instead = way_out(context)
    if instead is not None:
        return instead
    for entry in REMEDIES:
        if entry.reason == reason and entry.when(context):
            return entry.remedy.format_map(_facts(context))
    return reason_named(reason).remedy


def _facts(context: TokenContext) -> dict[str, str]:
    kids = (
        []
        if context.keys is None
        else [json.dumps(key.kid, ensure_ascii=False) for key in context.keys if key.kid is not None]
    )
    key = next((key for key in context.keys or () if key.kid == context.member("kid")), None)
    return {
        "alg": _json(context.member("alg")),
        "kid": _json(context.member("kid")),
        "skipped": "; ".join(str(each) for each in context.skipped if each.kid == quoted(context.member("kid"))),
        "kids": cut(", ".join(kids)),
        "key_algorithm": "" if key is None else key.algorithm,
        "iss": _json(context.issuer),
        "wanted_iss": _json(context.wanted_issuers[0] if context.wanted_issuers else ""),
        "aud": _json(context.audiences[0] if context.audiences else ""),
        "wanted_aud": _json(context.wanted_audiences[0] if context.wanted_audiences else ""),
        "late": span(context.now - number(context, "exp")),
        "early": span(max(number(context, "nbf"), number(context, "iat")) - context.now),
        "variant": secret_variant(context) or "",
    }


def _json(value: object) -> str:
    return cut(json.dumps(value, ensure_ascii=False))


def _remedy(reason: str, when: Callable[[TokenContext], bool], text: str) -> Remedy:
    return Remedy(reason=reason, when=when, remedy=text)


def _around(reason: str) -> list[Remedy]:
    """What is copied along with a token, which comes to the same refusals in both forms."""
    return [
        _remedy(reason, text(r"^\s*[\"'].*[\"']\s*$"), "Take the quotes off: they are not part of the token."),
        _remedy(
            reason,
            text(r"^\s*(?:authorization\s*:\s*)?(?:bearer|dpop|jwt|token)\b"),
            "Take the word before the token off (Bearer): it belongs to the header, not to the token.",
        ),
    ]


_SKEW = (
    "The clocks differ, or the token came late. Set both machines by NTP; allow for more with leeway=timedelta(...), at"
    " most 300 s."
)
_SECRET_OR_FORGED = (
    "It is signed with a shared secret ({alg}), and this guard has public keys. If your issuer signs like that, give"
    " the guard the secret: VerificationKey.from_secret(...). If not, it is forged."
)
_ID_TOKEN = (
    "This is an ID token, which tells an application who logged in. Send the access token of the same login, and ask"
    " for it with this API as audience."
)

REMEDIES: tuple[Remedy, ...] = (
    _remedy("too_long", text(r"^[A-Za-z0-9_.-]+,"), "Send one token: there seem to be several, joined by a comma."),
    _remedy("alphabet", text("^\ufeff"), "Take the byte order mark off the front, which an editor put there."),
    _remedy("alphabet", text("[\u2018-\u201f]"), "Take the typographic quotes off, which a word processor put there."),
    _remedy("alphabet", text("[\u2026]"), "Copy the token again: the ellipsis (…) stands for a part that is missing."),
    _remedy("form", text(r"^\s*-----BEGIN"), "This is a key or a certificate, not a token."),
    _remedy(
        "form", text(r"^\s*\{.*\"(?:payload|signatures)\""), "Send the compact form: this is the JSON form of a JWS."
    ),
    _remedy(
        "form", text(r"^\s*\{.*access_token"), "Send what stands in access_token, not the whole answer of the login."
    ),
    _remedy("form", text(r"^\s*\{"), "This is JSON, and a token in the compact form is meant: three parts with dots."),
    *_around("form"),
    _remedy(
        "form",
        text(r"^ya29\."),
        "This is an access token of Google, which is opaque. Send the ID token, with a guard for google(...).",
    ),
    _remedy("form", text(r"%2e"), "Decode the token from its URL form: %2E stands for a dot."),
    _remedy("form", text(r"^[^.]+\.[^.]+\.$"), "It is not signed (alg none) and proves nothing. Have it signed."),
    _remedy("form", text(r"^[^.]+\.[^.]+$"), "The signature is missing: copy the whole token."),
    _remedy(
        "form",
        of_auth0,
        "Auth0 sends opaque tokens where no audience was asked for: ask for one with audience={wanted_aud}.",
    ),
    _remedy(
        "form",
        text(r"^[^.\s]+$"),
        "An opaque token, or a part of one: a guard takes opaque tokens with introspection=Introspection(...).",
    ),
    _remedy(
        "encrypted",
        text(r"^eyJ"),
        "Ask the issuer for a token for this API: Auth0 sends encrypted ones where no audience was asked for.",
    ),
    *_around("base64url"),
    _remedy("base64url", text(r"^\s|\s$"), "Take the white space off the ends of the token."),
    _remedy("base64url", text(r"\s"), "Join the lines: the token was broken by white space."),
    _remedy("base64url", text(r"%[0-9a-f]{2}"), "Decode the token from its URL form (%..)."),
    _remedy("base64url", text(r"="), "The issuer must leave the padding (=) out (RFC 7515 §2)."),
    _remedy("base64url", text(r"[+/]"), "The issuer must encode as base64url: - and _ for + and / (RFC 7515 §2)."),
    _remedy("header_extension", header_has("enc"), "This is an encrypted token: have the issuer send signed ones."),
    _remedy(
        "header_extension", header_has("cty"), "Have the issuer send the inner token: cty says that one holds another."
    ),
    _remedy(
        "header_extension",
        header_has("b64"),
        "Have the issuer encode the payload: b64 is not for tokens (RFC 7797 §7).",
    ),
    _remedy("alg", header_is("alg", "none"), "It is not signed (alg none) and proves nothing. Have it signed."),
    _remedy("alg", header_has("enc"), "This is an encrypted token (JWE): have the issuer send signed ones."),
    _remedy(
        "alg",
        algorithm_unknown,
        "The issuer must sign with HS, RS, PS or ES in 256, 384 or 512, or Ed25519 or Ed448: {alg} is not supported.",
    ),
    _remedy(
        "alg",
        symmetric_meets_public,
        _SECRET_OR_FORGED,
    ),
    _remedy(
        "typ", header_is("typ", r"(?:application/)?refresh\+jwt"), "This is a refresh token: send the access token."
    ),
    _remedy("typ", header_is("typ", r"(?:application/)?logout\+jwt"), "This is a logout token: send the access token."),
    _remedy("typ", header_is("typ", r"(?:application/)?dpop\+jwt"), "This is a DPoP proof: send the access token."),
    _remedy("typ", header_is("typ", r"jwt"), "The issuer must mark its access tokens with typ at+jwt (RFC 9068 §2.1)."),
    _remedy(
        "key",
        kid_has_another_algorithm,
        "The key {kid} is for {key_algorithm}, and the token says {alg}: have the issuer sign with that, or load the"
        " key for {alg}.",
    ),
    _remedy(
        "key",
        key_is_skipped,
        "The issuer publishes a key with {skipped}. Have it sign with a key that can be used.",
    ),
    _remedy(
        "key",
        symmetric_meets_public,
        _SECRET_OR_FORGED,
    ),
    _remedy(
        "key",
        public_meets_symmetric,
        "It is signed with a private key ({alg}), and this guard has a secret: give it the issuer's public key, or its"
        " JWK Set.",
    ),
    _remedy(
        "key",
        kid_unknown,
        "No key is called {kid}: there are {kids}. Either another issuer, realm or tenant signed the token, or the key"
        " is too old, or a JWK Set on file is.",
    ),
    _remedy(
        "key",
        kid_missing,
        "Several keys fit {alg}, and the token does not say which: have the issuer send a kid.",
    ),
    _remedy("signature", text(r"\s"), "Join the lines: the token was broken by white space."),
    _remedy("signature", payload_is_broken, "Copy the token again: its payload was cut or altered."),
    _remedy(
        "signature",
        lambda context: secret_variant(context) is not None,
        "The secret is the right one, written in another way: {variant}. So the signature holds.",
    ),
    _remedy(
        "signature",
        is_der_signature,
        "The issuer must write r and s one after the other (RFC 7518 §3.4): this signature is in DER form.",
    ),
    _remedy("signature", signature_is_short, "Copy the whole token: its signature is too short."),
    _remedy(
        "signature",
        another_issuer,
        "The token says that it is from {iss}, and this guard has the keys of {wanted_iss}: use a matching pair.",
    ),
    _remedy(
        "missing_aud",
        claim_is("token_use", "access"),
        "Access tokens of AWS Cognito have no aud: use jwtguard.providers.cognito(...).",
    ),
    _remedy(
        "missing_sub",
        has("azp", "client_id", "cid", "appid"),
        "A token for a client and no user: the issuer must"
        " send sub, as RFC 9068 §2.2 asks, or the guard must not ask for it: required_claims=[...] without it.",
    ),
    _remedy(
        "missing_exp",
        always,
        "The issuer must send exp: a stolen token without it stays valid forever.",
    ),
    _remedy("iss", lambda context: not context.issuer, "The issuer must send iss as a string that is not empty."),
    _remedy(
        "iss",
        differs_by_slash,
        "A slash at the end is part of the name: write issuer={iss}.",
    ),
    _remedy("iss", differs_by_case, "Capital letters count: write issuer={iss}."),
    _remedy(
        "iss",
        differs_by_scheme,
        "http and https are two issuers: have the issuer say https (http only on your own machine).",
    ),
    _remedy(
        "iss",
        entra_v1_for_v2,
        "An Entra token of version 1: use entra(..., version=1), or set requestedAccessTokenVersion to 2 in the"
        " registration of the API.",
    ),
    _remedy(
        "iss",
        entra_v2_for_v1,
        "An Entra token of version 2: use entra(..., version=2), or set requestedAccessTokenVersion to 1 in the"
        " registration of the API.",
    ),
    _remedy(
        "iss",
        entra_of_another_cloud,
        'An Entra token of another cloud: use entra(..., cloud="usgov") or cloud="china"; its issuer is {iss}.',
    ),
    _remedy(
        "iss",
        differs_by_host,
        "The same path on another host. If your issuer is reached by two names, as in containers, set the one that it"
        " writes into tokens (Keycloak: hostname), or write issuer={iss} if that name is yours too.",
    ),
    _remedy("aud", is_id_token, _ID_TOKEN),
    _remedy(
        "aud",
        api_scheme,
        "The audience is {aud}, the guard wants {wanted_aud}: an Entra token of version 1. Use"
        " entra(..., audience={aud}, version=1), or set requestedAccessTokenVersion to 2 in the API's registration.",
    ),
    _remedy(
        "aud",
        api_scheme_wanted,
        "The audience is {aud}, the guard wants {wanted_aud}: an Entra token of version 2. Use"
        " entra(..., audience={aud}, version=2).",
    ),
    _remedy("aud", audience_by_slash, "Slashes at the end and capital letters count: write audience={aud}."),
    _remedy("aud", is_list_in_a_string, "The issuer must send several audiences as a list, not as one string."),
    _remedy(
        "aud",
        only("account"),
        "Keycloak puts account into aud by itself. Add an audience mapper for this API to the client, or to a client"
        " scope of it.",
    ),
    _remedy(
        "aud",
        ends_with("/userinfo"),
        "Ask for a token with this API as audience: one for /userinfo comes where none was asked for.",
    ),
    _remedy(
        "aud", lambda context: not context.audiences, "The issuer must send aud, as a string or a list of strings."
    ),
    _remedy("kind_ver", has("ver"), "An Entra token of the other version: use entra(..., version=1) or version=2."),
    _remedy("kind_token_use", claim_is("token_use", "id"), _ID_TOKEN),
    _remedy("kind_typ", claim_is("typ", "ID"), _ID_TOKEN),
    _remedy("kind_typ", claim_is("typ", "Refresh", "Offline"), "This is a refresh token: send the access token."),
    _remedy(
        "kind_role",
        claim_is("role", "anon", "service_role"),
        "This is an API key of the project, not a user's token: send the access token of the session.",
    ),
    _remedy("exp", milliseconds("exp"), "The issuer must send seconds: this exp is in milliseconds. Divide by 1000."),
    _remedy("nbf", milliseconds("nbf"), "The issuer must send seconds: this nbf is in milliseconds. Divide by 1000."),
    _remedy("iat", milliseconds("iat"), "The issuer must send seconds: this iat is in milliseconds. Divide by 1000."),
    _remedy(
        "expired", late_by_little, "It expired {late} ago. Get a new one: refresh the session. If it was new: " + _SKEW
    ),
    _remedy("not_yet_valid", early_by_little, "It is valid in {early}. " + _SKEW),
    _remedy(
        "not_yet_valid", always, "It is valid in {early}: the issuer dates it ahead, or a clock is wrong by that much."
    ),
    _remedy(
        "proof_of_possession",
        has_confirmation("jkt"),
        "It is bound to a key by DPoP (RFC 9449), which is not supported: ask the issuer for a bearer token.",
    ),
    _remedy(
        "proof_of_possession",
        has_confirmation("x5t#S256"),
        "It is bound to a certificate by mutual TLS (RFC 8705), which is not supported: ask for a bearer token.",
    ),
)
"""In the order in which they are tried."""
