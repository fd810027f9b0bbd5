"""Finding the key that a token names, among several (RFC 7515 §6, RFC 7517 §5).

>>> from jwtguard.core.tokens.keys import VerificationKey
>>> keys = JWKSet([VerificationKey.from_secret("not a secret, only an example!!!", algorithm="HS256", kid="2026")])
>>> keys.candidates("2026", "HS256"), keys.candidates("2026", "HS512"), keys.candidates("2025", "HS256")
((VerificationKey(algorithm='HS256', kid='2026'),), (), ())

`KeySource` is the port that everything with keys in it fits, be they in memory or somewhere on the network. A token's
key is looked for in one or several of them (`key_sources.py`).
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol, runtime_checkable

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.events import log_fields, quoted
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.tokens.algorithms import allow_list, candidate_algorithms
from jwtguard.core.tokens.keys import VerificationKey
from jwtguard.core.validation import Problems

logger = logging.getLogger("jwtguard")


@runtime_checkable
class KeySource(Protocol):
    """Where the keys of one issuer come from. A `JWKSet` is one itself; others fetch.

    A source may have an attribute `algorithms`, the `alg` values of its keys: it is then not asked about other tokens.
    It may have `skipped`, the `SkippedKey`s that it has and does not use.
    """

    def current(self) -> JWKSet | None:
        """The keys at hand, without input or output; None if there are none that may still be trusted.

        A source that changes its keys returns another `JWKSet`: tokens verified with the old one are verified anew.
        """

    @abstractmethod
    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        """Look again, because `current()` is None or does not hold `kid`; raises `UnavailableError` if it cannot."""


@runtime_checkable
class ReplaceableKeySource(KeySource, Protocol):
    """A source whose keys may be replaced by others of the same name, or without any names, as fetched ones may."""

    @abstractmethod
    def replaced(self, keys: JWKSet) -> Flow[JWKSet | None]:
        """Look whether others have taken the place of `keys`, by which a signature did not hold.

        Gives None where there are none, or where it is too early to look again.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedKey:
    """A key in a document that could have signed tokens, and that is not used, with the `reason`.

    `kid` is the key's name as it may be shown, in quotation marks, None without one. `is_excluded`: its algorithm is
    not among those that `algorithms` names.
    """

    kid: str | None
    reason: str
    is_excluded: bool = False

    def __str__(self) -> str:
        return f"{'no kid' if self.kid is None else f'kid {self.kid}'}: {self.reason}"


class JWKSet:
    """A set of verification keys in which the key for a token is found by `kid` and `alg` (RFC 7517 §5).

    It may mix shared secrets and public keys, since each key names its algorithm, and hold several keys under one
    `kid`, as long as their algorithms tell them apart. `for_tokens_without_kid` is the `kid` of the key that checks
    tokens which name none, such as those signed before there were names. Raises `ConfigurationError` if two different
    keys for one algorithm share a `kid`, or have none.
    """

    __slots__ = ("_by_kid", "_every", "_for_tokens_without_kid", "_without_kid", "keys")

    max_candidates: ClassVar[int] = 1
    """How many keys may be tried for one token; where more fit, none is."""

    def __init__(self, keys: Iterable[VerificationKey], *, for_tokens_without_kid: str | None = None) -> None:
        self.keys = tuple(keys)
        # By kid, and by the `alg` of a token; a key that is there twice counts once.
        self._by_kid: dict[str, dict[str, list[VerificationKey]]] = {}
        self._without_kid: dict[str, list[VerificationKey]] = {}
        self._every: dict[str, list[VerificationKey]] = {}
        for key in self.keys:
            if not isinstance(key, VerificationKey):
                raise ConfigurationError(f"a set of keys holds VerificationKey objects, not {type(key).__name__}")
            named = self._without_kid if key.kid is None else self._by_kid.setdefault(key.kid, {})
            for name in key.names:
                _add_once(named.setdefault(name, []), key)
                _add_once(self._every.setdefault(name, []), key)
        ConfigurationError.raise_all(self._ambiguities())
        self._for_tokens_without_kid: dict[str, list[VerificationKey]] | None = None
        if for_tokens_without_kid is not None:
            if for_tokens_without_kid not in self._by_kid:
                raise ConfigurationError(f"for_tokens_without_kid names {for_tokens_without_kid!r}, and no key is it")
            self._for_tokens_without_kid = self._by_kid[for_tokens_without_kid]

    def _ambiguities(self) -> list[str]:
        """A problem for each name under which two different keys serve the same algorithm."""
        problems = Problems()
        for kid, by_algorithm in [(None, self._without_kid), *self._by_kid.items()]:
            for name, keys in by_algorithm.items():
                # An Ed25519 and an Ed448 key share the name EdDSA, and their own names tell them apart (RFC 9864).
                if len({key.names for key in keys}) < len(keys):
                    which = "have no kid" if kid is None else f"have the kid {quoted(kid)}"
                    problems.append(f"two different keys for {name} {which}: give each a kid of its own")
        return list(dict.fromkeys(problems))

    def current(self) -> JWKSet:
        """Itself: as a key source, a set in memory is always at hand."""
        return self

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        """Itself again: there is nowhere else to look."""
        return Flow(self._unchanged())

    def _unchanged(self) -> Steps[JWKSet]:
        return self
        yield

    def candidates(self, kid: str | None, algorithm: str) -> tuple[VerificationKey, ...]:
        """The keys that may check a token with this header, at most `max_candidates` (RFC 7515 §6, RFC 8725 §3.1).

        Those with exactly this `kid`; else, of the keys without a `kid`, those that fit; else, for a token without a
        `kid`, those of the set that fit.
        """
        if kid is None and self._for_tokens_without_kid is not None:
            return tuple(self._for_tokens_without_kid.get(algorithm, ()))
        named = {} if kid is None else self._by_kid.get(kid, {})
        found = named.get(algorithm) or self._without_kid.get(algorithm)
        if not found and kid is None:
            found = self._every.get(algorithm)
        if found is None or len(found) > self.max_candidates:
            if found is not None:
                self._tell_too_many(len(found), algorithm)
            return ()
        return tuple(found)

    def _tell_too_many(self, count: int, algorithm: str) -> None:
        """Called where more keys fit a token than may be tried."""

    @property
    def names_keys(self) -> bool:
        """Whether any of its keys has a `kid`."""
        return bool(self._by_kid)

    def holds_same_keys(self, other: JWKSet) -> bool:
        """Whether both hold the same keys, each under the same `kid` and for the same algorithm, in whatever order."""
        return len(self) == len(other) and all(any(_is_same_entry(key, each) for each in other) for key in self)

    def __contains__(self, kid: object) -> bool:
        return kid in self._by_kid

    def __iter__(self) -> Iterator[VerificationKey]:
        return iter(self.keys)

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.keys)!r})"


def _is_same_entry(one: VerificationKey, other: VerificationKey) -> bool:
    names = [(key.kid, key.algorithm, key.not_after) for key in (one, other)]
    return names[0] == names[1] and one.is_same_key(other)


def _add_once(keys: list[VerificationKey], key: VerificationKey) -> None:
    # The same key for EdDSA and for Ed25519 is one key, too.
    if not any(key.is_same_key(each) for each in keys):
        keys.append(key)


class FetchedJWKSet(JWKSet):
    """Keys as a provider publishes them, who may have several of one name, or without names, at a time.

    Up to four that fit a token are tried, in the order of the document. `address`: where they come from, for the log.
    """

    __slots__ = ("_address", "_is_told")

    max_candidates: ClassVar[int] = 4

    def __init__(self, keys: Iterable[VerificationKey], *, address: str = "") -> None:
        unique: list[VerificationKey] = []
        for key in keys:
            if not any(_is_same_entry(key, each) for each in unique):
                unique.append(key)
        super().__init__(unique)
        self._address = address
        self._is_told = False

    def _ambiguities(self) -> list[str]:
        return []  # The signature tells which of them is meant.

    def _tell_too_many(self, count: int, algorithm: str) -> None:
        if not self._is_told:
            self._is_told = True
            logger.warning(
                "keys of %s: %d keys fit a token for %s, and at most %d are tried: it is refused. Its issuer must name"
                " its keys (kid)",
                self._address,
                count,
                algorithm,
                self.max_candidates,
                extra=log_fields("too_many_keys", source=self._address),
            )


class LocalJWKSet(JWKSet):
    """A JWK Set from a document at hand (RFC 7517 §5), already parsed from JSON.

    `algorithms` settles the algorithm of keys that carry no `alg`, where their type leaves a choice. Unlike a fetched
    set, nothing is skipped: one unusable key, two different keys for one `kid` and algorithm, or secrets beside public
    keys is a `ConfigurationError`, with all problems listed.
    """

    __slots__ = ()

    def __init__(self, document: Mapping[str, Any], *, algorithms: Iterable[str] | None = None) -> None:
        entries = document.get("keys") if isinstance(document, Mapping) else None
        if not isinstance(entries, list | tuple) or not entries:
            raise ConfigurationError('a JWK Set is {"keys": [...]} with at least one key (RFC 7517 §5)')
        allowed = None if algorithms is None else allow_list(algorithms)
        keys: list[VerificationKey] = []
        problems = Problems()
        for index, entry in enumerate(entries):
            try:
                keys.append(VerificationKey.from_jwk(entry, algorithm=_settle(entry, allowed)))
            except ConfigurationError as error:
                problems.extend(f"key {index + 1} of the JWK Set: {problem}" for problem in error.problems)
        if len({key.is_symmetric for key in keys}) > 1:
            # RFC 8725 §2.1: publishing such a set may publish the secret with it.
            problems.append("the JWK Set mixes shared secrets and public keys: load each kind apart")
        problems.of(partial(super().__init__, keys), prefix="the JWK Set: ")
        problems.raise_all()


def _settle(jwk: object, allowed: tuple[str, ...] | None) -> str | None:
    """The algorithm for an entry of a local set: None leaves it to its own `alg`."""
    if not isinstance(jwk, Mapping) or allowed is None:
        return None
    if jwk.get("alg") is not None:
        if jwk["alg"] not in allowed:
            raise ConfigurationError(f"its alg is {quoted(jwk['alg'])}, and algorithms= allows {', '.join(allowed)}")
        return None
    fitting = candidate_algorithms(jwk, allowed)
    if len(fitting) != 1:
        found = ", ".join(fitting) or "none"
        raise ConfigurationError(f"it has no alg, and of algorithms= exactly one must fit its type; found: {found}")
    return fitting[0]
