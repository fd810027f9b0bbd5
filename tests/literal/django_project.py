"""A Django project in a folder of its own, made as a reader makes one: `startproject`, then the blocks of a page.

Each command runs in a fresh interpreter, since what a block breaks may be hidden by what a test has imported before.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from django.core.management import execute_from_command_line

from tests.literal.pages import python_blocks

SECONDS = 120
"""A command that takes longer hangs."""
_CHECKED = """
from django.core.management import call_command, execute_from_command_line
execute_from_command_line(["manage.py", "check", "--fail-level", "WARNING"])
call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
call_command("migrate", verbosity=0)
"""
"""The command as `manage.py` runs it: nothing of Django or the project has been imported before."""


@cache
def _startproject() -> dict[str, str]:
    """The files that `startproject` makes, by name."""
    with tempfile.TemporaryDirectory() as folder:
        execute_from_command_line(["django-admin", "startproject", "project", folder])
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}


class DjangoProject:
    """`project = DjangoProject(tmp_path)`: the package is called `project`, as in the documents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in _startproject().items():
            self.file(name, text)

    def settings(self, block: str) -> None:
        """Add a block to the end of `settings.py`, where a reader pastes it."""
        self.add("project/settings.py", block)

    def file(self, name: str, text: str) -> None:
        """Write a file of the project, for example `project/views.py`."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def add(self, name: str, text: str) -> None:
        """Add some text to the end of a file, which need not be there yet."""
        path = self.folder / name
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        self.file(name, f"{before}\n\n{text}" if before else text)

    def page(self, page: str, *headings: str, into: str | None = None) -> None:
        """Add the blocks below these headings to the files that they name, or all of them to one."""
        for block in python_blocks(page, *headings):
            if into is not None or block.file.startswith("project/"):
                self.add(into or block.file, block.code)

    def checked(self, code: str) -> list[str]:
        """The lines that some code prints, after `manage.py check`, and once the tables are made."""
        found, *lines = self.python(f"{_CHECKED}\n{code}").splitlines()
        assert found.startswith("System check identified no issues ")
        return lines

    def manage(self, *arguments: str) -> str:
        """Run `manage.py`; what it printed."""
        return self.run("manage.py", *arguments)

    def python(self, code: str) -> str:
        """Run some code in the project with its settings named; what it printed."""
        return self.run("-c", code)

    def run(self, *arguments: str) -> str:
        """Run Python in the project's folder; raises AssertionError with the output if it fails."""
        ended = subprocess.run(
            [sys.executable, "-W", "error::RuntimeWarning", *arguments],
            cwd=self.folder,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "project.settings", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert ended.returncode == 0, f"{arguments}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout
