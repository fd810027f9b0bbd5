"""The checks of the claims of one issuer (RFC 7519 §4.1): steps 7 and 8 of verifying.

>>> from jwtguard.core.tokens.jwk_set import JWKSet
>>> policy = Policy(issuer="https://issuer.example", audience="https://api.example", keys=JWKSet([]))
>>> claims = {"iss": "https://issuer.example", "aud": "https://api.example", "sub": "user-1", "exp": 1000}
>>> policy.check(claims, now=900)  # Until exp, plus ten seconds of leeway.
(-inf, 1010.0)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

from jwtguard.core.errors import InvalidTokenError
from jwtguard.core.tokens.actor import Actor
from jwtguard.core.tokens.algorithms import allow_list, header_names
from jwtguard.core.tokens.encoding import JOSEHeader
from jwtguard.core.tokens.jwk_set import KeySource
from jwtguard.core.tokens.jws import TOKEN_TYPES
from jwtguard.core.tokens.key_sources import sources_of
from jwtguard.core.tokens.principal import ClaimsMapping
from jwtguard.core.tokens.sentinels import NO_ISSUER, UNCHECKED, NoIssuerType, UncheckedType
from jwtguard.core.tokens.tenants import TenantPattern
from jwtguard.core.tokens.token_kind import TokenKind
from jwtguard.core.tokens.trust_domains import TrustDomain
from jwtguard.core.validation import Problems

MAX_NUMERIC_DATE = 253402300799
"""The last second of the year 9999. A larger value is not a date in seconds (RFC 7519 §2)."""
MAX_LEEWAY = 300.0
DEFAULT_LEEWAY = timedelta(seconds=10)


Validity: TypeAlias = tuple[float, float]
"""The period in which a token is valid, in seconds since the epoch: from the first until just before the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The requirements for tokens of one issuer.

    `issuer` and `audience` (one or several) are compared exactly, or are `UNCHECKED`; an issuer of many tenants is a
    `TenantPattern`, `NO_ISSUER` means tokens without `iss`, and a `TrustDomain` is compared with `sub`. `keys` is a
    `KeySource`. `leeway` (at most 300 s) allows for clocks that differ. `required_claims` defaults to `exp`, `iss`,
    `aud` and `sub`, less what is unchecked. `max_token_age` counts from `iat`. `algorithms` are the `alg` values
    accepted, by default those of the keys. `kind` tells access tokens from others. `past_claims` are dates that may not
    lie in the future. From `until` on, in seconds since the epoch, nothing is taken any more. Raises
    `ConfigurationError` with all problems.
    """

    issuer: str | TenantPattern | TrustDomain | UncheckedType | NoIssuerType
    audience: str | Iterable[str] | UncheckedType
    keys: KeySource = field(repr=False)
    leeway: timedelta = DEFAULT_LEEWAY
    required_claims: Iterable[str] | None = None
    max_token_age: timedelta | None = None
    claims: ClaimsMapping = field(default_factory=ClaimsMapping)
    algorithms: Iterable[str] | None = None
    kind: TokenKind = field(default_factory=TokenKind)
    past_claims: tuple[str, ...] = ()
    until: float | None = None
    accepted_algorithms: frozenset[str] | None = field(init=False, repr=False, default=None)
    """The values of `alg` that a header may have; None if the keys alone decide."""
    accepted_audiences: frozenset[str] | None = field(init=False, repr=False, default=None)
    """`audience` as a set of names; None where it is unchecked."""
    required_names: tuple[str, ...] = field(init=False, repr=False, default=())
    """The claims that must be there: `required_claims`, or their default."""
    _leeway: float = field(init=False, repr=False, default=0.0)
    max_age_seconds: float | None = field(init=False, repr=False, default=None)
    """`max_token_age` in seconds."""

    def __post_init__(self) -> None:
        problems = Problems()
        store = object.__setattr__
        is_named = isinstance(self.issuer, TenantPattern | TrustDomain) or (
            isinstance(self.issuer, str) and self.issuer
        )
        if self.issuer not in (UNCHECKED, NO_ISSUER) and not is_named:
            problems.append(
                'issuer is required: pass issuer="https://issuer.example", the exact `iss` of the tokens,'
                " or issuer=UNCHECKED if any issuer will do"
            )
        if self.audience is not UNCHECKED:
            store(self, "accepted_audiences", _audiences(self.audience, problems))
        if not isinstance(self.keys, KeySource):
            problems.append("keys is required and cannot be unchecked: pass JWKSet([...]) or another KeySource")
        store(self, "_leeway", problems.seconds("leeway", self.leeway, at_most=MAX_LEEWAY))
        if self.max_token_age is not None:
            store(self, "max_age_seconds", problems.seconds("max_token_age", self.max_token_age))
        store(self, "required_names", self._required_names(problems))
        if not isinstance(self.claims, ClaimsMapping):
            problems.append(f"claims is a ClaimsMapping(...), not {type(self.claims).__name__}")
        if not isinstance(self.kind, TokenKind):
            problems.append(f"kind is a TokenKind(...), not {type(self.kind).__name__}")
        # A fetched source states its algorithms, so that a token with another `alg` causes no request.
        algorithms = getattr(self.keys, "algorithms", None) if self.algorithms is None else self.algorithms
        if algorithms is not None:
            store(self, "accepted_algorithms", problems.of(lambda: header_names(allow_list(algorithms))))
        problems.raise_all()

    def _required_names(self, problems: Problems) -> tuple[str, ...]:
        if self.required_claims is None:
            is_nameless = self.issuer in (UNCHECKED, NO_ISSUER) or isinstance(self.issuer, TrustDomain)
            unchecked = {"iss"} if is_nameless else set()
            unchecked |= {"aud"} if self.audience is UNCHECKED else set()
            # A mapping with a subject of its own requires that claim, not `sub`.
            unchecked |= {"sub"} if getattr(self.claims, "subject", None) is not None else set()
            return tuple(name for name in ("exp", "iss", "aud", "sub") if name not in unchecked)
        if isinstance(self.required_claims, Iterable) and not isinstance(self.required_claims, str):
            names = tuple(self.required_claims)
            if all(isinstance(name, str) for name in names):
                return names
        problems.append('required_claims is a list of names: write required_claims=["exp", "sub"]')
        return ()

    @property
    def key_sources(self) -> tuple[KeySource, ...]:
        """The sources of the keys, in the order in which they are searched."""
        return sources_of(self.keys)

    def check_header(self, header: JOSEHeader, usual: frozenset[str] = TOKEN_TYPES) -> None:
        """Check the header before any key is searched (RFC 8725 §3.1, §3.11); raises `InvalidTokenError`.

        `usual` are the values of `typ` where the policy's `kind` names none.
        """
        if self.accepted_algorithms is not None and header.algorithm not in self.accepted_algorithms:
            raise InvalidTokenError("alg")
        self.kind.check_type(header.type, usual)

    def check(self, claims: Mapping[str, Any], now: float) -> Validity:
        """Check verified `claims` at `now`, in seconds since the epoch; raises `InvalidTokenError`.

        The first wrong claim in this order is the reason: missing ones, `iss`, `aud`, `sub`, `jti`, kind, dates, `act`,
        `cnf`.
        """
        # Step 7: the claims.
        for name in self.required_names:
            if name not in claims:
                raise InvalidTokenError(f"missing_{name}")
        self._check_issuer(claims)
        self._check_audience(claims)
        # RFC 7519 §4.1.2 and §4.1.7.
        if not self.claims.names_subject(claims, is_required="sub" in self.required_names):
            raise InvalidTokenError("sub")
        if not isinstance(claims.get("jti", ""), str):
            raise InvalidTokenError("jti")
        # RFC 8725 §3.12: the same issuer may sign other kinds of tokens with the same keys.
        self.kind.check(claims)
        validity = not_before, not_after = self.validity(claims)
        # Written with `not`, so that a clock that returns NaN denies.
        if not now < not_after:
            if "exp" in claims and not now < claims["exp"] + self._leeway:
                raise InvalidTokenError("expired")
            raise InvalidTokenError("too_old" if self.until is None or now < self.until else "retired")
        if not now >= not_before:
            raise InvalidTokenError("not_yet_valid")
        self._check_past(claims, now)
        # RFC 8693 §4.1: a caller whose delegation cannot be read is none that a requirement could judge.
        if "act" in claims:
            Actor.of(claims["act"])
        # Step 8: a token that is bound to a key needs a proof of that key (RFC 7800 §3.1), for any value of `cnf`.
        if "cnf" in claims:
            raise InvalidTokenError("proof_of_possession")
        return validity

    def _check_issuer(self, claims: Mapping[str, Any]) -> None:
        # RFC 7519 §4.1.1: the issuer, compared character by character.
        if isinstance(self.issuer, TenantPattern | TrustDomain):
            self.issuer.check(claims)
        elif self.issuer is NO_ISSUER:
            if "iss" in claims:
                raise InvalidTokenError("iss")
        elif "iss" in claims or self.issuer is not UNCHECKED:
            issuer = claims.get("iss")
            if not isinstance(issuer, str) or (issuer != self.issuer and self.issuer is not UNCHECKED):
                raise InvalidTokenError("iss")

    def _check_audience(self, claims: Mapping[str, Any]) -> None:
        # RFC 7519 §4.1.3: a string or a list of strings, with one of `audience`.
        ours = self.accepted_audiences
        if ours is None and "aud" not in claims:
            return
        audience = claims.get("aud")
        if isinstance(audience, str):
            meant = ours is None or audience in ours
        elif isinstance(audience, list) and all(isinstance(member, str) for member in audience):
            meant = ours is None or not ours.isdisjoint(audience)
        else:
            meant = False
        if not meant:
            raise InvalidTokenError("aud")

    def _check_past(self, claims: Mapping[str, Any], now: float) -> None:
        for name in self.past_claims:
            if name in claims and not (_is_date(claims[name]) and claims[name] <= now + self._leeway):
                raise InvalidTokenError(name)

    def expires_at(self, claims: Mapping[str, Any]) -> float | None:
        """When verified `claims` end, in seconds since the epoch, with leeway; None if they never end."""
        _, not_after = self.validity(claims)
        return None if not_after == _NEVER else not_after

    def validity(self, claims: Mapping[str, Any]) -> Validity:
        """When verified `claims` are valid, with leeway; raises `InvalidTokenError` for a malformed date.

        RFC 7519 §4.1.4 to §4.1.6.
        """
        for name in ("exp", "nbf", "iat"):
            if name in claims and not _is_date(claims[name]):
                raise InvalidTokenError(name)
        leeway = self._leeway
        not_after: float = claims.get("exp", _NEVER) + leeway
        not_before: float = max(claims.get("nbf", -_NEVER), claims.get("iat", -_NEVER)) - leeway
        if self.max_age_seconds is not None:
            if "iat" not in claims:
                raise InvalidTokenError("missing_iat")
            not_after = min(not_after, claims["iat"] + self.max_age_seconds + leeway)
        if self.until is not None:
            not_after = min(not_after, self.until)
        return not_before, not_after


_NEVER = float("inf")


def _is_date(value: object) -> bool:
    # `type`, not isinstance: True is an int. The parser accepts only finite floats.
    return (type(value) is int or type(value) is float) and value <= MAX_NUMERIC_DATE


def _audiences(audience: object, problems: Problems) -> frozenset[str]:
    names = (audience,) if isinstance(audience, str) else audience
    if isinstance(names, Iterable) and not isinstance(names, bytes | Mapping):
        found = tuple(names)
        if found and all(isinstance(name, str) and name for name in found):
            return frozenset(found)
    problems.append(
        'audience is required: pass audience="https://api.example", the `aud` that means this API, or a list,'
        " or audience=UNCHECKED if tokens for any API will do"
    )
    return frozenset()
