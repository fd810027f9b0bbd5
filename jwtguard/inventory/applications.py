"""Find the routes of an application: its framework, its middlewares, and the applications mounted in it.

>>> async def app(scope, receive, send): ...
>>> [(route.path, route.kind, route.state) for route in inventory(app).routes]
[('/…', 'application', 'unguarded')]
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jwtguard.guard import Guard
from jwtguard.inventory.access_check import AccessCheck
from jwtguard.inventory.route import ANY, DiscoveredRoute, Place, Route
from jwtguard.inventory.template import Parameter, PathTemplate
from jwtguard.view_metadata import bypassed

_FLASK = "flask.app.Flask"
_ROUTERS = frozenset({"starlette.applications.Starlette", "starlette.routing.Router"})
_DJANGO = "django.core.handlers.base.BaseHandler"
_GUARD = "jwtguard.asgi.middleware.GuardMiddleware"
_DISPATCHER = "werkzeug.middleware.dispatcher.DispatcherMiddleware"
_WRAPPED = ("app", "wsgi_application", "application")
"""Attributes in which middlewares keep the wrapped application."""


@dataclass(slots=True, kw_only=True)
class Inventory:
    """The routes of an application, the guards whose middlewares are in front, and the applications inside it."""

    routes: list[Route] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)
    applications: list[Any] = field(default_factory=list)


def inventory(app: object) -> Inventory:
    """Return the routes of `app`: a Flask, Starlette or FastAPI application, a wrapper of one, or a Django handler."""
    found = Inventory()
    walked = list(_walk(app, Place(), _Walk(found)))
    slips, missed = bypassed(one.view for one in walked), gaps(walked)
    for position, one in enumerate(walked):
        slip = slips.get(id(one.view))
        told = replace(one, slips=one.slips if slip is None else (slip, *one.slips), gaps=missed.get(position, ()))
        found.routes.extend(told.routes())
        found.guards.extend(layer.guard for layer in one.layers if layer.guard not in found.guards)
    return found


def discover_routes(app: object) -> Iterator[DiscoveredRoute]:
    """Yield every route of `app` in the framework's order."""
    return _walk(app, Place(), _Walk(Inventory()))


@dataclass(frozen=True, slots=True)
class _Walk:
    """The inventory that is being filled, and the enclosing applications, outermost first."""

    seen: Inventory
    around: tuple[Any, ...] = ()

    def into(self, app: Any) -> _Walk:  # noqa: ANN401 - any application
        """Enter `app`."""
        if all(app is not each for each in self.seen.applications):
            self.seen.applications.append(app)
        return _Walk(self.seen, (*self.around, app))


def _walk(app: Any, place: Place, walk: _Walk) -> Iterator[DiscoveredRoute]:  # noqa: ANN401 - any application
    kinds = _kinds(app)
    walk = walk.into(app)
    if _FLASK in kinds:
        from jwtguard.inventory.flask_app import flask_routes  # noqa: PLC0415 - only where there is Flask

        yield from flask_routes(app, place)
        yield from _mounted_beside(app.wsgi_app, place, walk)
    elif _ROUTERS & kinds:
        from jwtguard.inventory.starlette_app import starlette_routes  # noqa: PLC0415 - only where there is Starlette

        yield from starlette_routes(app, place, walk=lambda app, place: _walk(app, place, walk))
    elif _DJANGO in kinds:
        from jwtguard.inventory.django_urls import django_routes  # noqa: PLC0415 - only where there is Django

        yield from django_routes(place)
    else:
        yield from _walk_wrapped(app, kinds, place, walk)


def _walk_wrapped(app: Any, kinds: set[str], place: Place, walk: _Walk) -> Iterator[DiscoveredRoute]:  # noqa: ANN401 - see above
    """Enter a middleware; any other object stands for all paths below its mount point."""
    if _GUARD in kinds:
        from jwtguard.inventory.starlette_app import behind  # noqa: PLC0415 - only where there is ASGI

        place = behind(app, place)
    yield from _mounted_beside(app, place, walk)
    inner = next((getattr(app, name) for name in _WRAPPED if callable(getattr(app, name, None))), None)
    if inner is not None and all(inner is not each for each in walk.around):
        yield from _walk(inner, place, walk)
        return
    yield DiscoveredRoute(
        template=place.template + PathTemplate(["/", Parameter("…", ".*")]),
        view=app,
        access_checks={ANY: ()},
        layers=place.layers,
        kind="application",
        host=place.host,
    )


def _mounted_beside(app: Any, place: Place, walk: _Walk) -> Iterator[DiscoveredRoute]:  # noqa: ANN401 - see above
    """Yield the routes of the applications mounted by Werkzeug's DispatcherMiddleware."""
    if _DISPATCHER in _kinds(app):
        for path, mounted in app.mounts.items():
            yield from _walk(mounted, place.below(PathTemplate([path])), walk)


def _kinds(app: object) -> set[str]:
    """Return the qualified names of its classes, to recognise a framework without importing it."""
    return {f"{base.__module__}.{base.__qualname__}" for base in type(app).__mro__}


def gaps(routes: Sequence[DiscoveredRoute]) -> dict[int, tuple[str, ...]]:
    """Return the rules that miss a path, by the position of its route in `routes`."""
    by_view: dict[int, list[int]] = defaultdict(list)
    for position, route in enumerate(routes):
        by_view[id(route.view)].append(position)
    found = {}
    for positions in by_view.values():
        for position in positions:
            missed = [
                text for other in positions if other != position for text in _missed(routes[position], routes[other])
            ]
            if missed:
                found[position] = tuple(dict.fromkeys(missed))
    return found


def _missed(route: DiscoveredRoute, other: DiscoveredRoute) -> Iterator[str]:
    """The rules that cover `other`, and leave `route` to the default."""
    for method in route.access_checks.keys() & other.access_checks.keys():
        covering = {
            id(check.guard): check for check in other.in_front(method) if check is not None and _is_strict(check)
        }
        for check in route.in_front(method):
            covers = covering.get(id(check.guard)) if check is not None and check.kind == "default" else None
            if covers is not None and check is not None and covers.requirement != check.requirement:
                yield f"{covers.text} covers {other.template.text} of this view, and not this path"


def _is_strict(check: AccessCheck) -> bool:
    return check.kind == "rule" and not check.admits_anybody
