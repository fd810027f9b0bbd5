"""Match a request to its route, with the rules and decorators that check it.

>>> from flask import Flask
>>> from jwtguard import Guard, Rule, Rules, SigningKey, has_role
>>> from jwtguard.flask import FlaskGuard
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(issuer="https://i.example", audience="https://a.example", keys=key.verification_key)
>>> app, auth = Flask(__name__), FlaskGuard(guard)
>>> @app.get("/users/<name>")
... @auth.requires(has_role("admin"))
... def user(name): ...
>>> match_route(app, "GET", "/users/ada").requirements
(has_role('admin'),)
>>> match_route(app, "GET", "/nowhere") is None
True
"""

from __future__ import annotations

from dataclasses import dataclass

from jwtguard.core.access.requirements import Requirement
from jwtguard.core.access.rules import Rules
from jwtguard.guard import Guard
from jwtguard.inventory.applications import discover_routes
from jwtguard.inventory.route import ANY, DiscoveredRoute, GuardLayer
from jwtguard.inventory.template import PathTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteMatch:
    """The route of one request and its checks.

    `template` is the path of the route as the application wrote it. `layers` are the guards of the middlewares, each
    with the path that its rules see. `requirements` are those of decorators, outermost first, `guards` theirs.
    """

    template: str
    layers: tuple[tuple[Guard, str], ...]
    requirements: tuple[Requirement, ...]
    guards: tuple[Guard, ...]


def match_route(app: object, method: str, path: str) -> RouteMatch | None:
    """What a request for `path` has to pass in `app`; None if no route that is known of leads there.

    Where several do, one without parameters is taken for the one that answers, else the first.
    """
    matching = [found for found in discover_routes(app) if _answers(found, method, path)]
    if not matching:
        return None
    found = next((each for each in matching if each.template.is_plain), matching[0])
    access_checks = found.access_checks.get(_method(found, method), ())
    return RouteMatch(
        template=found.template.text or "/",
        layers=tuple(
            (layer.guard, below)
            for layer in found.layers
            if isinstance(layer.guard.rules, Rules)
            and not layer.exempts(method, below := _below(found, layer, path), found.view)
        ),
        requirements=tuple(check.requirement for check in access_checks if check.requirement is not None),
        guards=tuple(check.guard for check in access_checks if check.guard is not None),
    )


def _method(found: DiscoveredRoute, method: str) -> str:
    if method in found.access_checks:
        return method
    return "GET" if method == "HEAD" and "GET" in found.access_checks else ANY


def _answers(found: DiscoveredRoute, method: str, path: str) -> bool:
    return found.kind != "websocket" and _method(found, method) in found.access_checks and found.template.equals(path)


def _below(found: DiscoveredRoute, layer: GuardLayer, path: str) -> str:
    """The path as a middleware inside a mounted application sees it."""
    prefix = PathTemplate(found.template.parts[: layer.start])
    return path.removeprefix(prefix.text) if prefix.is_plain else path
