"""What users write against the adapters, for the type checkers to read: never run.

A decorated view keeps its signature: the calls below that are marked as errors must be errors.
"""

from __future__ import annotations

from typing import Annotated, assert_type

from django.http import HttpRequest, HttpResponse
from django.views import View
from fastapi import APIRouter, FastAPI, WebSocket
from flask import Blueprint, Flask
from flask.views import MethodView
from rest_framework.request import Request as DRFRequest
from rest_framework.response import Response as DRFResponse
from rest_framework.views import APIView
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.websockets import WebSocket as StarletteWebSocket

from jwtguard import UNCHECKED, Guard, Principal, SigningKey, TokenHeader, has_role, has_scope, optional
from jwtguard.asgi import ASGIGuard, GuardMiddleware
from jwtguard.asgi import requires as asgi_requires
from jwtguard.django import DjangoGuard
from jwtguard.django import GuardMiddleware as DjangoMiddleware
from jwtguard.django import requires as django_requires
from jwtguard.django.rest_framework import GuardAuthentication, GuardPermission, HasRole, HasScope, Requires
from jwtguard.fastapi import FastAPIGuard
from jwtguard.flask import FlaskGuard, RefusedRequest, principal

key = SigningKey.generate("HS256")
guard = Guard(
    issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key, rules=UNCHECKED
)

# Flask.

flask_app = Flask(__name__)
flask_auth = FlaskGuard(guard)
flask_auth.init_app(flask_app)
FlaskGuard().init_app(flask_app)
FlaskGuard(guard, flask_app)  # type: ignore[arg-type]
blueprint = Blueprint("reports", __name__)


@flask_app.get("/users/<int:number>")
@flask_auth.requires(has_role("admin"))
def flask_user(number: int) -> str:
    return f"{number} {principal.subject}"


@blueprint.get("/")
@flask_auth.requires(tokens_from=[TokenHeader("X-Token", from_proxy=False)])
async def flask_async(number: int, *, kind: str = "") -> str:
    return kind


class Users(MethodView):
    @flask_auth.requires()
    def get(self, number: int) -> str:
        return str(number)


@flask_app.errorhandler(RefusedRequest)
def flask_refused(error: RefusedRequest) -> tuple[str, int]:
    return error.error.reason, error.error.status


async def calls_flask() -> None:
    assert_type(flask_user(number=1), str)
    assert_type(await flask_async(1, kind="x"), str)
    assert_type(Users().get(1), str)
    flask_user("one")  # type: ignore[arg-type]
    Users().get("one")  # type: ignore[arg-type]
    assert_type(principal.subject, str | None)
    assert_type(flask_auth.principal, Principal | None)
    assert_type(flask_auth.guard, Guard)


# Starlette.

auth = ASGIGuard(guard)


@asgi_requires(has_role("admin"))
async def endpoint(request: Request) -> Response:
    return PlainTextResponse("")


@auth.requires(optional)
def sync_endpoint(request: Request) -> PlainTextResponse:
    return PlainTextResponse("" if auth.principal(request) is None else "known")


@asgi_requires(guard=guard)
async def socket(websocket: StarletteWebSocket) -> None:
    assert_type(auth.principal(websocket), Principal | None)


class Endpoint(HTTPEndpoint):
    @auth.requires()
    async def get(self, request: Request) -> Response:
        return await endpoint(request)


starlette_app = Starlette(
    routes=[Route("/", endpoint), Route("/sync", sync_endpoint)],
    middleware=[Middleware(GuardMiddleware, guard=guard, preflight=True)],
)
GuardMiddleware(starlette_app, auth)


async def calls_starlette(request: Request) -> None:
    assert_type(await endpoint(request), Response)
    assert_type(sync_endpoint(request), PlainTextResponse)
    await endpoint("request")  # type: ignore[arg-type]
    asgi_requires("admin")  # type: ignore[arg-type]
    asgi_requires(has_role("admin"), [TokenHeader("X-Token", from_proxy=False)])  # type: ignore[call-arg]


# FastAPI.

fastapi_app, router = FastAPI(), APIRouter()
fastapi_auth = FastAPIGuard(guard)
fastapi_auth.init_app(fastapi_app)
fastapi_app.add_middleware(GuardMiddleware, guard=fastapi_auth)
Admin = Annotated[Principal, fastapi_auth.requires(has_role("admin"))]


@fastapi_app.get("/", dependencies=[fastapi_auth.requires()])
async def fastapi_view(caller: Admin, maybe: Annotated[Principal | None, fastapi_auth.requires(optional)]) -> str:
    assert_type(caller, Principal)
    assert_type(maybe, Principal | None)
    return caller.identity


@router.websocket("/socket")
async def fastapi_socket(websocket: WebSocket, caller: Annotated[Principal, fastapi_auth.requires()]) -> None:
    assert_type(caller.roles, frozenset[str])


# Django.

django_auth = DjangoGuard(guard)


class StaffRequest(HttpRequest):
    """A request as a project narrows it."""


@django_requires(has_role("admin"))
def django_view(request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse(number)


@django_auth.requires(optional, tokens_from=[TokenHeader("X-Token", from_proxy=False)])
async def django_async(request: StaffRequest, *, kind: str = "") -> HttpResponse:
    assert_type(django_auth.principal(request), Principal | None)
    return HttpResponse(kind)


class Page(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("")


class AdminMiddleware(DjangoMiddleware):
    guard = guard


guarded_page = django_requires()(Page.as_view())


class Reports(APIView):
    authentication_classes = (GuardAuthentication,)
    permission_classes = (HasRole("admin"), Requires(has_role("a") | has_scope("b"), guard=guard), HasScope("c"))

    def get(self, request: DRFRequest) -> DRFResponse:
        return DRFResponse({"for": request.user.pk})


class MachineAuthentication(GuardAuthentication):
    guard = django_auth
    tokens_from = (TokenHeader("X-Machine-Token", from_proxy=False),)


assert_type(HasRole("admin"), type[GuardPermission])
HasRole(["admin"])  # type: ignore[arg-type]


async def calls_django(request: HttpRequest, staff: StaffRequest) -> None:
    assert_type(django_view(request, number=1), HttpResponse)
    assert_type(await django_async(staff, kind="x"), HttpResponse)
    django_view(request, "one")  # type: ignore[arg-type]
    django_view("request", 1)  # type: ignore[arg-type]
    await django_async(request)  # type: ignore[arg-type]
    guarded_page(request)
