"""What each stored key does at a time: a function of the keys and the time alone.

>>> from jwtguard.core.tokens.keys import SigningKey
>>> keys = [
...     StoredKey(key=SigningKey.generate("ES256", kid="old"), signs_from=0.0),
...     StoredKey(key=SigningKey.generate("ES256", kid="new"), signs_from=1000.0),
... ]
>>> [state.role for state in states_of(keys, 500.0, kept_for=3600.0)]
['current', 'next']
>>> [state.role for state in states_of(keys, 1500.0, kept_for=3600.0)]
['retired', 'current']

A key signs from its time on, until the next one does. It stays for checking until the last token that it signed has
expired. All processes that share the keys and roughly the time come to the same result.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from jwtguard.core.tokens.keys import SigningKey
from jwtguard.key_rotation.key_files import StoredKey

Role: TypeAlias = Literal["next", "current", "retired", "expired", "compromised"]
_ALWAYS = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """What one key does. `until` is when a retired key leaves, in seconds since the epoch."""

    kid: str
    algorithm: str
    role: Role
    signs_from: float | None
    until: float | None = None


def order(key: StoredKey) -> tuple[float, int, str]:
    """By what keys are sorted: the oldest first."""
    return _begins(key), key.number, key.kid


def signer_of(stored: Sequence[StoredKey], now: float) -> StoredKey | None:
    """The newest key that may sign already; the first that will if none may."""
    trusted = [each for each in stored if not each.compromised]
    begun = [each for each in trusted if _begins(each) <= now]
    return max(begun, key=order) if begun else min(trusted, key=order, default=None)


def coming(stored: Sequence[StoredKey], now: float) -> list[StoredKey]:
    """The trusted keys that do not sign yet."""
    return [each for each in stored if _begins(each) > now and not each.compromised]


def leaves_at(key: StoredKey, stored: Sequence[StoredKey], kept_for: float) -> float | None:
    """When the last token that `key` signed has expired; None while no other key comes after it.

    Tokens live `kept_for` seconds at most. The time counts from when the key after it began to sign.
    """
    after = [each for each in stored if not each.compromised and order(each) > order(key)]
    successor = min(after, key=order, default=None)
    if successor is None or successor.signs_from is None:
        return None
    return max(successor.signs_from + kept_for, key.kept_until or _ALWAYS)


def without_expired(stored: Sequence[StoredKey], now: float, kept_for: float) -> list[StoredKey]:
    """The keys that may still check a token."""
    return [each for each in stored if (until := leaves_at(each, stored, kept_for)) is None or now < until]


def states_of(stored: Sequence[StoredKey], now: float, kept_for: float) -> list[KeyState]:
    """What each key does now, oldest first."""
    signer = signer_of(stored, now)
    states = []
    for each in sorted(stored, key=order):
        until = leaves_at(each, stored, kept_for)
        role: Role
        if each.compromised:
            role = "compromised"
        elif signer is not None and each.kid == signer.kid:
            role = "current"
        elif _begins(each) > now:
            role = "next"
        else:
            role = "retired" if until is None or now < until else "expired"
        states.append(
            KeyState(
                kid=each.kid,
                algorithm=each.key.algorithm,
                role=role,
                signs_from=each.signs_from,
                until=until if role == "retired" else None,
            )
        )
    return states


def with_successor(stored: list[StoredKey], algorithm: str, now: float) -> list[StoredKey]:
    """The same keys, of which the next one signs from now on; without a next one, a new key that does is added."""
    following = coming(stored, now)
    if not following:
        return [*stored, new_key(algorithm, stored, now, now)]
    successor = min(following, key=order)
    return [replace(each, signs_from=now) if each is successor else each for each in stored]


def new_key(algorithm: str, stored: Sequence[StoredKey], now: float, signs_from: float) -> StoredKey:
    """A new key, made `now`, that comes after those that are stored."""
    # The date is for people; the random part tells keys of one day apart.
    day = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")
    key = SigningKey.generate(algorithm, kid=f"{day}-{secrets.token_hex(4)}")
    return StoredKey(key=key, signs_from=signs_from, number=1 + max((each.number for each in stored), default=0))


def _begins(key: StoredKey) -> float:
    return _ALWAYS if key.signs_from is None else key.signs_from
