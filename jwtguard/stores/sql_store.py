"""The part that the synchronous SQL stores have in common: each operation on a connection of the store.

>>> sorted(name for name in vars(SQLStore) if not name.startswith("_"))
['create', 'find', 'find_many', 'list', 'purge', 'revoke', 'revoke_all', 'rotate']
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager

from jwtguard.core.sessions.store_protocol import NewSession, RotationRequest, RotationResult, Session
from jwtguard.stores.housekeeping import BEFORE_ALL
from jwtguard.stores.sql_sessions import SQLSessions


class SQLStore(ABC):
    """A session store in an SQL database; see `jwtguard.core.sessions.store_protocol.SessionStore`."""

    @abstractmethod
    def _sessions(self, *, has_timeout: bool = True) -> AbstractContextManager[SQLSessions]:
        """A connection for one operation, with a time-out for the answer if `has_timeout`."""

    def create(self, session: NewSession, *, now: float) -> None:
        """Write a new row, then delete some dead rows if possible; raises the driver's error if the id is taken."""
        with self._sessions() as sessions:
            sessions.create(session, now=now)

    def rotate(self, rotation: RotationRequest, *, now: float, grace: float, idle_lifetime: float) -> RotationResult:
        """Rotate, or say what the row is like."""
        with self._sessions() as sessions:
            return sessions.rotate(rotation, now=now, grace=grace, idle_lifetime=idle_lifetime)

    def find(self, session_id: str, *, now: float) -> Session | None:
        """The session of this id."""
        with self._sessions() as sessions:
            return sessions.find(session_id, now=now)

    def find_many(self, session_ids: Sequence[str], *, now: float) -> Sequence[Session]:
        """The sessions of these ids that exist, in one statement."""
        with self._sessions() as sessions:
            return sessions.find_many(session_ids, now=now)

    def list(self, *, issuer: str, subject: str, now: float) -> Sequence[Session]:
        """The live sessions of a subject, newest first."""
        with self._sessions() as sessions:
            return sessions.list(issuer=issuer, subject=subject, now=now)

    def revoke(self, session_id: str, *, now: float) -> bool:
        """End a session; whether it was alive."""
        with self._sessions() as sessions:
            return sessions.revoke(session_id, now=now)

    def revoke_all(self, *, issuer: str, subject: str, now: float) -> int:
        """End all sessions of a subject, some at a time; how many were alive."""
        total = 0
        after: float | None = BEFORE_ALL
        while after is not None:
            # The time-out counts for each page: all of them may take longer.
            with self._sessions() as sessions:
                ended, after = sessions.end_some(issuer=issuer, subject=subject, now=now, after=after)
            total += ended
        return total

    def purge(self, *, now: float) -> int:
        """Delete all rows that can decide nothing any more, some at a time, so that no login waits long."""
        with self._sessions(has_timeout=False) as sessions:
            return sessions.purge(now=now)
