"""`jwtguard routes`: the table, JSON, what may be unguarded, and exit codes for continuous integration."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from jwtguard import Rule, authenticated, optional, public
from jwtguard.cli import main
from jwtguard.cli.routes import _print, app_name, described
from jwtguard.inventory import AccessCheck, Route


def routes(*arguments: str, **environ: str) -> Result:
    """The command with these arguments."""
    return CliRunner().invoke(main, ["routes", *arguments], env={"COLUMNS": "110", **environ})


def test_the_table() -> None:
    """A line for each route, what differs for some paths below it, and where tokens are read from, once."""
    answer = routes("--app", "tests.cli.apps:app")
    assert answer.exit_code == 0, answer.output
    assert [line.rstrip() for line in answer.output.splitlines()] == [
        "   Methods  Path           Guarded by",
        "   PUT      /users/{name}  by default: authenticated",
        "                           requires((has_role('admin') | has_scope('users:write') |",
        "                           has_permission('users.delete')) & fresh(max_age=600)), token from header X-Token",
        "              /users/me    rule '/users/me': public",
        "                           requires((has_role('admin') | has_scope('users:write') |",
        "                           has_permission('users.delete')) & fresh(max_age=600)), token from header X-Token",
        "   GET      /users/{name}  by default: authenticated",
        "              /users/me    rule '/users/me': public",
        "   WS       /feed          by default: authenticated",
        "                           requires(authenticated)",
        "",
        "3 routes: 3 guarded",
        "Tokens are read from: Authorization",
    ]


UNGUARDED = "tests.cli.apps:unguarded"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "unguarded"),
    [
        (["--app", UNGUARDED], 1, 3),
        (["--app", UNGUARDED, "--allow", "/docs/"], 1, 1),
        (["--app", UNGUARDED, "--allow", "/docs"], 1, 2),
        (["--app", UNGUARDED, "--allow", "/docs/", "--allow", "/a", "--allow", "/a"], 0, 0),
        (["--app", UNGUARDED, "--allow", "/"], 1, 3),
        (["--app", "tests.cli.apps:app"], 0, 0),
        (["--app", "tests.cli.apps:empty"], 0, 0),
    ],
)
def test_unguarded_routes(arguments: list[str], exit_code: int, unguarded: int) -> None:
    """They are counted and flagged, and a build fails by those that are not allowed."""
    as_json, as_table = routes(*arguments, "--json"), routes(*arguments)
    assert (as_json.exit_code, as_table.exit_code) == (exit_code, exit_code)
    assert json.loads(as_json.output)["unguarded"] == unguarded
    assert (f"{unguarded} unguarded: put requires" in as_table.output) == bool(unguarded)


def test_json() -> None:
    """Every check with its names, for programs."""
    found: dict[str, Any] = json.loads(routes("--app", "tests.cli.apps:app", "--json").output)
    first = found["routes"][0]
    assert (first["path"], first["methods"], first["kind"], first["state"]) == (
        "/users/{name}",
        ["PUT"],
        "http",
        "guarded",
    )
    assert first["overrides"][0]["path"] == "/users/me"
    assert first["access_checks"][1] == {
        "kind": "decorator",
        "text": "requires((has_role('admin') | has_scope('users:write') | has_permission('users.delete'))"
        " & fresh(max_age=600))",
        "requirement": "(has_role('admin') | has_scope('users:write') | has_permission('users.delete'))"
        " & fresh(max_age=600)",
        "mode": "authenticated",
        "rule": None,
        "roles": ["admin"],
        "scopes": ["users:write"],
        "permissions": ["users.delete"],
        "max_age": 600,
        "acr": [],
        "amr": [],
        "tokens_from": ["header X-Token"],
    }
    assert found["routes"][1]["overrides"][0]["access_checks"][0]["rule"] == "/users/me"


def test_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Django's settings are named, they say what the application is."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "project.settings")
    assert (app_name(None), app_name("project:app")) == ("django", "project:app")


def test_an_open_default_refuses_no_request() -> None:
    """It is shown where it leaves a route unguarded, and not beside what guards one."""
    default = AccessCheck(kind="default", requirement=optional)
    asked = AccessCheck(kind="decorator", requirement=authenticated)
    rows = [
        Route(path="/open", methods=("GET",), view="v", access_checks=(default,)),
        Route(path="/mine", methods=("GET",), view="v", access_checks=(default, asked)),
    ]
    with CliRunner().isolation(env={"COLUMNS": "80"}) as (output, *_):
        _print(rows, rows[:1])
        text = output.getvalue().decode()
    assert "/open  UNGUARDED (by default: optional)" in text
    assert "/mine  requires(authenticated)" in text


def test_a_note_and_a_host() -> None:
    """Notes stand below their route, and a host in front of its path."""
    rule = AccessCheck(kind="rule", requirement=public, rule=Rule("/x", public))
    route = Route(path="/x", methods=(), view="v", host="api.example", access_checks=(rule,), notes=("mind the gap",))
    foreign = Route(
        path="/y", methods=("GET",), view="v", access_checks=(AccessCheck(kind="third_party", name="theirs"),)
    )
    application = Route(path="/…", methods=(), view="v", kind="application")
    runner = CliRunner()
    with runner.isolation(env={"COLUMNS": "80"}) as (output, *_):
        _print([route, foreign, application], [])
        text = output.getvalue().decode()
    assert "any      //api.example/x  rule '/x': public" in text
    assert "! mind the gap" in text
    assert "all      /…               UNGUARDED" in text
    assert described(foreign)["access_checks"][0]["requirement"] is None


def test_a_slip() -> None:
    """What leaves a route open by a slip of the hand stands below it, and in the JSON document."""
    route = Route(path="/me", methods=("GET",), view="v", slips=("nothing guards it",))
    with CliRunner().isolation(env={"COLUMNS": "80"}) as (output, *_):
        _print([route], [route])
        text = output.getvalue().decode()
    assert "! nothing guards it" in text
    assert described(route)["slips"] == ["nothing guards it"]


def test_a_gap() -> None:
    """What a rule misses stands below the route, and in the JSON document."""
    route = Route(path="/me.json", methods=("GET",), view="v", gaps=("the rule '/me' misses it",))
    with CliRunner().isolation(env={"COLUMNS": "80"}) as (output, *_):
        _print([route], [])
        text = output.getvalue().decode()
    assert "! the rule '/me' misses it" in text
    assert described(route)["gaps"] == ["the rule '/me' misses it"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name the application"),
        (["--app", "tests.cli.nowhere:app"], "no module"),
        (["--app", "tests.cli.apps:app", "--allow", "/a/../b"], "a rule's path is plain"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with 2, and says what to write."""
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    answer = routes(*arguments)
    assert (answer.exit_code, words in answer.output) == (2, True)
