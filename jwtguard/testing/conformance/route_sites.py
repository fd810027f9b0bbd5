"""The small web sites that the conformance of the ready-made routes is asked of.

>>> site = route_site("cookies")
>>> [view.path for view in site.views][:2]
['/me', '/plain']

An adapter's test builds each site with its own framework: the routes below `/auth`, the public keys at the root too,
and the views, each of which answers a GET or POST with `{"subject": …}` as those of
`jwtguard.testing.conformance.adapter_sites` do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from jwtguard import (
    CSRF,
    UNCHECKED,
    AuthorizationHeader,
    Grants,
    Guard,
    Rule,
    Rules,
    SessionRevocation,
    Sessions,
    SigningKey,
    TokenCookie,
    TokenIssuer,
    TooManyRequestsError,
    public,
)
from jwtguard.core.http.response import HTTPResponse
from jwtguard.core.sessions.store_protocol import RotationRequest, RotationResult, Session
from jwtguard.endpoints import Endpoints, EndpointSettings, LoginAttempt
from jwtguard.stores.memory import MemoryStore
from jwtguard.testing.conformance.adapter_sites import AUDIENCE, CSRF_SECRET, ISSUER, NOW

SIGNING_KEY = SigningKey.from_secret("a secret for tests, known to all", algorithm="HS256", kid="main")
PUBLIC_KEY = SigningKey.generate("ES256", kid="public")
REFRESH_KEY = SigningKey.from_secret("another, for refresh tokens only", algorithm="HS256", kid="r1")
PASSWORDS = {"alice": "wonderland", "bob": "builder", "mallory": "malice"}
BARRED = "mallory"
"""Knows the password, and may not log in all the same."""


class Clock:
    """Stands still until a test moves it. Seconds since the epoch."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """The time."""
        return self.now


class Store(MemoryStore):
    """A store that can be down, and counts the generations that were taken."""

    def __init__(self) -> None:
        super().__init__()
        self.is_down = False
        self.rotations = 0

    def _check(self) -> None:
        if self.is_down:
            raise OSError("the store is down")

    def find(self, session_id: str, *, now: float) -> Session | None:
        """The session of this id."""
        self._check()
        return super().find(session_id, now=now)

    def rotate(self, rotation: RotationRequest, *, now: float, grace: float, idle_lifetime: float) -> RotationResult:
        """Rotate, and count it."""
        self._check()
        taken = super().rotate(rotation, now=now, grace=grace, idle_lifetime=idle_lifetime)
        self.rotations += taken.is_rotated
        return taken

    def revoke(self, session_id: str, *, now: float) -> bool:
        """End a session."""
        self._check()
        return super().revoke(session_id, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteView:
    """One view. `is_guarded`: `requires()` stands in front; else it reads the principal by itself, if `reads`.

    `raises`: it raises RuntimeError. `headers` are those of its answer.
    """

    path: str
    is_guarded: bool = True
    reads: bool = True
    raises: bool = False
    headers: Sequence[tuple[str, str]] = ()


VIEWS = (
    SiteView(path="/me"),
    SiteView(path="/plain", is_guarded=False),
    SiteView(path="/open", is_guarded=False, reads=False),
    SiteView(path="/fails", raises=True),
    SiteView(path="/cached", headers=(("Cache-Control", "public, max-age=60"),)),
    SiteView(path="/leaving", headers=(("Set-Cookie", "__Host-access=; Path=/; Max-Age=0; Secure"),)),
    SiteView(path="/auth/login/extra", is_guarded=False, reads=False),
    SiteView(path="/auth/other", is_guarded=False, reads=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSite:
    """An application with the routes. `settings` are what the guard object gets besides guard and sessions.

    `middleware`: that of the guard *object*, or its `init_app`, is in front. `logins`: what `authenticate` was asked.
    `passwords`: of each user, who is logged out when it changes.
    """

    guard: Guard
    sessions: Sessions
    settings: EndpointSettings
    clock: Clock
    store: Store
    logins: list[tuple[str, str]]
    passwords: dict[str, str] = field(repr=False)
    middleware: bool = True
    views: tuple[SiteView, ...] = field(default=VIEWS, repr=False)

    def endpoints(self) -> Endpoints:
        """The routes without a framework."""
        return Endpoints(self.guard, self.sessions, **self.settings)


def _before_login(attempt: LoginAttempt) -> HTTPResponse | None:
    if attempt.username == "eager":
        raise TooManyRequestsError(retry_after=30)
    if attempt.username == "blocked":
        return HTTPResponse(status=418, headers=(("X-Client", str(attempt.client)),), body=b"short and stout")
    return None


def route_site(name: str) -> RouteSite:
    """A new site of this name: see `_VARIANTS`."""
    variant: dict[str, Any] = {**_VARIANTS[name]}
    clock, store, logins = Clock(), Store(), list[tuple[str, str]]()
    keys = variant.get("keys", [SIGNING_KEY])
    issuer = TokenIssuer(issuer=ISSUER, audience=AUDIENCE, client_id="tests", signing_keys=keys, clock=clock)
    passwords = dict(PASSWORDS)

    claims = variant.get("claims", {})

    def load(subject: str) -> Grants | None:
        user = subject.removeprefix("user-")
        if user == BARRED:
            return None
        scope = [] if claims else ["reports:read"]
        return Grants(roles=["user"], scope=scope, claims=claims, stamp=passwords.get(user))

    sessions = Sessions(issuer=issuer, store=store, load=load, refresh_keys=[REFRESH_KEY], clock=clock)
    more: dict[str, Any] = {"rules": UNCHECKED, **variant.get("guard", {})}
    if variant.get("revocation"):
        more["revocation"] = SessionRevocation(store, max_staleness=timedelta(0), clock=clock)
    guard = Guard(
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=issuer.verification_keys,
        tokens_from=[AuthorizationHeader(), TokenCookie(development=variant.get("development", False))],
        clock=clock,
        **more,
    )

    def check_password(username: str, password: str) -> str | None:
        logins.append((username, password))
        assert "\0" not in username + password, "no database takes this"
        (username + password).encode()
        if password == "broken":
            raise OSError("the directory is down")
        return f"user-{username}" if passwords.get(username) == password else None

    async def check_password_async(username: str, password: str) -> str | None:
        return check_password(username, password)

    settings: Any = {
        "authenticate": check_password_async if variant.get("async") else check_password,
        "before_login": _before_login,
        **variant.get("settings", {}),
    }
    return RouteSite(
        guard=guard,
        sessions=sessions,
        settings=settings,
        clock=clock,
        store=store,
        logins=logins,
        passwords=passwords,
        middleware=variant.get("middleware", True),
    )


_PORTRAIT = {"portrait": "x" * 4000}
_COOKIES = {"settings": {"delivery": "cookies"}}
_REFRESH_COOKIE = {"settings": {"delivery": "refresh-cookie"}}
_RENEWED = {"delivery": "cookies", "silent_renewal": True}
_RULES = Rules([Rule("/open", public)])
_LAX_RULES = Rules([Rule("/auth/sessions", public), Rule("/auth/logout-all", public)])
_VARIANTS: dict[str, dict[str, Any]] = {
    "bearer": {},
    "bearer, decorators only": {"middleware": False},
    "bearer, async": {"async": True},
    "bearer, public key": {"keys": [SIGNING_KEY, PUBLIC_KEY]},
    "bearer, too long": {"claims": _PORTRAIT, "guard": {"max_token_bytes": 4096}},
    "bearer, short body": {"settings": {"max_body_bytes": 100}},
    "cookies": _COOKIES,
    "cookies, own name": {"settings": {"delivery": "cookies", "refresh_cookie": "__Host-refresh-admin"}},
    "cookies, async": {**_COOKIES, "async": True},
    "cookies, forgotten": {"settings": {"delivery": "cookies", "remember": False}},
    "cookies, csrf token": {**_COOKIES, "guard": {"csrf": CSRF(secret=CSRF_SECRET)}},
    "cookies, development": {**_COOKIES, "development": True},
    "cookies, too large": {**_COOKIES, "claims": _PORTRAIT},
    "cookies, rules": {**_COOKIES, "guard": {"rules": _RULES}},
    "cookies, lax rules": {**_COOKIES, "guard": {"rules": _LAX_RULES}},
    "refresh cookie": _REFRESH_COOKIE,
    "refresh cookie, development": {**_REFRESH_COOKIE, "development": True},
    "refresh cookie, rules": {**_REFRESH_COOKIE, "guard": {"rules": _RULES}},
    "silent renewal": {"settings": _RENEWED},
    "silent renewal, csrf token": {"settings": _RENEWED, "guard": {"csrf": CSRF(secret=CSRF_SECRET)}},
    "silent renewal, rules": {"settings": _RENEWED, "guard": {"rules": _RULES}},
    "silent renewal, revocation": {"settings": _RENEWED, "revocation": True},
    "silent renewal, too large": {"settings": _RENEWED, "claims": _PORTRAIT},
}
