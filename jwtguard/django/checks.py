"""System checks (`manage.py check`): settings that cannot work are errors, insecure ones are warnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.utils.module_loading import import_string

from jwtguard.core.cookies import TokenCookie
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.extraction import TokenQuery
from jwtguard.core.policy import UNCHECKED
from jwtguard.django.middleware import GuardMiddleware
from jwtguard.django.settings import default_guard, user_of
from jwtguard.guard import Guard


@register(Tags.security)
def check_settings(*, app_configs: Sequence[AppConfig] | None = None, **_: Any) -> list[CheckMessage]:
    """What is wrong with `JWTGUARD`, `JWTGUARD_USER` and `MIDDLEWARE`."""
    middlewares = list(_guard_middlewares())
    messages: list[CheckMessage] = []
    try:
        user_of()
    except ConfigurationError as error:
        messages += [Error(problem, id="jwtguard.E002") for problem in error.problems]
    if getattr(settings, "JWTGUARD", None) is None and all(middleware.guard for middleware in middlewares):
        return messages  # Every guard is named in code, where it has checked itself.
    try:
        guard = default_guard()
    except ConfigurationError as error:
        return messages + [Error(f"JWTGUARD: {problem}", id="jwtguard.E001") for problem in error.problems]
    return messages + list(_insecure(guard, middlewares))


def _guard_middlewares() -> Iterator[type[GuardMiddleware]]:
    for path in settings.MIDDLEWARE:
        found = import_string(path)
        if isinstance(found, type) and issubclass(found, GuardMiddleware):
            yield found


def _insecure(guard: Guard, middlewares: list[type[GuardMiddleware]]) -> Iterator[CheckMessage]:
    if guard.rules is not None and not any(middleware.own_guard() in {None, guard} for middleware in middlewares):
        yield Error(
            "JWTGUARD has rules, and no middleware enforces them",
            hint='add "jwtguard.django.GuardMiddleware" to MIDDLEWARE',
            id="jwtguard.E003",
        )
    cookies = [source for source in guard.tokens_from if isinstance(source, TokenCookie)]
    if cookies and guard.csrf is UNCHECKED:
        yield Warning(
            "tokens travel in a cookie, and csrf is unchecked: any site can act for a user who is logged in",
            hint="leave csrf out, or set its trusted_origins",
            id="jwtguard.W001",
        )
    if any(cookie.development for cookie in cookies) and not settings.DEBUG:
        yield Warning(
            "a token cookie has development=True while DEBUG is off: it is read on localhost only",
            hint="remove development=True in production",
            id="jwtguard.W002",
        )
    if any(not cookie.secure and not cookie.development for cookie in cookies):
        yield Warning(
            "a token cookie has secure=False: it travels over plain http for everybody to read",
            hint="remove secure=False, and use development=True on this machine",
            id="jwtguard.W003",
        )
    if any(isinstance(source, TokenQuery) for source in guard.tokens_from):
        yield Warning(
            "tokens are read from the query string, which ends up in logs and browser histories (RFC 6750 §2.3)",
            hint="send them in the Authorization header",
            id="jwtguard.W004",
        )
    for name in ("issuer", "audience"):
        if getattr(guard, name) is UNCHECKED:
            yield Warning(
                f"the {name} of tokens is unchecked: a token that was meant for something else is accepted",
                hint=f"set {name} to what your tokens say",
                id="jwtguard.W005",
            )
