"""Finding the key that a token names, among several (RFC 7515 §6, RFC 7517 §5).

>>> from jwtguard.core.jwk import VerificationKey
>>> keys = JWKSet([VerificationKey.from_secret("not a secret, only an example!!!", algorithm="HS256", kid="2026")])
>>> keys.find("2026", "HS256"), keys.find("2026", "HS512"), keys.find("2025", "HS256")
(VerificationKey(algorithm='HS256', kid='2026'), None, None)

`KeySource` is the port that everything with keys in it fits, be they in memory or somewhere on the network.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.jwk import SigningKey, VerificationKey, allow_list, candidate_algorithms


@runtime_checkable
class KeySource(Protocol):
    """Where the keys of one issuer come from. A `JWKSet` is one itself; others fetch."""

    def current(self) -> JWKSet | None:
        """The keys at hand, without input or output; None if there are none that may still be trusted.

        A source that changes its keys returns another `JWKSet`: tokens verified with the old one are verified anew.
        """

    @abstractmethod
    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        """Look again, because `current()` is None or does not hold `kid`; raises `UnavailableError` if it cannot."""


class JWKSet:
    """A set of verification keys in which the key for a token is found by `kid` and `alg` (RFC 7517 §5).

    It may mix shared secrets and public keys, since each key names its algorithm. `for_tokens_without_kid` is the `kid`
    of the key that checks tokens which name none, such as those signed before there were names. Raises
    `ConfigurationError` if two different keys share a `kid`.
    """

    __slots__ = ("_all", "_by_kid", "_for_nameless_tokens", "_nameless", "keys")

    def __init__(self, keys: Iterable[VerificationKey], *, for_tokens_without_kid: str | None = None) -> None:
        self.keys = tuple(keys)
        # alg -> keys, three times over, so that finding one does not get slower with their number.
        self._by_kid: dict[str, dict[str, VerificationKey]] = {}
        self._nameless: dict[str, list[VerificationKey]] = {}
        self._all: dict[str, list[VerificationKey]] = {}
        for key in self.keys:
            if not isinstance(key, VerificationKey):
                raise ConfigurationError(f"a set of keys holds VerificationKey objects, not {type(key).__name__}")
            named = self._by_kid.setdefault(key.kid, {}) if key.kid is not None else None
            if named and not all(key.is_same_key(other) for other in named.values()):
                raise ConfigurationError(f"two different keys have the kid {key.kid!r}: give each a kid of its own")
            for name in key.names:
                self._all.setdefault(name, []).append(key)
                if named is None:
                    self._nameless.setdefault(name, []).append(key)
                else:
                    named[name] = key
        self._for_nameless_tokens: dict[str, VerificationKey] | None = None
        if for_tokens_without_kid is not None:
            if for_tokens_without_kid not in self._by_kid:
                raise ConfigurationError(f"for_tokens_without_kid names {for_tokens_without_kid!r}, and no key is it")
            self._for_nameless_tokens = self._by_kid[for_tokens_without_kid]

    def current(self) -> JWKSet:
        """Itself: as a key source, a set in memory is always at hand."""
        return self

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        """Itself again: there is nowhere else to look."""
        return Flow(self._unchanged())

    def _unchanged(self) -> Steps[JWKSet]:
        return self
        yield

    def find(self, kid: str | None, algorithm: str) -> VerificationKey | None:
        """The one key that may check a token with this header, or None (RFC 7515 §6, RFC 8725 §3.1)."""
        if kid is not None:
            named = self._by_kid.get(kid)
            if named is not None:  # It is this key or none: one with another name never stands in.
                return named.get(algorithm)
        elif self._for_nameless_tokens is not None:
            return self._for_nameless_tokens.get(algorithm)
        nameless = self._nameless.get(algorithm)
        if nameless is not None:
            if len(nameless) == 1:
                return nameless[0]
        elif kid is None:
            every = self._all.get(algorithm)
            if every is not None and len(every) == 1:
                return every[0]
        return None

    def __contains__(self, kid: object) -> bool:
        return kid in self._by_kid

    def __iter__(self) -> Iterator[VerificationKey]:
        return iter(self.keys)

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.keys)!r})"


class LocalJWKSet(JWKSet):
    """A JWK Set from a document at hand (RFC 7517 §5), already parsed from JSON.

    `algorithms` settles the algorithm of keys that carry no `alg`, where their type leaves a choice. Unlike a fetched
    set, nothing is skipped: one unusable key, a `kid` given twice, or secrets beside public keys is a
    `ConfigurationError`, with all problems listed.
    """

    __slots__ = ()

    def __init__(self, document: Mapping[str, Any], *, algorithms: Iterable[str] | None = None) -> None:
        entries = document.get("keys") if isinstance(document, Mapping) else None
        if not isinstance(entries, list | tuple) or not entries:
            raise ConfigurationError('a JWK Set is {"keys": [...]} with at least one key (RFC 7517 §5)')
        allowed = None if algorithms is None else allow_list(algorithms)
        keys: list[VerificationKey] = []
        problems: list[str] = []
        for index, entry in enumerate(entries):
            try:
                keys.append(VerificationKey.from_jwk(entry, algorithm=_settle(entry, allowed)))
            except ConfigurationError as error:
                problems.extend(f"key {index + 1} of the JWK Set: {problem}" for problem in error.problems)
        kids = [key.kid for key in keys if key.kid is not None]
        twice = sorted({kid for kid in kids if kids.count(kid) > 1})
        if twice:
            problems.append(f"the JWK Set names {', '.join(map(repr, twice))} twice: give each key a kid of its own")
        if len({key.is_symmetric for key in keys}) > 1:
            # RFC 8725 §2.1: whoever publishes such a set may publish the secret with it.
            problems.append("the JWK Set mixes shared secrets and public keys: load each kind apart")
        ConfigurationError.raise_all(problems)
        super().__init__(keys)


def _settle(jwk: object, allowed: tuple[str, ...] | None) -> str | None:
    """The algorithm for an entry of a local set: None leaves it to its own `alg`."""
    if not isinstance(jwk, Mapping) or allowed is None:
        return None
    if "alg" in jwk:
        if jwk["alg"] not in allowed:
            raise ConfigurationError(f"its alg is {jwk['alg']!r}, and algorithms= allows {', '.join(allowed)}")
        return None
    fitting = candidate_algorithms(jwk, allowed)
    if len(fitting) != 1:
        found = ", ".join(fitting) or "none"
        raise ConfigurationError(f"it has no alg, and of algorithms= exactly one must fit its type; found: {found}")
    return fitting[0]


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
        listed = tuple(keys)
        if listed and all(isinstance(key, VerificationKey) for key in listed):
            return JWKSet(listed)
    raise ConfigurationError(
        "keys is required and cannot be unchecked: pass VerificationKey.from_secret(...), .from_pem(...) or"
        f" .from_jwk(...), a list of them, or LocalJWKSet({{...}}); found {type(keys).__name__}"
    )
