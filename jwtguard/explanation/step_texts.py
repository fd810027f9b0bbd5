"""What each step wants and what it found, in words: for the step as a whole, and for each reason to refuse.

>>> from jwtguard import Guard, SigningKey
>>> key = SigningKey.generate("HS256", kid="2026-11")
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key)
>>> context = TokenContext.of(guard, "e30.eyJhdWQiOiJ4In0.c2ln")
>>> print(*step_texts(context, 7, "aud"), sep="; ")
aud is or holds "https://api.example"; aud "x"

Two tables with a small function for each entry, which stay together because a step and its reasons say the same things.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TypeAlias

from jwtguard.core.tokens.actor import MAX_ACTORS
from jwtguard.core.tokens.claims_policy import MAX_NUMERIC_DATE, Policy
from jwtguard.core.tokens.encoding import decode_segment
from jwtguard.core.tokens.jws import TOKEN_TYPES
from jwtguard.core.tokens.keys import MAX_KID_LENGTH, VerificationKey
from jwtguard.core.tokens.sentinels import NO_ISSUER, UNCHECKED
from jwtguard.core.tokens.tenants import TenantPattern
from jwtguard.core.tokens.token_kind import TokenKind
from jwtguard.core.tokens.trust_domains import TrustDomain
from jwtguard.explanation.faults import json_fault, named, part_fault
from jwtguard.explanation.moments import moment, span
from jwtguard.explanation.token_context import TokenContext, cut

Pair: TypeAlias = tuple[str, str]
"""Expected and found."""
_PARTS = ("header", "payload", "signature")
_MOST_KEYS = 8


def step_texts(context: TokenContext, number: int, reason: str | None = None) -> Pair:
    """Expected and found at a step; if it failed, for its `reason`."""
    if reason is not None:
        told = _BY_REASON.get(reason) or _BY_REASON.get(f"{reason.partition('_')[0]}_…")
        if told is not None:
            return told(context, reason)
    return _BY_STEP[number](context)


def expected(context: TokenContext, number: int) -> str:
    """What a step wants that was not reached."""
    return _BY_STEP[number](context)[0]


# Step by step.


def _length(context: TokenContext) -> Pair:
    stranger = next((one for one in context.text if not one.isascii()), None)
    found = f"{len(context.text)} characters"
    if stranger is not None:
        found += f", among them {named(stranger)} at {context.text.index(stranger) + 1}"
    return f"at most {context.max_token_bytes} characters, all of them ASCII", found


def _form(context: TokenContext) -> Pair:
    wanted = "three parts of base64url with dots between: header, payload, signature"
    return wanted, f"three parts, of {', '.join(str(len(part)) for part in context.parts)} characters"


def _bad_form(context: TokenContext, reason: str) -> Pair:
    wanted = _form(context)[0]
    if len(context.parts) != 3:
        several = (
            "more than 5 parts"
            if len(context.parts) > 5
            else f"{len(context.parts)} part{'s' * (len(context.parts) != 1)}"
        )
        return wanted, several
    faults = {
        name: part_fault(part) if part else "it is empty" for name, part in zip(_PARTS, context.parts, strict=True)
    }
    return wanted, "; ".join(f"{name}: {fault}" for name, fault in faults.items() if fault is not None)


def _json(context: TokenContext, part: int) -> Pair:
    fault = json_fault(decode_segment(context.parts[part].encode("ascii")))
    return f"the {_PARTS[part]} is a JSON object in strict UTF-8, no member twice", fault or "a JSON object"


def _header(context: TokenContext) -> Pair:
    if context.header is None:
        return "the header is a JSON object in strict UTF-8, no member twice", ""
    return _json(context, 0)[0], cut(", ".join(context.header)) or "an empty object"


def _extensions(context: TokenContext) -> Pair:
    wanted = f"no crit, b64 or cty; kid a string, if there; typ {_quoted(sorted(TOKEN_TYPES), 'or')}, if there"
    given = [context.shown(name, of=context.header) for name in ("kid", "typ")]
    extensions = [
        context.shown(name, of=context.header) for name in ("crit", "b64", "cty") if name in (context.header or {})
    ]
    return wanted, ", ".join([*extensions, *given])


def _key(context: TokenContext) -> Pair:
    found = f"{context.shown('kid', of=context.header)}, {context.shown('alg', of=context.header)}"
    if context.keys is None:
        return "a key for the kid and alg of the header", found
    listed = [_key_name(key) for key in list(context.keys)[:_MOST_KEYS]]
    if len(context.keys) > _MOST_KEYS:
        listed.append(f"{len(context.keys) - _MOST_KEYS} more")
    wanted = f"a key for the kid and alg of the header; the guard has: {'; '.join(listed) or 'none'}"
    skipped = [str(each) for each in context.skipped[:_MOST_KEYS]]
    return f"{wanted}; not used: {'; '.join(skipped)}" if skipped else wanted, found


def _key_name(key: VerificationKey) -> str:
    return f"{'no kid' if key.kid is None else f'kid {cut(json.dumps(key.kid, ensure_ascii=False))}'}, {key.algorithm}"


def _signature(context: TokenContext) -> Pair:
    key, wanted = context.key, "a signature that holds"
    if key is not None:
        wanted = f"a signature of {key.signature_length} bytes that holds by the key with {_key_name(key)}"
    length = len(context.parts[2]) * 3 // 4 if len(context.parts) == 3 else 0
    return wanted, f"{length} bytes"


def _claims(context: TokenContext) -> Pair:
    policy = context.policy
    if policy is None:
        return _issuer_wanted(context), context.shown("iss")
    named_claims = ("iss", "aud", "sub", "exp", "nbf", "iat")
    wanted = [
        f"there are {', '.join(policy.required_names)}" if policy.required_names else "",
        _issuer_wanted(context),
        _audience_wanted(context),
        f"the time is right, give or take {policy._leeway:g} s",
    ]
    found = [context.shown(name) for name in named_claims if name in (context.claims or {})]
    return "; ".join(filter(None, wanted)), ", ".join(found) or "none of these claims"


def _possession(context: TokenContext) -> Pair:
    return "no cnf, since no proof of a key is checked", context.shown("cnf")


_BY_STEP: dict[int, Callable[[TokenContext], Pair]] = {
    1: _length,
    2: _form,
    3: _header,
    4: _extensions,
    5: _key,
    6: _signature,
    7: _claims,
    8: _possession,
}


# Reason by reason, where there is more to say.


def _alg(context: TokenContext, reason: str) -> Pair:
    allowed = None if context.policy is None else context.policy.accepted_algorithms
    wanted = "alg is a string" if allowed is None else f"alg is {_quoted(sorted(allowed), 'or')}"
    return wanted, context.shown("alg", of=context.header)


def _typ(context: TokenContext, reason: str) -> Pair:
    types = (
        TOKEN_TYPES if context.policy is None or context.policy.kind.types is None else set(context.policy.kind.types)
    )
    left_out = ", or is left out" if "" in types else ""
    return f"typ is {_quoted(sorted(types - {''}), 'or')}{left_out}", context.shown("typ", of=context.header)


def _kid(context: TokenContext, reason: str) -> Pair:
    kid = context.member("kid")
    found = f"{len(kid)} characters" if isinstance(kid, str) else context.shown("kid", of=context.header)
    return f"kid is a string of at most {MAX_KID_LENGTH} characters, or is not there", found


def _keys_out_of_reach(context: TokenContext, reason: str) -> Pair:
    policies = [context.policy] if context.policy is not None else context.policies
    sources = [source for policy in policies for source in policy.key_sources]
    said = [str(error) for source in sources if (error := getattr(source, "last_error", None))]
    return "the keys of the issuer", "; ".join(dict.fromkeys(said)) or "they cannot be fetched"


def _bad_json(context: TokenContext, reason: str) -> Pair:
    return _json(context, 0 if context.header is None else 1)


def _issuer(context: TokenContext, reason: str) -> Pair:
    return _issuer_wanted(context), context.shown("iss")


def _issuer_wanted(context: TokenContext) -> str:
    if context.policy is not None and context.policy.issuer is UNCHECKED:
        return ""
    if context.policy is not None and context.policy.issuer is NO_ISSUER:
        return "there is no iss"
    if context.policy is not None and isinstance(context.policy.issuer, TrustDomain):
        return f"sub is the SPIFFE ID of a workload in {context.policy.issuer}"
    templates = any(isinstance(policy.issuer, TenantPattern) for policy in context.policies)
    names = _quoted(list(dict.fromkeys(context.wanted_issuers)), "or")
    nameless = any(policy.issuer is NO_ISSUER for policy in context.policies)
    or_none = ", or there is none" if nameless else ""
    return f"iss is {names}{', for a tenant on the list' if templates else ''}{or_none}"


def _audience(context: TokenContext, reason: str) -> Pair:
    return _audience_wanted(context) or "aud is a string or a list of strings", context.shown("aud")


def _audience_wanted(context: TokenContext) -> str:
    return f"aud is or holds {_quoted(context.wanted_audiences, 'or')}" if context.wanted_audiences else ""


def _missing(context: TokenContext, reason: str) -> Pair:
    name = reason.removeprefix("missing_")
    there = cut(", ".join(context.claims or {}))
    return f"there is a claim {name}", f"no {name}; there are {there}" if there else f"no {name}"


def _tenant(context: TokenContext, reason: str) -> Pair:
    claim = getattr(context.policy and context.policy.issuer, "claim", "tid")
    return f"{claim} names the tenant that stands in iss", f"{context.shown('iss')}, {context.shown(claim)}"


def _trust_domain(context: TokenContext, reason: str) -> Pair:
    domains = [str(policy.issuer) for policy in context.policies if isinstance(policy.issuer, TrustDomain)]
    return f"sub is the SPIFFE ID of a workload in {_quoted(domains, 'or')}", context.shown("sub")


def _kind(context: TokenContext, reason: str) -> Pair:
    name = reason.removeprefix("kind_")
    kind = TokenKind() if context.policy is None else context.policy.kind
    values = {path[-1]: allowed for path, allowed in kind.values.items()}
    refused = {path[-1]: others for path, others in kind.not_values.items()}
    if name in values:
        return f"{name} is {_quoted(sorted(values[name], key=str), 'or')}", context.shown(name)
    if name in refused:
        return f"{name} is none of {_quoted(sorted(refused[name], key=str), 'and')}", context.shown(name)
    return f"no {name}, which other kinds of token have", context.shown(name)


def _some_of(context: TokenContext, reason: str) -> Pair:
    names = sorted(context.policy.kind.some_of) if context.policy is not None else []
    return f"one of the claims {', '.join(names)}", cut(", ".join(context.claims or {})) or "no claims"


def _client(context: TokenContext, reason: str) -> Pair:
    names = sorted(context.policy.kind.client_claims) if context.policy is not None else []
    clients = sorted(context.policy.kind.clients or ()) if context.policy is not None else []
    wanted = f"a client in {' or '.join(names)}"
    return f"{wanted}: {_quoted(clients, 'or')}" if clients else wanted, ", ".join(
        context.shown(name) for name in names
    )


def _subject(context: TokenContext, reason: str) -> Pair:
    paths = () if context.policy is None else context.policy.claims.subject_paths
    if not paths:
        return _text_claim(context, reason)
    found = ", ".join(context.shown(name) for name in dict.fromkeys(path[0] for path in paths))
    return f"{' or '.join('.'.join(path) for path in paths)} is a string that is not empty, or a whole number", found


def _text_claim(context: TokenContext, reason: str) -> Pair:
    return f"{reason} is a string{' that is not empty' if reason == 'sub' else ''}", context.shown(reason)


def _actor(context: TokenContext, reason: str) -> Pair:
    return f"act names at most {MAX_ACTORS} actors, each by sub or client_id", context.shown("act")


def _date(context: TokenContext, reason: str) -> Pair:
    return f"{reason} is a number of seconds up to {MAX_NUMERIC_DATE}, the year 9999", context.shown(reason)


def _auth_time(context: TokenContext, reason: str) -> Pair:
    return "auth_time is a number of seconds, and not to come", context.shown(reason)


def _expired(context: TokenContext, reason: str) -> Pair:
    return f"exp is to come, or past by less than {_leeway(context)}; it is {_now(context)}", context.shown("exp")


def _too_old(context: TokenContext, reason: str) -> Pair:
    age = (
        span(context.policy.max_age_seconds)
        if context.policy is not None and context.policy.max_age_seconds is not None
        else "max_token_age"
    )
    return f"iat is at most {age} ago, give or take {_leeway(context)}; it is {_now(context)}", context.shown("iat")


def _retired(context: TokenContext, reason: str) -> Pair:
    return "the last day of this issuer is to come", f"it is {_now(context)}"


def _not_yet(context: TokenContext, reason: str) -> Pair:
    found = ", ".join(context.shown(name) for name in ("nbf", "iat") if name in (context.claims or {}))
    return f"nbf and iat are past, give or take {_leeway(context)}; it is {_now(context)}", found


def _leeway(context: TokenContext) -> str:
    policy: Policy | None = context.policy
    return f"{0 if policy is None else policy._leeway:g} s"


def _now(context: TokenContext) -> str:
    return moment(context.now, now=context.now).removesuffix(" (now)")


def _possession_failed(context: TokenContext, reason: str) -> Pair:
    cnf = context.claim("cnf")
    return _possession(context)[0], f"cnf with {cut(', '.join(cnf))}" if isinstance(cnf, dict) else context.shown("cnf")


def _opaque(context: TokenContext, reason: str) -> Pair:
    return "the issuer vouches for this opaque token (RFC 7662 §2.2)", "it says that the token is not active"


def _introspection(context: TokenContext, reason: str) -> Pair:
    return "the issuer answers about this opaque token (RFC 7662 §2.2)", "it does not, at the moment"


def _not_text(context: TokenContext, reason: str) -> Pair:
    return "the text of a token", "something else"


def _unforeseen(context: TokenContext, reason: str) -> Pair:
    return "no unexpected error", "an error; the log names its type"


_BY_REASON: dict[str, Callable[[TokenContext, str], Pair]] = {
    "not_text": _not_text,
    "form": _bad_form,
    "encrypted": _bad_form,
    "base64url": _bad_form,
    "json": _bad_json,
    "json_depth": _bad_json,
    "alg": _alg,
    "typ": _typ,
    "kid": _kid,
    "keys": _keys_out_of_reach,
    "missing_…": _missing,
    "iss": _issuer,
    "aud": _audience,
    "tenant": _tenant,
    "trust_domain": _trust_domain,
    "kind": _some_of,
    "kind_…": _kind,
    "kind_client": _client,
    "client": _client,
    "sub": _subject,
    "jti": _text_claim,
    "act": _actor,
    "exp": _date,
    "nbf": _date,
    "iat": _date,
    "auth_time": _auth_time,
    "expired": _expired,
    "too_old": _too_old,
    "retired": _retired,
    "not_yet_valid": _not_yet,
    "proof_of_possession": _possession_failed,
    "inactive": _opaque,
    "introspection": _introspection,
    "introspection_busy": _introspection,
    "unforeseen": _unforeseen,
}


def _quoted(names: Iterable[str | bool], word: str) -> str:
    """`"a", "b" or "c"`."""
    listed = [json.dumps(name, ensure_ascii=False) for name in names]
    if len(listed) > 1:
        return f"{', '.join(listed[:-1])} {word} {listed[-1]}"
    return "".join(listed)
