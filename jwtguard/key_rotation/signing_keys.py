"""Our own signing keys, rotated while the program runs: the next one is published before it signs.

>>> import tempfile
>>> from jwtguard import Guard, TokenIssuer
>>> folder = tempfile.TemporaryDirectory()
>>> keys = SigningKeys(f"{folder.name}/keys", algorithm="ES256")
>>> issuer = TokenIssuer(issuer="https://i.example", audience="https://a.example", client_id="web", signing_keys=keys)
>>> guard = Guard(issuer="https://i.example", audience="https://a.example", keys=keys)
>>> token = issuer.access_token("user-1")
>>> next_key = keys.rotate()
>>> [state.role for state in keys.states()], len(issuer.jwks()["keys"])
(['current', 'next'], 2)
>>> guard.verify(token).run().claims["sub"]
'user-1'
>>> folder.cleanup()

Processes that share the files agree on the roles of the keys (`schedule.py`), and read the files again after
`reload_interval`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from jwtguard.core.errors import ConfigurationError, UnavailableError
from jwtguard.core.events import log_fields
from jwtguard.core.flow import Call, Flow, Steps
from jwtguard.core.forks import Lock
from jwtguard.core.tokens.claims_policy import MAX_LEEWAY
from jwtguard.core.tokens.issuer import JWKS_MAX_AGE
from jwtguard.core.tokens.jwk_set import JWKSet
from jwtguard.core.tokens.keys import SigningKey, VerificationKey
from jwtguard.core.validation import Problems
from jwtguard.key_rotation.key_files import KeyFiles, StoredKey, check_kid
from jwtguard.key_rotation.schedule import (
    KeyState,
    coming,
    leaves_at,
    new_key,
    order,
    signer_of,
    states_of,
    with_successor,
    without_expired,
)

if TYPE_CHECKING:
    from os import PathLike

logger = logging.getLogger("jwtguard")

_EVER = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """The keys as they were read, and what follows from them until `holds_until`."""

    stored: tuple[StoredKey, ...]
    stamp: tuple[int, ...] | None
    verification: JWKSet
    holds_until: float


class SigningKeys:
    """The signing keys at `path`: a directory of PEM files, or a JWK Set file if its name ends in `.json`.

    `algorithm`: with it, a first key is made where there is none. `publish_before`: how long a new key is published
    before it signs, so that all servers have fetched it. `max_token_lifetime`: how long tokens of these keys live,
    and hence how long a key stays for checking after its last. `reload_interval`: how soon a change of the files is
    noticed. `clock`: seconds since the epoch; on all machines it has to be roughly the same. Raises
    `ConfigurationError`.

    It is what `TokenIssuer(signing_keys=...)` and `Guard(keys=...)` take.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        algorithm: str | None = None,
        publish_before: timedelta = timedelta(hours=1),
        max_token_lifetime: timedelta = timedelta(hours=1),
        reload_interval: timedelta = timedelta(seconds=5),
        clock: Callable[[], float] = time.time,
    ) -> None:
        problems = Problems()
        self._publish_before = problems.seconds("publish_before", publish_before)
        self._kept_for = problems.seconds("max_token_lifetime", max_token_lifetime) + MAX_LEEWAY
        self._reload_interval = problems.seconds("reload_interval", reload_interval)
        problems.raise_all()
        self.max_token_lifetime = max_token_lifetime
        self.last_error: str | None = None
        """Why the files could not be read the last time, or None if they could: the keys at hand serve on."""
        self._files = KeyFiles(Path(path))
        self._clock = clock
        self._lock = Lock("keys")
        self._loaded = _Loaded(stored=(), stamp=None, verification=JWKSet([]), holds_until=_EVER)
        self._checked_at = _EVER
        try:
            stored = self._files.read()
            if not stored and algorithm is not None:
                self._change(lambda stored, now: stored or [new_key(algorithm, [], now, now)])
            else:
                self._load()
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
        if not self._loaded.stored:
            raise ConfigurationError(f'there are no keys at {path}: pass algorithm="ES256" to have a first one made')

    # What a guard asks: `jwtguard.core.tokens.jwk_set.KeySource`.

    def current(self) -> JWKSet | None:
        """The keys that check tokens; None if it is time to look at the files again."""
        loaded, now = self._loaded, self._clock()
        if 0 <= now - self._checked_at < self._reload_interval and now < loaded.holds_until:
            return loaded.verification
        return None

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        """Look at the files if it is time to, or if `kid` is not known yet, and return the keys."""
        return Flow(self._refreshed(kid))

    def _refreshed(self, kid: str | None) -> Steps[JWKSet]:
        keys = self.current()
        # A key that another process made may sign at once. Looking for an invented one costs the dates of two files.
        if keys is None or (kid is not None and kid not in keys and self.last_error is None):
            yield Call(self._look)
            keys = self._loaded.verification
        return keys

    # The protocol `jwtguard.core.tokens.issuer.SigningKeySource`. It looks at the files itself, which takes as long as
    # asking the file system for two dates.

    @property
    def signing_key(self) -> SigningKey:
        """The key that signs now."""
        self._look_if_due()
        key = signer_of(self._loaded.stored, self._clock())
        if key is None:
            raise UnavailableError("no_signing_key")
        return key.key

    @property
    def verification_keys(self) -> SigningKeys:
        """Itself, for the `keys` of a guard."""
        return self

    @property
    def public_keys(self) -> list[VerificationKey]:
        """The keys to publish: next, current and retired."""
        self._look_if_due()
        return list(self._loaded.verification)

    @property
    def jwks_max_age(self) -> int:
        """Seconds for which others may keep the JWK Set: half the time for which a key is published before it signs."""
        return int(min(JWKS_MAX_AGE, self._publish_before / 2))

    # What an operator does. Each writes the files under a lock, and takes effect here at once.

    def rotate(self, algorithm: str | None = None, *, at_once: bool = False) -> SigningKey:
        """Make the next key, which signs after `publish_before`; if there is one already, that is returned.

        `algorithm` is that of the current key if it is None. `at_once`: it signs from now on, for emergencies, and for
        secrets, which are not published in advance. Raises `OSError`.
        """

        def change(stored: list[StoredKey], now: float) -> list[StoredKey]:
            signer = signer_of(self._loaded.stored, self._clock())
            chosen = algorithm or (signer.key.algorithm if signer else "ES256")
            if coming(stored, now) and not at_once:
                return stored
            wait = 0.0 if at_once else self._publish_before
            return [*without_expired(stored, now, self._kept_for), new_key(chosen, stored, now, now + wait)]

        self._change(change)
        return max(self._trusted(), key=order).key

    def add(self, key: SigningKey, *, for_tokens_without_kid: bool = False) -> None:
        """Add a key that exists already, older than all others, so that what it signed stays good.

        It stays for `max_token_lifetime`, or longer if it is the newest. `for_tokens_without_kid`: it also checks
        tokens that name no key. Raises `ConfigurationError` for a `kid` that is taken, or `OSError`.
        """
        check_kid(key.kid)

        def change(stored: list[StoredKey], now: float) -> list[StoredKey]:
            if any(each.kid == key.kid for each in stored):
                raise ConfigurationError(f"there is a key with the kid {key.kid!r} already")
            others = [
                replace(each, for_tokens_without_kid=each.for_tokens_without_kid and not for_tokens_without_kid)
                for each in stored
            ]
            kept_until = now + self._kept_for  # It may have signed until now.
            added = StoredKey(key=key, for_tokens_without_kid=for_tokens_without_kid, kept_until=kept_until)
            return [added, *others]

        self._change(change)

    def compromise(self, kid: str) -> None:
        """Mark a key as compromised: refused at once, here; elsewhere within `reload_interval`; no longer published.

        If it was the one that signs, the next one signs from now on, or a new one. Raises `ConfigurationError` for a
        key that is not there, or `OSError`.
        """

        def change(stored: list[StoredKey], now: float) -> list[StoredKey]:
            if not any(each.kid == kid for each in stored):
                known = ", ".join(repr(each.kid) for each in stored)
                raise ConfigurationError(f"there is no key with the kid {kid!r}: there are {known}")
            signer = signer_of(stored, now)
            marked = [
                replace(each, compromised=True, for_tokens_without_kid=False) if each.kid == kid else each
                for each in stored
            ]
            if signer is None or signer.kid != kid:
                return marked
            return with_successor(marked, signer.key.algorithm, now)

        self._change(change)

    def retire(self) -> SigningKey:
        """Have the key that signs now sign no more: the next one does from now on, or a new one. It is returned.

        What was signed stays good until it expires. A next key may not have been published for long: servers that
        fetch the public keys have to fetch them anew. Raises `OSError`.
        """

        def change(stored: list[StoredKey], now: float) -> list[StoredKey]:
            signer = signer_of(stored, now)
            algorithm = "ES256" if signer is None else signer.key.algorithm
            return with_successor(without_expired(stored, now, self._kept_for), algorithm, now)

        self._change(change)
        return self.signing_key

    def states(self) -> list[KeyState]:
        """What each key does now, oldest first."""
        self._look_if_due()
        return states_of(self._loaded.stored, self._clock(), self._kept_for)

    @property
    def path(self) -> Path:
        """The directory or file of the keys."""
        return self._files.path

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds since the epoch."""
        return self._clock

    def key_files(self) -> list[Path]:
        """The files that hold private keys; raises `OSError`."""
        return self._files.private()

    def __iter__(self) -> Iterator[SigningKey]:
        """The keys that are trusted."""
        return iter([each.key for each in self._trusted()])

    def __repr__(self) -> str:
        return f"SigningKeys({str(self._files.path)!r})"

    # How it is done.

    def _trusted(self) -> list[StoredKey]:
        return [each for each in self._loaded.stored if not each.compromised]

    def _change(self, change: Callable[[list[StoredKey], float], list[StoredKey]]) -> None:
        with self._lock, self._files.locked():
            stored = self._files.read()  # What other processes wrote meanwhile counts.
            changed = change(stored, self._clock())
            if changed != stored:
                self._files.write(changed)
            self._load()

    def _look_if_due(self) -> None:
        if self.current() is None:
            self._look()

    def _look(self) -> None:
        with self._lock:
            try:
                self._load()
                self.last_error = None
            except (OSError, ConfigurationError) as error:
                # The keys that were read before serve on: files that are being moved must end no session.
                self.last_error = error.detail if isinstance(error, ConfigurationError) else str(error.strerror)
                self._checked_at = self._clock()
                logger.warning(
                    "signing keys at %s: %s",
                    self._files.path,
                    self.last_error,
                    extra=log_fields("signing_keys_not_read", source=str(self._files.path)),
                )
                self._derive(self._loaded.stored, self._loaded.stamp)

    def _load(self) -> None:
        now = self._clock()
        stamp = self._files.stamp()
        if stamp is None and self._loaded.stored:
            raise ConfigurationError("the files are gone")
        if stamp == self._loaded.stamp and now < self._loaded.holds_until:
            self._checked_at = now
            return
        stored = self._loaded.stored if stamp == self._loaded.stamp else tuple(self._files.read())
        if self._loaded.stored and not stored:
            raise ConfigurationError("no keys are left in the files")
        self._derive(stored, stamp)
        self._checked_at = now

    def _derive(self, stored: tuple[StoredKey, ...], stamp: tuple[int, ...] | None) -> None:
        now = self._clock()
        leaving = {each.kid: leaves_at(each, stored, self._kept_for) for each in stored}
        kept = [
            each
            for each in sorted(stored, key=order)
            if not each.compromised and ((until := leaving[each.kid]) is None or now < until)
        ]
        nameless = [each.kid for each in kept if each.for_tokens_without_kid]
        keys = [each.key.verification_key for each in kept]
        verification = self._loaded.verification
        # Only other keys make another set, since that empties the cache of verified tokens.
        if stored != self._loaded.stored or keys != list(verification):
            verification = JWKSet(keys, for_tokens_without_kid=nameless[0] if nameless else None)
        moments = [until for until in leaving.values() if until is not None and until > now]
        self._loaded = _Loaded(
            stored=stored, stamp=stamp, verification=verification, holds_until=min(moments, default=float("inf"))
        )
