"""WSGI: what happens in front of an application and when its response starts, for any framework that speaks it.

>>> from jwtguard.testing.conformance.route_sites import route_site
>>> def application(environ, start_response):
...     start_response("200 OK", [("X-Cookies", environ.get("HTTP_COOKIE", "none"))])
...     return [b"hello"]
>>> environ = {"REQUEST_METHOD": "GET", "HTTP_COOKIE": "__Host-refresh=secret"}
>>> in_front_of(application, route_site("cookies").endpoints())(environ, lambda *started: print(*started))
200 OK [('X-Cookies', 'none')]
[b'hello']
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from jwtguard.core.http.response import HTTPRequest
from jwtguard.endpoints.withholding import withhold_from_environ
from jwtguard.request_auth import Pending, RequestAuth, finishing

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from jwtguard.endpoints import Endpoints


_KEY = "jwtguard.renewals"
"""A key of its own: adapters differ in where they keep the callers, and one environ may pass through several."""


def put_off_in(environ: WSGIEnvironment) -> Callable[[Pending], object]:
    """What keeps something for when the response to the request of `environ` starts."""
    return _request_auth(environ).put_off


def _request_auth(environ: WSGIEnvironment) -> RequestAuth:
    request_auth: RequestAuth = environ.setdefault(_KEY, RequestAuth())
    return request_auth


def in_front_of(app: WSGIApplication, endpoints: Endpoints | None = None) -> WSGIApplication:
    """`app`, from which the refresh cookie is hidden. When it starts its response, pending renewals are finished, and
    caches are told how the request was authenticated: no hook inside is as early, or as late, as that.
    """
    refresh_cookie = None if endpoints is None else endpoints.refresh_cookie

    def front_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request_auth = _request_auth(environ)
        if refresh_cookie is not None:
            withhold_from_environ(environ, refresh_cookie)
        search = HTTPRequest.from_wsgi(environ).search

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], object]:  # noqa: ANN401 - as in PEP 3333
            code = int(status[:3])
            renewed = finishing(request_auth.take_pending(), code, headers).run() or headers
            return start_response(status, search.header_fields(code, renewed) or renewed, *exc_info)

        return app(environ, cast("StartResponse", start))

    return front_app
