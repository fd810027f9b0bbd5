"""What an issuer would say, as far as a guard's policy tells: its name, its audience, its kind of token, the rights.

>>> from jwtguard import Guard
>>> from jwtguard.providers import keycloak
>>> guard = Guard(issuers=[keycloak("https://kc.example/realms/acme", audience="orders-api")])
>>> claims = claims_of(guard.trust.policies[0], "alice", 0, {"roles": ["admin"]})
>>> claims["typ"], claims["realm_access"]
('Bearer', {'roles': ['admin']})
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypedDict

from jwtguard.core.errors import ConfigurationError, InvalidTokenError
from jwtguard.core.tokens.algorithms import ALGORITHMS
from jwtguard.core.tokens.claims_policy import Policy
from jwtguard.core.tokens.principal import ClaimPath
from jwtguard.core.tokens.sentinels import NO_ISSUER, UNCHECKED, NoIssuerType
from jwtguard.core.tokens.tenants import TenantPattern
from jwtguard.core.tokens.trust_domains import TrustDomain

LIFETIME = timedelta(minutes=5)
# Quick to make first; RSA takes a tenth of a second, and is for guards that take nothing else.
_PREFERRED = ("ES256", "HS256", *sorted(ALGORITHMS))


class TokenSettings(TypedDict, total=False):
    """What a token for tests may say besides its subject.

    `roles`, `scope`, `permissions`: what the caller may do. `session_id`: the `sid`; a token that names one is asked
    about like any other where the guard has revocation, and one that names none is taken. `auth_time`: when the user
    logged in, in seconds since the epoch. `expires_in`: from now on, five minutes by default; a negative one makes a
    token that has expired. `claims`: further claims, or others in the place of those above, None for none at all.
    `issuer`: which of the guard's issuers, by its name, or `NO_ISSUER`; the first by default.
    """

    roles: Iterable[str]
    scope: Iterable[str]
    permissions: Iterable[str]
    session_id: str | None
    auth_time: float | None
    expires_in: timedelta
    claims: Mapping[str, Any] | None
    issuer: str | NoIssuerType | None


def policy_of(policies: Sequence[Policy], issuer: str | NoIssuerType | None) -> Policy:
    """The policy for the tokens of `issuer`, by default the first; raises `ConfigurationError` if there is none."""
    if issuer is None:
        return policies[0]
    for policy in policies:
        if issuer in {policy.issuer, _issuer_name(policy)}:
            return policy
    known = ", ".join(repr(_issuer_name(policy)) for policy in policies)
    raise ConfigurationError(f"the guard trusts no issuer {issuer!r}: write one of {known}")


def algorithm_of(policy: Policy) -> str:
    """One that its tokens may be signed with."""
    allowed = policy.accepted_algorithms
    return next(name for name in _PREFERRED if allowed is None or name in allowed)


def type_of(policy: Policy) -> str:
    """The header's `typ` of its access tokens: that of RFC 9068 §2.1, unless they say otherwise."""
    types = set(policy.kind.types or ()) - {""}
    return "at+jwt" if not types or "at+jwt" in types else min(types).upper()


def _tenant(policy: Policy) -> str:
    issuer = policy.issuer
    known = issuer.tenants if isinstance(issuer, TenantPattern) else ()
    return min(known) if isinstance(known, frozenset) else "tenant"


def _issuer_name(policy: Policy) -> str:
    issuer = policy.issuer
    if isinstance(issuer, TenantPattern):
        return re.sub(r"\{[a-z_]+\}", _tenant(policy), issuer.template)
    if isinstance(issuer, TrustDomain):
        return issuer.name
    return issuer if isinstance(issuer, str) else "https://issuer.example"


def claims_of(policy: Policy, subject: str, now: int, settings: TokenSettings) -> dict[str, Any]:
    """What the policy's issuer would say in a token that is issued `now`; what it leaves out is None."""
    claims: dict[str, Any] = {
        "iss": None if policy.issuer is NO_ISSUER or isinstance(policy.issuer, TrustDomain) else _issuer_name(policy),
        "exp": now + int(settings.get("expires_in", LIFETIME).total_seconds()),
        # An expired token was issued before it expired.
        "iat": now + min(0, int(settings.get("expires_in", LIFETIME).total_seconds())),
        "jti": secrets.token_urlsafe(16),
        "sid": settings.get("session_id") or ("a-session" if "sid" in policy.required_names else None),
        "auth_time": settings.get("auth_time") or (now if "auth_time" in policy.required_names else None),
    }
    if isinstance(policy.issuer, TenantPattern):
        claims[policy.issuer.claim] = _tenant(policy)
    if isinstance(policy.issuer, TrustDomain) and not policy.issuer.holds(subject):
        subject = f"{policy.issuer}/{subject}"
    if policy.audience is not UNCHECKED:
        claims["aud"] = min(policy.accepted_audiences or ())
    _be_of_kind(claims, policy)
    mapping = policy.claims
    _put(claims, mapping.subject_paths[0] if mapping.subject_paths else ("sub",), subject)
    for name, paths in (("roles", mapping.roles), ("scope", mapping.scopes), ("permissions", mapping.permissions)):
        given = settings.get(name, ())
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise ConfigurationError(f'{name} is a list: write {name}=["{given}"]')
        values = sorted(given) if isinstance(given, set | frozenset) else list(given)
        if values:
            place = _first(paths, name)
            _put(claims, place.path, _written(values, place, is_scope=name == "scope"))
    return claims


def _be_of_kind(claims: dict[str, Any], policy: Policy) -> None:
    kind = policy.kind
    for path, values in kind.values.items():
        _put(claims, path, min(values))
    if kind.client_claims:
        claims[min(kind.client_claims)] = min(kind.clients or {"tests"})
    if kind.some_of and claims.keys().isdisjoint(kind.some_of):
        claims["client_id" if "client_id" in kind.some_of else min(kind.some_of)] = "tests"


def _first(paths: Iterable[Any], name: str) -> ClaimPath:
    found = next((path for path in paths if isinstance(path, ClaimPath)), None)
    if found is None:
        raise ConfigurationError(
            f"the guard's ClaimsMapping says nowhere in a token to look for {name}: leave them out"
        )
    return found


def _written(values: list[str], place: ClaimPath, *, is_scope: bool) -> object:
    """The names in the form that is read at this place."""
    if place.keys:
        return {name: {} for name in values}
    if place.member is not None:
        return [{place.member: name} for name in values]
    return " ".join(values) if is_scope else values


def _put(claims: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    *parents, last = path
    for name in parents:
        claims = claims.setdefault(name, {})
    claims[last] = value


def check(policy: Policy, claims: Mapping[str, Any], now: int) -> None:
    """Raise `ConfigurationError` if the policy refuses `claims`, and say what to add."""
    try:
        policy.check({name: value for name, value in claims.items() if value is not None}, now)
    except InvalidTokenError as error:
        reason = error.reason
    else:
        return
    raise ConfigurationError(
        f"the guard would refuse this token ({reason}; see docs/verification.md): pass the claim that its issuer sets,"
        ' as in claims={"org": "acme"}'
    )
