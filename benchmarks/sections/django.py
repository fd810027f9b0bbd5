"""Django: a view without a guard, with ours, and with a decorator written by hand; and on Django REST framework a view
without a guard, and with Simple JWT. Each adds to a bare view of its own kind.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import django
import jwt
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test.utils import override_settings
from django.urls import path

from benchmarks.callables import WSGIClient
from benchmarks.limit import limit_of_environ
from benchmarks.measuring import LIMIT, Findings, Pace, interleaved
from benchmarks.proof import prove_guarded
from benchmarks.tokens import AUDIENCE, ISSUER, Mint
from jwtguard import Rules

View = Callable[..., Any]


def measure(pace: Pace, algorithm: str) -> Findings:
    """One algorithm, since Simple JWT reads its settings once; every token as new, since the cache is off."""
    mint, urls = Mint(algorithm), ModuleType("urls")
    configure(
        urls,
        SIMPLE_JWT=simple_jwt(mint),
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "jwtguard.django"],
    )
    from jwtguard.django import DjangoGuard, GuardMiddleware

    views = {
        "bare": bare,
        LIMIT: limited(mint),
        "jwtguard": DjangoGuard(mint.guard(cache_size=0)).requires()(ours),
        "written by hand": by_hand(mint),
        **rest_framework(),
    }
    vars(urls)["urlpatterns"] = [path(f"{number}", view) for number, view in enumerate(views.values())]
    handler = WSGIHandler()
    clients = {name: WSGIClient(handler, f"/{number}") for number, name in enumerate(views)}
    GuardMiddleware.guard = mint.guard(cache_size=0, rules=Rules([]))
    vars(urls)["urlpatterns"].append(path("ruled", ours))
    with override_settings(MIDDLEWARE=["jwtguard.django.GuardMiddleware"]):
        clients["jwtguard, middleware and rules"] = WSGIClient(WSGIHandler(), "/ruled")
    for name, client in clients.items():
        if not name.startswith(("bare", LIMIT)):
            prove_guarded(name, client.ask, mint)
    tokens = mint.tokens()
    batches = {name: client.batch(tokens) for name, client in clients.items()}
    return Findings(series=interleaved(algorithm, batches, pace))


def configure(urls: ModuleType, **changed: Any) -> None:
    """Django's settings, as few as will do."""
    values = {
        "SECRET_KEY": "only for measuring, and known to everybody who reads this",
        "ALLOWED_HOSTS": ["*"],
        "ROOT_URLCONF": urls,
        "MIDDLEWARE": [],
        "USE_TZ": True,
        **changed,
    }
    settings.configure(**values)
    django.setup()


def simple_jwt(mint: Mint) -> dict[str, Any]:
    """Settings for tokens of ours: the same ten claims for everybody."""
    return {
        "ALGORITHM": mint.algorithm,
        "SIGNING_KEY": mint.private_text,
        "VERIFYING_KEY": mint.public_text,
        "AUDIENCE": AUDIENCE,
        "ISSUER": ISSUER,
        "USER_ID_CLAIM": "sub",
        "TOKEN_TYPE_CLAIM": None,
    }


def bare(request: HttpRequest) -> HttpResponse:
    """The view without a guard."""
    return JsonResponse({"subject": "user-0"})


def limited(mint: Mint) -> View:
    """The limit in the view: no guard."""
    read = limit_of_environ(mint)
    return lambda request: JsonResponse({"subject": read(request.META)["sub"]})


def ours(request: HttpRequest) -> HttpResponse:
    """The view behind our decorator or middleware."""
    return JsonResponse({"subject": request.principal.subject})  # type: ignore[attr-defined]


def by_hand(mint: Mint) -> View:
    """A careful decorator on PyJWT, with the key prepared."""
    key, algorithms = mint.public_object, [mint.algorithm]

    def authenticated(view: View) -> View:
        @functools.wraps(view)
        def decorated(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                return JsonResponse({"error": "missing_token"}, status=401)
            try:
                request.claims = jwt.decode(token, key, algorithms=algorithms, issuer=ISSUER, audience=AUDIENCE)
            except jwt.InvalidTokenError:
                return JsonResponse({"error": "invalid_token"}, status=401)
            return view(request, *args, **kwargs)  # type: ignore[no-any-return]

        return decorated

    @authenticated
    def view(request: Any) -> HttpResponse:
        return JsonResponse({"subject": request.claims["sub"]})

    return view


def rest_framework() -> dict[str, View]:
    """The bare view of Django REST framework, and the same with Simple JWT's stateless authentication."""
    from rest_framework.permissions import IsAuthenticated
    from rest_framework.renderers import JSONRenderer
    from rest_framework.response import Response
    from rest_framework.views import APIView
    from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication

    class Bare(APIView):
        authentication_classes: Any = ()
        permission_classes: Any = ()
        renderer_classes: Any = (JSONRenderer,)

        def get(self, request: Any) -> Any:
            return Response({"subject": "user-0"})

    class Guarded(Bare):
        authentication_classes = (JWTStatelessUserAuthentication,)
        permission_classes = (IsAuthenticated,)

        def get(self, request: Any) -> Any:
            return Response({"subject": request.user.id})

    return {"bare, REST framework": Bare.as_view(), "simplejwt": Guarded.as_view()}
