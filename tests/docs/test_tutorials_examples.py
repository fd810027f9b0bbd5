"""The tutorials' code gives the output that they show."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from jwtguard.testing import asgi_client, wsgi_client
from jwtguard.testing.conformance.raw_clients import Client
from tests.docs.console import Terminal
from tests.examples.documents import ROOT
from tests.literal.server import served

_BLOCK = re.compile(r"^```(?P<language>python|console)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALLING = ("python3 -m venv", "pip install", "django-admin")


def blocks(name: str) -> Iterator[tuple[str, str]]:
    """Language and text of each block of a tutorial, but for the first, which installs."""
    text = (ROOT / "docs" / f"tutorial-{name}.md").read_text(encoding="utf-8")
    first, *others = [(block["language"], block["code"]) for block in _BLOCK.finditer(text)]
    assert first[0] == "console"
    assert all(line.startswith(tuple(f"$ {start}" for start in INSTALLING)) for line in first[1].splitlines())
    yield from others


@pytest.mark.parametrize(
    ("name", "client_of"), [("flask", wsgi_client), ("starlette", asgi_client), ("fastapi", asgi_client)]
)
def test_one_file(
    name: str, client_of: Callable[[Any], Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tutorials with an `app.py`: every block in its order."""
    monkeypatch.chdir(tmp_path)

    def run(line: str) -> str:
        code = re.fullmatch(r'python -c "(.*)"', line)
        assert code, line
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code[1], {})
        return printed.getvalue()

    terminal, file = Terminal(run, tmp_path), ""
    for language, code in blocks(name):
        if language == "python":
            file += code
        else:
            app = ModuleType("app")  # After a change of the file the application starts anew.
            monkeypatch.setitem(sys.modules, "app", app)
            exec(compile(file, f"tutorial-{name}", "exec"), vars(app))
            terminal.carry_out(code, client_of(app.app))


def test_django(tmp_path: Path) -> None:
    """The tutorial with a project of its own, which is made, written, and served by Django's own commands."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "JWTGUARD_"))}

    def run(line: str) -> str:
        line = re.sub(r"\bpython(?= )", sys.executable, line)
        done = subprocess.run(
            line, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("python -m django startproject project .")
    shown = list(blocks("django"))
    for language, code in shown:
        if language == "python":
            file = code.partition("\n")[0].removeprefix("# ")
            with (tmp_path / file).open("a") as text:
                text.write(code)
    assert "no issues" in run("python manage.py check")
    run("python manage.py migrate")
    with served(
        tmp_path, "manage.py", "runserver", "--noreload", "127.0.0.1:{port}", environment=environment
    ) as client:
        terminal = Terminal(run, tmp_path)
        for language, code in shown:
            if language == "console":
                terminal.carry_out(code, client)
