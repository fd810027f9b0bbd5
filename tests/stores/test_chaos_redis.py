"""Faults one after another, while clients log in, refresh and log out: on Redis."""

from __future__ import annotations

import pytest

from jwtguard.stores.redis import RedisStore
from tests.proxy import Proxy
from tests.servers import Server
from tests.stores.chaos import of_server, run
from tests.stores.redis_clients import impatient


@pytest.mark.servers
def test_nothing_goes_wrong_but_503(redis_server: Server) -> None:
    """A session never has two branches, a logged-out session is refused, and an outage ends no session."""
    with Proxy(redis_server.port) as proxy, impatient(proxy.port) as client:
        history = run(RedisStore(client), of_server(redis_server, proxy), seed=1)
    assert history.unavailable
