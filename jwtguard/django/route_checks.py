"""System checks of routes: settings of the shipped ones that cannot work, and views that nothing guards by a slip.

>>> check_routes()
[]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from django.apps.config import AppConfig
from django.conf import settings
from django.core import checks
from django.urls import URLPattern, URLResolver, get_resolver

from jwtguard.core.errors import ConfigurationError
from jwtguard.django.checks import guard_middlewares
from jwtguard.django.decorators import default_auth
from jwtguard.django.routes import path_before
from jwtguard.django.settings import default_guard, guard_problems
from jwtguard.django.shipped_pattern import has_route_settings
from jwtguard.endpoints.mounting import check_place
from jwtguard.request_auth import check_enforced
from jwtguard.view_metadata import bypassed, metadata_of


@checks.register(checks.Tags.security)
def check_routes(*, app_configs: Sequence[AppConfig] | None = None, **_: object) -> list[checks.CheckMessage]:
    """What is wrong with `JWTGUARD_SESSIONS` and `JWTGUARD_ROUTES`."""
    if not has_route_settings():
        return []
    try:
        endpoints = default_auth().endpoints
    except ConfigurationError as error:
        said = guard_problems()  # By the check of that setting.
        return [checks.Error(problem, id="jwtguard.E201") for problem in error.problems if problem not in said]
    if endpoints is not None and endpoints.renews and not list(guard_middlewares()):
        return [
            checks.Error(
                "JWTGUARD_ROUTES asks for silent renewal, and no middleware is there to do it",
                hint='add "jwtguard.django.GuardMiddleware" to MIDDLEWARE',
                id="jwtguard.E202",
            )
        ]
    return []


@checks.register(checks.Tags.security)
def check_order(*, app_configs: Sequence[AppConfig] | None = None, **_: object) -> list[checks.CheckMessage]:
    """Views that a misplaced `requires` does not guard, and shipped routes whose prefix is written twice."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return []
    found = list(_views(get_resolver().url_patterns))
    problems = [*bypassed(view for _, view in found).values(), *_doubled(found)]
    unenforced = [checks.Error(problem, id="jwtguard.E003") for problem in dict.fromkeys(_unenforced(found))]
    return [*(checks.Error(problem, id="jwtguard.E203") for problem in dict.fromkeys(problems)), *unenforced]


def _unenforced(views: Iterable[tuple[str, object]]) -> Iterator[str]:
    """What is wrong with guards that views name, and whose rules no middleware enforces.

    That of the settings has a check of its own.
    """
    in_front = [found.own_guard() for found in guard_middlewares()]
    if getattr(settings, "JWTGUARD", None) is not None:
        with suppress(ConfigurationError):
            in_front.append(default_guard())
    for _, view in views:
        for each in metadata_of(view):
            if each.guard is not None:
                try:
                    check_enforced(each.guard, [guard for guard in in_front if guard is not None])
                except ConfigurationError as error:
                    yield from error.problems


def _doubled(views: Iterable[tuple[str, object]]) -> Iterator[str]:
    """The shipped routes whose prefix is written twice."""
    for route, view in views:
        for each in metadata_of(view):
            if each.is_shipped and each.prefix:
                try:
                    check_place(path_before(route, each.prefix), each.prefix)
                except ConfigurationError as error:
                    yield from error.problems


def _views(patterns: Iterable[URLPattern | URLResolver], below: str = "") -> Iterator[tuple[str, object]]:
    for pattern in patterns:
        route = f"{below}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns, route)
        else:
            yield route, pattern.callback
