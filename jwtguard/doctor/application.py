"""The application around a guard: unguarded routes, rules that are not enforced, middlewares in a wrong order.

>>> from jwtguard.inventory import Inventory, Route
>>> routes = [Route(path="/reports", methods=("GET",), view="reports")]
>>> [finding.code for finding in check_routes(DoctorContext(inventory=Inventory(routes=routes)))]
['route_unguarded']
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from jwtguard.core.access.rules import Rule, Rules
from jwtguard.doctor.context import DoctorContext
from jwtguard.guard import Guard
from jwtguard.guard_checks import Finding

SHOWN = 5
"""Routes that are named in a finding; `jwtguard routes` names all."""


def check_routes(context: DoctorContext) -> Iterator[Finding]:
    """Find routes that need no token, though nothing declares them open."""
    unguarded = [route for route in context.routes if route.is_unguarded and not context.may_be_open(route)]
    if unguarded:
        paths = list(dict.fromkeys(route.path for route in unguarded))
        more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
        yield Finding(
            "error",
            "route_unguarded",
            f"nothing guards {', '.join(paths[:SHOWN])}{more}",
            why="Requests without a token reach them, and nothing declares that.",
            remedy="see jwtguard routes; put requires(...) on them, or say that they are open: Rule(path, public), or"
            " --allow PATH",
        )
    for route in context.routes:
        for slip in route.slips:
            yield Finding(
                "error",
                "requires_bypassed",
                f"{route.path}: {slip}",
                why="The code looks as if the route were guarded, and it is not.",
                remedy="compare the route with jwtguard routes once it is changed",
            )
        for gap in route.gaps:
            yield Finding(
                "warning",
                "rule_gap",
                f"{route.path}: {gap}",
                why="A request for the path that no rule covers needs what the default says, and no more.",
                remedy="write a rule for this path too, or put requires(...) on the view, which holds for every path",
            )
        for note in route.notes:
            yield Finding(
                "error",
                "shipped_route_guarded",
                f"{route.path}: {note}",
                why="Login, refresh and logout read no access token, and must not need one.",
                remedy="GuardMiddleware(app, guard=auth), with the object whose auth.routes() are mounted",
            )


def check_rules(context: DoctorContext) -> Iterator[Finding]:
    """Rules that nothing enforces, that name no route, or that take themselves for a template."""
    for guard in context.guards:
        rules = guard.rules.rules if isinstance(guard.rules, Rules) else ()
        for rule in rules:
            if any(sign in rule.path for sign in "{}<>"):
                yield Finding(
                    "error",
                    "rule_template",
                    f"the rule {rule.path!r} has a parameter in it, and rules know none: it names that very path",
                    why="The requests that it is meant for are covered by another rule, or by the default.",
                    remedy="write a prefix that ends in '/', or put requires(...) on the route",
                )
        if not context.routes or not isinstance(guard.rules, Rules):
            continue
        if guard not in context.inventory.guards:
            yield Finding(
                "error",
                "rules_unenforced",
                f"{guard!r} has rules, and no middleware of it is in front",
                why="Rules are the middleware's to enforce: `requires` does not look at them.",
                remedy="add GuardMiddleware (Flask: auth.init_app(app))",
            )
            continue
        for rule in rules:
            if not _covers_something(rule, guard, context):
                yield Finding(
                    "warning",
                    "rule_idle",
                    f"the rule {rule.path!r} covers no route",
                    why="If it is a typing error, another rule or the default covers the intended route.",
                    remedy="compare it with jwtguard routes, or remove it",
                )


def _covers_something(rule: Rule, guard: Guard, context: DoctorContext) -> bool:
    shown = (
        access_checks
        for route in context.routes
        for access_checks in (route.access_checks, *(override.access_checks for override in route.overrides))
    )
    return any(check.rule is rule and check.guard is guard for access_checks in shown for check in access_checks)


def check_middlewares(context: DoctorContext) -> Iterator[Finding]:
    """CORS inside the guard, where preflights are refused before it can answer them."""
    for app in context.inventory.applications:
        middlewares = list(getattr(app, "user_middleware", ()))
        names = [getattr(each.cls, "__name__", "") for each in middlewares]
        if "GuardMiddleware" not in names or "CORSMiddleware" not in names[names.index("GuardMiddleware") :]:
            continue
        given = middlewares[names.index("GuardMiddleware")].kwargs
        guard = getattr(given.get("guard"), "guard", given.get("guard"))
        if given.get("preflight") is not True and isinstance(getattr(guard, "rules", None), Rules):
            yield Finding(
                "warning",
                "cors_inside",
                "CORSMiddleware stands inside GuardMiddleware",
                why="Preflights carry no token, so the guard refuses them; and pages cannot read refusals without its"
                " headers.",
                remedy="put CORS outside; with add_middleware that means: add the guard first, then CORS",
            )


def check_debug(context: DoctorContext) -> Iterator[Finding]:
    """Debug modes."""
    if any(_is_debugged(app) for app in context.inventory.applications):
        yield Finding(
            "note",
            "debug",
            "the application runs in debug mode",
            why="Error pages show code and settings to every client.",
            remedy="turn it off in production",
        )


def _is_debugged(app: Any) -> bool:  # noqa: ANN401 - any application
    if getattr(app, "debug", False) is True:
        return True
    settings: Any = sys.modules.get("django.conf")
    is_django = type(app).__module__.startswith("django.")
    return is_django and settings is not None and settings.settings.DEBUG is True
