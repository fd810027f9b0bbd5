"""Endpoints of Starlette and FastAPI: what can be told about them when they are written down.

>>> from starlette.applications import Starlette
>>> from starlette.routing import Route
>>> async def hello(request): ...
>>> check_endpoint(hello)
>>> list(endpoints_in(Starlette(routes=[Route("/", hello)]))) == [("", hello)]
True
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from types import UnionType
from typing import Annotated, Any, ForwardRef, get_args, get_origin

from jwtguard.core.errors import ConfigurationError
from jwtguard.endpoints.mounting import check_place
from jwtguard.endpoints.resource_metadata import check_metadata_place
from jwtguard.request_auth import check_view
from jwtguard.view_metadata import ViewMetadata, check_order, metadata_of


def check_endpoint(endpoint: Callable[..., object]) -> None:
    """Raise `ConfigurationError` for what is no endpoint, or is surely called without a request."""
    check_view(endpoint, instead="put it on the methods get, post, on_connect and so on")
    try:
        signature = inspect.signature(endpoint, eval_str=True)
    except NameError:
        signature = inspect.signature(endpoint)  # With names that only type checkers import.
    except (TypeError, ValueError):
        return
    name = getattr(endpoint, "__qualname__", type(endpoint).__qualname__)
    parameters = signature.parameters
    if [*parameters][-3:] == ["scope", "receive", "send"]:
        raise ConfigurationError(
            f"`requires` guards endpoints, and {name} is an application: write GuardMiddleware(app, guard=guard)"
        )
    if not any(_may_be_connection(parameter) for parameter in parameters.values()):
        raise ConfigurationError(
            f"`requires` guards endpoints that take a Starlette request or websocket, and {name} takes neither: write"
            f" `request: Request`, or in FastAPI `caller: Annotated[Principal, auth.requires()]` instead of a decorator"
        )


def _may_be_connection(parameter: inspect.Parameter) -> bool:
    """Whether the framework may pass a request or a websocket for it: no, if its class is known to be another."""
    kind = parameter.annotation
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    kind = get_origin(kind) or kind
    is_known = isinstance(kind, type) and kind not in _ANYTHING
    return not is_known or hasattr(kind, "headers") or getattr(kind, "_is_protocol", False)


_ANYTHING = frozenset({Any, object, UnionType, inspect.Parameter.empty})
"""Annotations that a request fits, or may fit."""


def endpoints_in(app: Any) -> Iterator[tuple[str, object]]:  # noqa: ANN401 - any application
    """Every endpoint of an application of Starlette or FastAPI, in what it mounts and includes, too.

    Each with the path below which it was mounted or included.
    """
    return ((below, route.endpoint) for below, route in _routes_in(app))


def _routes_in(app: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any application
    waiting: list[tuple[str, Any, frozenset[int]]] = [("", app, frozenset())]
    while waiting:
        below, part, around = waiting.pop()
        if getattr(part, "endpoint", None) is not None:
            yield below, part
        elif id(part) not in around:
            below += getattr(part, "path", "")  # Of a Mount.
            below += getattr(getattr(part, "include_context", None), "prefix", "")
            routes = getattr(part, "routes", None)
            inner = [getattr(part, "app", None), getattr(part, "original_router", None)]
            # A router that newer FastAPIs keep apart; a Mount shows the routes of what it wraps.
            found = routes if isinstance(routes, list) and routes else [each for each in inner if each is not None]
            waiting += [(below, each, around | {id(part)}) for each in found]


def check_endpoints(app: object, check_shipped: Callable[[str, ViewMetadata], None] | None = None) -> None:
    """Raise `ConfigurationError` for a view that is bypassed, or a shipped route whose prefix is written twice.

    So it does where FastAPI could not read the annotation that holds `auth.requires(...)`. `check_shipped` is called
    with the metadata of each shipped route and the path below which it was mounted.
    """
    found = list(_routes_in(app))
    check_order(route.endpoint for _, route in found)
    dependants = (getattr(route, "dependant", None) for _, route in found)
    ConfigurationError.raise_all(
        problem for dependant in dependants if dependant is not None for problem in _lost_annotations(dependant)
    )
    for below, route in found:
        for each in metadata_of(route.endpoint):
            if each.publishes is not None:
                # An older FastAPI writes the prefix into the route's own path.
                check_metadata_place(f"{below}{route.path}".removesuffix(each.path), each.publishes)
            if each.is_shipped:
                check_place(below, each.prefix)
                if check_shipped is not None:
                    check_shipped(below, each)


def _lost_annotations(dependant: Any) -> Iterator[str]:  # noqa: ANN401 - FastAPI's, which need not be installed
    """What is wrong with the parameters of a view, and of what it depends on, that FastAPI reads from the request.

    FastAPI leaves a string that names what only type checkers import as it is, and takes the parameter for one of the
    query: what stands beside the name in `Annotated[...]` is lost, and with it the guard.
    """
    for place in ("path_params", "query_params", "header_params", "cookie_params", "body_params"):
        for parameter in getattr(dependant, place):
            annotation = parameter.field_info.annotation
            if isinstance(annotation, ForwardRef) and _OURS.search(annotation.__forward_arg__):
                name = getattr(dependant.call, "__qualname__", "a dependency")
                yield (
                    f"nothing guards {name}: FastAPI cannot read `{parameter.name}: {annotation.__forward_arg__}`."
                    " Import each of these names when the program runs, not under `if TYPE_CHECKING:`"
                )
    for inner in dependant.dependencies:
        yield from _lost_annotations(inner)


_OURS = re.compile(r"\b(?:requires|Principal)\b")
"""What an annotation holds that was to bring the caller."""
