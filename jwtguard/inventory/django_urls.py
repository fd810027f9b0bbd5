"""The routes of a Django project: what its resolver knows, behind its middlewares.

>>> from django.test.utils import override_settings
>>> with override_settings(ROOT_URLCONF=(), MIDDLEWARE=[]):
...     list(django_routes(Place()))
[]
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.urls import Resolver404, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern, RoutePattern
from django.utils.module_loading import import_string

from jwtguard.core.errors import ConfigurationError
from jwtguard.django.decorators import DjangoGuard, default_auth
from jwtguard.django.middleware import GuardMiddleware
from jwtguard.guard import Guard
from jwtguard.inventory.access_check import AccessCheck, access_checks_of, third_party_checks
from jwtguard.inventory.route import ANY, DiscoveredRoute, Place
from jwtguard.inventory.template import Parameter, Part, PathTemplate
from jwtguard.request_auth import EXEMPT
from jwtguard.view_metadata import metadata_of

_PARAMETER = re.compile(r"<(?:[^<>:]*:)?([^<>]+)>")
_PLAIN = re.compile(r"(?:[\w\-/~@:,;=!&' ]|\\[^\w])*")
_LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"


def django_routes(place: Place) -> Iterator[DiscoveredRoute]:
    """The routes of the project of the settings, which stands at `place`."""
    for auth in _middlewares():
        place = place.behind(auth.guard, _exempting(auth))
    yield from _walk(get_resolver().url_patterns, place.below(PathTemplate(["/"])), place)


def _middlewares() -> Iterator[DjangoGuard]:
    """Yield the guards of our middlewares in the settings, outermost first."""
    for path in settings.MIDDLEWARE:
        middleware = import_string(path)
        if isinstance(middleware, type) and issubclass(middleware, GuardMiddleware):
            own = middleware.guard
            yield default_auth() if own is None else own if isinstance(own, DjangoGuard) else DjangoGuard(own)


def _exempting(auth: DjangoGuard) -> Any:  # noqa: ANN401 - as `GuardLayer.exempts`
    # A middleware without shipped routes exempts none.
    return lambda method, path, view: auth.endpoints is not None and getattr(view, EXEMPT, None) is auth.guard


def _walk(patterns: Iterable[Any], below: Place, place: Place, *, is_loose: bool = False) -> Iterator[DiscoveredRoute]:
    for pattern in patterns:
        looser = is_loose or _is_loose(pattern)
        inner = below.below(PathTemplate(_parts(pattern.pattern)))
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, inner, place, is_loose=looser)
        else:
            yield DiscoveredRoute(
                template=inner.template,
                view=pattern.callback,
                access_checks=_access_checks_by_method(pattern.callback, place),
                layers=place.layers,
                host=place.host,
                name=pattern.lookup_str,
                is_loose=looser,
                reaches=functools.partial(_reaches, pattern.callback),
            )


def _is_loose(pattern: Any) -> bool:  # noqa: ANN401 - a pattern with a view, or one with patterns
    """Whether it is a regular expression that ignores case, or does not begin or end where the path does."""
    if not isinstance(pattern.pattern, RegexPattern):
        return False
    regex = pattern.pattern.regex
    is_open = not isinstance(pattern, URLResolver) and not regex.pattern.endswith(("$", r"\Z"))
    return bool(regex.flags & re.IGNORECASE) or not regex.pattern.startswith(("^", r"\A")) or is_open


def _reaches(view: object, path: str) -> bool:
    """Whether Django's resolver leads a path to `view`."""
    try:
        return get_resolver().resolve(path).func is view
    except Resolver404:
        return False


def _parts(pattern: Any) -> list[Part]:  # noqa: ANN401 - Django's stubs name no common base
    """The path of one pattern, in parts."""
    if isinstance(pattern, RoutePattern):
        route, parts, end = str(pattern), list[Part](), 0
        for match in _PARAMETER.finditer(route):
            regex = pattern.converters[match[1]].regex if match[1] in pattern.converters else "[^/]+"
            parts += [route[end : match.start()], Parameter(match[0], regex)]
            end = match.end()
        return [*parts, route[end:]]
    if isinstance(pattern, RegexPattern):
        # A regular expression may match anything from its first special character on.
        regex = str(pattern).removeprefix("^")
        plain = _PLAIN.match(regex)
        literal = "" if plain is None else plain[0]
        rest = regex[len(literal) :]
        if rest[:1] in {"?", "*", "{", "|"}:  # The quantifier makes the last literal character optional.
            literal, rest = "", regex
        whole: list[Part] = [re.sub(r"\\(.)", r"\1", literal)]
        return whole if rest in {"", "$", r"\Z"} else [*whole, Parameter(rest, ".*")]
    return [Parameter(str(pattern), "(?:[^/]+/)?")]  # The language in front, with i18n_patterns().


def _access_checks_by_method(view: Any, place: Place) -> dict[str, tuple[AccessCheck, ...]]:  # noqa: ANN401 - any view
    """Of the view, and of the method of a class that answers."""
    around = (*_third_party(view), *_access_checks(view, place))
    view_class = getattr(view, "view_class", None)
    if view_class is None:
        return {ANY: around}
    answered = [name for name in view_class.http_method_names if name != "options" and hasattr(view_class, name)]
    return {
        name.upper(): (
            *around,
            *third_party_checks(getattr(view_class, name)),
            *_access_checks(getattr(view_class, name), place),
        )
        for name in answered
    } or {ANY: around}


def _access_checks(view: object, place: Place) -> Iterator[AccessCheck]:
    return access_checks_of(metadata_of(view), guard=place.guard or _default_guard())


def _default_guard() -> Guard | None:
    try:
        return default_auth().guard
    except ConfigurationError:
        return None  # There is none; views that need one raise their own error.


def _third_party(view: Any) -> Iterator[AccessCheck]:  # noqa: ANN401 - any view
    """Yield the checks of Django itself and of its REST framework."""
    yield from third_party_checks(view)
    if getattr(view, "admin_site", None) is not None:
        yield AccessCheck(kind="third_party", name="the login of Django's admin")
    view_class = getattr(view, "view_class", None)
    if any(base.__name__ == "AccessMixin" for base in getattr(view_class, "__mro__", ())):
        yield AccessCheck(kind="third_party", name="django.contrib.auth.mixins")
    permissions = getattr(getattr(view, "cls", None), "permission_classes", ())
    names = [getattr(each, "__name__", repr(each)) for each in permissions]
    if any(name != "AllowAny" for name in names):
        yield AccessCheck(kind="third_party", name=f"permission_classes: {', '.join(names)}")
    if _LOGIN_REQUIRED in settings.MIDDLEWARE and getattr(view, "login_required", True):
        yield AccessCheck(kind="third_party", name="LoginRequiredMiddleware")
