"""The views: each says what it needs, and `request.user` is Django's own user."""

from __future__ import annotations

import json

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_http_methods

from jwtguard import has_scope
from jwtguard.django import requires


def index(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"message": "Hello! POST /auth/login with username and password, then GET /me."})


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


def json_of(request: HttpRequest) -> object:
    """What the body says as JSON, None if it is none."""
    try:
        body: object = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    return body
