"""FastAPI: a dependency that is a security scheme in the OpenAPI document, for http and websocket routes.

>>> from typing import Annotated
>>> from fastapi import FastAPI
>>> from jwtguard import Guard, Principal, SigningKey, has_role
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key)
>>> app, auth = FastAPI(), FastAPIGuard(guard)
>>> auth.init_app(app)
>>> @app.get("/admin")
... async def admin(caller: Annotated[Principal, auth.requires(has_role("admin"))]) -> str:
...     return f"hello {caller.subject}"
>>> app.openapi()["paths"]["/admin"]["get"]["security"]
[{'BearerToken': []}]

For rules by path, add the middleware: `app.add_middleware(GuardMiddleware, guard=guard)` from `jwtguard.asgi`.
"""

# No `from __future__ import annotations`: FastAPI reads the annotations of the dependency below as they are, and an
# object's `__call__` gives it no module to look names up in.
from collections.abc import Iterable
from typing import Any

try:
    from fastapi import Depends, FastAPI, Request
    from fastapi.encoders import jsonable_encoder
    from fastapi.openapi.models import SecurityBase as SecurityModel
    from fastapi.security import APIKeyCookie, APIKeyHeader, APIKeyQuery, HTTPBearer
    from fastapi.security.base import SecurityBase
    from starlette.exceptions import HTTPException, WebSocketException
    from starlette.requests import HTTPConnection
    from starlette.responses import Response
except ImportError as error:
    raise ImportError("jwtguard.fastapi needs FastAPI: pip install 'jwtguard-middleware[fastapi]'") from error

from jwtguard.asgi import ASGIGuard, Scope, Visit, can_deny, close_code, perform, response
from jwtguard.callers import Checkpoint
from jwtguard.core.authorization import Requirement, authenticated
from jwtguard.core.cookies import TokenCookie
from jwtguard.core.errors import ConfigurationError, JWTGuardError
from jwtguard.core.extraction import TokenHeader, TokenQuery, TokenSource
from jwtguard.core.http import HTTPAnswer
from jwtguard.core.principal import Principal
from jwtguard.guard import Guard


class RefusedRequest(HTTPException):
    """A refusal as Starlette knows it: status and challenge are right with or without `FastAPIGuard.init_app`.

    `error` is the `JWTGuardError`; `answer` is the finished answer with the problem body.
    """

    def __init__(self, error: JWTGuardError, answer: HTTPAnswer) -> None:
        headers = {name: value for name, value in answer.headers if name != "Content-Type"}
        super().__init__(status_code=answer.status, detail=error.detail, headers=headers)
        self.error = error
        self.answer = answer


class _Dependency:
    """What `requires` gives to FastAPI."""

    def __init__(self, guard: Guard, checkpoint: Checkpoint) -> None:
        self._guard = guard
        self._checkpoint = checkpoint

    async def __call__(self, connection: HTTPConnection) -> Principal | None:
        visit = Visit(connection.scope, self._guard)
        try:
            admission = await perform(visit.admit(self._checkpoint))
        except ConfigurationError:
            raise
        except JWTGuardError as error:
            raise _refusal(error, visit.answer(error), connection.scope) from None
        visit.enter(admission.principal)
        return admission.principal


class _Scheme(_Dependency, SecurityBase):
    """The same where a token is read: a security scheme itself, so that no second dependency runs at each request."""

    def __init__(self, guard: Guard, checkpoint: Checkpoint) -> None:
        super().__init__(guard, checkpoint)
        # FastAPI gives a dependency one scheme; `init_app` adds the other places of the guard.
        self.scheme_name, self.model = _scheme_of((checkpoint.tokens_from or guard.tokens_from)[0])


class FastAPIGuard(ASGIGuard):
    """The guard of a FastAPI application: `auth = FastAPIGuard(guard)`, then `auth.requires(...)` in a signature."""

    def requires(
        self, requirement: Requirement = authenticated, *, tokens_from: Iterable[TokenSource] | None = None
    ) -> Any:  # noqa: ANN401 - what goes into Annotated[Principal, ...]; FastAPI types it so, too
        """The dependency that lets only callers in that `requirement` admits; its value is the `Principal`.

        For a parameter, `caller: Annotated[Principal, auth.requires()]`, or a whole router, `dependencies=[...]`.
        """
        checkpoint = Checkpoint(requirement, tokens_from)
        kind = _Scheme if checkpoint.requirement.mode.reads_token else _Dependency
        return Depends(kind(self.guard, checkpoint))

    def init_app(self, app: FastAPI) -> None:
        """Send refusals with their problem body, and name every place of a token in the OpenAPI document."""
        app.add_exception_handler(RefusedRequest, _send_refusal)
        first, *others = map(_scheme_of, self.guard.tokens_from)
        if others:
            _describe(app, first[0], dict(others))


def _refusal(error: JWTGuardError, answer: HTTPAnswer, scope: Scope) -> Exception:
    if scope["type"] == "websocket" and not can_deny(scope):
        return WebSocketException(close_code(answer.status))
    return RefusedRequest(error, answer)


async def _send_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedRequest)  # noqa: S101 - for the type checker: it is registered for nothing else
    return response(error.answer)


def _scheme_of(source: TokenSource) -> tuple[str, SecurityModel]:
    """The name of a token's place in the OpenAPI document, and its description there."""
    if isinstance(source, TokenCookie):
        return "CookieToken", APIKeyCookie(name=source.sent_name).model
    if isinstance(source, TokenHeader):
        return "HeaderToken", APIKeyHeader(name=source.name).model
    if isinstance(source, TokenQuery):
        return "QueryToken", APIKeyQuery(name=source.name).model
    return "BearerToken", HTTPBearer(bearerFormat="JWT").model


def _describe(app: FastAPI, first: str, others: dict[str, SecurityModel]) -> None:
    """Wherever the document asks for a token in the guard's first place, the others will do as well."""
    describe = app.openapi

    def with_others() -> dict[str, Any]:
        document = describe()
        schemes = document.get("components", {}).get("securitySchemes", {})
        # FastAPI keeps the document, so it comes here again as it was left.
        missing = [name for name in others if name not in schemes and first in schemes]
        for name in missing:
            schemes[name] = jsonable_encoder(others[name], by_alias=True, exclude_none=True)
        for path in document["paths"].values() if missing else ():
            for operation in path.values():
                if {first: []} in operation.get("security", ()):
                    operation["security"] += [{name: []} for name in missing]
        return document

    app.openapi = with_others  # type: ignore[method-assign]
