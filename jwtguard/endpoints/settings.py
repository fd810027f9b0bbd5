"""The settings of the shipped routes, the same for every framework.

>>> settings: EndpointSettings = {"delivery": "cookies", "silent_renewal": True}
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, TypeAlias, TypedDict

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.flow import is_async
from jwtguard.core.http.response import HTTPRequest, HTTPResponse
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.core.tokens.subject import Subject
from jwtguard.core.validation import Problems
from jwtguard.endpoints.delivery import REFRESH_COOKIE, BearerDelivery, CookieDelivery, Delivery, RefreshCookieDelivery
from jwtguard.guard import Guard

MAX_BODY_BYTES = 16384
"""A refresh token of 8192 bytes fits, escaped or not; nothing here needs more."""
FRESH_FOR = timedelta(minutes=5)

Authenticate: TypeAlias = Callable[[str, str], "Subject | Awaitable[Subject | None] | None"]
"""The subject of the user with this name and password, or None; sync or async.

It must take as long for an unknown name as for a wrong password.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginAttempt:
    """A login about to be checked. `client` is the address that the server saw, which may be a proxy's, or None.

    In `username` U+FFFD stands in the place of NUL and of lone surrogates, which no database takes.
    """

    username: str = field(repr=False)
    client: str | None
    request: HTTPRequest


BeforeLogin: TypeAlias = Callable[[LoginAttempt], "HTTPResponse | Awaitable[HTTPResponse | None] | None"]
"""Called before the password is checked, sync or async: raise `TooManyRequestsError`, or return an answer to send."""

NO_AUTHENTICATE = "no function checks passwords: pass authenticate=check_password, a function of user name and password"


class EndpointSettings(TypedDict, total=False):
    """The keyword arguments of `Endpoints`, and so of `FlaskGuard`, `ASGIGuard`, `FastAPIGuard` and `DjangoGuard`."""

    authenticate: Authenticate | None
    delivery: Literal["bearer", "cookies", "refresh-cookie"]
    silent_renewal: bool
    refresh_cookie: str
    remember: bool
    before_login: BeforeLogin | None
    fresh_for: timedelta
    max_body_bytes: int


def check_mountable(sessions: Sessions | None, settings: EndpointSettings) -> None:
    """Raise `ConfigurationError` if there is nothing to mount, or no `authenticate`."""
    if sessions is None:
        raise ConfigurationError(
            "the routes need sessions: write FlaskGuard(guard, Sessions(...), authenticate=check_password)"
        )
    if settings.get("authenticate") is None:
        raise ConfigurationError(NO_AUTHENTICATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings once they are checked."""

    authenticate: Authenticate | None
    delivery: Delivery
    renewed_cookies: CookieDelivery | None
    remember: bool
    before_login: BeforeLogin | None
    fresh_for: timedelta
    max_body_bytes: int

    @classmethod
    def checked(cls, guard: Guard, sessions: Sessions, given: EndpointSettings) -> Settings:
        """The settings as they are used; raises `ConfigurationError` with all problems."""
        problems = Problems(_problems(given))
        if not isinstance(sessions, Sessions):
            problems.append(f"the routes need sessions: pass Sessions(...), found {sessions!r}")
        chosen, renewal, cookies = given.get("delivery", "bearer"), given.get("silent_renewal", False), None
        delivery: Delivery = BearerDelivery()
        name = given.get("refresh_cookie", REFRESH_COOKIE)
        try:
            if chosen == "cookies":
                delivery = cookies = CookieDelivery(guard, silent_renewal=renewal, refresh_cookie=name)
            elif chosen == "refresh-cookie":
                delivery = RefreshCookieDelivery(guard, refresh_cookie=name)
        except ConfigurationError as error:
            problems += error.problems
        if renewal is True and chosen != "cookies":
            problems.append('silent_renewal renews cookies: write delivery="cookies" with it')
        if chosen == "bearer" and "refresh_cookie" in given:
            problems.append('refresh_cookie names a cookie: write delivery="cookies" or "refresh-cookie" with it')
        problems.raise_all()
        return cls(
            authenticate=given.get("authenticate"),
            delivery=delivery,
            renewed_cookies=cookies if renewal else None,
            remember=given.get("remember", True),
            before_login=given.get("before_login"),
            fresh_for=given.get("fresh_for", FRESH_FOR),
            max_body_bytes=given.get("max_body_bytes", MAX_BODY_BYTES),
        )

    def is_async(self, sessions: Sessions) -> bool:
        """Whether a part of the program that these routes call can only be awaited."""
        functions: tuple[Callable[..., object] | None, ...] = (
            self.authenticate,
            self.before_login,
            sessions.load,
            sessions.store.find,
        )
        return any(function is not None and is_async(function) for function in functions)


def _problems(given: EndpointSettings) -> Iterator[str]:
    """What is wrong with each setting by itself."""
    known = EndpointSettings.__annotations__
    unknown = sorted(set(given) - set(known))
    if unknown:
        yield f"the routes have no setting {', '.join(unknown)}; they have {', '.join(known)}"
    functions: dict[str, object] = {name: given.get(name) for name in ("authenticate", "before_login")}
    for name, function in functions.items():
        if function is not None and not callable(function):
            yield f"{name} is a function, found {function!r}"
    switches: dict[str, object] = {name: given.get(name, False) for name in ("remember", "silent_renewal")}
    for name, switch in switches.items():
        if not isinstance(switch, bool):
            yield f"{name} is True or False, found {switch!r}"
    if given.get("delivery", "bearer") not in ("bearer", "cookies", "refresh-cookie"):
        yield f'delivery is "bearer", "cookies" or "refresh-cookie", found {given.get("delivery")!r}'
    fresh_for: object = given.get("fresh_for", FRESH_FOR)
    if not isinstance(fresh_for, timedelta) or fresh_for.total_seconds() < 1 or fresh_for.microseconds:
        yield f"fresh_for is a timedelta of whole seconds, at least one, found {fresh_for!r}"
    limit: object = given.get("max_body_bytes", MAX_BODY_BYTES)
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        yield f"max_body_bytes is a number of bytes, found {limit!r}"
