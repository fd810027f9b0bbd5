"""Paths of a view that a rule misses, though it covers another path of the same view."""

from __future__ import annotations

from tests.adapters import django_site as django_site  # configures Django's settings, which REST framework reads

# isort: split

from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test.utils import override_settings
from django.urls import include, path, re_path
from flask import Flask
from rest_framework.routers import DefaultRouter, SimpleRouter
from rest_framework.viewsets import ViewSet

from jwtguard import Rule, denied, has_role, optional, public
from jwtguard.django import GuardMiddleware
from jwtguard.flask import FlaskGuard
from jwtguard.inventory import inventory
from tests.inventory.apps import guard_with

REPORTS = Rule("/reports/", has_role("admin"))


class Ruled(GuardMiddleware):
    """The middleware of the guard at hand."""


def gaps_of(urls: list[Any], *rules: Rule, **settings: Any) -> dict[str, tuple[str, ...]]:
    """Those routes of a project that have gaps."""
    Ruled.guard = guard_with(*rules, **settings)
    with override_settings(ROOT_URLCONF=tuple(urls), MIDDLEWARE=[f"{__name__}.Ruled"]):
        return {route.path: route.gaps for route in inventory(WSGIHandler()).routes if route.gaps}


class Reports(ViewSet):
    """A list of reports, and one of them."""

    def list(self, request: HttpRequest) -> HttpResponse:
        raise AssertionError

    def retrieve(self, request: HttpRequest, pk: str) -> HttpResponse:
        raise AssertionError


def test_format_suffixes() -> None:
    """The default router of Django REST framework serves `/reports.json` too; `/reports/7.json` is below the prefix."""
    router = DefaultRouter()
    router.register("reports", Reports, basename="report")
    ((shown, (text,)),) = gaps_of([path("", include(router.urls))], REPORTS).items()
    assert shown.startswith("/reports.")
    assert text.startswith("rule '/reports/': has_role('admin') covers /reports/")
    assert text.endswith("of this view, and not this path")


def test_no_format_suffixes() -> None:
    """The simple router serves none."""
    router = SimpleRouter()
    router.register("reports", Reports, basename="report")
    assert gaps_of([path("", include(router.urls))], REPORTS) == {}


def view(request: HttpRequest, **_: object) -> HttpResponse:
    """Any view."""
    raise AssertionError


@pytest.mark.parametrize(
    ("pattern", "example"),
    [
        (re_path(r"^reports/$", view), None),
        (re_path(r"^reports/?$", view), None),
        (re_path(r"\Areports/\Z", view), None),
        (re_path(r"^reports/", view), None),
        (re_path(r"^(?P<name>reports)/$", view), None),
        (path("reports/", view), None),
        (re_path(r"(?i)^reports/$", view), "/REPORTS/"),
        (re_path(r"reports/\Z", view), "/…reports/"),
        # Django matches the whole path where a pattern ends in `$`.
        (re_path(r"reports/$", view), None),
        (re_path(r"^reports", view), "/reports…"),
        (re_path(r"(?i)^other/$", view), None),
    ],
)
def test_patterns_that_take_more(pattern: Any, example: str | None) -> None:
    """A regular expression that ignores case, or is open at an end, takes paths that the rule does not cover."""
    found = [text for texts in gaps_of([pattern], REPORTS).values() for text in texts]
    assert found == (
        [] if example is None else [f"the rule '/reports/' does not cover {example}, which leads to the same view"]
    )


def test_patterns_that_take_more_further_in() -> None:
    """Also where the pattern is included, and what includes it is exact."""
    inner = [re_path(r"reports/\Z", view), re_path(r"(?i)^old/$", Reports.as_view({"get": "list"}))]
    found = gaps_of([path("a/", include(inner))], Rule("/a/reports", denied), Rule("/a/old/", denied))
    assert [text for texts in found.values() for text in texts] == [
        "the rule '/a/reports' does not cover /a/…reports, which leads to the same view",
        "the rule '/a/old/' does not cover /a/OLD/, which leads to the same view",
    ]


@pytest.mark.parametrize("requirement", [public, optional], ids=repr)
def test_rules_that_admit_anybody_miss_nothing(requirement: Any) -> None:
    """What they leave to the default is closed, or as open."""
    assert gaps_of([re_path(r"(?i)^reports/$", view)], Rule("/reports/", requirement)) == {}
    assert gaps_of([path("reports/", view), path("other", view)], Rule("/reports/", requirement)) == {}


def test_a_default_that_asks_for_the_same() -> None:
    """Nothing is missed where the default is as strict as the rule."""
    assert gaps_of([path("reports/", view), path("other", view)], REPORTS, default=has_role("admin")) == {}


def test_unchecked_rules_miss_nothing() -> None:
    """A guard without rules has none that could."""
    assert gaps_of([re_path(r"(?i)^reports/$", view), path("other", view)], has_rules=False) == {}


def flask_app() -> Flask:
    """One view at several paths, and one whose path is ambiguous."""
    app = Flask(__name__, static_folder=None)
    FlaskGuard(guard_with(REPORTS, Rule("/named", denied))).init_app(app)

    def reports() -> str:
        raise AssertionError

    app.add_url_rule("/reports/", "reports", reports)
    app.add_url_rule("/alias", "alias", reports)
    app.add_url_rule("/named", "named", reports)
    app.add_url_rule("/posted", "posted", reports, methods=["POST"])
    app.add_url_rule("/a//b", "doubled", lambda: "never")
    return app


def test_a_second_path() -> None:
    """Of one view in Flask: a path with a rule of its own is meant so, and another method is another request."""
    found = {route.path: route.gaps for route in inventory(flask_app()).routes if route.gaps}
    assert found == {
        "/alias": (
            "rule '/reports/': has_role('admin') covers /reports/ of this view, and not this path",
            "rule '/named': denied covers /named of this view, and not this path",
        )
    }


def test_a_path_that_is_always_refused() -> None:
    """A route whose own path is ambiguous is never reached behind rules."""
    (route,) = (route for route in inventory(flask_app()).routes if route.path == "/a//b")
    assert (route.state, [check.text for check in route.access_checks]) == (
        "denied",
        ["refused: the path has more than one reading"],
    )
