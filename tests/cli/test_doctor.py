"""`jwtguard doctor`: what it examines, what it says, and exit codes for continuous integration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from jwtguard import TrustedIssuer
from jwtguard.cli import main
from jwtguard.cli.doctor import _print
from jwtguard.core.tokens.sentinels import NO_ISSUER
from jwtguard.doctor import DoctorContext
from jwtguard.guard_checks import Finding
from tests.samples import AUDIENCE, ISSUER, KEY, guard

SECRET = "8f1c0a5e7d3b92640c9de1f7a85b3e42d07c6f19ab54e83d2f60c1b7958ea3d4"
CONFIG: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "keys": {"secret": SECRET, "algorithm": "HS256"}}
VARIABLES = ("DJANGO_SETTINGS_MODULE", "JWTGUARD_ISSUER", "JWTGUARD_AUDIENCE", "JWTGUARD_SECRET", "WEB_CONCURRENCY")


def doctor(*arguments: str, **environ: str) -> Result:
    """The command with these arguments, and nothing in the environment but `environ`."""
    unset: dict[str, str | None] = dict.fromkeys(VARIABLES)
    return CliRunner().invoke(main, ["doctor", *arguments], env={"COLUMNS": "80", **unset, **environ})


def codes(answer: Result) -> list[str]:
    """The codes of what was found."""
    return [finding["code"] for finding in json.loads(answer.output)["findings"]]


def test_in_words() -> None:
    """Severity, what was found, why it matters and what to do, within the width of the terminal."""
    answer = doctor("--guard", "tests.cli.apps:insecure", "--offline")
    assert answer.exit_code == 1
    assert [line.rstrip() for line in answer.output.splitlines()] == [
        "ERROR  csrf_unchecked",
        "  tokens travel in a cookie, and csrf is unchecked: any site can act for a user",
        "  who is logged in",
        "  Why: A browser or a gateway adds the token to requests that other sites start.",
        "  Do:  leave csrf out, or set its trusted_origins",
        "",
        f"Examined: the guard of {ISSUER}",
        "1 error",
    ]


def test_nothing_found() -> None:
    """It says how much was looked for, and where."""
    answer = doctor("--guard", "tests.cli.apps:open_guard", "--offline")
    assert (answer.exit_code, "Nothing found: 18 checks." in answer.output) == (0, True)


@pytest.mark.parametrize(("fail_on", "exit_code"), [(None, 0), ("error", 0), ("warning", 1), ("note", 1)])
def test_exit_codes(fail_on: str | None, exit_code: int) -> None:
    """A build fails by errors, or by less if it asks to."""
    options = [] if fail_on is None else ["--fail-on", fail_on]
    assert (
        doctor("--sessions", "tests.cli.apps:sessions", "--app", "tests.cli.apps:empty", *options).exit_code
        == exit_code
    )


def test_an_open_route_fails_a_build() -> None:
    """Unless it is named as one that may be open."""
    asked = ["--app", "tests.cli.apps:unguarded", "--offline"]
    assert doctor(*asked).exit_code == 1
    assert doctor(*asked, "--allow", "/a", "--allow", "/docs").exit_code == 1
    assert doctor(*asked, "--allow", "/a", "--allow", "/docs/").exit_code == 0


def test_an_application_and_sessions() -> None:
    """What is named and what is found in the application are examined together."""
    both = ["--app", "tests.cli.apps:app", "--sessions", "tests.cli.apps:sessions"]
    answer = doctor(*both, "--json", WEB_CONCURRENCY="4")
    assert answer.exit_code == 1
    assert codes(answer) == ["refresh_key_generated", "tokens_refused", "memory_store"]
    in_words = doctor(*both)
    assert "3 routes" in in_words.output
    assert "the sessions of" in in_words.output


def test_keys_of_each_worker() -> None:
    """`--workers 3` makes keys from `SigningKey.generate()` an error; without it they are notes."""
    asked = ["--sessions", "tests.cli.apps:sessions", "--app", "tests.cli.apps:empty", "--offline", "--json"]
    severities = [
        {each["code"]: each["severity"] for each in json.loads(doctor(*asked, *more).output)["findings"]}
        for more in ([], ["--workers", "3"])
    ]
    assert [each["refresh_key_generated"] for each in severities] == ["note", "error"]


@pytest.mark.parametrize("name", ["guard.json", "guard.toml", "pyproject.toml"])
def test_a_file(name: str, tmp_path: Path) -> None:
    """JSON or TOML, as the whole document or a table of ours in it."""
    toml = f'issuer = "{ISSUER}"\naudience = "{AUDIENCE}"\n[KEYS]\nsecret = "{SECRET}"\nalgorithm = "HS256"\n'
    texts = {
        "guard.json": json.dumps({**CONFIG, "tokens_from": [{"query": "t"}]}),
        "guard.toml": 'tokens_from = [{query = "t"}]\n' + toml.replace("KEYS", "keys"),
        "pyproject.toml": '[jwtguard]\ntokens_from = [{query = "t"}]\n' + toml.replace("KEYS", "jwtguard.keys"),
    }
    (tmp_path / name).write_text(texts[name])
    answer = doctor("--config", str(tmp_path / name), "--offline", "--json")
    assert (answer.exit_code, codes(answer)) == (0, ["query_tokens"])
    assert SECRET not in answer.output


def test_the_environment() -> None:
    """Without anything named, the guard that the variables describe."""
    answer = doctor("--json", JWTGUARD_ISSUER=ISSUER, JWTGUARD_AUDIENCE=AUDIENCE, JWTGUARD_SECRET=SECRET)
    assert (answer.exit_code, codes(answer)) == (0, [])


def test_a_configuration_that_does_not_start(tmp_path: Path) -> None:
    """Each of its problems is an error, whether it stands in a file, in the environment or in the program."""
    (tmp_path / "guard.json").write_text(json.dumps({"issuer": ISSUER, "keys": {"secret": "short"}}))
    for answer in (
        doctor("--config", str(tmp_path / "guard.json"), "--json"),
        doctor("--app", "tests.cli.apps:broken()", "--json"),
        doctor("--json", JWTGUARD_ISSUER=ISSUER, JWTGUARD_SECRET="short"),
    ):
        found = json.loads(answer.output)["findings"]
        assert answer.exit_code == 1
        assert {finding["code"] for finding in found} == {"configuration"}
        assert any("audience" in finding["what"].lower() for finding in found)
    assert "  Do:" not in doctor("--config", str(tmp_path / "guard.json")).output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name what to examine"),
        (["--guard", "tests.cli.apps:app"], "needs a Guard"),
        (
            ["--guard", "tests.cli.apps:guard", "--sessions", "tests.cli.apps:not_sessions"],
            "is a object, and no Sessions",
        ),
        (["--config", "LIST"], "holds no mapping"),
        (["--config", "BROKEN"], "is no JSON"),
        (["--config", "BROKEN.toml"], "is no TOML"),
        (["--workers", "0"], "0 is not in the range"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with 2 and says what to write; nothing of a file is quoted."""
    for name, text in {"LIST": "[]", "BROKEN": "{secret", "BROKEN.toml": "secret"}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    answer = doctor(*arguments)
    assert (answer.exit_code, words in answer.output, "{secret" in answer.output) == (2, True, False)


def test_django() -> None:
    """Without anything named, what Django's settings say; where they cannot be had, what is wrong."""
    # In a process of its own, since Django is set up once.
    command = [sys.executable, "-m", "jwtguard", "doctor"]
    environ = {**os.environ, "DJANGO_SETTINGS_MODULE": "no_settings", "PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert (answer.returncode, "No module named 'no_settings'" in answer.stderr) == (2, True)


def test_counts_and_issuers() -> None:
    """Several of a kind are counted as such, and a guard of several issuers is called by all of them."""
    trusted = [
        TrustedIssuer(issuer=name, audience=AUDIENCE, keys=KEY.verification_key)
        for name in (ISSUER, "https://two.example", NO_ISSUER)
    ]
    context = DoctorContext(guards=(guard(issuer=None, audience=None, keys=None, issuers=trusted),))
    finding = Finding("warning", "code", "what", why="why", remedy="remedy")
    with CliRunner().isolation() as (output, *_):
        _print(context, [finding, finding])
        text = output.getvalue().decode()
    assert f"the guard of {ISSUER}, https://two.example, NO_ISSUER" in text
    assert "2 warnings" in text
