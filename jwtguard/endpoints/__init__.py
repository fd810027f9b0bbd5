"""The ready-made routes, without a framework: login, refresh, logout, a user's sessions, and the public keys.

>>> from jwtguard import Grants, Guard, Sessions, SigningKey, TokenIssuer
>>> from jwtguard.core.http.response import HTTPRequest
>>> from jwtguard.stores.memory import MemoryStore
>>> names = {"issuer": "https://issuer.example", "audience": "https://api.example"}
>>> issuer = TokenIssuer(**names, client_id="web", signing_keys=[SigningKey.generate("ES256", kid="a1")])
>>> sessions = Sessions(
...     issuer=issuer,
...     store=MemoryStore(),
...     load=lambda subject: Grants(),
...     refresh_keys=[SigningKey.generate("HS256", kid="r1")],
... )
>>> guard = Guard(**names, keys=issuer.verification_keys)
>>> endpoints = Endpoints(guard, sessions, authenticate=lambda username, password: None)
>>> request = HTTPRequest.from_wsgi(
...     {"REQUEST_METHOD": "POST", "PATH_INFO": "/auth/login", "CONTENT_TYPE": "application/json"}
... )
>>> endpoints.answer(LOGIN, request, b'{"username": "alice", "password": "guess"}').run().status
401

An adapter mounts `ENDPOINTS`, hands each request to `Endpoints.answer` with at most `max_body_bytes + 1` bytes of its
body, and sends the finished answer. Nothing of a framework is decided here, and nothing of a route there.
"""

from __future__ import annotations

from jwtguard.endpoints.endpoint import ENDPOINTS as ENDPOINTS
from jwtguard.endpoints.endpoint import JWKS as JWKS
from jwtguard.endpoints.endpoint import LOGIN as LOGIN
from jwtguard.endpoints.endpoint import LOGOUT as LOGOUT
from jwtguard.endpoints.endpoint import LOGOUT_ALL as LOGOUT_ALL
from jwtguard.endpoints.endpoint import REFRESH as REFRESH
from jwtguard.endpoints.endpoint import SESSION as SESSION
from jwtguard.endpoints.endpoint import SESSIONS as SESSIONS
from jwtguard.endpoints.endpoint import Endpoint as Endpoint
from jwtguard.endpoints.endpoint import check_prefix as check_prefix
from jwtguard.endpoints.endpoint import missed as missed
from jwtguard.endpoints.endpoint import requirement_of as requirement_of
from jwtguard.endpoints.endpoints import Endpoints as Endpoints
from jwtguard.endpoints.renewal import PendingRenewal as PendingRenewal
from jwtguard.endpoints.settings import FRESH_FOR as FRESH_FOR
from jwtguard.endpoints.settings import EndpointSettings as EndpointSettings
from jwtguard.endpoints.settings import LoginAttempt as LoginAttempt
from jwtguard.endpoints.settings import check_mountable as check_mountable
