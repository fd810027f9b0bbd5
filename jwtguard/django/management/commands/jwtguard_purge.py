"""`manage.py jwtguard_purge`: delete the rows of dead sessions. The store does it by itself, a few at each login."""

from __future__ import annotations

import time

from django.core.management.base import BaseCommand, CommandParser

from jwtguard.django.store import STORES, DjangoStore


class Command(BaseCommand):
    """Delete the rows of sessions that are past their absolute lifetime."""

    help = "Delete the rows of sessions that are past their absolute lifetime, and can decide nothing any more."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--database`, as Django's own commands have it."""
        parser.add_argument(
            "--database",
            help="The alias of the database. Unless given: of every DjangoStore that the project has made.",
        )

    def handle(self, *_: object, database: str | None, **__: object) -> None:
        """Purge, and say how many there were."""
        databases = {database or store.database for store in STORES} or {DjangoStore(using=database).database}
        deleted = sum(DjangoStore(using=using).purge(now=time.time()) for using in databases)
        self.stdout.write(f"{deleted} dead session{'' if deleted == 1 else 's'} deleted")
