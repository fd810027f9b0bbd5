"""What `fetcher=` may be: nothing, a function, or a client of httpx.

>>> from jwtguard.key_sources.http_client import FetchResponse
>>> fetch = as_fetcher(lambda request: FetchResponse(status=204, headers={}, body=b""))
>>> as_fetcher(None)
DefaultFetcher()
"""

from __future__ import annotations

from ssl import SSLContext
from typing import cast

from jwtguard.core.errors import ConfigurationError
from jwtguard.key_sources.default_fetcher import DefaultFetcher
from jwtguard.key_sources.http_client import Fetcher, FetchError, FetchRequest, FetchResponse
from jwtguard.key_sources.httpx_fetcher import HTTPXClient, httpx_fetcher


def as_fetcher(fetcher: object, *, tls: SSLContext | None = None) -> Fetcher:
    """What `fetcher=` may be, as a `Fetcher`; raises `ConfigurationError` with what to write instead."""
    if fetcher is None:
        return DefaultFetcher(tls=tls)
    if tls is not None:
        raise ConfigurationError("tls= is for the default fetcher: set it up in your own, or leave out fetcher=")
    if hasattr(fetcher, "stream") and hasattr(fetcher, "build_request"):
        return httpx_fetcher(cast("HTTPXClient", fetcher))
    if not callable(fetcher) or isinstance(fetcher, type):
        raise ConfigurationError(
            "fetcher is a function, sync or async, from FetchRequest to FetchResponse, or an httpx.Client or"
            f" httpx.AsyncClient: found {fetcher!r}"
        )
    return cast("Fetcher", fetcher)


def no_fetcher(request: FetchRequest) -> FetchResponse:
    """Stands where a fetcher could not be made, until that is reported."""
    raise FetchError(f"{request.name}: no fetcher")
