"""Applications for the commands to look into, by name."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from jwtguard import (
    UNCHECKED,
    Guard,
    Rule,
    Rules,
    Sessions,
    SigningKey,
    TokenCookie,
    TokenHeader,
    fresh,
    has_permission,
    has_role,
    has_scope,
    public,
)
from jwtguard.asgi import ASGIGuard, GuardMiddleware
from tests.doctor.contexts import sessions as make_sessions
from tests.samples import AUDIENCE, ISSUER

# Loaded, as in production.
KEY = SigningKey.from_pem(SigningKey.generate("ES256").to_private_pem(), algorithm="ES256", kid="a1")
guard = Guard(issuer=ISSUER, audience=AUDIENCE, keys=KEY.verification_key, rules=Rules([Rule("/users/me", public)]))
open_guard = Guard(issuer=ISSUER, audience=AUDIENCE, keys=KEY.verification_key)
insecure = Guard(
    issuer=ISSUER, audience=AUDIENCE, keys=KEY.verification_key, tokens_from=[TokenCookie()], csrf=UNCHECKED
)
sessions: Sessions = make_sessions()
not_sessions = object()
auth = ASGIGuard(open_guard)


async def view(request: Request) -> Response:
    """Any endpoint."""
    raise AssertionError


needs = (has_role("admin") | has_scope("users:write") | has_permission("users.delete")) & fresh(max_age=600)
app = Starlette(
    routes=[
        Route(
            "/users/{name}",
            auth.requires(needs, tokens_from=[TokenHeader("X-Token", from_proxy=False)])(view),
            methods=["PUT"],
        ),
        Route("/users/{name}", view),
        WebSocketRoute("/feed", auth.requires()(view)),
    ],
    middleware=[Middleware(GuardMiddleware, guard=guard)],
)
unguarded = Starlette(routes=[Route("/a", view), Route("/docs", view), Route("/docs/more", view)])
empty = Starlette()


def broken() -> Starlette:
    """An application whose configuration is wrong in two ways."""
    Guard.from_config({"issuer": ISSUER, "keys": {"secret": "short"}})
    raise AssertionError
