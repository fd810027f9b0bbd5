"""Faults one after another, while clients log in, refresh and log out: on Django's ORM."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connections

from jwtguard.django.store import DjangoStore
from tests.adapters.django_databases import database, postgresql
from tests.proxy import Proxy
from tests.servers import Server
from tests.servers import postgresql_server as postgresql_server
from tests.stores.chaos import of_server, run


@pytest.mark.servers
def test_nothing_goes_wrong_but_503(postgresql_server: Server) -> None:
    """A session never has two branches, a logged-out session is refused, and an outage ends no session."""
    with database(**postgresql(postgresql_server)) as using, Proxy(postgresql_server.port) as proxy:
        settings = connections.settings[using]
        options = f"{settings['OPTIONS']['options']} -c statement_timeout=1000 -c lock_timeout=500"
        settings |= {"PORT": str(proxy.port), "OPTIONS": {"connect_timeout": 2, "options": options}}
        connections[using].close()
        del connections[using]

        @contextmanager
        def thread() -> Iterator[None]:
            yield
            connections[using].close()

        store = DjangoStore(using, timeout=timedelta(seconds=0.5))
        history = run(store, of_server(postgresql_server, proxy), seed=4, thread=thread)
    assert history.unavailable
