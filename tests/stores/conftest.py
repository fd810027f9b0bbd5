"""The servers, and waiting for them, for every test of a store."""

from __future__ import annotations

from tests.servers import mariadb_server as mariadb_server
from tests.servers import postgresql_server as postgresql_server
from tests.servers import redis_cluster_server as redis_cluster_server
from tests.servers import redis_server as redis_server
