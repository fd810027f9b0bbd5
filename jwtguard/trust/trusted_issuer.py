"""An issuer that is trusted, with everything that binds its tokens: audience, keys, algorithms, mapping, kind.

>>> from jwtguard import ClaimsMapping, Guard
>>> guard = Guard(
...     issuers=[
...         TrustedIssuer(issuer="https://one.example", audience="orders-api"),
...         TrustedIssuer(
...             issuer="https://two.example",
...             audience="https://orders.example",
...             algorithms=["ES256"],
...             claims=ClaimsMapping(roles=[("groups",)]),
...         ),
...     ]
... )

A token's `iss` chooses among them, before anything is fetched and before any signature is looked at; what one issuer
may say is nothing that another could. `jwtguard.providers` has them ready for well-known services.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.http.token_sources import TokenSource, check_sources
from jwtguard.core.tokens.algorithms import allow_list
from jwtguard.core.tokens.claims_policy import DEFAULT_LEEWAY, Policy
from jwtguard.core.tokens.jwk_set import KeySource
from jwtguard.core.tokens.key_sources import Keys, key_source
from jwtguard.core.tokens.principal import ClaimsMapping
from jwtguard.core.tokens.sentinels import NO_ISSUER, NoIssuerType, UncheckedType
from jwtguard.core.tokens.tenants import TenantPattern, has_placeholder
from jwtguard.core.tokens.token_kind import TokenKind
from jwtguard.core.tokens.trust_domains import SPIFFE, TrustDomain
from jwtguard.key_sources.openid_discovery import OpenIDProvider


class PolicyDefaults(NamedTuple):
    """What a guard says for all its issuers, where one does not say otherwise. Each as in `Guard`."""

    leeway: timedelta = DEFAULT_LEEWAY
    required_claims: Iterable[str] | None = None
    max_token_age: timedelta | None = None
    claims: ClaimsMapping = ClaimsMapping()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """One issuer whose tokens a guard takes, on its own terms.

    `issuer` is the exact `iss`; with `{tenantid}` in it, `tenants` lists the tenants that may stand there (or is
    `UNCHECKED`), and the token's `tid` must agree. `spiffe://` and a name is a trust domain of SPIFFE: `sub` must be
    one of its identities, and `iss` is not checked. `aliases` are further spellings of `iss` that mean the same issuer.
    `audience` is required, as in `Guard`. `keys` is what it is in `Guard`; left out, the issuer is asked for its
    metadata (`OpenIDProvider`). `algorithms` are the `alg` values accepted. `kind` tells access tokens from others.
    `past_claims` are dates that may not lie in the future. `claims`, `required_claims`, `leeway` and `max_token_age`
    are the guard's where they are None. `tokens_from` is where these tokens travel: the guard looks in the places of
    all its issuers unless it has its own. From `until` on, a datetime with its zone, none of these tokens is taken any
    more: for an issuer that is given up (see `jwtguard.migration`). Raises `ConfigurationError` with all problems.
    """

    issuer: str | NoIssuerType
    audience: str | Iterable[str] | UncheckedType
    keys: Keys | None = field(default=None, repr=False)
    algorithms: Iterable[str] | None = None
    claims: ClaimsMapping | None = None
    kind: TokenKind = field(default_factory=TokenKind)
    tenants: Iterable[str] | UncheckedType | None = None
    aliases: Iterable[str] = ()
    required_claims: Iterable[str] | None = None
    past_claims: Iterable[str] = ()
    leeway: timedelta | None = None
    max_token_age: timedelta | None = None
    tokens_from: Iterable[TokenSource] | None = None
    until: datetime | None = None
    _source: KeySource = field(init=False, repr=False, compare=False, default=None)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        store = object.__setattr__
        for name in ("audience", "algorithms", "tenants", "aliases", "required_claims", "past_claims", "tokens_from"):
            given = getattr(self, name)
            if isinstance(given, Iterable) and not isinstance(given, str):
                store(self, name, tuple(given))  # It is read more than once.
        try:
            if self.issuer is not NO_ISSUER and (not isinstance(self.issuer, str) or not self.issuer):
                raise ConfigurationError("each issuer needs its name, which tells whose token it is")
            if self.algorithms is not None:
                allow_list(self.algorithms)
            store(self, "_source", self._key_source())
            if self.tokens_from is not None:
                check_sources(self.tokens_from)
            _check_until(self.until)
            self.policies(PolicyDefaults())
        except ConfigurationError as error:
            raise ConfigurationError(*(f"issuer {self.issuer!r}: {problem}" for problem in error.problems)) from None

    def _key_source(self) -> KeySource:
        if self.keys is not None:
            return key_source(self.keys)
        if self.issuer is NO_ISSUER or has_placeholder(self.issuer) or self._is_trust_domain:
            raise ConfigurationError("keys is required where the issuer is no address to ask: pass RemoteJWKSet(...)")
        try:
            return OpenIDProvider(self.issuer, algorithms=self.algorithms)
        except ConfigurationError as error:
            problem = error.detail
            if "allow_http" in problem:
                problem += ", which keys=OpenIDProvider(issuer, ...) takes"
        raise ConfigurationError(problem)

    @property
    def _is_trust_domain(self) -> bool:
        return isinstance(self.issuer, str) and self.issuer.lower().startswith(SPIFFE)

    @property
    def key_source(self) -> KeySource:
        """Where its keys come from, for `prefetch()` and health checks."""
        return self._source

    def policies(self, defaults: PolicyDefaults) -> list[Policy]:
        """Its policies, one for each spelling of the issuer."""
        issuer: str | TenantPattern | TrustDomain | NoIssuerType = self.issuer
        if isinstance(issuer, str) and has_placeholder(issuer):
            issuer = TenantPattern(issuer, tenants=self.tenants)  # type: ignore[arg-type]
        elif isinstance(issuer, str) and self._is_trust_domain:
            issuer = TrustDomain(issuer)
        if self.tenants is not None and not isinstance(issuer, TenantPattern):
            raise ConfigurationError('tenants needs an issuer with {tenantid}, as in "https://…/{tenantid}/v2.0"')
        return [
            Policy(
                issuer=spelling,
                audience=self.audience,
                keys=self._source,
                leeway=defaults.leeway if self.leeway is None else self.leeway,
                required_claims=defaults.required_claims if self.required_claims is None else self.required_claims,
                max_token_age=defaults.max_token_age if self.max_token_age is None else self.max_token_age,
                claims=defaults.claims if self.claims is None else self.claims,
                algorithms=self.algorithms,
                kind=self.kind,
                past_claims=tuple(self.past_claims),
                until=None if self.until is None else self.until.timestamp(),
            )
            for spelling in (issuer, *self.aliases)
        ]


def _check_until(until: object) -> None:
    if until is not None and (not isinstance(until, datetime) or until.tzinfo is None):
        raise ConfigurationError(
            "until is the moment from which on these tokens are refused, with its zone: write"
            f" until=datetime(2027, 1, 1, tzinfo=timezone.utc), found {until!r}"
        )
