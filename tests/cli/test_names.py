"""`module:name` as a user writes it: what is found, and what is said where nothing is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jwtguard import Guard
from jwtguard.cli import imports
from jwtguard.cli.imports import load, load_app, load_guard, set_up_django
from jwtguard.cli.output import Problem
from tests.cli.projects import project

fixtures = [project]


@pytest.mark.parametrize("name", ["guard", "auth", "asgi", "create()", 'create("y")', "auth.guard"])
def test_a_guard_is_found(name: str, project: str) -> None:
    """By itself, inside what adapters make of it, or returned by a call, in a module of the current folder."""
    assert isinstance(load_guard(f"{project}.auth:{name}"), Guard)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("{}", "--guard is module:name"),
        (":guard", "--guard is module:name"),
        ("{}.auth:", "--guard is module:name"),
        ("{}.auth:1", "module:name or module:function()"),
        ("{}.auth:a b", "module:name or module:function()"),
        ("{}.auth:create(x)", "module:name or module:function()"),
        ("{}.auth:create(fail=True)", "module:name or module:function()"),
        ("{}.auth:nothing", "the module {}.auth has no 'nothing'"),
        ("{}.auth:number.nothing", "a int has no 'nothing'"),
        ("{}.auth:number", "is a int, and --guard needs a Guard"),
        ("{}.auth:named", "is a dict"),
        ("{}.auth:unfinished", "has no guard of its own: RuntimeError: Working outside of application context."),
        ('{}.auth:create("fail")', "the call raised RuntimeError: no database"),
        ("{}.nothing:guard", "there is no module '{}.nothing' here"),
        ("nothing_at_all:guard", "there is no module 'nothing_at_all' here"),
        ("{}.broken:guard", "importing {}.broken raised ModuleNotFoundError: No module named 'nothing_at_all'"),
        ("{}.wrong:guard", "importing {}.wrong raised ZeroDivisionError: division by zero"),
        ("{}.ends:guard", "importing {}.ends raised SystemExit: 3"),
        ("{}.silent:guard", "importing {}.silent raised ValueError"),
    ],
)
def test_what_is_not_found_is_said(name: str, words: str, project: str) -> None:
    """Each slip in its own words, and the project's own errors in theirs."""
    modules = {
        "broken": "import nothing_at_all",
        "wrong": "1 / 0",
        "ends": "raise SystemExit(3)",
        "silent": "raise ValueError",
    }
    for module, code in modules.items():
        Path(project, f"{module}.py").write_text(code)
    with pytest.raises(Problem) as refused:
        load_guard(name.format(project))
    assert words.format(project) in refused.value.message


def test_the_current_folder_comes_first_once(project: str) -> None:
    """However often something is loaded."""
    load(f"{project}.auth:number", option="--x")
    load(f"{project}.auth:number", option="--x")

    assert sys.path.count(str(Path.cwd())) == 1


def test_an_application_is_loaded_as_it_is(project: str) -> None:
    """Whatever it may be."""
    assert load_app(f"{project}.auth:number") == 1


def test_django_needs_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says which variable names them."""
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    with pytest.raises(Problem, match="DJANGO_SETTINGS_MODULE"):
        set_up_django()


def test_django_that_cannot_be_set_up_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the words of the project's own error."""
    import django

    def fail() -> None:
        raise ImportError("no app of that name\nand more")

    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "x")
    monkeypatch.setattr(django, "setup", fail)
    with pytest.raises(Problem) as refused:
        set_up_django()
    assert refused.value.message == "Django cannot be set up: ImportError: no app of that name"


def test_django_may_not_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it says what to install."""
    monkeypatch.setattr(imports, "find_spec", lambda name: None)
    with pytest.raises(Problem, match=r"\[django\]"):
        set_up_django()


SETTINGS = """
SECRET_KEY = "x"
JWTGUARD = "{name}.auth.guard"
ROOT_URLCONF = ()
"""
DJANGO = [
    (SETTINGS, ["--guard", "django"], 1, "refused: form"),
    (SETTINGS, ["--app", "django", "--route", "GET /"], 2, "no route of the application answers GET /"),
    ("SECRET_KEY = 'x'", ["--guard", "django"], 2, "the setting JWTGUARD is missing"),
    ("1 / 0", ["--guard", "django"], 2, "Django cannot be set up: ZeroDivisionError"),
]


@pytest.mark.parametrize(("settings", "arguments", "code", "words"), DJANGO)
def test_django_by_its_settings(settings: str, arguments: list[str], code: int, words: str, project: str) -> None:
    """In a process of its own, since settings are set once."""
    Path(project, "settings.py").write_text(settings.format(name=project))
    run = subprocess.run(
        [sys.executable, "-m", "jwtguard", "explain", *arguments],
        input="x",
        capture_output=True,
        text=True,
        check=False,
        env=_environment(DJANGO_SETTINGS_MODULE=f"{project}.settings"),
    )

    assert (run.returncode, words in run.stdout + run.stderr) == (code, True), run.stderr


def _environment(**added: str) -> dict[str, Any]:
    import os

    return {**os.environ, **added}


@pytest.mark.parametrize("setting", ["SECRET_KEY = 'x'\nJWTGUARD = '{name}.auth.guard'", "SECRET_KEY = 'x'"])
def test_django_in_this_process(setting: str, project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the settings name is the guard; what they lack is said."""
    from django.test.utils import override_settings

    from tests.adapters import django_site

    assert django_site  # It has set Django up.
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "x")
    monkeypatch.syspath_prepend(str(Path.cwd()))
    named = {"JWTGUARD": f"{project}.auth.guard"} if "JWTGUARD" in setting else {"JWTGUARD": None}
    with override_settings(**named):
        if named["JWTGUARD"]:
            assert isinstance(load_guard("django"), Guard)
            assert load_app("django") is not None
        else:
            with pytest.raises(Problem, match="--guard django: the setting JWTGUARD is missing"):
                load_guard("django")
