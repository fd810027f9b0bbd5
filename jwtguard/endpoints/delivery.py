"""How a pair of tokens reaches the client, and how its refresh token comes back: in JSON bodies, in cookies, or both.

>>> from jwtguard.core.sessions.grants import TokenResponse
>>> pair = TokenResponse(access_token="a.b.c", refresh_token="d.e.f", expires_in=300, refresh_expires_in=86400)
>>> for name, value in BearerDelivery().answer(pair, ()).headers:
...     print(f"{name}: {value}")
Cache-Control: no-store
Content-Type: application/json
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Literal, Protocol, TypeAlias

from jwtguard.core.errors import ConfigurationError, CSRFError, InvalidBodyError
from jwtguard.core.flow import Steps
from jwtguard.core.http.cookies import TokenCookie
from jwtguard.core.http.csrf import CSRF, CSRF_COOKIE
from jwtguard.core.http.response import HTTPRequest, HTTPResponse, json_answer
from jwtguard.core.sessions.grants import TokenResponse
from jwtguard.endpoints.bodies import JSON, media_type, text_parameter
from jwtguard.guard import Guard

NO_STORE = ("Cache-Control", "no-store")
REFRESH_COOKIE = "__Host-refresh"
SameSite: TypeAlias = Literal["Strict", "Lax"]
Headers: TypeAlias = Sequence[tuple[str, str]]
Parameters: TypeAlias = Callable[[], Mapping[str, object]]


class Delivery(Protocol):
    """One way of delivery."""

    @property
    def refresh_cookie(self) -> TokenCookie | None:
        """The cookie of the refresh token; None if that comes in the body."""

    def check_origin(self, request: HTTPRequest) -> None:
        """Raise `CSRFError` if another site may have sent a request to login, refresh or logout."""

    def refresh_token(self, request: HTTPRequest, parameters: Parameters) -> str | None:
        """The refresh token that came with `request`, whose body is parsed if asked; raises `InvalidRequestError`."""

    def refresh_tokens(self, request: HTTPRequest, parameters: Parameters) -> list[str]:
        """Every refresh token that came with `request`, for a logout."""
        ...

    def headers(self, request: HTTPRequest, pair: TokenResponse) -> Steps[Headers]:
        """The header fields that carry `pair`; raises `ConfigurationError` if they cannot."""
        ...

    def answer(self, pair: TokenResponse, headers: Headers) -> HTTPResponse:
        """The answer that carries `pair`, with `headers` from above."""
        ...

    def clearing(self) -> Headers:
        """The header fields that take the tokens away again."""
        ...


class BearerDelivery:
    """Tokens in the body (RFC 6749 §5.1), for clients that keep them themselves and send them in headers."""

    refresh_cookie = None

    def check_origin(self, request: HTTPRequest) -> None:
        """Nothing: no browser sends or keeps anything by itself."""

    def refresh_token(self, request: HTTPRequest, parameters: Parameters) -> str | None:
        """The parameter `refresh_token`; `grant_type` need not be there (RFC 6749 §6)."""
        found = parameters()
        if text_parameter(found, "grant_type") not in {None, "refresh_token"}:
            raise InvalidBodyError("grant_type", "The parameter grant_type, if there is one, must be refresh_token.")
        return text_parameter(found, "refresh_token")

    def refresh_tokens(self, request: HTTPRequest, parameters: Parameters) -> list[str]:
        """The parameter `refresh_token`, if there is one."""
        text = self.refresh_token(request, parameters)
        return [] if text is None else [text]

    def headers(self, request: HTTPRequest, pair: TokenResponse) -> Steps[Headers]:
        """None."""
        return ()
        yield

    def answer(self, pair: TokenResponse, headers: Headers) -> HTTPResponse:
        """Both tokens as JSON."""
        return json_answer(pair.to_json(), headers=(*headers, NO_STORE))

    def clearing(self) -> Headers:
        """None."""
        return ()


class CookieDelivery:
    """Tokens in cookies that scripts cannot read, and beside them the CSRF token in one that they can.

    The access cookie is the first `TokenCookie` that `guard` reads. `refresh_cookie` is the name of the other. Raises
    `ConfigurationError` if the guard reads no cookie, or the name fits no refresh cookie.
    """

    def __init__(self, guard: Guard, *, silent_renewal: bool, refresh_cookie: str = REFRESH_COOKIE) -> None:
        access = next((source for source in guard.tokens_from if isinstance(source, TokenCookie)), None)
        if access is None:
            raise ConfigurationError(
                'delivery="cookies" needs a guard that reads a cookie:'
                " write Guard(..., tokens_from=[AuthorizationHeader(), TokenCookie()])"
            )
        self.access = access
        self._guard = guard
        self._csrf = _csrf_of(guard)
        self._has_csrf_token = isinstance(guard.csrf, CSRF) and guard.csrf.secret is not None
        # With silent renewal a link from elsewhere would find the user logged out, if it were Strict.
        samesite: SameSite = "Lax" if silent_renewal else "Strict"
        self.refresh_cookie = _refresh_cookie(guard, refresh_cookie, samesite, development=access.development)

    def check_origin(self, request: HTTPRequest) -> None:
        """Check where a request that sets or clears cookies comes from, also without a login (login CSRF)."""
        _check_origin(self._csrf, request)

    def refresh_token(self, request: HTTPRequest, parameters: Parameters) -> str | None:
        """The refresh cookie; one in the body is not read, since no script of ours has it."""
        return self.refresh_cookie.read_received(request)

    def refresh_tokens(self, request: HTTPRequest, parameters: Parameters) -> list[str]:
        """Every refresh cookie: a client that sends two of them is to be logged out of both sessions."""
        return self.refresh_cookie.all_received(request)

    def headers(self, request: HTTPRequest, pair: TokenResponse) -> Steps[Headers]:
        """`Set-Cookie` for both tokens and the CSRF token; all live as long as the refresh token."""
        self.access.check_host(request)
        token = yield from self._guard.reading_issued(pair.access_token)
        max_age = _max_age(pair)
        cookies = [
            self.access.set(pair.access_token, max_age=max_age),
            self.refresh_cookie.set(pair.refresh_token, max_age=max_age),
        ]
        if self._has_csrf_token:
            cookies.append(self._guard.csrf_cookie(token, max_age=max_age))
        return [("Set-Cookie", cookie) for cookie in cookies]

    def answer(self, pair: TokenResponse, headers: Headers) -> HTTPResponse:
        """What a script may know: how long the access token lives, in seconds, and its scope."""
        body: dict[str, object] = {"expires_in": pair.expires_in}
        if pair.scope:
            body["scope"] = pair.scope
        return json_answer(body, headers=(*headers, NO_STORE))

    def clearing(self) -> Headers:
        """`Set-Cookie` that deletes all three."""
        cookies = [self.access.clear(), self.refresh_cookie.clear(), self._guard.clear_csrf_cookie()]
        return [("Set-Cookie", cookie) for cookie in cookies]

    def is_touched_by(self, set_cookies: Sequence[str]) -> bool:
        """Whether a response sets or clears one of the two token cookies already."""
        names = {self.access.sent_name, self.refresh_cookie.sent_name}
        return any(cookie.partition("=")[0].strip() in names for cookie in set_cookies)


class RefreshCookieDelivery:
    """The access token in the body, for a page that keeps it in a variable and sends it in a header; the refresh token
    in a cookie that scripts cannot read.

    Where `guard` reads a `TokenCookie` set up for development, so is this one. `refresh_cookie` is its name; raises
    `ConfigurationError` if that fits no refresh cookie.
    """

    def __init__(self, guard: Guard, *, refresh_cookie: str = REFRESH_COOKIE) -> None:
        self._csrf = _csrf_of(guard)
        cookies = (source for source in guard.tokens_from if isinstance(source, TokenCookie))
        development = any(cookie.development for cookie in cookies)
        self.refresh_cookie = _refresh_cookie(guard, refresh_cookie, "Strict", development=development)

    def check_origin(self, request: HTTPRequest) -> None:
        """Check the origin of a request with a cookie, which a browser sends for any page."""
        _check_origin(self._csrf, request)

    def refresh_token(self, request: HTTPRequest, parameters: Parameters) -> str | None:
        """The refresh cookie; one in the body is not read, since no script of ours has it."""
        return self.refresh_cookie.read_received(request)

    def refresh_tokens(self, request: HTTPRequest, parameters: Parameters) -> list[str]:
        """Every refresh cookie: a client that sends two of them is to be logged out of both sessions."""
        return self.refresh_cookie.all_received(request)

    def headers(self, request: HTTPRequest, pair: TokenResponse) -> Steps[Headers]:
        """`Set-Cookie` for the refresh token."""
        self.refresh_cookie.check_host(request)
        return [("Set-Cookie", self.refresh_cookie.set(pair.refresh_token, max_age=_max_age(pair)))]
        yield

    def answer(self, pair: TokenResponse, headers: Headers) -> HTTPResponse:
        """The access token as JSON (RFC 6749 §5.1), without the refresh token."""
        members = {name: value for name, value in pair.to_json().items() if name != "refresh_token"}
        return json_answer(members, headers=(*headers, NO_STORE))

    def clearing(self) -> Headers:
        """`Set-Cookie` that deletes the refresh token."""
        return [("Set-Cookie", self.refresh_cookie.clear())]


def _csrf_of(guard: Guard) -> CSRF:
    """The guard's CSRF settings; a guard without them still refuses a login from another origin."""
    return guard.csrf if isinstance(guard.csrf, CSRF) else CSRF()


def _check_origin(csrf: CSRF, request: HTTPRequest) -> None:
    # A form or an image can send no other media type than theirs, and what cannot leaves a browser only after a
    # preflight: so a client that names neither header and sends JSON is no browser on another site.
    if not csrf.check_headers(request) and media_type(request) != JSON:
        raise CSRFError(
            "csrf_headers",
            "The request needs an Origin or Sec-Fetch-Site header, as browsers send them by themselves;"
            f" without either, only a body of type {JSON} is taken.",
        )


def _max_age(pair: TokenResponse) -> timedelta | None:
    """How long the cookies of a pair live: as long as its refresh token, or as the browser."""
    return timedelta(seconds=pair.refresh_expires_in) if pair.remember else None


def _refresh_cookie(guard: Guard, name: str, samesite: SameSite, *, development: bool) -> TokenCookie:
    # Browsers take a `__Host-` cookie from this very host alone, so no sibling domain can plant one.
    if not isinstance(name, str) or not name.startswith("__Host-") or name == CSRF_COOKIE:
        raise ConfigurationError(
            f'refresh_cookie is a name that starts with __Host-, as in "__Host-refresh-admin": found {name!r}'
        )
    cookie = TokenCookie(name, samesite=samesite, development=development)
    if any(isinstance(place, TokenCookie) and place.sent_name == cookie.sent_name for place in guard.tokens_from):
        raise ConfigurationError(
            f"refresh_cookie is another cookie than that of the access token: found {name!r} twice"
        )
    return cookie
