"""The one statement that rotates, as text: the ORM takes longer to write it anew than a database to run it.

>>> print(rotation_statement("sqlite", graceful=False).strip().splitlines()[0])
UPDATE jwtguard_session

Everything else goes through the ORM. A generation is rotated by every client every few minutes, and by itself costs one
round trip. The names are those of `jwtguard.django.models.Session`, and none of them needs quotes anywhere.
"""

from __future__ import annotations

from functools import cache

from django.db.backends.base.base import BaseDatabaseWrapper

from jwtguard.core.sessions.grace import MAX_CLOCK_STEP
from jwtguard.core.sessions.store_protocol import RotationRequest
from jwtguard.django.database_clock import CLOCKS
from jwtguard.django.fields import exactly


def write_rotation(
    connection: BaseDatabaseWrapper, rotation: RotationRequest, *, now: float, grace: float, idle_lifetime: float
) -> bool:
    """Whether the generation was there to be taken, and now is; raises `DatabaseError`. `now` counts if the database
    has no clock of its own.
    """
    values: dict[str, float | str] = {
        "session_id": rotation.session_id,
        "generation": rotation.generation,
        "now": now,
        "grace": grace,
        "idle_lifetime": idle_lifetime,
    }
    with connection.cursor() as cursor:
        cursor.execute(rotation_statement(connection.vendor, graceful=grace > 0), values)
        written: int = cursor.rowcount
    return written > 0


@cache
def rotation_statement(vendor: str, *, graceful: bool) -> str:
    """The text for a kind of database, as Django calls it."""
    now = CLOCKS.get(vendor, "%(now)s")
    one = exactly(vendor, "session_id", "%(session_id)s")
    # Without a grace time the age does not matter. A row from the future was written before the clock was set back.
    late = (
        f"AND (refreshed_at IS NULL OR refreshed_at <= {now} - %(grace)s OR refreshed_at > {now} + {MAX_CLOCK_STEP})"
        if graceful
        else ""
    )
    # No LEAST, which SQLite calls MIN.
    return f"""
UPDATE jwtguard_session
SET generation = generation + 1, refreshed_at = {now},
    expires_at = CASE WHEN {now} + %(idle_lifetime)s < ends_at THEN {now} + %(idle_lifetime)s ELSE ends_at END
WHERE {one} AND generation = %(generation)s AND revoked_at IS NULL AND expires_at > {now} {late}
"""  # noqa: S608 - names of our own
