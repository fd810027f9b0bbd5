"""System checks of the databases that keep sessions: a generation is rotated in autocommit, which a project may turn
off.

>>> [message.id for message in _problems("elsewhere")]
['jwtguard.E101']
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.apps.config import AppConfig
from django.conf import settings
from django.core import checks

from jwtguard.django.store import STORES


@checks.register(checks.Tags.compatibility)
def check_stores(*, app_configs: Sequence[AppConfig] | None = None, **_: object) -> list[checks.CheckMessage]:
    """What is wrong with the databases of the `DjangoStore` objects that the project has made."""
    return [message for using in sorted({store.database for store in STORES}) for message in _problems(using)]


def _problems(using: str) -> Iterator[checks.CheckMessage]:
    database = settings.DATABASES.get(using)
    if database is None:
        yield checks.Error(
            f"a DjangoStore uses the database {using!r}, and DATABASES has none of that name",
            hint=f"write DjangoStore(using=...) with one of: {', '.join(sorted(settings.DATABASES))}",
            id="jwtguard.E101",
        )
        return
    if not database.get("AUTOCOMMIT", True):
        yield checks.Error(
            f"sessions are kept in the database {using!r}, which has AUTOCOMMIT off: no session can be refreshed there",
            hint="give sessions an alias of their own, with AUTOCOMMIT left on: DjangoStore(using=...)",
            id="jwtguard.E102",
        )
    if database.get("ATOMIC_REQUESTS"):
        yield checks.Warning(
            f"sessions are kept in the database {using!r}, which has ATOMIC_REQUESTS: a view that refreshes a session"
            " fails there, since a rollback would undo the refresh",
            hint="put @transaction.non_atomic_requests on views that call sessions.refresh(); the shipped ones have it",
            id="jwtguard.W101",
        )
