"""`explain`: the steps as people read them, routes of an application, and what may stand in a ticket."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from jwtguard.explanation import Outcome
from tests.cli.projects import project
from tests.cli.running import run, token
from tests.core.keys import hs256

fixtures = [project]
BY_SECRET = ["--secret-env", "SECRET"]
GOOD = token(hs256(), lifetime=timedelta(hours=1), roles=["admin"], claims={"nick": "liddell"})

APPS = """
from flask import Flask
from jwtguard import Guard, Rules, VerificationKey, fresh, has_scope
from jwtguard.flask import FlaskGuard
from {name}.auth import auth, guard, named, SECRET

app = Flask("app")
auth.init_app(app)
no_middleware = Flask("no middleware")
bare = Flask("bare")
other = FlaskGuard(Guard(**named, keys=VerificationKey.from_secret(SECRET, algorithm="HS256"), rules=Rules([])))
two = Flask("two")
auth.init_app(two)
other.init_app(two)


@app.get("/admin/users/<int:number>")
@no_middleware.get("/admin/users/<int:number>")
@auth.requires(has_scope("users:read"))
def users(number): ...


@app.get("/admin/users/me")
@app.get("/health")
@app.post("/health")
@bare.get("/health")
@two.get("/health")
def health(): ...
"""


@pytest.fixture
def apps(project: str) -> str:
    """The name of a module with applications, whose guards are those of `auth` beside it."""
    Path(project, "apps.py").write_text(APPS.format(name=project))
    return f"{project}.apps"


def explained(*arguments: str, text: str = GOOD, env: dict[str, str | None] | None = None) -> tuple[int, str]:
    """Exit code and output."""
    answer = run("explain", *arguments, typed=text, env=env)
    return answer.exit_code, answer.output


def test_every_step_has_its_line() -> None:
    """In order, with what was found; and that a ticket may hold it."""
    code, output = explained(*BY_SECRET)
    lines = output.splitlines()

    assert (code, lines[0], lines[1]) == (0, "accepted", "not checked: issuer and audience")
    assert [line.split()[:3] for line in lines[3:11]] == [
        [str(number), title, "passed"]
        for number, title in enumerate(
            ["Length", "Form", "Header", "Extensions", "Key", "Signature", "Claims", "Possession"], 1
        )
    ]
    assert lines[11].split()[:3] == ["10", "Revocation", "skipped"]
    assert lines[-1] == "The subject and your own claims are left out; --no-redact shows them."


def test_the_step_that_failed_says_all() -> None:
    """Expected, found, remedy, and where it is written down."""
    code, output = explained(*BY_SECRET, "--audience", "x")
    told = {line.split()[0]: line for line in output.splitlines() if line.startswith(" ")}

    assert code == 1
    assert output.startswith("refused: aud (step 7, Claims)\nnot checked: issuer\n")
    assert list(told) == ["expected", "found", "remedy", "see"]
    assert "8  Possession  not reached" in output.replace("   ", "  ")


def test_verbose_tells_what_was_expected_of_all() -> None:
    """Not of the one that failed alone."""
    _, output = explained(*BY_SECRET, "-v")

    assert output.count("  expected  ") >= 8


@pytest.mark.parametrize(("option", "shown"), [("--redact", False), ("--no-redact", True), (None, False)])
def test_redacted_for_tickets(option: str | None, shown: bool) -> None:
    """By default where the output is no terminal."""
    _, output = explained(*BY_SECRET, *([option] if option else []))

    assert ("user-1" in output) is shown
    assert ("are left out" in output) is not shown
    assert "liddell" not in output


def test_for_programs() -> None:
    """The steps as data; their names are stable."""
    code, output = explained(*BY_SECRET, "--json")
    shown = json.loads(output)
    outcomes: set[Outcome] = {step["outcome"] for step in shown["steps"]}

    assert code == 0
    assert {name: shown[name] for name in ("verdict", "reason", "redacted", "unchecked")} == {
        "verdict": "accepted",
        "reason": "accepted",
        "redacted": True,
        "unchecked": ["issuer", "audience"],
    }
    assert set(shown["steps"][0]) == {"number", "title", "rfc", "outcome", "expected", "found", "remedy"}
    assert outcomes == {"passed", "skipped"}


def test_a_route_by_the_rules_of_a_guard(project: str) -> None:
    """Without an application, the rules alone are asked."""
    guard = ["--guard", f"{project}.auth:guard"]

    assert explained(*guard, "--route", "GET /admin/x")[0] == 0
    code, output = explained(*guard, "--route", "/admin/x", text=token(hs256()))
    assert (code, output.splitlines()[0]) == (1, "refused: insufficient_scope (step 11, Authorization)")
    code, output = explained(*guard, "--route", "get /health", text="garbage")
    assert (code, output.splitlines()[0]) == (0, "accepted")


@pytest.mark.parametrize(
    ("app", "route", "code", "words"),
    [
        ("app", "GET /admin/users/1", 1, "missing: has_scope('users:read')"),
        ("app", "HEAD /admin/users/1", 1, "missing: has_scope('users:read')"),
        ("app", "GET /admin/users/me", 0, "roles admin"),
        ("app", "POST /health", 0, "passed"),
        ("app", "GET /nowhere", 2, "no route of the application answers GET /nowhere"),
        ("app", "PUT /health", 2, "no route of the application answers PUT /health"),
        ("bare", "GET /health", 2, "no guard that is known of stands before GET /health"),
        ("two", "GET /health", 2, "several guards stand before GET /health"),
        ("no_middleware", "GET /admin/users/1", 1, "expected  has_scope('users:read')"),
    ],
)
def test_a_route_of_an_application(app: str, route: str, code: int, words: str, apps: str) -> None:
    """Its rules and its decorators; its own guard is asked."""
    found, output = explained("--app", f"{apps}:{app}", "--route", route)

    assert found == code
    assert words in output


def test_a_guard_may_be_named_beside_the_application(apps: str, project: str) -> None:
    """Where there are several."""
    guard = ["--guard", f"{project}.auth:guard"]
    code, output = explained("--app", f"{apps}:two", "--route", "GET /health", *guard)

    assert code == 0
    assert "11" in output


def test_where_no_middleware_is_the_rules_are_not_asked(apps: str) -> None:
    """They do not apply there, whatever the guard has."""
    code, output = explained("--app", f"{apps}:no_middleware", "--route", "GET /admin/users/1", text=token(hs256()))

    assert code == 1
    assert "has_role" not in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*BY_SECRET, "--route", "admin"], '--route is a method and a path, as in --route "GET /admin"'),
        (["--app", "x:y"], "--app needs --route"),
        ([], "say what to verify with"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str) -> None:
    """Ends with 2."""
    code, output = explained(*arguments)

    assert code == 2
    assert words in output


ASYNC = """
from jwtguard import FetchRequest, FetchResponse, Guard, RemoteJWKSet, UNCHECKED

async def fetch(request: FetchRequest) -> FetchResponse:
    return FetchResponse(status=200, body=b'{"keys": []}')

guard = Guard(issuer=UNCHECKED, audience=UNCHECKED, keys=RemoteJWKSet("https://issuer.example/jwks", fetcher=fetch))
"""


def test_a_guard_may_be_asynchronous(project: str) -> None:
    """A project's fetcher or store may be made for a loop."""
    from tests.cli.running import KEY

    Path(project, "on_a_loop.py").write_text(ASYNC)
    code, output = explained("--guard", f"{project}.on_a_loop:guard", text=token(KEY))

    assert (code, output.splitlines()[0]) == (2, "unavailable: keys (step 5, Key)")
    assert "has no usable key" in output
