"""Faults one after another, while clients log in, refresh and log out: on PostgreSQL and MariaDB."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import create_engine

from jwtguard.stores.sqlalchemy import SQLAlchemyStore, metadata
from tests.proxy import Proxy
from tests.servers import LOOPBACK, Server
from tests.stores.chaos import of_server, run
from tests.stores.sqlalchemy_engines import engine_for, mariadb_url, postgresql_url

SETTINGS = {
    "postgresql": {"connect_timeout": 2, "options": "-c statement_timeout=1000 -c lock_timeout=500"},
    "mariadb": {"connect_timeout": 1, "read_timeout": 1, "write_timeout": 1},
}


@pytest.mark.servers
@pytest.mark.parametrize("name", ["postgresql", "mariadb"])
def test_nothing_goes_wrong_but_503(request: pytest.FixtureRequest, name: str) -> None:
    """A session never has two branches, a logged-out session is refused, and an outage ends no session."""
    server: Server = request.getfixturevalue(f"{name}_server")
    if name == "postgresql":
        url = postgresql_url(server, "psycopg")
    else:
        url = mariadb_url(server, "pymysql", database="chaos")
    with engine_for(url), Proxy(server.port) as proxy:
        through_proxy = url.replace(f"{LOOPBACK}:{server.port}", f"{LOOPBACK}:{proxy.port}")
        engine = create_engine(through_proxy, connect_args=SETTINGS[name], pool_timeout=1)
        store = SQLAlchemyStore(engine, timeout=timedelta(seconds=0.5))
        history = run(store, of_server(server, proxy), seed=3)
        engine.dispose()
    with engine_for(url) as engine:
        metadata.drop_all(engine)
    assert history.unavailable
