"""`manage.py jwtguard_purge`: delete the rows of dead sessions. The store does it by itself, a few at each login."""

from __future__ import annotations

import time

from django.core.management.base import BaseCommand, CommandParser
from django.db import DEFAULT_DB_ALIAS

from jwtguard.django.store import DjangoStore


class Command(BaseCommand):
    """Delete the rows of sessions that are past their absolute lifetime."""

    help = "Delete the rows of sessions that are past their absolute lifetime, and can decide nothing any more."

    def add_arguments(self, parser: CommandParser) -> None:
        """`--database`, as Django's own commands have it."""
        parser.add_argument(
            "--database", default=DEFAULT_DB_ALIAS, help='The alias of the database, "default" unless given.'
        )

    def handle(self, *_: object, database: str, **__: object) -> None:
        """Purge, and say how many there were."""
        deleted = DjangoStore(using=database).purge(now=time.time())
        self.stdout.write(f"{deleted} dead session{'' if deleted == 1 else 's'} deleted")
