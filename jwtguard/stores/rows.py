"""A row of the table `jwtguard_session`, and what it says about a session at a given time.

>>> row = Row("s1", "i", "user-1", None, 3, 1000.0, 1005.0, None, 1065.0, 1090.0)
>>> row.session(1010.0).state, row.not_rotated(1010.0).age
('alive', 5.0)
"""

from __future__ import annotations

from typing import NamedTuple

from jwtguard.core.sessions.grace import age_of_rotation
from jwtguard.core.sessions.store_protocol import RotationResult, Session


class Row(NamedTuple):
    """The columns. Times are seconds since the epoch.

    `expires_at` is the end by idleness or by age, whichever comes first; `ends_at` the end by age alone.
    """

    session_id: str
    issuer: str
    subject: str
    label: str | None
    generation: int
    created_at: float
    refreshed_at: float | None
    revoked_at: float | None
    expires_at: float
    ends_at: float

    def session(self, now: float) -> Session:
        """The session as it is at `now`."""
        return Session(
            session_id=self.session_id,
            issuer=self.issuer,
            subject=self.subject,
            label=self.label,
            generation=self.generation,
            created_at=self.created_at,
            refreshed_at=self.refreshed_at,
            expires_at=self.expires_at,
            state="revoked" if self.revoked_at is not None else "alive" if now < self.expires_at else "expired",
        )

    def not_rotated(self, now: float) -> RotationResult:
        """The result for a rotation at `now` that changed no row."""
        return RotationResult(
            is_rotated=False, session=self.session(now), age=age_of_rotation(self.refreshed_at, now=now)
        )
