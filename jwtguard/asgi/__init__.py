"""ASGI: a middleware for any application, and a decorator for Starlette endpoints and websockets.

>>> from starlette.applications import Starlette
>>> from starlette.middleware import Middleware
>>> from starlette.responses import PlainTextResponse
>>> from starlette.routing import Route
>>> from jwtguard import Guard, Rules, SigningKey, has_role
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(
...     issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key, rules=Rules([])
... )
>>> @requires(has_role("admin"))
... async def admin(request):
...     return PlainTextResponse(f"hello {request.user.subject}")
>>> app = Starlette(routes=[Route("/admin", admin)], middleware=[Middleware(GuardMiddleware, guard=guard)])

The middleware needs nothing but ASGI. It authenticates each request, fills `scope["user"]` and `scope["auth"]`, and
enforces the guard's `rules`: with `Rules([])` every path needs a valid token, with `rules=UNCHECKED` the middleware
refuses nothing and `requires` on the routes decides. `requires` authorizes, and authenticates by itself where no
middleware of its guard is in front: `ASGIGuard(guard).requires(...)` or `requires(..., guard=guard)`.

With `Sessions`, `routes=[*auth.routes(prefix="/auth")]` mounts login, refresh and logout, and `GuardMiddleware` with
`guard=auth` lets exactly these pass without an access token.
"""

from jwtguard.asgi.asgi_guard import ASGIGuard as ASGIGuard
from jwtguard.asgi.connection import UNAUTHENTICATED_USER as UNAUTHENTICATED_USER
from jwtguard.asgi.connection import ASGIApp as ASGIApp
from jwtguard.asgi.connection import Connection as Connection
from jwtguard.asgi.connection import Credentials as Credentials
from jwtguard.asgi.connection import UnauthenticatedUser as UnauthenticatedUser
from jwtguard.asgi.decorator import requires as requires
from jwtguard.asgi.middleware import GuardMiddleware as GuardMiddleware
