"""The fetcher that needs nothing but the standard library: urllib, with the doors shut that it leaves open.

>>> fetch = DefaultFetcher()
>>> fetch  # call it with a FetchRequest
DefaultFetcher()

What urllib does otherwise and this does not: follow redirects, read `file:` and `ftp:` addresses, read without end,
start its time-out anew with every byte, and name itself Python. The proxy that the environment names (`HTTPS_PROXY`,
`NO_PROXY`) is used for https, never for this machine.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
import urllib.request
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Any

from jwtguard.keys.fetching import USER_AGENT, FetchError, FetchRequest, FetchResponse, too_large


class DefaultFetcher:
    """Fetches over http and https on the calling thread. `tls` stands in for the system's certificates."""

    __slots__ = ("_tls",)

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls

    def __call__(self, request: FetchRequest) -> FetchResponse:
        """Fetch `request`; raises `OSError`, `FetchError` or `http.client.HTTPException`."""
        if self._tls is None:
            self._tls = ssl.create_default_context()  # Reads the system's certificates: once.
        deadline = time.monotonic() + request.timeout
        opener = urllib.request.OpenerDirector()  # Not `build_opener`, which adds redirects, files and FTP.
        if request.url.startswith("https:"):
            opener.add_handler(urllib.request.ProxyHandler())
            opener.add_handler(_HTTPS(self._tls, deadline))
        else:
            opener.add_handler(_HTTP(deadline))
        headers = {"User-Agent": USER_AGENT, "Accept": "application/json", **request.headers}
        asked = urllib.request.Request(  # noqa: S310 - the scheme was checked, and the opener has no others
            request.url, data=request.body, headers=headers, method=request.method
        )
        with opener.open(asked, timeout=request.timeout) as response:
            return _read(response, request)

    def __repr__(self) -> str:
        return "DefaultFetcher()"


def _read(response: HTTPResponse, request: FetchRequest) -> FetchResponse:
    headers = {name.lower(): value for name, value in response.headers.items()}
    length = headers.get("content-length", "")
    if length.isdigit() and len(length) < 19 and int(length) > request.max_bytes:
        raise too_large(request)
    body = response.read(request.max_bytes + 1)
    if len(body) > request.max_bytes:
        raise too_large(request)
    # Asked for a number of bytes, http.client takes an early end for the end.
    if length.isdigit() and int(length) != len(body) and request.method != "HEAD":
        raise FetchError(f"{request.url} sent {len(body)} of {length} bytes")
    return FetchResponse(status=response.status, headers=headers, body=body)


class _HTTP(urllib.request.AbstractHTTPHandler):
    """Opens plain http with a deadline. urllib finds `http_open` by its name."""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    http_request = urllib.request.AbstractHTTPHandler.do_request_

    def http_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_PlainConnection, request, deadline=self._deadline)


class _HTTPS(urllib.request.AbstractHTTPHandler):
    """Opens https with a deadline. urllib finds `https_open` by its name."""

    def __init__(self, tls: ssl.SSLContext, deadline: float) -> None:
        super().__init__()
        self._tls = tls
        self._deadline = deadline

    https_request = urllib.request.AbstractHTTPHandler.do_request_

    def https_open(self, request: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_TLSConnection, request, context=self._tls, deadline=self._deadline)


class _PlainConnection(HTTPConnection):
    def __init__(self, host: str, /, *, deadline: float = 0.0, **settings: Any) -> None:  # noqa: ANN401 - http.client's
        super().__init__(host, **settings)
        self._deadline = deadline

    def connect(self) -> None:
        super().connect()
        self.sock: Any = _DeadlineSocket(self.sock, self._deadline)


class _TLSConnection(HTTPSConnection):
    def __init__(self, host: str, /, *, deadline: float = 0.0, **settings: Any) -> None:  # noqa: ANN401 - http.client's
        super().__init__(host, **settings)
        self._deadline = deadline

    def connect(self) -> None:
        super().connect()
        self.sock: Any = _DeadlineSocket(self.sock, self._deadline)


class _DeadlineSocket:
    """A connected socket whose reads end at the deadline. A socket's own time-out starts anew with every byte."""

    def __init__(self, inner: socket.socket, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._inner, self._deadline))

    def sendall(self, data: bytes) -> None:
        self._inner.settimeout(_remaining(self._deadline))
        self._inner.sendall(data)  # Its time-out is for all of the data (since Python 3.5).

    def close(self) -> None:
        self._inner.close()  # The file made above keeps what it needs, as with any socket.


class _DeadlineReader(io.RawIOBase):
    def __init__(self, inner: socket.socket, deadline: float) -> None:
        super().__init__()
        self._socket = inner
        self._raw = inner.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - a buffer has no type before 3.12
        self._socket.settimeout(_remaining(self._deadline))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _remaining(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("timed out")
    return remaining
