"""Fetching a small document from an identity provider that may be slow, broken or hostile.

>>> from jwtguard.core.flow import Flow
>>> def canned(request):
...     return FetchResponse(status=200, body=b'{"keys": []}')
>>> request = FetchRequest(url="https://issuer.example/jwks.json")
>>> Flow(fetching(canned, request)).run().body
b'{"keys": []}'

A `Fetcher` is a function, sync or async, from `FetchRequest` to `FetchResponse`; an `httpx.Client` or
`httpx.AsyncClient` will do as well. The default needs nothing but the standard library. Whatever it does is bounded:
in time, in size, and in where it goes, since redirects are never followed.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self, TypeAlias

from jwtguard.core.errors import ConfigurationError, JWTGuardError
from jwtguard.core.events import escaped, quoted
from jwtguard.core.flow import Call, Steps, is_async
from jwtguard.key_sources.content_encoding import ContentEncodingError, UnpackedTooLargeError, unpacked

MAX_BYTES = 512 * 1024
"""A body longer than this is refused: real JWK Sets have a few kilobytes."""
TIMEOUT = 5.0
"""Seconds for everything together: connecting, sending, and the last byte of the answer."""
USER_AGENT = "jwtguard"
"""Firewalls refuse the names of well-known libraries, among them Python's own."""

SYNC_WAY = "a sync fetcher, for example the default (leave out fetcher=), which serves sync and async code alike"


class FetchError(Exception):
    """A document could not be had, or is not what it should be; the text says why, for an operator."""


class StatusError(FetchError):
    """The answer had another status than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """What to fetch. `timeout` is in seconds, for everything together; `max_bytes` is of the body.

    `label` is how messages name it: the address by default, or less of one that a document gave.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout: float = TIMEOUT
    max_bytes: int = MAX_BYTES
    label: str = ""

    @property
    def name(self) -> str:
        """How messages name it."""
        return self.label or self.url


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchResponse:
    """What came back. The names in `headers` are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


Fetcher: TypeAlias = Callable[[FetchRequest], FetchResponse | Awaitable[FetchResponse]]


def fetching(fetcher: Fetcher, request: FetchRequest) -> Steps[FetchResponse]:
    """The steps that fetch `request`; raises `FetchError` with the reason, whatever the fetcher raised."""
    perform = _bound(fetcher, request) if is_async(fetcher) else lambda: fetcher(request)
    try:
        response = yield Call(perform, sync_alternative="async def for a fetcher that awaits")
    except (FetchError, JWTGuardError):
        raise
    except Exception as error:
        raise FetchError(_reason(error, request)) from error
    if not isinstance(response, FetchResponse):
        raise FetchError(f"the fetcher returned {type(response).__name__}, not a FetchResponse")
    if len(response.body) > request.max_bytes:
        raise too_large(request)
    if response.status != 200:
        redirected = ": redirects are not followed" if 300 <= response.status < 400 else ""
        raise StatusError(response.status, f"{request.name} answered {response.status}{redirected}")
    return response


def _bound(fetcher: Fetcher, request: FetchRequest) -> Callable[[], Awaitable[FetchResponse]]:
    import asyncio  # noqa: PLC0415 - slow to import, and loaded already where this runs

    async def fetch() -> FetchResponse:
        async with asyncio.timeout(request.timeout):
            return await fetcher(request)  # type: ignore[misc,no-any-return]

    return fetch


def _reason(error: Exception, request: FetchRequest) -> str:
    if isinstance(error, TimeoutError):
        return f"{request.name} did not answer within {request.timeout:.3g} s"
    # The text of an error may quote what was received.
    return f"{request.name} cannot be reached: {type(error).__name__}: {escaped(str(error))}"


def too_large(request: FetchRequest) -> FetchError:
    """The refusal of a body that is too long."""
    return FetchError(f"{request.name} sent more than {request.max_bytes} bytes")


def without_encoding(response: FetchResponse, request: FetchRequest) -> FetchResponse:
    """`response` with its body unpacked, if it came compressed; raises `FetchError` if it cannot be."""
    named = response.headers.get("content-encoding")
    if named is None or response.status != 200:  # Of another answer the body is not read.
        return response
    try:
        body = unpacked(response.body, named, max_bytes=request.max_bytes)
    except UnpackedTooLargeError:
        raise too_large(request) from None
    except ContentEncodingError:
        raise FetchError(
            f"{request.name} answered in the encoding {quoted(named)}, which was not asked for and cannot be unpacked"
        ) from None
    headers = {name: value for name, value in response.headers.items() if name != "content-encoding"}
    return FetchResponse(status=response.status, headers=headers, body=body)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainHTTP:
    """Where plain http may be spoken: to this machine, and to hosts in lower case that were named."""

    loopback: bool = False
    hosts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, *, allow_http_loopback: bool, allow_http_hosts: Iterable[str]) -> Self:
        """Read the two settings; raises `ConfigurationError` for a host that is none."""
        is_list = isinstance(allow_http_hosts, Iterable) and not isinstance(allow_http_hosts, str | bytes | Mapping)
        hosts = tuple(allow_http_hosts) if is_list else ()
        if not is_list or not all(_is_host(host) for host in hosts):
            raise ConfigurationError(
                "allow_http_hosts is a list of host names, without scheme and port: write"
                f' allow_http_hosts=["keycloak"], found {allow_http_hosts!r}'
            )
        return cls(loopback=allow_http_loopback, hosts=frozenset(host.lower() for host in hosts))

    def allows(self, host: str) -> bool:
        """Whether `host`, in lower case, may be spoken to without TLS."""
        return host in self.hosts or (self.loopback and is_loopback(host))


def _is_host(host: object) -> bool:
    """A name, or an address; never a pattern, a port or a path."""
    from ipaddress import ip_address  # noqa: PLC0415 - seldom needed

    if not isinstance(host, str):
        return False
    try:
        return ip_address(host) is not None
    except ValueError:
        return re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?", host) is not None


def check_url(url: object, http: PlainHTTP, *, what: str = "url") -> str:
    """An address that may be asked for keys: https, or plain http where `http` allows it.

    Raises `ConfigurationError` for any other.
    """
    from urllib.parse import urlsplit  # noqa: PLC0415 - slow to import

    try:
        parts = urlsplit(url) if isinstance(url, str) and url.isascii() and url.isprintable() else None
        host = parts.hostname if parts is not None else None
        port_is_sound = parts is None or parts.port != 0  # Raises for one that is no number.
    except ValueError:
        parts, host, port_is_sound = None, None, False
    if parts is None or not host or not port_is_sound or " " in str(url) or parts.scheme not in {"https", "http"}:
        raise ConfigurationError(f'{what} is an absolute https address: write {what}="https://…", found {quoted(url)}')
    if parts.fragment or parts.username is not None or parts.password is not None:
        raise ConfigurationError(f"{what} holds a fragment or credentials, which an address of keys never does")
    if parts.scheme == "http" and not http.allows(host):
        # An attacker on the way of plain http chooses whose tokens are trusted.
        way_out = "allow_http_loopback=True" if is_loopback(host) else f"allow_http_hosts=[{quoted(host)}]"
        raise ConfigurationError(
            f"{what} must be https, found {quoted(url)}: plain http is spoken to hosts that you name, on a network"
            f" of your own, with {way_out}"
        )
    return str(url)


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine itself (RFC 1122 §3.2.1.3, RFC 6761 §6.3)."""
    if host == "localhost":
        return True
    from ipaddress import ip_address  # noqa: PLC0415 - seldom needed

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
