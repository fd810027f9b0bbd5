"""What a guarded request costs under Django, beside the framework: see `tests/test_costs.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.test import RequestFactory
from django.test.utils import override_settings

from jwtguard import UNCHECKED, Guard, Rule, Rules, has_role
from jwtguard.django import GuardMiddleware, requires
from tests.adapters import django_site as django_site  # Sets Django up.
from tests.costs import Counter, Work
from tests.samples import guard, token

ADMIN = has_role("admin")
View = Callable[[HttpRequest], HttpResponseBase]


def _view(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.principal.subject)  # type: ignore[attr-defined]


def _decorator(by: Guard) -> View:
    return requires(ADMIN, guard=by)(_view)


def _middleware(by: Guard, view: View = _view) -> View:
    middleware: Any = type("OurMiddleware", (GuardMiddleware,), {"guard": by})
    found: View = middleware(view)
    return found


def _both(by: Guard) -> View:
    return _middleware(by, requires(ADMIN, guard=by)(_view))


@pytest.mark.parametrize(
    ("build", "changes"),
    [
        pytest.param(_decorator, {}, id="decorator"),
        pytest.param(_middleware, {"rules": Rules([Rule("/x", ADMIN)])}, id="rules"),
        pytest.param(_both, {"rules": UNCHECKED}, id="middleware and decorator"),
    ],
)
def test_a_request(build: Callable[[Guard], View], changes: dict[str, Any]) -> None:
    """From Django's request to the view, with the token new and seen before."""
    with override_settings(MIDDLEWARE=[]):
        app = build(guard(**changes))

        def ask(text: str) -> None:
            app(RequestFactory().get("/x", headers={"authorization": f"Bearer {text}"}))

        ask(token(roles=["admin"]))
        text = token("user-2", roles=["admin"])
        first, second = (Counter(lambda: ask(text)) for _ in range(2))

    assert (first.work, second.work) == (Work(json=1, base64=2, sha256=1), Work(sha256=1))
