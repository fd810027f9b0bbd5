"""`manage.py jwtguard_purge`: delete the rows of dead sessions. The store does it by itself, a few at each login."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.urls import get_resolver

from jwtguard.core.flow import is_async, run_async
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.django.settings import default_sessions
from jwtguard.django.store import STORES, DjangoStore


class Command(BaseCommand):
    """Delete the rows of sessions that are past their absolute lifetime."""

    help = (
        "Delete the rows of sessions that are past their absolute lifetime, and can decide nothing any more: in each"
        " database that a DjangoStore of this project uses, and in the store of JWTGUARD_SESSIONS."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """`--database`, as Django's own commands have it."""
        parser.add_argument("--database", help="The alias of one database. Unless given, those of all stores in use.")

    def handle(self, *_: object, database: str | None = None, **__: object) -> None:
        """Purge, and say how many there were."""
        deleted = sum(_purged([DjangoStore(using=database)] if database else _stores()))
        self.stdout.write(f"{deleted} dead session{'' if deleted == 1 else 's'} deleted")


def _stores() -> list[DjangoStore | Sessions]:
    """One store for each database in use, and the sessions of the settings where their store is of another kind."""
    if getattr(settings, "ROOT_URLCONF", ""):
        _ = get_resolver().url_patterns  # Whatever has routes is imported now, and has made its stores.
    sessions = default_sessions()
    by_alias = {store.database: store for store in STORES}
    if sessions is None or isinstance(sessions.store, DjangoStore):
        return list(by_alias.values()) or [DjangoStore()]
    return [*by_alias.values(), sessions]


def _purged(stores: list[Any]) -> Iterator[int]:
    for store in stores:
        if isinstance(store, DjangoStore):
            yield store.purge(now=time.time())
        elif is_async(store.store.purge):
            yield asyncio.run(run_async(store.purge()))
        else:
            yield store.purge().run()
