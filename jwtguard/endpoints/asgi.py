"""ASGI: the routes of one guard object, what is pending when a response starts, and bodies read no further than needed.

>>> import asyncio
>>> async def stream():
...     yield b"1234"
...     yield b"5678"
...     raise AssertionError("never called")
>>> asyncio.run(read_body(stream(), 7))
b'12345678'
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Protocol, TypeAlias, TypeVar

from jwtguard import endpoints as shipped
from jwtguard.authentication import Renew
from jwtguard.core.errors import JWTGuardError
from jwtguard.core.flow import Flow
from jwtguard.core.http.caching import TokenSearch
from jwtguard.core.http.request import ASGIRequest
from jwtguard.core.http.response import HTTPRequest, HTTPResponse
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.endpoints.mounting import endpoints_of
from jwtguard.endpoints.withholding import withhold_from_scope
from jwtguard.guard import Guard
from jwtguard.request_auth import RequestAuth, finishing
from jwtguard.view_metadata import ViewMetadata

T = TypeVar("T")
Message: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Message], Awaitable[None]]


class Perform(Protocol):
    """Runs a flow on this loop."""

    def __call__(self, flow: Flow[T]) -> Awaitable[T]:
        """Its result."""
        ...


class MountedRoutes:
    """The routes of one guard object of an ASGI framework, and which of them its middleware lets through.

    `perform` runs a flow on this loop.
    """

    def __init__(
        self, guard: Guard, sessions: Sessions | None, settings: shipped.EndpointSettings, perform: Perform
    ) -> None:
        self._guard = guard
        self._sessions = sessions
        self._settings = settings
        self._perform = perform
        self._endpoints = endpoints_of(guard, sessions, settings)
        self._exempt: set[tuple[str, str]] = set()
        self.token_url: str | None = None
        """Where the shipped login answers with tokens, for the OpenAPI document; None if it does not.

        It is relative to the document, which stands below the same `root_path`.
        """

    def mount(self, prefix: str, endpoints: Iterable[shipped.Endpoint]) -> Iterator[tuple[str, shipped.Endpoint]]:
        """Path and endpoint of each route, which from here on is exempt if it reads no access token.

        Raises `ConfigurationError` if there is nothing to mount.
        """
        shipped.check_mountable(self._sessions, self._settings)
        shipped.check_prefix(prefix)
        for endpoint in endpoints:
            path = prefix + endpoint.path
            if endpoint is shipped.LOGIN and self._settings.get("delivery", "bearer") == "bearer":
                self.token_url = path.removeprefix("/")
            if endpoint.is_exempt:
                self._exempt.update((method, path) for method in endpoint.methods)
            yield path, endpoint

    @property
    def is_empty(self) -> bool:
        """Whether there are none, and none to come: then nothing below has anything to say."""
        return self._endpoints is None

    def metadata_of(self, endpoint: shipped.Endpoint, prefix: str) -> ViewMetadata:
        """The metadata on the view of a route, for tools that list routes."""
        fresh_for = self._settings.get("fresh_for", shipped.FRESH_FOR)
        return ViewMetadata(
            requirement=shipped.requirement_of(endpoint, fresh_for=fresh_for),
            guard=self._guard,
            sessions=self._sessions,
            prefix=prefix,
            path=endpoint.path,
        )

    def exempts_path(self, method: str, path: str) -> bool:
        """Whether the middleware lets a request of this method and path pass unasked."""
        return (method, path) in self._exempt

    def exempts(self, request: HTTPRequest) -> bool:
        """Whether the middleware lets `request` pass unasked: by method and path, never by a prefix."""
        return not request.is_websocket and self.exempts_path(request.method, request.path)

    def missed(self, request: HTTPRequest, refusal: JWTGuardError) -> JWTGuardError:
        """What to answer a request that rules refuse: see `jwtguard.endpoints.missed`."""
        return refusal if request.is_websocket else shipped.missed(request.path, self._methods_of, refusal)

    def _methods_of(self, path: str) -> tuple[str, ...]:
        return tuple(sorted(method for method, exempt in self._exempt if exempt == path))

    def renew(self, request_auth: RequestAuth) -> Renew | None:
        """What the middleware hands to `Guard.enter`."""
        return None if self._endpoints is None else self._endpoints.renew(request_auth.put_off)

    def withhold(self, scope: MutableMapping[str, Any]) -> None:
        """Hide the refresh cookie from the application that gets `scope`, which is the middleware's own copy."""
        cookie = None if self._endpoints is None else self._endpoints.refresh_cookie
        if cookie is not None:
            withhold_from_scope(scope, cookie)

    def finishing(self, send: Send, request_auth: RequestAuth) -> Send:
        """`send`, which finishes what is pending when the response starts: no hook inside is as late as that."""
        if self._endpoints is None or not self._endpoints.renews:
            return send

        async def finishing_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = header_fields(message)
                changed = await self._perform(finishing(request_auth.take_pending(), message["status"], given))
                message = with_header_fields(message, changed)
            await send(message)

        return finishing_send

    async def answer(
        self,
        endpoint: shipped.Endpoint,
        scope: Mapping[str, Any],
        request_auth: RequestAuth,
        stream: AsyncIterable[bytes],
    ) -> HTTPResponse:
        """Answer a request that was routed to `endpoint`, with the `path_params` of Starlette's router."""
        endpoints = self._endpoints
        assert endpoints is not None  # noqa: S101 - for the type checker: it is mounted
        body = await read_body(stream, endpoints.max_body_bytes) if endpoint.takes_body else b""
        return await self._perform(
            endpoints.answer(
                endpoint,
                ASGIRequest(scope),
                body,
                request_auth=request_auth,
                session_id=scope["path_params"].get("session_id", ""),
            )
        )


def header_fields(message: Message) -> list[tuple[str, str]]:
    """The header fields of a response that starts."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", ())]


def with_header_fields(message: Message, changed: Iterable[tuple[str, str]] | None) -> Message:
    """The start of a response with other header fields; as it is for None."""
    if changed is None:
        return message
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in changed]
    return {**message, "headers": headers}


def telling_caches(send: Send, request: HTTPRequest) -> Send:
    """`send`, which adds to each response what caches must know: pages of errors pass here, too."""
    search = request.search

    async def telling_send(message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.http.response.start"}:
            message = told(message, search)
        await send(message)

    return telling_send


def told(message: Message, search: TokenSearch) -> Message:
    """The start of a response with what caches must know."""
    raw = list(message.get("headers", ()))

    def given(name: str) -> list[str]:
        return [value.decode("latin-1") for field, value in raw if field.lower() == name.lower().encode("latin-1")]

    changes = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in search.changes(message["status"], given)
    ]
    if not changes:
        return message
    changed = {name for name, _ in changes}
    return {**message, "headers": [*(field for field in raw if field[0].lower() not in changed), *changes]}


async def read_body(stream: AsyncIterable[bytes], limit: int) -> bytes:
    """The body; where it has more than `limit` bytes, as much as came until that was clear."""
    chunks, size = [], 0
    async for chunk in stream:
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            break
    return b"".join(chunks)
