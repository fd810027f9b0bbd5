"""A middleware hides the refresh cookie from the application: it is for the shipped routes and silent renewal alone.

>>> environ = {"REQUEST_METHOD": "GET", "HTTP_COOKIE": "theme=dark; __Host-refresh=secret"}
>>> withhold_from_environ(environ, TokenCookie("__Host-refresh"))
>>> environ["HTTP_COOKIE"], HTTPRequest.from_wsgi(environ).received_cookies
('theme=dark', ['theme=dark; __Host-refresh=secret'])

The cookie has `Path=/`, since browsers take no `__Host-` cookie with another path, so it comes with every request. What
a view logs, forwards to another service or shows on an error page must not hold a token that is good for weeks.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from jwtguard.core.http.cookies import TokenCookie
from jwtguard.core.http.request import WITHHELD, WithheldCookies
from jwtguard.core.http.response import HTTPRequest as HTTPRequest


def withhold_from_environ(environ: MutableMapping[str, Any], cookie: TokenCookie) -> None:
    """Take `cookie` out of a WSGI environ, which keeps all of the field for `HTTPRequest.received_cookies`."""
    fields = [environ["HTTP_COOKIE"]] if "HTTP_COOKIE" in environ else []
    kept = cookie.without(fields)
    if kept is None:
        return
    environ.setdefault(WITHHELD, WithheldCookies(fields))
    if kept:
        (environ["HTTP_COOKIE"],) = kept
    else:
        del environ["HTTP_COOKIE"]


def withhold_from_scope(scope: MutableMapping[str, Any], cookie: TokenCookie) -> None:
    """Take `cookie` out of an ASGI scope of one's own, which keeps all of the fields for the same."""
    is_cookie = [name.lower() == b"cookie" for name, _ in scope["headers"]]
    headers = list(zip(scope["headers"], is_cookie, strict=True))
    fields = [value.decode("latin-1") for (_, value), is_one in headers if is_one]
    kept = cookie.without(fields)
    if kept is None:
        return
    scope.setdefault(WITHHELD, WithheldCookies(fields))
    others = [field for field, is_one in headers if not is_one]
    scope["headers"] = [*others, *((b"cookie", field.encode("latin-1")) for field in kept)]
