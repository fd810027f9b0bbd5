"""A Django project in a folder of its own, made as a reader makes one: `startproject`, then the blocks of a page.

Each command runs in a fresh interpreter, since what a block breaks may be hidden by what a test has imported before.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SECONDS = 120
"""A command that takes longer hangs."""


class DjangoProject:
    """`project = DjangoProject(tmp_path)`: the package is called `project`, as in the documents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run("-m", "django", "startproject", "project", ".")

    def settings(self, block: str) -> None:
        """Add a block to the end of `settings.py`, where a reader pastes it."""
        path = self.folder / "project" / "settings.py"
        path.write_text(f"{path.read_text(encoding='utf-8')}\n\n{block}\n", encoding="utf-8")

    def file(self, name: str, text: str) -> None:
        """Write a file of the project, for example `project/views.py`."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

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
