"""The routes of a Flask application.

>>> from flask import Flask
>>> app = Flask(__name__, static_folder=None)
>>> @app.get("/users/<int:number>")
... def user(number): ...
>>> [found.template.text for found in flask_routes(app, Place())]
['/users/<int:number>']
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jwtguard.inventory.access_check import AccessCheck, access_checks_of, third_party_checks
from jwtguard.inventory.route import DiscoveredRoute, Place
from jwtguard.inventory.template import Parameter, PathTemplate
from jwtguard.request_auth import EXEMPT
from jwtguard.view_metadata import metadata_of

if TYPE_CHECKING:
    from flask import Flask
    from werkzeug.routing import Rule

_PARAMETER = re.compile(r"<(?:[^<>]*:)?([A-Za-z_][A-Za-z0-9_]*)>")


def flask_routes(app: Flask, place: Place) -> Iterator[DiscoveredRoute]:
    """The routes of `app`, which stands at `place`."""
    for auth, guard in app.extensions.get("jwtguard", {}).items():
        place = place.behind(guard, _exempting(auth))
    for rule in app.url_map.iter_rules():
        view = app.view_functions.get(rule.endpoint)
        if view is None or rule.build_only or _has_no_files(app, rule.endpoint):
            continue
        yield DiscoveredRoute(
            template=place.template + _template(rule),
            view=view,
            access_checks={method: _access_checks(view, method, place) for method in _methods(rule)},
            layers=place.layers,
            kind="websocket" if rule.websocket else "http",
            host=rule.host or rule.subdomain or place.host,
            name=rule.endpoint,
        )


def _exempting(auth: object) -> Callable[[str, str, object], bool]:
    return lambda method, path, view: getattr(view, EXEMPT, None) is auth


def _methods(rule: Rule) -> list[str]:
    """The methods that reach the view: HEAD goes where GET goes, and Flask itself answers OPTIONS."""
    methods = set(rule.methods or {"GET"})
    if "GET" in methods:
        methods.discard("HEAD")
    if getattr(rule, "provide_automatic_options", False):
        methods.discard("OPTIONS")
    return sorted(methods)


def _access_checks(view: Any, method: str, place: Place) -> tuple[AccessCheck, ...]:  # noqa: ANN401 - whatever the application made
    """Of the view, and of the method of a class that answers."""
    found = [*third_party_checks(view), *access_checks_of(metadata_of(view), guard=place.guard)]
    view_class = getattr(view, "view_class", None)
    for name in ("dispatch_request", method.lower()):
        inner = getattr(view_class, name, None)
        found += [*third_party_checks(inner), *access_checks_of(metadata_of(inner), guard=place.guard)]
    return tuple(found)


def _template(rule: Rule) -> PathTemplate:
    converters: dict[str, Any] = getattr(rule, "_converters", {})
    parts: list[str | Parameter] = []
    end = 0
    for match in _PARAMETER.finditer(rule.rule):
        regex = getattr(converters.get(match[1]), "regex", ".+")
        parts += [rule.rule[end : match.start()], Parameter(match[0], regex)]
        end = match.end()
    return PathTemplate([*parts, rule.rule[end:]])


def _has_no_files(app: Flask, endpoint: str) -> bool:
    """Whether it is Flask's automatic route for static files, without a folder to serve."""
    if endpoint != "static" or app.static_folder is None:
        return False
    return not Path(app.static_folder).is_dir()
