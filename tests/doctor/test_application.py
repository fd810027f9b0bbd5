"""The application around a guard: routes, rules, middlewares, debug modes; by values, without a framework."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from jwtguard import Guard, Rule, Rules, has_role, public
from jwtguard.doctor import DoctorContext
from jwtguard.doctor.application import check_debug, check_middlewares, check_routes, check_rules
from jwtguard.inventory import AccessCheck, Inventory, PathOverride, Route
from tests.doctor.contexts import codes
from tests.samples import guard

ADMIN = Rule("/admin/", has_role("admin"))
OPEN = Rule("/open", public)
GUARD = guard(rules=Rules([ADMIN, OPEN]))


def of_rule(rule: Rule, asked: Guard = GUARD) -> AccessCheck:
    """The check of a rule."""
    return AccessCheck(kind="rule", requirement=rule.requirement, rule=rule, guard=asked)


def context(*routes: Route, guards: list[Guard] | None = None, in_front: list[Guard] | None = None) -> DoctorContext:
    """An application of these routes, behind the middlewares of these guards."""
    found = Inventory(routes=list(routes), guards=[GUARD] if in_front is None else in_front)
    return DoctorContext(guards=tuple([GUARD] if guards is None else guards), inventory=found)


def route(path: str, *access_checks: AccessCheck, **settings: Any) -> Route:
    """A route with these access_checks."""
    return Route(path=path, methods=("GET",), view="view", access_checks=access_checks, **settings)


def test_unguarded_routes() -> None:
    """They are named, the first few, each path once."""
    paths = [f"/{letter}" for letter in "abcdefg"]
    (found,) = check_routes(context(route("/x", of_rule(ADMIN)), *(route(path) for path in [*paths, "/a"])))
    assert (found.severity, found.code) == ("error", "route_unguarded")
    assert found.what == "nothing guards /a, /b, /c, /d, /e and 2 more"
    assert codes(check_routes(context(route("/x", of_rule(ADMIN))))) == []


def test_shipped_routes_that_cannot_work() -> None:
    """What an inventory notes of a route is an error."""
    noted = route("/auth/login", of_rule(ADMIN), notes=("the middleware asks for a token here",))
    assert codes(check_routes(context(noted))) == [("error", "shipped_route_guarded")]


def test_slips_of_the_hand() -> None:
    """A slip that leaves a route open is an error, beside the warning that nothing guards it."""
    (open_route, found) = check_routes(context(route("/me", slips=("nothing guards app.me",))))
    assert (open_route.code, found.severity, found.code) == ("route_unguarded", "error", "requires_bypassed")
    assert found.what == "/me: nothing guards app.me"


def test_paths_that_a_rule_misses() -> None:
    """A rule that covers one path of a view and not another is a warning."""
    (found,) = check_routes(context(route("/reports.json", of_rule(ADMIN), gaps=("a rule does not cover it",))))
    assert (found.severity, found.code) == ("warning", "rule_gap")
    assert found.what == "/reports.json: a rule does not cover it"


def test_rules_in_order() -> None:
    """Every rule covers something: a route, or some paths of one."""
    some = route("/{name}", of_rule(ADMIN), overrides=(PathOverride(path="/open", access_checks=(of_rule(OPEN),)),))
    assert codes(check_rules(context(some))) == []


def test_an_idle_rule() -> None:
    """A rule that covers no route may be a slip of the pen; one of another guard's does not count for it."""
    (found,) = check_rules(context(route("/admin/x", of_rule(ADMIN)), route("/open", of_rule(OPEN, guard()))))
    assert (found.severity, found.code, "'/open'" in found.what) == ("warning", "rule_idle", True)


def test_rules_that_are_not_enforced() -> None:
    """Rules are the middleware's; without one they do nothing, and what they cover is no question any more."""
    assert codes(check_rules(context(route("/admin/x"), in_front=[]))) == [("error", "rules_unenforced")]
    assert codes(check_rules(context(route("/x"), guards=[guard()], in_front=[]))) == []
    assert codes(check_rules(context(guards=[GUARD], in_front=[]))) == []


@pytest.mark.parametrize("path", ["/users/{id}", "/users/<id>/", "/users/<int:id>"])
def test_rules_that_take_themselves_for_templates(path: str) -> None:
    """Rules know no parameters, with an application or without."""
    template = guard(rules=Rules([Rule(path, public)]))
    assert codes(check_rules(context(guards=[template]))) == [("error", "rule_template")]


class GuardMiddleware:
    """Stands for ours, by name."""


class CORSMiddleware:
    """Stands for Starlette's, by name."""


def middleware(cls: type, **kwargs: Any) -> Any:
    """As Starlette keeps one."""
    return SimpleNamespace(cls=cls, kwargs=kwargs)


CORS, OURS = middleware(CORSMiddleware), middleware(GuardMiddleware, guard=GUARD)
INSIDE = [("warning", "cors_inside")]


@pytest.mark.parametrize(
    ("middlewares", "expected"),
    [
        ([CORS, OURS], []),
        ([OURS], []),
        ([CORS], []),
        ([OURS, CORS], INSIDE),
        ([middleware(GuardMiddleware, guard=SimpleNamespace(guard=GUARD)), CORS], INSIDE),
        ([middleware(GuardMiddleware, guard=GUARD, preflight=True), CORS], []),
        ([middleware(GuardMiddleware, guard=guard()), CORS], []),
    ],
)
def test_cors(middlewares: list[Any], expected: list[tuple[str, str]]) -> None:
    """CORS inside a guard with rules cannot answer preflights, unless the guard was told to let them pass."""
    apps = [SimpleNamespace(user_middleware=middlewares), object()]
    assert codes(check_middlewares(DoctorContext(inventory=Inventory(applications=apps)))) == expected


@pytest.mark.parametrize(
    ("app", "expected"), [(SimpleNamespace(debug=True), [("note", "debug")]), (SimpleNamespace(debug=False), [])]
)
def test_debug(app: object, expected: list[tuple[str, str]]) -> None:
    """Debug modes are noted."""
    assert codes(check_debug(DoctorContext(inventory=Inventory(applications=[app, object()])))) == expected
