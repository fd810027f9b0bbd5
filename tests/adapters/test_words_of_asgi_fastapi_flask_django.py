"""The same words in every framework: who knows one adapter knows them all."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import jwtguard.asgi
import jwtguard.django
from jwtguard import ConfigurationError, Guard, authenticated, has_role
from jwtguard.asgi import ASGIGuard
from jwtguard.django import DjangoGuard
from jwtguard.fastapi import FastAPIGuard
from jwtguard.flask import FlaskGuard
from jwtguard.testing.conformance.adapter_sites import guard_for_tests

GUARDS: list[Callable[[Guard], Any]] = [ASGIGuard, FastAPIGuard, FlaskGuard, DjangoGuard]
SHORTCUTS: list[Callable[..., Any]] = [jwtguard.asgi.requires, jwtguard.django.requires]
METHODS: list[Callable[..., Any]] = [kind(guard_for_tests()).requires for kind in GUARDS]
KEYWORD = inspect.Parameter.KEYWORD_ONLY


def parameters(function: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    """Name, kind and default of each parameter."""
    found = inspect.signature(function).parameters.values()
    return [(parameter.name, parameter.kind, parameter.default) for parameter in found]


@pytest.mark.parametrize("requires", [*METHODS, *SHORTCUTS])
def test_requires(requires: Callable[..., Any]) -> None:
    """`requires(requirement=authenticated, *, tokens_from=None)`, and a shortcut takes `guard=None` too."""
    expected = [
        ("requirement", inspect.Parameter.POSITIONAL_OR_KEYWORD, authenticated),
        ("tokens_from", KEYWORD, None),
    ]
    if requires in SHORTCUTS:
        expected.append(("guard", KEYWORD, None))
    assert parameters(requires) == expected


@pytest.mark.parametrize("requires", [*METHODS, *SHORTCUTS])
@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["admin"], r"a requirement is has_role\('admin'\)"),
        ([lambda: None], r"used without parentheses: write requires\(\)"),
        ([None], "a requirement is has_role"),
    ],
)
def test_wrong_requirement(requires: Callable[..., Any], arguments: list[Any], match: str) -> None:
    """A value that is no requirement is refused when the route is written, with what to write instead."""
    with pytest.raises(ConfigurationError, match=match):
        requires(*arguments)


@pytest.mark.parametrize("requires", [*METHODS, *SHORTCUTS])
@pytest.mark.parametrize("places", [[], "authorization", ["authorization"], [object]])
def test_wrong_places(requires: Callable[..., Any], places: Any) -> None:
    """A wrong value of `tokens_from` is a ConfigurationError."""
    with pytest.raises(ConfigurationError, match="tokens_from "):
        requires(has_role("admin"), tokens_from=places)


@pytest.mark.parametrize("kind", GUARDS)
def test_guard_objects(kind: Callable[[Guard], Any]) -> None:
    """Every adapter's guard object holds its guard, and knows the principal."""
    guard = guard_for_tests()
    assert kind(guard).guard is guard
    assert "principal" in dir(kind)


@pytest.mark.parametrize("module", [jwtguard.asgi, jwtguard.django])
def test_middlewares(module: Any) -> None:
    """Each adapter with a middleware names it `GuardMiddleware`."""
    assert inspect.isclass(module.GuardMiddleware)
