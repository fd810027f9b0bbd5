"""System checks (`manage.py check`): settings that cannot work are errors, insecure ones are warnings.

They look at the settings of the guard, at the routes and their views, at the databases that keep sessions, and at the
order of the middlewares around Django's cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TypeGuard

from django.apps.config import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.middleware.cache import FetchFromCacheMiddleware, UpdateCacheMiddleware
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.module_loading import import_string

from jwtguard.configuration.plain import unknown_keys
from jwtguard.core.access.rules import Rules
from jwtguard.core.errors import ConfigurationError
from jwtguard.django.decorators import default_auth
from jwtguard.django.middleware import GuardMiddleware
from jwtguard.django.routes import path_before
from jwtguard.django.settings import SETTINGS, default_guard, guard_problems, user_of
from jwtguard.django.shipped_pattern import has_route_settings
from jwtguard.django.store import STORES
from jwtguard.endpoints.mounting import check_place
from jwtguard.endpoints.resource_metadata import check_metadata_place
from jwtguard.guard import Guard, no_rules
from jwtguard.guard_checks import findings_of
from jwtguard.request_auth import check_enforced, check_guard
from jwtguard.view_metadata import bypassed, metadata_of


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


# Routes.


@register(Tags.security)
def check_routes(*, app_configs: Sequence[AppConfig] | None = None, **_: object) -> list[CheckMessage]:
    """What is wrong with `JWTGUARD_SESSIONS` and `JWTGUARD_ROUTES`."""
    if not has_route_settings():
        return []
    try:
        endpoints = default_auth().endpoints
    except ConfigurationError as error:
        said = guard_problems()  # By the check of that setting.
        return [Error(problem, id="jwtguard.E201") for problem in error.problems if problem not in said]
    if endpoints is not None and endpoints.renews and not list(guard_middlewares()):
        return [
            Error(
                "JWTGUARD_ROUTES asks for silent renewal, and no middleware is there to do it",
                hint='add "jwtguard.django.GuardMiddleware" to MIDDLEWARE',
                id="jwtguard.E202",
            )
        ]
    return []


@register(Tags.security)
def check_order(*, app_configs: Sequence[AppConfig] | None = None, **_: object) -> list[CheckMessage]:
    """Views that a misplaced `requires` does not guard, and shipped routes that stand in the wrong place."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return []
    found = list(_views(get_resolver().url_patterns))
    problems = [*bypassed(view for _, view in found).values(), *_doubled(found)]
    unenforced = [Error(problem, id="jwtguard.E003") for problem in dict.fromkeys(_unenforced(found))]
    misplaced = [Error(problem, id="jwtguard.E203") for problem in dict.fromkeys(problems)]
    return [*misplaced, *unenforced, *_unpublished(found)]


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
    """The shipped routes whose prefix is written twice, and metadata below a path."""
    for route, view in views:
        for each in metadata_of(view):
            try:
                if each.is_shipped and each.prefix:
                    check_place(path_before(route, each.prefix), each.prefix)
                if each.publishes is not None:
                    check_metadata_place(f"/{route}".removesuffix(each.path), each.publishes)
            except ConfigurationError as error:
                yield from error.problems


def _unpublished(views: Iterable[tuple[str, object]]) -> Iterator[CheckMessage]:
    """Metadata of the guard of the settings that clients are sent to and do not find."""
    guard = None
    if getattr(settings, "JWTGUARD", None) is not None:
        with suppress(ConfigurationError):
            guard = default_guard()
    if guard is None or guard.resource_metadata is None:
        return
    if not any(each.publishes is guard for _, view in views for each in metadata_of(view)):
        yield CheckWarning(
            f"challenges name {guard.resource_metadata.url}, and no URL of the project serves it",
            hint='write path("", include("jwtguard.django.metadata_urls")) into the outermost urlpatterns',
            id="jwtguard.W009",
        )
    if settings.FORCE_SCRIPT_NAME:
        yield CheckWarning(
            f"with FORCE_SCRIPT_NAME the project cannot serve {guard.resource_metadata.url} itself",
            hint="let the server in front route that URL to the project",
            id="jwtguard.W010",
        )


def _views(patterns: Iterable[URLPattern | URLResolver], below: str = "") -> Iterator[tuple[str, object]]:
    for pattern in patterns:
        route = f"{below}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from _views(pattern.url_patterns, route)
        else:
            yield route, pattern.callback


# Databases that keep sessions.


@register(Tags.compatibility)
def check_stores(*, app_configs: Sequence[AppConfig] | None = None, **_: object) -> list[CheckMessage]:
    """What is wrong with the databases of the `DjangoStore` objects that the project has made."""
    return [message for using in sorted({store.database for store in STORES}) for message in _store_problems(using)]


def _store_problems(using: str) -> Iterator[CheckMessage]:
    database = settings.DATABASES.get(using)
    if database is None:
        yield Error(
            f"a DjangoStore uses the database {using!r}, and DATABASES has none of that name",
            hint=f"write DjangoStore(using=...) with one of: {', '.join(sorted(settings.DATABASES))}",
            id="jwtguard.E101",
        )
        return
    if not database.get("AUTOCOMMIT", True):
        yield Error(
            f"sessions are kept in the database {using!r}, which has AUTOCOMMIT off: no session can be refreshed there",
            hint="give sessions an alias of their own, with AUTOCOMMIT left on: DjangoStore(using=...)",
            id="jwtguard.E102",
        )
    if database.get("ATOMIC_REQUESTS"):
        yield CheckWarning(
            f"sessions are kept in the database {using!r}, which has ATOMIC_REQUESTS: a view that refreshes a session"
            " fails there, since a rollback would undo the refresh",
            hint="put @transaction.non_atomic_requests on views that call sessions.refresh(); the shipped ones have it",
            id="jwtguard.W101",
        )


# The cache of Django. `UpdateCacheMiddleware` keeps a page under the request's values of what `Vary` names, so the
# guard, which adds to `Vary`, must be inside it. `FetchFromCacheMiddleware` answers with a page that is kept, so the
# guard, which refuses an expired token, must be outside it.

_ORDER = (
    'write MIDDLEWARE = ["django.middleware.cache.UpdateCacheMiddleware", ..., "jwtguard.django.GuardMiddleware", ...,'
    ' "django.middleware.cache.FetchFromCacheMiddleware"]'
)
_UPDATE_INSIDE = Error(
    "UpdateCacheMiddleware is inside the guard: it keeps pages before the guard says whom they are for, and answers one"
    " user with the page of another",
    hint=_ORDER,
    id="jwtguard.E301",
)
_FETCH_OUTSIDE = Error(
    "FetchFromCacheMiddleware is outside the guard: it answers with pages that are kept, also where the guard would"
    " refuse the token",
    hint=_ORDER,
    id="jwtguard.E302",
)


@register(Tags.security)
def check_caches(*, app_configs: Sequence[AppConfig] | None = None, **_: object) -> list[CheckMessage]:
    """What is wrong with the order of `MIDDLEWARE`, subclasses included."""
    found = [each for each in imported_middlewares(settings.MIDDLEWARE) if isinstance(each, type)]
    guards = [position for position, each in enumerate(found) if issubclass(each, GuardMiddleware)]
    if not guards:
        return []
    inside, outside = found[guards[0] :], found[: guards[-1]]
    messages: list[CheckMessage] = []
    if any(issubclass(each, UpdateCacheMiddleware) for each in inside):
        messages.append(_UPDATE_INSIDE)
    if any(issubclass(each, FetchFromCacheMiddleware) for each in outside):
        messages.append(_FETCH_OUTSIDE)
    return messages
