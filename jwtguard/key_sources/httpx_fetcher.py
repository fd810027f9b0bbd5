"""An `httpx.Client` or `httpx.AsyncClient` as a fetcher, for its proxies, certificates and connections.

>>> class Client:  # stands for httpx.AsyncClient(), which would need httpx
...     stream = build_request = None
...
...     async def aclose(self): ...
>>> from jwtguard.core.flow import is_async
>>> is_async(httpx_fetcher(Client()))
True

The limits are ours whatever the client's own settings are: one deadline, no redirects, a body of bounded size. The
sync client's deadline is checked whenever something of the body arrives. A body that a hook of the client has read
already is taken as it is.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

from jwtguard.key_sources.http_client import (
    USER_AGENT,
    Fetcher,
    FetchRequest,
    FetchResponse,
    too_large,
    without_encoding,
)


class HTTPXClient(Protocol):
    """What is used of `httpx.Client` and `httpx.AsyncClient`, which are not ours to import."""

    @property
    @abstractmethod
    def build_request(self) -> Callable[..., Any]:
        """Only looked for: who has it is one of them."""

    @property
    @abstractmethod
    def stream(self) -> Callable[..., Any]:
        """Sends a request and gives the answer piece by piece."""


def httpx_fetcher(client: HTTPXClient) -> Fetcher:
    """A fetcher that uses `client`, which stays its owner's to close."""

    def fetch(request: FetchRequest) -> FetchResponse:
        deadline = time.monotonic() + request.timeout
        body = b""
        with client.stream(**_arguments(request)) as response:
            if response.is_stream_consumed:
                return _read_already(response, request)
            for chunk in response.iter_raw():
                body += chunk
                if time.monotonic() > deadline:
                    raise TimeoutError
                if len(body) > request.max_bytes:
                    raise too_large(request)
            return _response(response, body, request)

    async def fetch_async(request: FetchRequest) -> FetchResponse:
        body = b""
        async with client.stream(**_arguments(request)) as response:
            if response.is_stream_consumed:
                return _read_already(response, request)
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > request.max_bytes:
                    raise too_large(request)
            return _response(response, body, request)

    return fetch_async if hasattr(client, "aclose") else fetch


# Not compressed: a few bytes can unpack into a body of any size. A server that compresses all the same is borne with.
_PLAIN = {"Accept": "application/json", "Accept-Encoding": "identity"}


def _arguments(request: FetchRequest) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": request.url,
        "headers": {"User-Agent": USER_AGENT, **_PLAIN, **request.headers},
        "content": request.body,
        "timeout": request.timeout,
        "follow_redirects": False,
    }


def _response(response: Any, body: bytes, request: FetchRequest) -> FetchResponse:  # noqa: ANN401 - httpx's own
    found = FetchResponse(status=response.status_code, headers=_headers(response), body=body)
    return without_encoding(found, request)


def _read_already(response: Any, request: FetchRequest) -> FetchResponse:  # noqa: ANN401 - httpx's own
    """An answer that a hook has read, or that was in memory from the start: httpx has unpacked it."""
    body: bytes = response.content
    if len(body) > request.max_bytes:
        raise too_large(request)
    return FetchResponse(status=response.status_code, headers=_headers(response), body=body)


def _headers(response: Any) -> dict[str, str]:  # noqa: ANN401 - httpx's own
    return {name.lower(): value for name, value in response.headers.items()}
