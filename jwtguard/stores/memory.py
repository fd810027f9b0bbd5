"""Sessions in this process's memory: for tests, and for trying things out. They end with the process.

>>> from jwtguard.core.sessions.store_protocol import NewSession, RotationRequest
>>> store = MemoryStore()
>>> store.create(
...     NewSession(session_id="s1", issuer="i", subject="user-1", idle_lifetime=60, absolute_lifetime=90), now=0
... )
>>> store.rotate(RotationRequest(session_id="s1", generation=0), now=1, grace=10, idle_lifetime=60).is_rotated
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jwtguard.core.forks import Lock
from jwtguard.core.sessions.grace import age_of_rotation
from jwtguard.core.sessions.store_protocol import MAX_LISTED, NewSession, RotationRequest, RotationResult, Session

_PURGE_AT = 1024


@dataclass(slots=True)
class _Row:
    new: NewSession
    created_at: float
    idle_deadline: float
    generation: int = 0
    refreshed_at: float | None = None
    is_revoked: bool = False

    @property
    def deadline(self) -> float:
        return self.created_at + self.new.absolute_lifetime

    def session(self, now: float) -> Session:
        expires_at = min(self.idle_deadline, self.deadline)
        return Session(
            session_id=self.new.session_id,
            issuer=self.new.issuer,
            subject=self.new.subject,
            label=self.new.label,
            generation=self.generation,
            created_at=self.created_at,
            refreshed_at=self.refreshed_at,
            expires_at=expires_at,
            state="revoked" if self.is_revoked else "alive" if now < expires_at else "expired",
        )

    def age(self, now: float) -> float:
        return age_of_rotation(self.refreshed_at, now=now)


class MemoryStore:
    """A session store without a disk; see `jwtguard.core.sessions.store_protocol.SessionStore`."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._lock = Lock("store")
        self._purge_at = _PURGE_AT

    def create(self, session: NewSession, *, now: float) -> None:
        """Write a new row; raises KeyError if its id is taken."""
        row = _Row(new=session, created_at=now, idle_deadline=now + session.idle_lifetime)
        with self._lock:
            if session.session_id in self._rows:
                raise KeyError("this session id is taken")
            self._rows[session.session_id] = row
            if len(self._rows) >= self._purge_at:
                self._purge(now)
                # Not before twice as many are alive again, so a login costs the same however many there are.
                self._purge_at = max(_PURGE_AT, 2 * len(self._rows))

    def rotate(self, rotation: RotationRequest, *, now: float, grace: float, idle_lifetime: float) -> RotationResult:
        """Rotate, or say what the row is like."""
        with self._lock:
            row = self._rows.get(rotation.session_id)
            if row is None:
                return RotationResult(is_rotated=False)
            session, age = row.session(now), row.age(now)
            if session.is_alive and row.generation == rotation.generation and age >= grace:
                row.generation += 1
                row.refreshed_at = now
                row.idle_deadline = now + idle_lifetime
                return RotationResult(is_rotated=True)
            return RotationResult(is_rotated=False, session=session, age=age)

    def find(self, session_id: str, *, now: float) -> Session | None:
        """The session of this id."""
        with self._lock:
            row = self._rows.get(session_id)
            return None if row is None else row.session(now)

    def find_many(self, session_ids: Sequence[str], *, now: float) -> Sequence[Session]:
        """The sessions of these ids that there are."""
        with self._lock:
            return [row.session(now) for each in session_ids if (row := self._rows.get(each)) is not None]

    def list(self, *, issuer: str, subject: str, now: float) -> Sequence[Session]:
        """The live sessions of a subject, newest first."""
        with self._lock:
            found = [row.session(now) for row in self._of(issuer, subject)]
        alive = sorted((session for session in found if session.is_alive), key=lambda session: -session.created_at)
        return alive[:MAX_LISTED]

    def revoke(self, session_id: str, *, now: float) -> bool:
        """End a session."""
        with self._lock:
            row = self._rows.get(session_id)
            if row is None:
                return False
            was_alive = row.session(now).is_alive
            row.is_revoked = True
            return was_alive

    def revoke_all(self, *, issuer: str, subject: str, now: float) -> int:
        """End all sessions of a subject."""
        with self._lock:
            rows = self._of(issuer, subject)
            alive = sum(row.session(now).is_alive for row in rows)
            for row in rows:
                row.is_revoked = True
            return alive

    def purge(self, *, now: float) -> int:
        """Forget what can decide nothing any more."""
        with self._lock:
            return self._purge(now)

    def _purge(self, now: float) -> int:
        dead = [session_id for session_id, row in self._rows.items() if row.deadline <= now]
        for session_id in dead:
            del self._rows[session_id]
        return len(dead)

    def _of(self, issuer: str, subject: str) -> tuple[_Row, ...]:
        return tuple(row for row in self._rows.values() if row.new.issuer == issuer and row.new.subject == subject)
