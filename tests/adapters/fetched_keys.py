"""A key source that has to fetch, for tests of the thread on which an adapter calls it."""

from __future__ import annotations

import threading

from jwtguard.core.flow import Call, Flow, Steps
from jwtguard.core.tokens.jwk_set import JWKSet
from jwtguard.testing.conformance.adapter_sites import KEY


class FetchedKeys:
    """A key source that fetches at each call, and records the thread."""

    def __init__(self, *, is_async: bool) -> None:
        self.threads: list[int] = []
        self._is_async = is_async

    def current(self) -> JWKSet | None:
        return None

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        return Flow(self._steps())

    def _fetch(self) -> JWKSet:
        self.threads.append(threading.get_ident())
        return JWKSet([KEY.verification_key])

    async def _fetch_async(self) -> JWKSet:
        return self._fetch()

    def _steps(self) -> Steps[JWKSet]:
        keys: JWKSet = yield Call(self._fetch_async if self._is_async else self._fetch)
        return keys
