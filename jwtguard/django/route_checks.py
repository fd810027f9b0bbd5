"""System checks of routes: settings of the shipped ones that cannot work, and views that nothing guards by a slip.

>>> check_routes()
[]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from django.apps.config import AppConfig
from django.conf import settings
from django.core import checks
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string

from jwtguard.core.errors import ConfigurationError
from jwtguard.django.middleware import GuardMiddleware
from jwtguard.django.settings import default_auth
from jwtguard.marks import bypassed


@checks.register(checks.Tags.security)
def check_routes(*, app_configs: Sequence[AppConfig] | None = None, **_: object) -> list[checks.CheckMessage]:
    """What is wrong with `JWTGUARD_SESSIONS` and `JWTGUARD_ROUTES`."""
    if not any(hasattr(settings, name) for name in ("JWTGUARD_SESSIONS", "JWTGUARD_ROUTES")):
        return []
    try:
        endpoints = default_auth().endpoints
    except ConfigurationError as error:
        return [checks.Error(problem, id="jwtguard.E201") for problem in error.problems]
    middlewares = (import_string(path) for path in settings.MIDDLEWARE)
    if (
        endpoints is not None
        and endpoints.renews
        and not any(isinstance(found, type) and issubclass(found, GuardMiddleware) for found in middlewares)
    ):
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
    """Views whose URL was registered by a decorator below `requires`, which then guards nothing."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return []
    problems = bypassed(_views(get_resolver().url_patterns)).values()
    return [checks.Error(problem, id="jwtguard.E203") for problem in dict.fromkeys(problems)]


def _views(patterns: Iterable[URLPattern | URLResolver]) -> Iterator[object]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns)
        else:
            yield pattern.callback
