"""A guard in front of a whole application says what it does there; a slip in putting it there is an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask
import pytest
from django.http import HttpRequest, HttpResponse
from django.test.utils import override_settings
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware

from jwtguard import UNCHECKED, ConfigurationError, Guard, Rule, Rules, public
from jwtguard.asgi import ASGIGuard, GuardMiddleware
from jwtguard.django import DjangoGuard
from jwtguard.django import GuardMiddleware as DjangoMiddleware
from jwtguard.fastapi import FastAPIGuard
from jwtguard.flask import FlaskGuard
from jwtguard.testing import RawRequest, asgi_client
from jwtguard.testing.sites import AUDIENCE, ISSUER, guard_for_tests
from tests.adapters import django_site as django_site  # Sets Django up.

CONFIG: dict[str, Any] = {
    "issuer": ISSUER,
    "audience": AUDIENCE,
    "keys": {"secret": "not a secret, only an example!!!"},
}


async def _inner(scope: Any, receive: Any, send: Any) -> None:
    """An application."""


def _answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def _flask_config(guard: Any) -> None:
    app = flask.Flask(__name__)
    app.config["JWTGUARD"] = guard
    FlaskGuard().init_app(app)


def _django_setting(guard: Any) -> None:
    with override_settings(JWTGUARD=guard):
        DjangoMiddleware(_answer)


def _started(app: Any) -> None:
    asgi_client(app)(RawRequest())


def _fastapi(guard: Any) -> None:
    app = FastAPI()
    app.add_middleware(GuardMiddleware, guard=guard)
    _started(app)


FRONTS: dict[str, Callable[[Guard], object]] = {
    "ASGI, a Guard": lambda guard: GuardMiddleware(_inner, guard=guard),
    "ASGI, an ASGIGuard": lambda guard: GuardMiddleware(_inner, guard=ASGIGuard(guard)),
    "ASGI, a FastAPIGuard": lambda guard: GuardMiddleware(_inner, FastAPIGuard(guard)),
    "ASGI, preflight": lambda guard: GuardMiddleware(_inner, guard, preflight=True),
    "Starlette": lambda guard: _started(Starlette(middleware=[Middleware(GuardMiddleware, guard=guard)])),
    "FastAPI": _fastapi,
    "Flask": lambda guard: FlaskGuard(guard).init_app(flask.Flask(__name__)),
    "Flask, app.config": _flask_config,
    "Django, the setting": _django_setting,
    "Django, a subclass": lambda guard: type("Own", (DjangoMiddleware,), {"guard": guard})(_answer),
    "Django, a DjangoGuard": lambda guard: type("Own", (DjangoMiddleware,), {"guard": DjangoGuard(guard)})(_answer),
}


@pytest.mark.parametrize("front", FRONTS.values(), ids=FRONTS)
def test_without_rules(front: Callable[[Guard], object]) -> None:
    """It does not start, and the error prints the three lines to choose from."""
    with pytest.raises(ConfigurationError) as raised:
        front(guard_for_tests())
    for line in ("rules=Rules([])", 'rules=Rules([Rule("/health", public)])', "rules=UNCHECKED"):
        assert f"Guard(..., {line})" in str(raised.value)


@pytest.mark.parametrize("rules", [UNCHECKED, Rules([]), Rules([Rule("/health", public)])])
@pytest.mark.parametrize("front", FRONTS.values(), ids=FRONTS)
def test_with_rules(front: Callable[[Guard], object], rules: Any) -> None:
    """Each of the three starts."""
    front(guard_for_tests(rules=rules))


@pytest.mark.parametrize("front", [_flask_config, _django_setting])
def test_settings_without_rules(front: Callable[[Any], object]) -> None:
    """A mapping without rules is an error too, and one that says how a mapping spells them."""
    with pytest.raises(ConfigurationError, match='"rules": "UNCHECKED"'):
        front(CONFIG)
    front({**CONFIG, "rules": []})
    front({**CONFIG, "rules": "UNCHECKED"})


@pytest.mark.parametrize(
    "alone",
    [
        lambda guard: ASGIGuard(guard).requires()(_answer),
        lambda guard: FastAPIGuard(guard).requires(),
        lambda guard: FlaskGuard(guard).requires()(_answer),
        lambda guard: DjangoGuard(guard).requires()(_answer),
        lambda guard: FastAPIGuard(guard).init_app(FastAPI()),
    ],
)
def test_decorators_need_no_rules(alone: Callable[[Guard], object]) -> None:
    """A decorator or a dependency stands in front of one route alone, and says itself what that needs."""
    alone(guard_for_tests())
