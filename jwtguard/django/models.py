"""The table of sessions: one row for a session, however often it is refreshed, and nothing in it opens anything.

>>> Session._meta.db_table
'jwtguard_session'

It stays empty unless a `DjangoStore` is used, and need not be migrated then. Write to it through the store only.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import models

from jwtguard.core.sessions.store_protocol import MAX_SESSION_ID, MAX_TEXT
from jwtguard.django.fields import ExactCharField, UnicodeCharField


class Session(models.Model):
    """One session. Times are seconds since the epoch, by the database's clock if it has one.

    `expires_at` is the end by idleness or by age, whichever comes first; `ends_at` the end by age alone.
    """

    session_id = ExactCharField("session", max_length=MAX_SESSION_ID, primary_key=True)
    issuer = ExactCharField(max_length=MAX_TEXT)
    subject = ExactCharField(max_length=MAX_TEXT)
    label = UnicodeCharField(max_length=MAX_TEXT, null=True, blank=True)
    generation: models.BigIntegerField[int, int] = models.BigIntegerField(default=0)
    created_at: models.FloatField[float, float] = models.FloatField()
    refreshed_at: models.FloatField[float | None, float | None] = models.FloatField(null=True, blank=True)
    revoked_at: models.FloatField[float | None, float | None] = models.FloatField(null=True, blank=True)
    expires_at: models.FloatField[float, float] = models.FloatField()
    ends_at: models.FloatField[float, float] = models.FloatField()

    class Meta:
        """The table, which SQLAlchemy's store has under the same name."""

        db_table = "jwtguard_session"
        indexes = (
            models.Index(fields=["issuer", "subject", "created_at"], name="jwtguard_session_newest"),
            models.Index(fields=["ends_at"], name="jwtguard_session_ends_at"),
        )

    def __str__(self) -> str:
        return f"{self.subject}: {self.label or self.session_id}"

    @property
    def started(self) -> datetime:
        """When the user logged in."""
        return datetime.fromtimestamp(self.created_at, UTC)

    @property
    def last_refreshed(self) -> datetime | None:
        """When the session was last rotated."""
        return None if self.refreshed_at is None else datetime.fromtimestamp(self.refreshed_at, UTC)

    @property
    def expires(self) -> datetime:
        """When it ends by itself."""
        return datetime.fromtimestamp(self.expires_at, UTC)
