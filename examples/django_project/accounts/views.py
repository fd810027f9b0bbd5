"""The views: each says what it needs, and `request.user` is Django's own user."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.tokens import cookie, csrf, guard, issuer, token_for
from examples.own_page import check_own_page
from jwtguard import CSRFError, has_scope
from jwtguard.django import requires
from jwtguard.django.requests import read, refuse


def index(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"message": "Hello! POST /login with name and password, then GET /me."})


# Nobody has a token yet that Django's check could go by: the browser's own headers decide in its place.
@csrf_exempt
@require_POST
def login(request: HttpRequest) -> HttpResponse:
    try:
        check_own_page(csrf, read(request))
    except CSRFError as error:
        return refuse(request, guard, error)
    body, user = json_of(request), None
    match body:
        case {"name": str(name), "password": str(password)} if (name + password).isprintable():
            # One answer for a wrong name and a wrong password, and Django sees to it that both take the same time.
            user = authenticate(request, username=name, password=password)
    if not isinstance(user, User):
        return JsonResponse({"detail": "The name or the password is wrong."}, status=401)
    token, lifetime = token_for(user), issuer.access_token_lifetime
    if body.get("cookie") is not True:
        document = {"access_token": token, "token_type": "Bearer", "expires_in": int(lifetime.total_seconds())}
        return JsonResponse(document, headers={"Cache-Control": "no-store"})
    # For a page in a browser. Scripts cannot read the token; they read the CSRF token and send it along.
    csrf_cookie = guard.csrf_cookie(guard.verify(token).run())
    return with_cookies(JsonResponse({"name": user.get_username()}), cookie.set(token, max_age=lifetime), csrf_cookie)


@csrf_exempt
@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    try:
        check_own_page(csrf, read(request))
    except CSRFError as error:
        return refuse(request, guard, error)
    return with_cookies(HttpResponse(status=204), cookie.clear(), guard.clear_csrf_cookie())


@requires()
@require_http_methods(["GET", "POST"])
def me(request: HttpRequest) -> HttpResponseBase:
    user = request.user
    if not isinstance(user, User):
        return JsonResponse({"detail": "This account is closed."}, status=403)
    if request.method == "POST":
        match json_of(request):
            case {"display_name": str(display_name)} if display_name.isprintable():
                user.first_name = display_name[:150]
                user.save(update_fields=["first_name"])
            case _:
                return JsonResponse({"detail": "The body needs a display_name."}, status=400)
    return JsonResponse({"name": user.get_username(), "display_name": user.first_name})


@requires(has_scope("reports:read"))
def reports(request: HttpRequest) -> HttpResponseBase:
    return JsonResponse({"reports": ["2026-10", "2026-11"]})


def everybody(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"users": list(User.objects.order_by("username").values_list("username", flat=True))})


def json_of(request: HttpRequest) -> dict[str, Any]:
    """The JSON object in the body, an empty one if there is none."""
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def with_cookies(response: HttpResponse, token_cookie: str, csrf_cookie: str) -> HttpResponse:
    """The response with two finished `Set-Cookie` values, which Django keeps apart from its other headers."""
    response.cookies.load(token_cookie)
    response.cookies.load(csrf_cookie)
    response.headers["Cache-Control"] = "no-store"
    return response
