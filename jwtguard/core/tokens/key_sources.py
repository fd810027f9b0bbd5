"""What a guard's `keys` may be: a key, a source of keys, or a list that mixes both (RFC 7515 §6).

>>> legacy = SigningKey.generate("HS256").verification_key
>>> current = JWKSet([SigningKey.generate("ES256", kid="2026-11").verification_key])
>>> [len(source) for source in key_source([legacy, current]).sources]
[1, 1]

A list serves an issuer that changes from one kind of key to another: a remote set, say, beside the shared secret that
it signed with so far.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from jwtguard.core.errors import ConfigurationError, UnavailableError
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.tokens.algorithms import header_names
from jwtguard.core.tokens.jwk_set import FetchedJWKSet, JWKSet, KeySource
from jwtguard.core.tokens.keys import SigningKey, VerificationKey

Keys: TypeAlias = VerificationKey | KeySource | Iterable[VerificationKey | KeySource]
"""What `keys=` takes."""


class KeySources:
    """Several sources of keys for the tokens of one issuer: those with all their keys at hand are looked at first."""

    __slots__ = ("algorithms", "sources")

    sources: tuple[KeySource, ...]
    algorithms: tuple[str, ...] | None
    """The `alg` values of all of them together; None if one of them does not say."""

    def __init__(self, sources: Iterable[KeySource]) -> None:
        # In the order of the list otherwise: sorting is stable.
        self.sources = tuple(sorted(sources, key=lambda source: not isinstance(source, JWKSet)))
        stated = [_stated_algorithms(source) for source in self.sources]
        self.algorithms = None if None in stated else tuple(sorted({name for names in stated for name in names or ()}))

    def current(self) -> JWKSet | None:
        """All keys at hand; None if no source has any."""
        at_hand = [keys for source in self.sources if (keys := source.current()) is not None]
        return FetchedJWKSet(key for keys in at_hand for key in keys) if at_hand else None

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        """Have every source look again; raises `UnavailableError` if none of them has any keys then."""
        return Flow(self._refreshed(kid))

    def _refreshed(self, kid: str | None) -> Steps[JWKSet]:
        outage = UnavailableError("keys")
        for source in self.sources:
            try:
                yield from source.refreshed(kid)
            except UnavailableError as error:
                outage = error
        keys = self.current()
        if keys is None:
            raise outage
        return keys

    def __repr__(self) -> str:
        return f"KeySources({list(self.sources)!r})"


def sources_of(keys: KeySource) -> tuple[KeySource, ...]:
    """The sources that `keys` consists of, in the order in which they are asked."""
    return keys.sources if isinstance(keys, KeySources) else (keys,)


def may_hold(source: KeySource, algorithm: str) -> bool:
    """Whether `source` may have keys for tokens with this `alg`: any, if it does not say for which."""
    stated = getattr(source, "algorithms", None)
    return stated is None or algorithm in header_names(stated)


def _stated_algorithms(source: KeySource) -> Iterable[str] | None:
    if isinstance(source, JWKSet):
        return {key.algorithm for key in source}
    stated: Iterable[str] | None = getattr(source, "algorithms", None)
    return stated


def key_source(keys: object) -> KeySource:
    """What a guard's `keys` may be, as a `KeySource`; raises `ConfigurationError` with what to write instead."""
    if isinstance(keys, VerificationKey):
        return JWKSet([keys])
    if isinstance(keys, JWKSet):
        if len(keys):
            return keys
    elif isinstance(keys, KeySource) and not isinstance(keys, type):
        return keys
    elif isinstance(keys, SigningKey):
        raise ConfigurationError("keys got a SigningKey, and checking needs its other half: write key.verification_key")
    elif isinstance(keys, Iterable) and not isinstance(keys, str | bytes | Mapping):
        return _listed(keys)
    raise _unsuitable(keys)


def _listed(keys: Iterable[object]) -> KeySource:
    listed = tuple(keys)
    single = [key for key in listed if isinstance(key, VerificationKey)]
    others = [key_source(key) for key in listed if isinstance(key, SigningKey | KeySource)]
    if not listed or len(single) + len(others) < len(listed):
        raise _unsuitable(keys)
    sources = [JWKSet(single), *others] if single else others
    return sources[0] if len(sources) == 1 else KeySources(sources)


def _unsuitable(keys: object) -> ConfigurationError:
    return ConfigurationError(
        "keys is required and cannot be unchecked: pass VerificationKey.from_secret(...), .from_pem(...) or"
        " .from_jwk(...), LocalJWKSet({...}), RemoteJWKSet(url), or a list of these; found"
        f" {type(keys).__name__}"
    )
