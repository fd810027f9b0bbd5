"""The routes of a Starlette or FastAPI application, or of a router of theirs.

>>> from starlette.applications import Starlette
>>> from starlette.routing import Route
>>> async def user(request): ...
>>> app = Starlette(routes=[Route("/users/{name}", user)])
>>> [found.template.text for found in starlette_routes(app, Place(), walk=lambda app, place: [])]
['/users/{name}']
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Annotated, Any, ForwardRef, TypeAlias, get_args, get_origin

from jwtguard.asgi import GuardMiddleware
from jwtguard.core.tokens.principal import Principal
from jwtguard.inventory.access_check import AccessCheck, access_checks_of, third_party_checks
from jwtguard.inventory.route import ANY, DiscoveredRoute, Place
from jwtguard.inventory.template import Parameter, PathTemplate
from jwtguard.view_metadata import metadata_of

Walk: TypeAlias = Callable[[Any, Place], Iterable[DiscoveredRoute]]
"""Yields the routes of a mounted application."""

_PARAMETER = re.compile(r"\{([a-zA-Z_][a-zA-Z0-9_]*)(?::[^{}]*)?\}")
_HTTP_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def starlette_routes(app: Any, place: Place, *, walk: Walk) -> Iterator[DiscoveredRoute]:  # noqa: ANN401 - an app or a router
    """The routes of `app`, which stands at `place`; what else is mounted there, `walk` looks into."""
    for middleware in getattr(app, "user_middleware", ()):
        place = _behind(middleware, place)
    for route in _flattened(app):
        yield from _route(route, place, walk)
    yield from _frontends(getattr(app, "router", app), place)


def behind(middleware: GuardMiddleware, place: Place) -> Place:
    """Behind a middleware of ours."""
    routes = middleware.routes
    return place.behind(middleware.guard, lambda method, path, view: routes.exempts_path(method, path))


def _behind(middleware: Any, place: Place) -> Place:  # noqa: ANN401 - Starlette's, which has no common base
    """Behind a middleware as an application keeps it: a class, with what it will be made of."""
    if inspect.isclass(middleware.cls) and issubclass(middleware.cls, GuardMiddleware):
        return behind(middleware.cls(_nowhere, *middleware.args, **middleware.kwargs), place)
    return place


async def _nowhere(*_: object) -> None:
    """Placeholder application: the middleware is only built to be inspected."""


def _flattened(app: Any) -> Iterable[Any]:  # noqa: ANN401 - see above
    """The routes, with those of included routers as they stand in the application."""
    try:
        from fastapi.routing import iter_route_contexts  # noqa: PLC0415 - newer FastAPIs keep included routers apart
    except ImportError:
        return app.routes  # type: ignore[no-any-return]
    return iter_route_contexts(app.routes)


def _route(route: Any, place: Place, walk: Walk) -> Iterator[DiscoveredRoute]:  # noqa: ANN401 - see above
    if hasattr(route, "host"):
        yield from walk(route.app, replace(place, host=route.host))
        return
    endpoint = getattr(route, "endpoint", None)
    if endpoint is None:
        # A Mount, or a third-party route, which is treated as an application.
        path = getattr(route, "path", None) or ""
        yield from walk(getattr(route, "app", route), place.below(_template(path, route)))
        return
    inner = place
    app = getattr(route, "app", None)
    while app is not None:  # `Route(middleware=[...])` leaves the path as it is.
        inner = behind(app, inner) if isinstance(app, GuardMiddleware) else inner
        app = getattr(app, "app", None) if app is not endpoint else None
    is_websocket = getattr(route, "methods", None) is None and "WebSocket" in type(_original(route)).__name__
    yield DiscoveredRoute(
        template=place.template + _template(route.path, route),
        view=endpoint,
        access_checks={"GET": _websocket_checks(route, inner)}
        if is_websocket
        else dict(_access_checks_by_method(route, inner)),
        layers=inner.layers,
        kind="websocket" if is_websocket else "http",
        host=place.host,
        slips=tuple(_slips(getattr(route, "dependant", None), endpoint)),
    )


def _original(route: Any) -> object:  # noqa: ANN401 - see above
    return getattr(route, "original_route", route)


def _access_checks_by_method(route: Any, place: Place) -> Iterator[tuple[str, tuple[AccessCheck, ...]]]:  # noqa: ANN401 - see above
    endpoint = _unpacked(route.endpoint)
    methods = set(route.methods or ())
    if "GET" in methods:
        methods.discard("HEAD")
    if not inspect.isclass(endpoint):
        access_checks = (*_dependencies(route, place), *_access_checks(endpoint, place))
        yield from ((method, access_checks) for method in sorted(methods) or [ANY])
        return
    answered = [name for name in _HTTP_METHODS if hasattr(endpoint, name.lower())]
    around = _access_checks(getattr(endpoint, "dispatch", None), place)
    for method in sorted(methods) or answered or [ANY]:
        yield method, (*around, *_access_checks(getattr(endpoint, method.lower(), None), place))


def _websocket_checks(route: Any, place: Place) -> tuple[AccessCheck, ...]:  # noqa: ANN401 - see above
    endpoint = _unpacked(route.endpoint)
    if not inspect.isclass(endpoint):
        return (*_dependencies(route, place), *_access_checks(endpoint, place))
    return (
        *_access_checks(getattr(endpoint, "dispatch", None), place),
        *_access_checks(getattr(endpoint, "on_connect", None), place),
    )


def _unpacked(endpoint: Any) -> Any:  # noqa: ANN401 - see above
    while isinstance(endpoint, functools.partial):
        endpoint = endpoint.func
    return endpoint


def _access_checks(view: object, place: Place) -> tuple[AccessCheck, ...]:
    return (*third_party_checks(view), *access_checks_of(metadata_of(view), guard=place.guard))


def _dependencies(route: Any, place: Place) -> Iterator[AccessCheck]:  # noqa: ANN401 - see above
    """What FastAPI asks first, in its order: of the application, of routers, of the route, of its parameters."""
    waiting = list(getattr(getattr(route, "dependant", None), "dependencies", ()))
    while waiting:
        dependency = waiting.pop(0)
        found = tuple(access_checks_of(metadata_of(dependency.call), guard=place.guard, kind="dependency"))
        yield from found
        if not found and _is_security(dependency.call):
            yield AccessCheck(kind="third_party", name=f"FastAPI's {type(dependency.call).__name__}")
        waiting[:0] = dependency.dependencies


def _slips(dependant: Any, endpoint: object) -> Iterator[str]:  # noqa: ANN401 - FastAPI's, or None
    """Find `Principal` parameters of a FastAPI endpoint and its dependencies that the guard does not fill."""
    if dependant is None:
        return
    name = getattr(endpoint, "__qualname__", type(endpoint).__qualname__)
    for field in (*dependant.query_params, *dependant.path_params, *dependant.body_params):
        annotation = getattr(field.field_info, "annotation", None)
        if isinstance(annotation, ForwardRef):
            yield (
                f"{name}: FastAPI cannot find the names in {annotation.__forward_arg__!r}, the annotation of"
                f" {field.name!r}, so it reads that from the request: take `from __future__ import annotations` out of"
                " the module, or define these names outside the function"
            )
    kinds = _annotations(dependant.call)
    for dependency in dependant.dependencies:
        if kinds.get(dependency.name) is Principal and not _is_ours(dependency):
            yield (
                f"{name}: the caller {dependency.name!r} does not come from the guard: write"
                f" `{dependency.name}: Annotated[Principal, auth.requires()]`"
            )
        yield from _slips(dependency, dependency.call)


def _annotations(call: object) -> dict[str, Any]:
    """The classes of the parameters, without what `Annotated` adds."""
    signed = call if inspect.isroutine(call) or inspect.isclass(call) else type(call).__call__
    try:
        parameters = inspect.signature(signed, eval_str=True).parameters.values()
    except NameError:
        return {}  # Some names are imported for type checkers only.
    return {
        each.name: get_args(each.annotation)[0] if get_origin(each.annotation) is Annotated else each.annotation
        for each in parameters
    }


def _is_ours(dependency: Any) -> bool:  # noqa: ANN401 - FastAPI's
    """Whether it is `auth.requires(...)`, or built on one."""
    return bool(metadata_of(dependency.call)) or any(map(_is_ours, dependency.dependencies))


def _is_security(call: object) -> bool:
    """Whether it is one of FastAPI's security schemes, which other code checks."""
    return any(base.__name__ == "SecurityBase" for base in type(call).__mro__) and not hasattr(call, "places")


def _template(path: str, route: Any) -> PathTemplate:  # noqa: ANN401 - see above
    convertors = getattr(route, "param_convertors", {})
    parts: list[str | Parameter] = []
    end = 0
    for match in _PARAMETER.finditer(path):
        regex = getattr(convertors.get(match[1]), "regex", "[^/]+")
        parts += [path[end : match.start()], Parameter(match[0], regex)]
        end = match.end()
    return PathTemplate([*parts, path[end:]])


def _frontends(router: Any, place: Place) -> Iterator[DiscoveredRoute]:  # noqa: ANN401 - see above
    """The folders that newer FastAPIs serve behind all routes: `app.frontend(...)`."""
    for found in getattr(router, "_iter_low_priority_routes", tuple)():
        group = getattr(found, "original_route", found)
        access_checks = tuple(_dependencies(found, place))
        for route in getattr(group, "routes", ()):
            path = f"{getattr(found, 'frontend_prefix', '')}{route.path}".rstrip("/")
            yield DiscoveredRoute(
                template=place.template + PathTemplate([f"{path}/", Parameter("{path}", ".*")]),
                view=route.app,
                access_checks={"GET": access_checks},
                layers=place.layers,
                host=place.host,
            )
