"""What one request has to pass: the route that a path leads to, with the rules and decorators in the way.

>>> from flask import Flask
>>> from jwtguard import Guard, Rule, Rules, SigningKey, has_role
>>> from jwtguard.flask import FlaskGuard
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(issuer="https://i.example", audience="https://a.example", keys=key.verification_key)
>>> app, auth = Flask(__name__), FlaskGuard(guard)
>>> @app.get("/users/<name>")
... @auth.requires(has_role("admin"))
... def user(name): ...
>>> passage(app, "GET", "/users/ada").requirements
(has_role('admin'),)
>>> passage(app, "GET", "/nowhere") is None
True
"""

from __future__ import annotations

from dataclasses import dataclass

from jwtguard.core.access.requirements import Requirement
from jwtguard.core.access.rules import Rules
from jwtguard.guard import Guard
from jwtguard.inventory.applications import founds
from jwtguard.inventory.route import ANY, Found, Front
from jwtguard.inventory.template import PathTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """What stands between a request and its view.

    `template` is the path of the route as the application wrote it. `fronts` are the guards of the middlewares, each
    with the path that its rules see. `requirements` are those of decorators, outermost first, `guards` theirs.
    """

    template: str
    fronts: tuple[tuple[Guard, str], ...]
    requirements: tuple[Requirement, ...]
    guards: tuple[Guard, ...]


def passage(app: object, method: str, path: str) -> Passage | None:
    """What a request for `path` has to pass in `app`; None if no route that is known of leads there.

    Where several do, one without parameters is taken for the one that answers, else the first.
    """
    matching = [found for found in founds(app) if _answers(found, method, path)]
    if not matching:
        return None
    found = next((each for each in matching if each.template.is_plain), matching[0])
    gates = found.gates.get(_method(found, method), ())
    return Passage(
        template=found.template.text or "/",
        fronts=tuple(
            (front.guard, below)
            for front in found.fronts
            if isinstance(front.guard.rules, Rules)
            and not front.exempts(method, below := _below(found, front, path), found.view)
        ),
        requirements=tuple(gate.requirement for gate in gates if gate.requirement is not None),
        guards=tuple(gate.guard for gate in gates if gate.guard is not None),
    )


def _method(found: Found, method: str) -> str:
    if method in found.gates:
        return method
    return "GET" if method == "HEAD" and "GET" in found.gates else ANY


def _answers(found: Found, method: str, path: str) -> bool:
    return found.kind != "websocket" and _method(found, method) in found.gates and found.template.equals(path)


def _below(found: Found, front: Front, path: str) -> str:
    """The path as a middleware inside a mounted application sees it."""
    prefix = PathTemplate(found.template.parts[: front.start])
    return path.removeprefix(prefix.text) if prefix.is_plain else path
