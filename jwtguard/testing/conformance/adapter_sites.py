"""The small web sites that the conformance cases are asked of: which guard, which routes, with or without middleware.

>>> [route.path for route in site("decorated").routes][:2]
['/me', '/admin']

An adapter's test builds each site with its own framework. Every view answers 200 with the JSON object
`{"subject": …}`: the subject of the framework's own `principal`, or null where there is no caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jwtguard import (
    CSRF,
    UNCHECKED,
    AuthorizationHeader,
    Guard,
    JWKSet,
    Principal,
    Requirement,
    Rule,
    Rules,
    SigningKey,
    TokenCookie,
    TokenHeader,
    TokenIssuer,
    TokenQuery,
    TokenSubprotocol,
    UnavailableError,
    authenticated,
    denied,
    fresh,
    has_permission,
    has_role,
    has_scope,
    optional,
    optional_lenient,
    predicate,
    public,
)
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.http.token_sources import TokenSource

NOW = 1_800_000_000.0
"""The time at which all of this happens, in seconds since the epoch."""
ISSUER, AUDIENCE = "https://issuer.example", "https://api.example"
KEY = SigningKey.from_secret("a secret for tests, known to all", algorithm="HS256", kid="main")
OTHER_KEY = SigningKey.from_secret("another secret, for other tokens", algorithm="HS256", kid="other")
CSRF_SECRET = "a secret for csrf tokens in tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route, for GET and POST. `requirement` None: the view has no decorator.

    `by_other`: the site's second guard decorates it.
    """

    path: str
    requirement: Requirement | None = None
    tokens_from: tuple[TokenSource, ...] | None = None
    by_other: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """An application. `middleware`: the guard's middleware, or `init_app`, is in front of all routes.

    `preflight`: the adapter's middleware lets CORS preflights pass, where it has such a switch.
    `other_middleware`: the second guard has one in front too, outside the first. `async_views`: views are coroutines.
    """

    guard: Guard
    other: Guard
    routes: tuple[Route, ...]
    middleware: bool = False
    other_middleware: bool = False
    preflight: bool = False
    async_views: bool = False


def issuer(key: SigningKey = KEY, *, now: float = NOW) -> TokenIssuer:
    """An issuer of tokens for the sites' first guard, or with `OTHER_KEY` for the second."""
    return TokenIssuer(
        issuer=ISSUER,
        audience=AUDIENCE,
        client_id="tests",
        signing_keys=[key],
        clock=lambda: now,
        new_jti=lambda: "jti",
    )


def guard_for_tests(key: SigningKey = KEY, **settings: Any) -> Guard:  # noqa: ANN401 - what Guard takes
    """A guard for the tokens of `issuer(key)`."""
    keys = settings.pop("keys", key.verification_key)
    return Guard(issuer=ISSUER, audience=AUDIENCE, keys=keys, **{"clock": lambda: NOW, **settings})


class OutOfReach:
    """A key source whose keys cannot be fetched."""

    def current(self) -> JWKSet | None:
        """Nothing is at hand."""
        return None

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        """Fails, as a provider does that is down."""
        return Flow(self._failing())

    def _failing(self) -> Steps[JWKSet]:
        raise UnavailableError("keys", retry_after=7)
        yield


class Broken:
    """A key source with a bug."""

    def current(self) -> JWKSet | None:
        """Raises an unforeseen exception."""
        raise RuntimeError("unforeseen")

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        """Never asked."""
        raise RuntimeError("unforeseen")


def _raising(principal: Principal) -> bool:
    raise RuntimeError("unforeseen")


COOKIE = TokenCookie("__Host-access")
PROXY = TokenHeader("X-Forwarded-Authorization", from_proxy=True, scheme="Bearer")
COOKIE_PLACES = (AuthorizationHeader(), COOKIE)
ROUTES = (
    Route(path="/me", requirement=authenticated),
    Route(path="/admin", requirement=has_role("admin")),
    Route(path="/editor", requirement=has_role("editor")),
    Route(path="/auditor", requirement=has_role('prüfer "intern"') | has_scope("audit:read")),
    Route(path="/reports", requirement=has_scope("reports:read") & has_scope("reports:list")),
    Route(path="/delete", requirement=has_permission("users.delete")),
    Route(path="/either", requirement=has_role("admin") | has_scope("reports:read")),
    Route(path="/fresh", requirement=has_role("admin") & fresh(max_age=300)),
    Route(path="/never", requirement=predicate(lambda principal: False)),
    Route(path="/raises", requirement=predicate(_raising)),
    Route(path="/optional", requirement=optional),
    Route(path="/lenient", requirement=optional_lenient),
    Route(path="/public", requirement=public),
    Route(path="/denied", requirement=denied),
    Route(path="/gateway", requirement=authenticated, tokens_from=(TokenHeader("X-Token", from_proxy=False),)),
    Route(path="/proxy", requirement=authenticated, tokens_from=(PROXY,)),
    Route(path="/query", requirement=authenticated, tokens_from=(TokenQuery("access_token"),)),
    Route(path="/other", requirement=authenticated, by_other=True),
)
RULED = (
    Route(path="/public"),
    Route(path="/optional"),
    Route(path="/lenient"),
    Route(path="/denied"),
    Route(path="/docs"),
    Route(path="/docs/intro"),
    Route(path="/docs/internal"),
    Route(path="/docs-internal"),
    Route(path="/admin"),
    Route(path="/admin/users"),
    Route(path="/admin/help"),
    Route(path="/items"),
    Route(path="/unnamed"),
    Route(path="/both", requirement=has_scope("reports:read")),
    Route(path="/public/inner", requirement=authenticated),
)
RULES = Rules(
    [
        Rule("/public", public),
        Rule("/public/inner", public),
        Rule("/optional", optional),
        Rule("/lenient", optional_lenient),
        Rule("/denied", denied),
        Rule("/docs/", public),
        Rule("/docs/internal", has_role("admin")),
        Rule("/admin/", has_role("admin")),
        Rule("/admin/help", public),
        Rule("/items", public, methods=["GET"]),
        Rule("/items", has_role("admin"), methods=["POST"]),
        Rule("/both", has_role("admin")),
    ]
)


@cache
def site(name: str) -> Site:
    """The site of this name; see `_sites`."""
    return _sites()[name]


def _sites() -> Mapping[str, Site]:
    rights: dict[str, Any] = {
        "role_hierarchy": {"admin": {"editor"}},
        "role_permissions": {"editor": {"users.delete"}},
    }
    main, other = guard_for_tests(**rights), guard_for_tests(OTHER_KEY)
    in_cookies: Any = {
        "tokens_from": COOKIE_PLACES,
        "csrf": CSRF(trusted_origins=["https://app.example"], secret=CSRF_SECRET),
    }
    cookies, cookies_identifying = guard_for_tests(**in_cookies), guard_for_tests(rules=UNCHECKED, **in_cookies)
    plain = (Route(path="/plain"), *ROUTES)
    identifying, other_identifying = (
        guard_for_tests(rules=UNCHECKED, **rights),
        guard_for_tests(OTHER_KEY, rules=UNCHECKED),
    )
    ruled = guard_for_tests(rules=RULES)
    return {
        "decorated": Site(guard=main, other=other, routes=ROUTES),
        "decorated async": Site(guard=main, other=other, routes=ROUTES, async_views=True),
        "middleware": Site(guard=identifying, other=other, routes=plain, middleware=True),
        "middleware async": Site(guard=identifying, other=other, routes=plain, middleware=True, async_views=True),
        "two middlewares": Site(
            guard=identifying, other=other_identifying, routes=plain, middleware=True, other_middleware=True
        ),
        "rules": Site(guard=ruled, other=other, routes=RULED, middleware=True),
        "double slashes": Site(
            guard=guard_for_tests(rules=Rules(RULES.rules, allow_double_slash=True)),
            other=other,
            routes=RULED,
            middleware=True,
        ),
        "preflight": Site(guard=ruled, other=other, routes=RULED, middleware=True, preflight=True),
        "cookies": Site(guard=cookies, other=other, routes=ROUTES),
        "cookies middleware": Site(guard=cookies_identifying, other=other, routes=plain, middleware=True),
        "cookies with token": Site(
            guard=guard_for_tests(tokens_from=COOKIE_PLACES, csrf=CSRF(secret=CSRF_SECRET, require_token=True)),
            other=other,
            routes=ROUTES,
        ),
        "cookies without secret": Site(guard=guard_for_tests(tokens_from=COOKIE_PLACES), other=other, routes=ROUTES),
        "proxy": Site(
            guard=guard_for_tests(tokens_from=[AuthorizationHeader(from_proxy=True)]), other=other, routes=ROUTES
        ),
        "proxy middleware": Site(
            guard=guard_for_tests(tokens_from=[AuthorizationHeader(from_proxy=True)], csrf=UNCHECKED, rules=UNCHECKED),
            other=other,
            routes=plain,
            middleware=True,
        ),
        "cookies unchecked": Site(
            guard=guard_for_tests(tokens_from=COOKIE_PLACES, csrf=UNCHECKED), other=other, routes=ROUTES
        ),
        "out of reach": Site(guard=guard_for_tests(keys=OutOfReach()), other=other, routes=ROUTES),
        "out of reach middleware": Site(
            guard=guard_for_tests(keys=OutOfReach(), rules=UNCHECKED), other=other, routes=plain, middleware=True
        ),
        "broken": Site(guard=guard_for_tests(keys=Broken()), other=other, routes=ROUTES),
        "explained": Site(guard=guard_for_tests(explain_refusals=True, **rights), other=other, routes=ROUTES),
        "realm": Site(guard=guard_for_tests(realm="orders"), other=other, routes=ROUTES),
        "subprotocol": Site(
            guard=guard_for_tests(tokens_from=[AuthorizationHeader(), TokenSubprotocol()], rules=UNCHECKED),
            other=other,
            routes=ROUTES,
            middleware=True,
        ),
    }
