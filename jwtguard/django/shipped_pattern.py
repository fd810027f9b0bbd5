"""URL patterns of the shipped routes that take part in `manage.py check`, also where our app is not installed.

>>> from jwtguard.core.errors import ConfigurationError
>>> unusable_routes(ConfigurationError("no sessions"))[0].resolve("login").func(None)
Traceback (most recent call last):
    ...
jwtguard.core.errors.ConfigurationError: no sessions
"""

from __future__ import annotations

from typing import NoReturn

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.http import HttpRequest
from django.urls import URLPattern
from django.urls.resolvers import RegexPattern

from jwtguard.core.errors import ConfigurationError
from jwtguard.django.settings import APP, NOT_INSTALLED, guard_problems


class ShippedPattern(URLPattern):
    """The first pattern of the shipped routes: Django asks each pattern of a project for what is wrong with it."""

    def check(self) -> list[CheckMessage]:
        """What Django's own says, and that the app is missing, whose checks are then missing too."""
        found = list(super().check())
        if not apps.is_installed(APP):
            found.append(Error(NOT_INSTALLED, hint=f'write INSTALLED_APPS = [..., "{APP}"]', id="jwtguard.E006"))
        return found


class _UnusableRoutes(ShippedPattern):
    """Stands in for the routes that the settings cannot make."""

    def __init__(self, error: ConfigurationError) -> None:
        self._problems = error.problems
        super().__init__(RegexPattern(""), self._raise)

    def _raise(self, request: HttpRequest, *args: object, **kwargs: object) -> NoReturn:
        raise ConfigurationError(*self._problems)

    def check(self) -> list[CheckMessage]:
        """The problems, unless the checks of the app say them."""
        if apps.is_installed(APP) and has_route_settings():
            return super().check()
        said = guard_problems() if apps.is_installed(APP) else ()
        return super().check() + [Error(each, id="jwtguard.E201") for each in self._problems if each not in said]


def unusable_routes(error: ConfigurationError) -> list[URLPattern]:
    """The patterns of routes that cannot be made: a request for one raises `error`, and a check says it before."""
    return [_UnusableRoutes(error)]


def has_route_settings() -> bool:
    """Whether the project has settings of the shipped routes."""
    return any(hasattr(settings, name) for name in ("JWTGUARD_SESSIONS", "JWTGUARD_ROUTES"))
