"""System checks of the ready-made routes: settings that cannot work, and silent renewal without its middleware.

>>> check_routes()
[]
"""

from __future__ import annotations

from collections.abc import Sequence

from django.apps.config import AppConfig
from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

from jwtguard.core.errors import ConfigurationError
from jwtguard.django.middleware import GuardMiddleware
from jwtguard.django.settings import default_auth


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
