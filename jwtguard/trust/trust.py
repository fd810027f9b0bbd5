"""The issuers that a guard trusts, one or several, and the introspection of opaque tokens.

>>> from jwtguard import SigningKey
>>> found = Trust.of(
...     issuer="https://issuer.example",
...     audience="https://api.example",
...     keys=SigningKey.generate("HS256").verification_key,
...     issuers=None,
...     introspection=None,
...     defaults=PolicyDefaults(),
... )
>>> [policy.issuer for policy in found.policies]
['https://issuer.example']
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.http.token_sources import AuthorizationHeader, TokenSource
from jwtguard.core.tokens.claims_policy import Policy
from jwtguard.core.tokens.jwk_set import JWKSet, KeySource
from jwtguard.core.tokens.key_sources import Keys, key_source
from jwtguard.core.tokens.sentinels import UNCHECKED, UncheckedType
from jwtguard.core.tokens.tenants import TenantPattern
from jwtguard.core.validation import Problems
from jwtguard.trust.introspection import Introspection
from jwtguard.trust.trusted_issuer import PolicyDefaults, TrustedIssuer


class Trust(NamedTuple):
    """What is accepted from whom. `opaque_policy` is what introspected tokens must meet; None: that of their issuer."""

    policies: tuple[Policy, ...]
    issuers: tuple[TrustedIssuer, ...]
    introspection: Introspection | None
    opaque_policy: Policy | None

    @classmethod
    def of(
        cls,
        *,
        issuer: str | UncheckedType | None,
        audience: str | Iterable[str] | UncheckedType | None,
        keys: Keys | None,
        issuers: Iterable[TrustedIssuer] | None,
        introspection: Introspection | None,
        defaults: PolicyDefaults,
    ) -> Self:
        """Read a guard's arguments; raises `ConfigurationError` with all problems."""
        problems = Problems()
        if introspection is not None and not isinstance(introspection, Introspection):
            found = type(introspection).__name__
            problems.append(f"introspection is Introspection(endpoint, client_id=..., ...): found {found}")
            introspection = None
        trusted: tuple[TrustedIssuer, ...] = ()
        policies: list[Policy] = []
        single: dict[str, Any] = {"issuer": issuer, "audience": audience}
        if issuers is not None:
            given = [name for name, value in {**single, "keys": keys}.items() if value is not None]
            if given:
                problems.append(
                    f"pass either issuers=[...] or issuer=, audience= and keys=, not {', '.join(given)} too"
                )
            trusted = problems.of(lambda: _trusted(issuers)) or ()
            for each in trusted:
                policies += problems.of(lambda each=each: each.policies(defaults)) or []  # type: ignore[misc]
            single = {}
        else:
            # Where only opaque tokens come, no JWT has a key.
            needs_keys = keys is not None or introspection is None
            source = problems.of(lambda: key_source(keys)) if needs_keys else None
            source = JWKSet([]) if source is None else source
            policy = problems.of(lambda: Policy(**single, keys=source, **_arguments(defaults)))
            policies = [] if policy is None else [policy]
        opaque = None
        if introspection is not None and not problems:
            base = {"audience": None, **single, "keys": JWKSet([]), **_arguments(defaults)}
            opaque = problems.of(lambda: introspection.policy(base))
        problems.raise_all()
        return cls(policies=tuple(policies), issuers=trusted, introspection=introspection, opaque_policy=opaque)

    @property
    def tokens_from(self) -> list[TokenSource]:
        """Where the tokens of these issuers travel, all places together."""
        places = [place for issuer in self.issuers for place in issuer.tokens_from or [AuthorizationHeader()]]
        return list(dict.fromkeys(places)) or [AuthorizationHeader()]

    def names(self, issuer: str) -> bool:
        """Whether tokens of `issuer` are taken at all."""
        policies = [*self.policies, *([] if self.opaque_policy is None else [self.opaque_policy])]
        return any(
            policy.issuer.matches(issuer)
            if isinstance(policy.issuer, TenantPattern)
            else policy.issuer in (issuer, UNCHECKED)
            for policy in policies
        )

    @property
    def issuer_urls(self) -> list[str]:
        """The issuers whose names are URLs, each once: what RFC 8414 §2 calls an issuer identifier."""
        names = [policy.issuer for policy in self.policies if isinstance(policy.issuer, str)]
        return list(dict.fromkeys(name for name in names if name.startswith(("https://", "http://"))))

    @property
    def key_sources(self) -> list[KeySource]:
        """Where keys come from, each once."""
        return list({id(source): source for policy in self.policies for source in policy.key_sources}.values())


def _arguments(defaults: PolicyDefaults) -> dict[str, Any]:
    return {
        "leeway": defaults.leeway,
        "required_claims": defaults.required_claims,
        "max_token_age": defaults.max_token_age,
        "claims": defaults.claims,
    }


def _trusted(issuers: Iterable[TrustedIssuer]) -> tuple[TrustedIssuer, ...]:
    if isinstance(issuers, Iterable) and not isinstance(issuers, str | bytes | Mapping):
        trusted = tuple(issuers)
        if trusted and all(isinstance(each, TrustedIssuer) for each in trusted):
            return trusted
    raise ConfigurationError(
        "issuers is a list, not empty, of TrustedIssuer(issuer=..., audience=...) or of what jwtguard.providers makes:"
        ' write issuers=[keycloak("https://kc.example/realms/acme", audience="orders-api")]'
    )
