"""Test clients that are logged in: those of Flask, Starlette, FastAPI and Django, and any other of httpx.

>>> import httpx
>>> from jwtguard.testing.tokens import throwaway_guard, tokens_for
>>> guard = throwaway_guard()
>>> with tokens_for(guard) as token_for, Authenticated(token_for) as authenticated:
...     client = authenticated(httpx.Client(), "alice", roles=["admin"])
...     client.headers["Authorization"][:10]
'Bearer eyJ'

A token may go in a header, or in a cookie with all that a page of the application's own sends along. When the test is
over the clients are as they were before.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from typing import Any, Literal, Self, TypeAlias, TypeVar, Unpack

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.flow import Flow
from jwtguard.core.http.cookies import TokenCookie
from jwtguard.core.http.csrf import CSRF, CSRF_HEADER
from jwtguard.core.http.token_sources import AuthorizationHeader, TokenHeader, TokenSource, is_ambient
from jwtguard.testing.issuer_claims import TokenSettings
from jwtguard.testing.tokens import TokenFor

C = TypeVar("C")
Via: TypeAlias = Literal["header", "cookie"]


class Authenticated:
    """Logs test clients in with tokens of `token_for`: `authenticated(client, "alice", roles=["admin"])`."""

    def __init__(self, token_for: TokenFor) -> None:
        self._token_for = token_for
        self._clients: dict[int, tuple[object, list[Callable[[], object]]]] = {}

    def __call__(
        self,
        client: C,
        subject: str = "user-1",
        *,
        via: Via | TokenSource | None = None,
        csrf: bool = True,
        **settings: Unpack[TokenSettings],
    ) -> C:
        """Let `client` send a token for `subject` with each request; returns the same client.

        An earlier login of the client is replaced. `via` is where the token travels: "header" or "cookie", as the
        guard has it, or a place of a route's own; by default the first of the guard's. With a cookie, or a
        gateway's header, go the browser's `Sec-Fetch-Site`, and the CSRF cookie and header where the guard makes them;
        `csrf=False` leaves these out, for a test that must fail. `settings` are those of the token.

        Raises `ConfigurationError` if the guard reads no token there, `TypeError` for something that is no test client.
        """
        place = self._place(via)
        sender = _sender(client)
        self.logout(client)
        text = self._token_for(subject, **settings)
        fields: dict[str, str] = {}
        cookies: dict[str, str] = {}
        if isinstance(place, AuthorizationHeader):
            fields["Authorization"] = f"Bearer {text}"
        elif isinstance(place, TokenHeader):
            fields[place.name] = text if place.scheme is None else f"{place.scheme} {text}"
        else:
            cookies[place.sent_name] = text
        if csrf and is_ambient(place):
            self._add_csrf(text, fields, cookies)
        undo = [sender.set_header(name, value) for name, value in fields.items()]
        undo += [sender.set_cookie(name, value) for name, value in cookies.items()]
        self._clients[id(client)] = client, undo
        return client

    def logout(self, client: object) -> None:
        """Take from `client` what was put into it here."""
        _, undo = self._clients.pop(id(client), (client, []))
        for step in undo:
            step()

    def close(self) -> None:
        """Take from all clients what was put into them here."""
        for client, _ in list(self._clients.values()):
            self.logout(client)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _place(self, via: Via | TokenSource | None) -> AuthorizationHeader | TokenHeader | TokenCookie:
        if via is not None and not isinstance(via, str):
            places: tuple[TokenSource, ...] = (via,)
        else:
            places = self._token_for.guard.tokens_from
        for place in places:
            if isinstance(place, AuthorizationHeader | TokenHeader) and (via == "header" or not isinstance(via, str)):
                return place
            if isinstance(place, TokenCookie) and (via == "cookie" or not isinstance(via, str)):
                return place
        where = f"a {via}" if isinstance(via, str) else "a header or a cookie"
        raise ConfigurationError(f"the guard reads no token from {where}: its tokens_from is {list(places)!r}")

    def _add_csrf(self, text: str, fields: dict[str, str], cookies: dict[str, str]) -> None:
        # What a browser says of a page's own requests, whichever host the test client pretends to speak to.
        fields["Sec-Fetch-Site"] = "same-origin"
        guard = self._token_for.guard
        if not isinstance(guard.csrf, CSRF) or guard.csrf.secret is None:
            return
        try:
            token = Flow(guard.reading_issued(text)).run()
        except ConfigurationError:
            return  # It has expired, or is wrong in another way that the test is about.
        fields[CSRF_HEADER] = guard.csrf_token(token)
        cookies[guard.csrf_cookie(token).partition("=")[0]] = fields[CSRF_HEADER]


class _Sender:
    """The test client of Starlette and FastAPI, or any of httpx. Each setter returns what undoes it."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401
        self.client = client

    def set_header(self, name: str, value: str) -> Callable[[], object]:
        return _put(self.client.headers, name, value)

    def set_cookie(self, name: str, value: str) -> Callable[[], object]:
        cookies, domain = self.client.cookies, _domain(str(self.client.base_url.host))
        cookies.set(name, value, domain=domain)
        return lambda: _without_error(lambda: cookies.delete(name, domain=domain, path="/"))


class _DjangoSender(_Sender):
    """django.test.Client and AsyncClient, and those of Django REST framework."""

    def set_header(self, name: str, value: str) -> Callable[[], object]:
        is_async = inspect.iscoroutinefunction(self.client.request)
        return _put(self.client.defaults, name.lower() if is_async else _variable(name), value)

    def set_cookie(self, name: str, value: str) -> Callable[[], object]:
        cookies = self.client.cookies
        cookies[name] = value
        return lambda: cookies.pop(name, None)


class _FlaskSender(_Sender):
    """flask.testing.FlaskClient."""

    def set_header(self, name: str, value: str) -> Callable[[], object]:
        return _put(self.client.environ_base, _variable(name), value)

    def set_cookie(self, name: str, value: str) -> Callable[[], object]:
        host = (self.client.application.config.get("SERVER_NAME") or "localhost").partition(":")[0]
        self.client.set_cookie(name, value, domain=host)
        return lambda: self.client.delete_cookie(name, domain=host)


def _sender(client: object) -> _Sender:
    """How `client` is spoken to, told by what it has: no framework is imported for it."""
    for kind, needed in (
        (_FlaskSender, ("environ_base", "set_cookie", "delete_cookie", "application")),
        (_DjangoSender, ("defaults", "cookies", "request")),
        (_Sender, ("headers", "cookies", "base_url")),
    ):
        if all(hasattr(client, name) for name in needed) and not isinstance(client, type):
            return kind(client)
    raise TypeError(
        f"authenticated(...) takes the test client of Flask, Starlette, FastAPI or Django, or one of httpx: found"
        f" {type(client).__name__}"
    )


def _put(fields: MutableMapping[str, Any], name: str, value: str) -> Callable[[], object]:
    if name in fields:
        before = fields[name]
        fields[name] = value
        return lambda: fields.__setitem__(name, before)
    fields[name] = value
    return lambda: fields.pop(name, None)


def _domain(host: str) -> str:
    """Where a cookie of `host` is kept, so that one which the application sets takes its place (RFC 6265 §5.3)."""
    return host if "." in host or not host else f"{host}.local"  # As http.cookiejar calls a host without a dot.


def _without_error(step: Callable[[], object]) -> None:
    with suppress(KeyError):  # The application has deleted it.
        step()


def _variable(name: str) -> str:
    """The name of a header field in a WSGI environ (PEP 3333)."""
    return "HTTP_" + name.upper().replace("-", "_")
