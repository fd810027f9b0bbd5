"""The steps of a verification, and for each reason of a refusal the step where it arises and what helps.

>>> REASONS["expired"].steps, STEPS[7].title
((7,), 'Claims')
>>> reason_named("missing_sub").remedy
'The issuer must send the claim, or the guard must not ask for it: required_claims=[...] without its name.'

`docs/verification.md` says the same for people, and a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass

CSRF_STEP, REVOCATION_STEP, AUTHORIZATION_STEP = 9, 10, 11
"""What follows the eight steps, in the order in which a guard goes through it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTitle:
    """What a step is called, and where it is written down."""

    title: str
    source: str


STEPS: dict[int, StepTitle] = {
    1: StepTitle(title="Length", source="RFC 8725 §3.11"),
    2: StepTitle(title="Form", source="RFC 7515 §7.1"),
    3: StepTitle(title="Header", source="RFC 7515 §5.2"),
    4: StepTitle(title="Extensions", source="RFC 7515 §4.1, RFC 8725 §3.10"),
    5: StepTitle(title="Key", source="RFC 8725 §3.1"),
    6: StepTitle(title="Signature", source="RFC 7515 §5.2"),
    7: StepTitle(title="Claims", source="RFC 7519 §4.1"),
    8: StepTitle(title="Possession", source="RFC 7800 §3.1"),
    CSRF_STEP: StepTitle(title="Cross-site request forgery", source="RFC 6265 §8.2"),
    REVOCATION_STEP: StepTitle(title="Revocation", source="RFC 7009 §2"),
    AUTHORIZATION_STEP: StepTitle(title="Authorization", source="RFC 6750 §3.1"),
}
"""Every step by its number: 1 to 8 are those of `docs/verification.md`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason: the steps at which it can arise, and what the developer of the application can do about it."""

    steps: tuple[int, ...]
    remedy: str


def _reason(*steps: int, remedy: str) -> Reason:
    return Reason(steps=steps, remedy=remedy)


_DATE = "A date is a number of seconds since 1970, not of milliseconds, and not in quotes: the issuer must change it."
_KIND = (
    "Send the access token, not another one of the same login: an ID token is for the application that the user logged"
    " in to, not for an API."
)
_OUTAGE = "The token's state is unknown at the moment, so no session ends: try again, and read the cause in the log."

REASONS: dict[str, Reason] = {
    "not_text": _reason(1, remedy="Hand over the token as a str."),
    "too_long": _reason(
        1, remedy="Put less into the token (roles and groups are the usual load), or raise max_token_bytes."
    ),
    "alphabet": _reason(1, remedy="Copy the token again: it holds a character that no token has."),
    "form": _reason(2, remedy="Copy the whole token: three parts of letters, digits, - and _, with a dot between."),
    "encrypted": _reason(2, remedy="Have the issuer send signed tokens (JWS): this one is encrypted."),
    "base64url": _reason(
        2, remedy="Copy the token again: a part of it was cut, altered, or encoded as base64 instead of base64url."
    ),
    "json": _reason(
        3, 7, remedy="Copy the token again. If it is whole, its issuer writes JSON that is not strict or no object."
    ),
    "json_depth": _reason(3, 7, remedy="The issuer must nest less: 64 levels are the limit."),
    "header_extension": _reason(
        4, remedy="The issuer must leave crit, b64 and cty out: they change what the token means."
    ),
    "alg": _reason(
        4,
        5,
        remedy="Have the issuer sign with an algorithm that the guard allows, or add it to its algorithms.",
    ),
    "kid": _reason(4, remedy="The issuer must name its key with a string of at most 256 characters, or not at all."),
    "typ": _reason(4, remedy="Send an access token: its typ is JWT or at+jwt, or it has none."),
    "key": _reason(
        5,
        remedy="Give the guard the key that signed this token, under the kid and alg of its header.",
    ),
    "keys": _reason(5, remedy=_OUTAGE),
    "signature": _reason(
        6,
        remedy="Give the guard the key of the issuer that signed this. If it has it, the token was altered.",
    ),
    "missing_…": _reason(
        7,
        remedy="The issuer must send the claim, or the guard must not ask for it: required_claims=[...] without its"
        " name.",
    ),
    "iss": _reason(5, 7, remedy="Write the guard's issuer exactly as the token has it, if that is whom you trust."),
    "aud": _reason(
        7,
        remedy="Ask the issuer for a token for this API, or set the guard's audience to its name there.",
    ),
    "trust_domain": _reason(
        5, 7, remedy="Its sub is no SPIFFE ID of a trust domain that is trusted here: add spiffe(...) for the domain."
    ),
    "tenant": _reason(7, remedy="The token contradicts itself about its tenant: its issuer must be looked at."),
    "kind": _reason(
        7,
        remedy=_KIND + " If the issuer's tokens for an API name neither scopes nor a client, trust it by"
        " TrustedIssuer(issuer=..., audience=...) in place of oidc(...).",
    ),
    "kind_…": _reason(7, remedy=_KIND),
    "kind_client": _reason(7, remedy=_KIND),
    "client": _reason(7, remedy="Add the client to the list that the guard has, if it may call this API."),
    "sub": _reason(7, remedy="The issuer must send a subject that is a string and not empty."),
    "jti": _reason(7, remedy="The issuer must send a jti that is a string, or none."),
    "act": _reason(7, remedy="The issuer must name each actor by sub or client_id, and at most 8 of them."),
    "exp": _reason(7, remedy=_DATE),
    "nbf": _reason(7, remedy=_DATE),
    "iat": _reason(7, remedy=_DATE),
    "auth_time": _reason(7, remedy=_DATE),
    "expired": _reason(7, remedy="Get a new token: refresh the session, or log in again."),
    "too_old": _reason(7, remedy="Get a new token, or let the guard take older ones: max_token_age."),
    "retired": _reason(7, remedy="Log in again: the issuer of this token was given up, and its last day has passed."),
    "not_yet_valid": _reason(7, remedy="Wait, or set the clocks: the one who issued it is ahead of this machine."),
    "proof_of_possession": _reason(
        8, remedy="Ask for a bearer token: this one is bound to a key (DPoP or mutual TLS), which is not supported."
    ),
    "inactive": _reason(2, remedy="Get a new token: the issuer says that this one is expired, revoked or not its own."),
    "introspection": _reason(2, remedy=_OUTAGE),
    "introspection_busy": _reason(2, remedy="Too many questions are under way: try again, or raise max_in_flight."),
    "csrf_site": _reason(CSRF_STEP, remedy="Send the request from a page of the same site, or of a trusted origin."),
    "csrf_origin": _reason(
        CSRF_STEP,
        remedy="Add the page's origin to CSRF(trusted_origins=[...]), if it is yours, or let the proxy forward Host.",
    ),
    "csrf_headers": _reason(CSRF_STEP, remedy="Send the Origin header, or the token in the Authorization header."),
    "csrf_token_missing": _reason(CSRF_STEP, remedy="Copy the CSRF cookie into the X-CSRF-Token header."),
    "csrf_token": _reason(CSRF_STEP, remedy="Read the CSRF cookie again: it is another one after a login."),
    "revoked": _reason(REVOCATION_STEP, remedy="Log in again: the session has ended, or its store does not know it."),
    "no_session": _reason(
        REVOCATION_STEP,
        remedy="Have tokens issued with sid by Sessions, name whose are asked about in"
        " SessionRevocation(issuers=[...]), or pass allow_without_session=True.",
    ),
    "store": _reason(REVOCATION_STEP, remedy=_OUTAGE),
    "insufficient_scope": _reason(
        AUTHORIZATION_STEP, remedy="Grant what is missing to this user, at the issuer; then get a new token."
    ),
    "stale_login": _reason(AUTHORIZATION_STEP, remedy="Log in again: this route wants a recent login."),
    "weak_login": _reason(
        AUTHORIZATION_STEP, remedy="Log in again with what the challenge names in acr_values: this route wants it."
    ),
    "denied": _reason(AUTHORIZATION_STEP, remedy="Change the rule, if anybody is to pass here."),
    "ambiguous_path": _reason(
        AUTHORIZATION_STEP,
        remedy="Send the path without double slashes, dot segments, backslashes and control characters; or allow double"
        " slashes: Rules(..., allow_double_slash=True).",
    ),
    "missing_token": _reason(AUTHORIZATION_STEP, remedy="Send the token in the Authorization header."),
    # Wherever it was: of the later steps none is said to have passed.
    "unforeseen": _reason(
        1, 5, remedy="This should not happen: please report it. The log of jwtguard names the type of the error."
    ),
}
"""By the `reason` of a `JWTGuardError` whatever can keep a token from being admitted; `…` stands for a claim's name."""


def reason_named(name: str) -> Reason:
    """The entry for a `reason`; raises `KeyError` for one that no token can cause."""
    if name in REASONS:
        return REASONS[name]
    prefix, _, rest = name.partition("_")
    if not rest:
        raise KeyError(name)
    return REASONS[f"{prefix}_…"]
