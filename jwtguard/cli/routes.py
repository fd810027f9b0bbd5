"""`jwtguard routes`: every route of an application with what guards it, unguarded ones flagged.

>>> from click.testing import CliRunner
>>> int(CliRunner().invoke(command, ["--app", "jwtguard"]).exit_code)
2
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from jwtguard.cli.imports import DJANGO, load_app
from jwtguard.cli.output import (
    BAD,
    FAINT,
    GOOD,
    WARNING,
    Exit,
    Problem,
    console,
    end,
    json_option,
    printable,
    write_json,
)
from jwtguard.core.access.conditions import Fresh, HasPermission, HasRole, HasScope
from jwtguard.core.access.rules import Rules
from jwtguard.doctor.context import rules_of_allowed
from jwtguard.inventory import AccessCheck, PathOverride, Route, State, inventory

_STYLES: dict[State, str] = {
    "guarded": GOOD,
    "denied": GOOD,
    "optional": WARNING,
    "public": WARNING,
    "third_party": FAINT,
    "unguarded": BAD,
}


@click.command("routes")
@click.option(
    "--app",
    "name",
    metavar="MODULE:APP",
    help="The application, as in project.main:app or project:create_app(); or django, which is what stands here where"
    " DJANGO_SETTINGS_MODULE is set.",
)
@click.option(
    "--allow",
    "allowed",
    metavar="PATH",
    multiple=True,
    help="A path that may be unguarded, written as in a rule: /docs, or /static/ for all below it. May be repeated.",
)
@json_option
def command(name: str | None, allowed: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001
    """List every route of an application with what guards it.

    A route is unguarded if requests without a token reach it and no rule or decorator declares it
    public or optional. A default of the rules that is public does not declare it. This holds for the routes that a
    framework adds, too, such as FastAPI's /docs.

    Exits with 1 if a route is unguarded and --allow does not name it.
    """
    routes = inventory(load_app(app_name(name))).routes
    may_be = rules_of_allowed(allowed)
    unguarded = [route for route in routes if route.is_unguarded and not _is_allowed(route, may_be)]
    if as_json:
        write_json({"routes": [described(route) for route in routes], "unguarded": len(unguarded)})
    else:
        _print(routes, unguarded)
    end(Exit.REFUSED if unguarded else Exit.ACCEPTED)


def app_name(given: str | None) -> str:
    """What `--app` says, or `django` where Django's settings are named; raises `Problem`."""
    if given is not None:
        return given
    if os.environ.get("DJANGO_SETTINGS_MODULE"):
        return DJANGO
    raise Problem("name the application: --app project.main:app, or set DJANGO_SETTINGS_MODULE")


def _is_allowed(route: Route, allowed: Rules) -> bool:
    return allowed.rule("GET", route.path) is not None


def described(route: Route) -> dict[str, Any]:
    """A route for programs. Names of states and keys are stable."""
    return {
        "path": route.path,
        "methods": list(route.methods),
        "kind": route.kind,
        "host": route.host,
        "view": route.view,
        "state": route.state,
        "access_checks": [_describe_check(check) for check in route.access_checks],
        "overrides": [
            {
                "path": override.path,
                "state": override.state,
                "access_checks": [_describe_check(check) for check in override.access_checks],
            }
            for override in route.overrides
        ],
        "notes": list(route.notes),
        "slips": list(route.slips),
        "gaps": list(route.gaps),
    }


def _describe_check(check: AccessCheck) -> dict[str, Any]:
    tests = () if check.requirement is None else check.requirement.tests
    fresh = [test for test in tests if isinstance(test, Fresh)]
    return {
        "kind": check.kind,
        "text": check.text,
        "requirement": None if check.requirement is None else repr(check.requirement),
        "mode": None if check.requirement is None else check.requirement.mode.value,
        "rule": None if check.rule is None else check.rule.path,
        "roles": [test.name for test in tests if isinstance(test, HasRole)],
        "scopes": [test.name for test in tests if isinstance(test, HasScope)],
        "permissions": [test.name for test in tests if isinstance(test, HasPermission)],
        "max_age": min((test.max_age for test in fresh if test.max_age is not None), default=None),
        "acr": sorted({value for test in fresh for value in test.acr}),
        "amr": sorted({value for test in fresh for value in test.amr}),
        "tokens_from": list(check.places),
    }


def _print(routes: list[Route], unguarded: list[Route]) -> None:
    out = console()
    usual = _usual_places(routes)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("", "Methods", "Path", "Guarded by"):
        table.add_column(heading, overflow="fold", style=FAINT if heading == "Methods" else "")
    for route in routes:
        state = Text("!" if route.is_unguarded else " ", style=BAD)
        table.add_row(
            state, _methods(route), printable(_path(route)), _access_checks(route, usual, marked=route in unguarded)
        )
        for override in route.overrides:
            table.add_row(
                "",
                "",
                Text(f"  {printable(override.path)}", style=FAINT),
                _access_checks(override, usual, marked=True),
            )
        for note in (*route.slips, *route.gaps, *route.notes):
            table.add_row("", "", "", Text(f"! {printable(note)}", style=BAD if note in route.slips else WARNING))
    if routes:
        out.print(table)
        out.print()
    counts = Counter(route.state for route in routes)
    summary = ", ".join(f"{counts[state]} {state}" for state in _STYLES if counts[state])
    out.print(f"{len(routes)} route{'' if len(routes) == 1 else 's'}{f': {summary}' if summary else ''}")
    if usual:
        out.print(f"Tokens are read from: {', '.join(usual)}")
    if unguarded:
        advice = (
            "put requires(...) on them, or name them in a rule: Rule(path, public) if they are meant to be open, or"
            " --allow PATH"
        )
        out.print(Text(f"{len(unguarded)} unguarded: {advice}", style=BAD))


def _methods(route: Route) -> str:
    return {"websocket": "WS", "application": "all"}.get(route.kind) or ",".join(route.methods) or "any"


def _path(route: Route) -> str:
    return route.path if route.host is None else f"//{route.host}{route.path}"


def _usual_places(routes: Iterable[Route]) -> tuple[str, ...]:
    """Where most access_checks read their token, which is said once."""
    counts = Counter(check.places for route in routes for check in route.access_checks if check.places)
    return counts.most_common(1)[0][0] if counts else ()


def _access_checks(route: Route | PathOverride, usual: tuple[str, ...], *, marked: bool) -> Text:
    """What a request has to pass, in one line each; `marked`: an unguarded one is shown as a fault."""
    lines = []
    for check in route.access_checks:
        if check.kind == "default" and check.admits_anybody:
            continue  # It refuses no request.
        elsewhere = f", token from {', '.join(check.places)}" if check.places and check.places != usual else ""
        lines.append(printable(check.text + elsewhere))
    if route.state == "unguarded":
        default = next((f" ({check.text})" for check in route.access_checks), "")
        return Text(f"UNGUARDED{default}", style=BAD if marked else FAINT)
    return Text("\n".join(lines))
