"""System checks (`manage.py check`): settings that cannot work are errors, insecure ones are warnings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeGuard

from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.utils.module_loading import import_string

from jwtguard.configuration.plain import unknown_keys
from jwtguard.core.access.rules import Rules
from jwtguard.core.errors import ConfigurationError
from jwtguard.django.middleware import GuardMiddleware
from jwtguard.django.settings import SETTINGS, default_guard, user_of
from jwtguard.guard import Guard, no_rules
from jwtguard.guard_checks import findings_of
from jwtguard.request_auth import check_guard


@register(Tags.security)
def check_settings(*, app_configs: Sequence[AppConfig] | None = None, **_: object) -> list[CheckMessage]:
    """What is wrong with `JWTGUARD`, `JWTGUARD_USER` and `MIDDLEWARE`."""
    middlewares = list(guard_middlewares())
    messages: list[CheckMessage] = [Error(problem, id="jwtguard.E007") for problem in _unknown_settings()]
    try:
        if user_of() is not None and _is_overwritten():
            messages.append(_OVERWRITTEN)
    except ConfigurationError as error:
        messages += [Error(problem, id="jwtguard.E002") for problem in error.problems]
    guards = [guard for guard in (middleware.own_guard() for middleware in middlewares) if guard is not None]
    for guard in guards:
        try:
            check_guard(guard, "GuardMiddleware")
        except ConfigurationError as error:
            messages += [Error(problem, id="jwtguard.E001") for problem in error.problems]
    messages += [_without_rules(found) for found in middlewares if _has_no_rules(found.own_guard())]
    default: Guard | None = None
    # Where every guard is named in code, there need be no setting.
    if getattr(settings, "JWTGUARD", None) is not None or len(guards) < len(middlewares):
        try:
            default = default_guard()
        except ConfigurationError as error:
            messages += [Error(f"JWTGUARD: {problem}", id="jwtguard.E001") for problem in error.problems]
        else:
            if isinstance(default.rules, Rules) and not any(
                middleware.own_guard() in {None, default} for middleware in middlewares
            ):
                messages.append(_UNENFORCED)
            messages += [
                _without_rules(found) for found in middlewares if found.own_guard() is None and _has_no_rules(default)
            ]
            guards.append(default)
    if _is_cors_inside(default):
        messages.append(_CORS_INSIDE)
    guards = [guard for guard in guards if isinstance(guard, Guard)]
    return messages + [message for guard in dict.fromkeys(guards) for message in _insecure(guard)]


def _unknown_settings() -> list[str]:
    """A problem for each setting that begins with our name and is none of ours."""
    ours = dict.fromkeys(name for name in dir(settings) if name.startswith("JWTGUARD"))
    return unknown_keys(ours, SETTINGS, what="setting")


_UNENFORCED = Error(
    "JWTGUARD has rules, and no middleware enforces them",
    hint='add "jwtguard.django.GuardMiddleware" to MIDDLEWARE',
    id="jwtguard.E003",
)
_IDS = {
    "csrf_unchecked": "W001",
    "cookie_development": "W002",
    "cookie_insecure": "W003",
    "query_tokens": "W004",
    "issuer_unchecked": "W005",
    "audience_unchecked": "W005",
    "cookie_readable": "W006",
    "origin_insecure": "W007",
}
_AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
_OVERWRITTEN = Error(
    "JWTGUARD_USER has no effect: AuthenticationMiddleware comes later and fills request.user anew",
    hint='put "jwtguard.django.GuardMiddleware" behind it in MIDDLEWARE',
    id="jwtguard.E004",
)


_CORS = "corsheaders.middleware.CorsMiddleware"
_CORS_INSIDE = CheckWarning(
    "CorsMiddleware of django-cors-headers stands behind a GuardMiddleware with rules, which refuses preflights",
    hint="put it before GuardMiddleware in MIDDLEWARE: then pages can read refusals, too",
    id="jwtguard.W008",
)


def _has_no_rules(guard: Guard | None) -> bool:
    return isinstance(guard, Guard) and guard.rules is None


def _without_rules(middleware: type[GuardMiddleware]) -> CheckMessage:
    return Error(str(no_rules(middleware.__name__)), id="jwtguard.E005")


def guard_middlewares() -> Iterator[type[GuardMiddleware]]:
    """Those of the settings, outermost first."""
    return (found for found in imported_middlewares(settings.MIDDLEWARE) if _is_ours(found))


def imported_middlewares(paths: Iterable[str]) -> Iterator[object]:
    """What stands at these paths. Django tells, when it starts, what cannot be imported."""
    for path in paths:
        try:
            found = import_string(path)
        except ImportError:
            continue
        yield found


def _is_ours(middleware: object) -> TypeGuard[type[GuardMiddleware]]:
    return isinstance(middleware, type) and issubclass(middleware, GuardMiddleware)


def _is_overwritten() -> bool:
    """Whether Django's own middleware fills `request.user` after ours."""
    paths = list(settings.MIDDLEWARE)
    in_front = paths[: paths.index(_AUTHENTICATION)] if _AUTHENTICATION in paths else []
    return any(map(_is_ours, imported_middlewares(in_front)))


def _is_cors_inside(default: Guard | None) -> bool:
    """Whether the middleware of django-cors-headers comes after one of ours that enforces rules."""
    paths = list(settings.MIDDLEWARE)
    in_front = filter(_is_ours, imported_middlewares(paths[: paths.index(_CORS)] if _CORS in paths else []))
    guards = [middleware.own_guard() or default for middleware in in_front]
    return any(guard is not None and isinstance(guard.rules, Rules) for guard in guards)


def _insecure(guard: Guard) -> Iterator[CheckMessage]:
    """What the doctor finds as well, in Django's form; notes it keeps to itself."""
    for finding in findings_of(guard):
        number = _IDS.get(finding.code)
        if number is not None and not (finding.code == "cookie_development" and settings.DEBUG):
            yield CheckWarning(finding.what, hint=finding.remedy, id=f"jwtguard.{number}")
