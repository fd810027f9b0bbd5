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

from jwtguard.core.forks import Lock
from jwtguard.core.sessions.store_protocol import MAX_LISTED, NewSession, RotationRequest, RotationResult, Session
from jwtguard.stores.rows import Row

_PURGE_AT = 1024


class MemoryStore:
    """A session store without a disk; see `jwtguard.core.sessions.store_protocol.SessionStore`."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._lock = Lock("store")
        self._purge_at = _PURGE_AT

    def create(self, session: NewSession, *, now: float) -> None:
        """Write a new row; raises KeyError if its id is taken."""
        ends_at = now + session.absolute_lifetime
        row = Row(
            session_id=session.session_id,
            issuer=session.issuer,
            subject=session.subject,
            label=session.label,
            generation=0,
            created_at=now,
            refreshed_at=None,
            revoked_at=None,
            expires_at=min(now + session.idle_lifetime, ends_at),
            ends_at=ends_at,
        )
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
            result = row.not_rotated(now)
            if not row.session(now).is_alive or row.generation != rotation.generation or result.age < grace:
                return result
            expires_at = min(now + idle_lifetime, row.ends_at)
            rotated = row._replace(generation=row.generation + 1, refreshed_at=now, expires_at=expires_at)
            self._rows[row.session_id] = rotated
            return RotationResult(is_rotated=True)

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
        """End a session; whether it was alive."""
        with self._lock:
            row = self._rows.get(session_id)
            return row is not None and self._end([row], now) == 1

    def revoke_all(self, *, issuer: str, subject: str, now: float) -> int:
        """End all sessions of a subject; how many were alive."""
        with self._lock:
            return self._end(self._of(issuer, subject), now)

    def purge(self, *, now: float) -> int:
        """Forget what can decide nothing any more."""
        with self._lock:
            return self._purge(now)

    def _purge(self, now: float) -> int:
        dead = [session_id for session_id, row in self._rows.items() if row.ends_at <= now]
        for session_id in dead:
            del self._rows[session_id]
        return len(dead)

    def _end(self, rows: Sequence[Row], now: float) -> int:
        self._rows |= {row.session_id: row._replace(revoked_at=now) for row in rows if row.revoked_at is None}
        return sum(row.session(now).is_alive for row in rows)

    def _of(self, issuer: str, subject: str) -> tuple[Row, ...]:
        return tuple(row for row in self._rows.values() if (row.issuer, row.subject) == (issuer, subject))
