"""The fetcher that needs nothing but the standard library: one deadline for everything, on all addresses of a name.

>>> fetch = DefaultFetcher()
>>> fetch  # call it with a FetchRequest
DefaultFetcher()

It speaks http and https, follows no redirects, and reads a bounded number of bytes. The proxy that the environment
names (`HTTPS_PROXY`, else `ALL_PROXY`, unless `NO_PROXY` names the host) is used for https, never for this machine and
never for plain http.
"""

from __future__ import annotations

import io
import queue
import socket
import ssl
import threading
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from typing import Any, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

from jwtguard.core.events import quoted
from jwtguard.key_sources.http_client import (
    USER_AGENT,
    FetchError,
    FetchRequest,
    FetchResponse,
    is_loopback,
    too_large,
    without_encoding,
)

MAX_ADDRESSES = 32
"""Addresses of a name that are tried: each takes a thread while those before it are silent."""
LONGEST_PAUSE = 1.0
"""Seconds after which the next address is tried, while those before it say nothing; less where the time-out is short
for the number of addresses.
"""
_PORTS = {"http": 80, "https": 443}
_Address: TypeAlias = tuple[Any, Any, int, str, Any]
"""What `socket.getaddrinfo` gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proxy:
    """An http proxy that is asked to CONNECT. `credentials`: for Basic authentication, None without."""

    host: str
    port: int
    credentials: str | None = field(repr=False)


class DefaultFetcher:
    """Fetches over http and https on the calling thread. `tls` stands in for the system's certificates."""

    __slots__ = ("_tls",)

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls

    def __call__(self, request: FetchRequest) -> FetchResponse:
        """Fetch `request`; raises `OSError`, `FetchError` or `http.client.HTTPException`."""
        deadline = time.monotonic() + request.timeout
        if self._tls is None:
            self._tls = ssl.create_default_context()  # Reads the system's certificates: once.
        target = urlsplit(request.url)
        proxy = _proxy_for(target)
        host, port = (str(target.hostname), _port_of(target)) if proxy is None else (proxy.host, proxy.port)
        addresses = list(dict.fromkeys(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))[:MAX_ADDRESSES]
        exchanges = [
            lambda address=address: self._exchange(request, target, proxy, address, deadline) for address in addresses
        ]
        return _first_answer(exchanges, deadline, pause=min(LONGEST_PAUSE, request.timeout / (len(addresses) + 1)))

    def _exchange(
        self, request: FetchRequest, target: SplitResult, proxy: _Proxy | None, address: _Address, deadline: float
    ) -> FetchResponse:
        """Ask at one address."""
        family, kind, protocol, _, place = address
        with closing(socket.socket(family, kind, protocol)) as plain:
            plain.settimeout(_remaining(deadline))
            plain.connect(place)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if proxy is not None:
                _open_tunnel(plain, proxy, target, deadline)
            if target.scheme == "http":
                return _ask(plain, request, target, deadline)
            assert self._tls is not None  # noqa: S101 - for the type checker: it was made before
            plain.settimeout(_remaining(deadline))  # For the handshake as a whole.
            with closing(self._tls.wrap_socket(plain, server_hostname=target.hostname)) as secure:
                return _ask(secure, request, target, deadline)

    def __repr__(self) -> str:
        return "DefaultFetcher()"


def _port_of(target: SplitResult) -> int:
    return target.port or _PORTS[target.scheme]


def _proxy_for(target: SplitResult) -> _Proxy | None:
    """The proxy that the environment names for this address, if it names one."""
    if target.scheme != "https" or is_loopback(str(target.hostname)):
        return None
    known = urllib.request.getproxies()
    url = known.get("https") or known.get("all")
    if not url or urllib.request.proxy_bypass(target.netloc):
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        port = parts.port or _PORTS["http"]
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port:
        # Not shown as a whole: it may hold a password.
        raise FetchError(
            f"the proxy of the environment is no http://host:port, the only kind that is supported, but"
            f" {quoted(parts.scheme)}: set HTTPS_PROXY, or pass a fetcher= of your own"
        )
    credentials = None
    if parts.username is not None:
        credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return _Proxy(host=parts.hostname, port=port, credentials=credentials)


def _first_answer(exchanges: Sequence[Callable[[], FetchResponse]], deadline: float, *, pause: float) -> FetchResponse:
    """What the first of them brings. The next one begins when one has failed, or after a `pause` without an answer."""
    if len(exchanges) == 1:
        return exchanges[0]()
    outcomes: queue.SimpleQueue[FetchResponse | Exception] = queue.SimpleQueue()
    waiting = list(exchanges)
    errors: list[Exception] = []
    while len(errors) < len(exchanges):
        if waiting:
            # Those that lose end by themselves, at the deadline at the latest.
            exchange = waiting.pop(0)
            threading.Thread(target=_put_outcome, args=(exchange, outcomes), name="jwtguard fetch", daemon=True).start()
        try:
            remaining = _remaining(deadline)
            outcome = outcomes.get(timeout=min(pause, remaining) if waiting else remaining)
        except queue.Empty:
            continue
        except TimeoutError as error:
            errors.append(error)
            break
        if isinstance(outcome, FetchResponse):
            return outcome
        errors.append(outcome)
    # Of several failures, one that says more than that the time was over.
    raise next((error for error in reversed(errors) if not isinstance(error, TimeoutError)), errors[-1])


def _put_outcome(exchange: Callable[[], FetchResponse], outcomes: queue.SimpleQueue[FetchResponse | Exception]) -> None:
    try:
        outcomes.put(exchange())
    except Exception as error:  # noqa: BLE001 - the caller judges it
        outcomes.put(error)


def _open_tunnel(plain: socket.socket, proxy: _Proxy, target: SplitResult, deadline: float) -> None:
    """Have the proxy connect to the target (RFC 9110 §9.3.6); raises `OSError` if it does not."""
    host = f"[{target.hostname}]" if ":" in str(target.hostname) else str(target.hostname)
    authority = f"{host}:{_port_of(target)}"
    headers = {"Host": authority, "User-Agent": USER_AGENT}
    if proxy.credentials is not None:
        headers["Proxy-Authorization"] = f"Basic {b64encode(proxy.credentials.encode()).decode('ascii')}"
    connection = HTTPConnection(proxy.host, proxy.port)
    connection.sock = _DeadlineSocket(plain, deadline)
    connection.request("CONNECT", authority, headers=headers)
    with closing(connection.getresponse()) as response:
        if not 200 <= response.status < 300:
            raise OSError(f"the proxy answered CONNECT with {response.status}")


def _ask(stream: socket.socket, request: FetchRequest, target: SplitResult, deadline: float) -> FetchResponse:
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    headers = {"Host": target.netloc, "User-Agent": USER_AGENT, "Accept": "application/json", "Connection": "close"}
    connection = HTTPConnection(str(target.hostname), _port_of(target))
    connection.sock = _DeadlineSocket(stream, deadline)
    connection.request(request.method, path, body=request.body, headers={**headers, **request.headers})
    with closing(connection.getresponse()) as response:
        return _read(response, request)


def _read(response: HTTPResponse, request: FetchRequest) -> FetchResponse:
    headers: dict[str, str] = {}
    for name, value in response.headers.items():  # Several fields of one name are one list (RFC 9110 §5.3).
        before = headers.get(name.lower())
        headers[name.lower()] = value if before is None else f"{before}, {value}"
    length = headers.get("content-length", "")
    if length.isdigit() and len(length) < 19 and int(length) > request.max_bytes:
        raise too_large(request)
    body = response.read(request.max_bytes + 1)
    if len(body) > request.max_bytes:
        raise too_large(request)
    # Asked for a number of bytes, http.client takes an early end for the end.
    if length.isdigit() and int(length) != len(body) and request.method != "HEAD":
        raise FetchError(f"{request.name} sent {len(body)} of {quoted(length)} bytes")
    return without_encoding(FetchResponse(status=response.status, headers=headers, body=body), request)


class _DeadlineSocket:
    """A connected socket whose reads end at the deadline. A socket's own time-out starts anew with every byte.

    What opened the socket closes it.
    """

    def __init__(self, inner: socket.socket, deadline: float) -> None:
        self._inner = inner
        self._deadline = deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._inner, self._deadline))

    def sendall(self, data: bytes) -> None:
        self._inner.settimeout(_remaining(self._deadline))
        self._inner.sendall(data)  # Its time-out is for all of the data (since Python 3.5).

    def close(self) -> None:
        """Called by http.client where an answer ends with its connection."""


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
