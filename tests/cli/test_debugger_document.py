"""The debugger's document: its commands exist, its picture can be made again."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from playwright.sync_api import Browser

from jwtguard.cli.debugger import command
from tests.chromium import browser as browser
from tests.cli.debugger_screenshot import project_guard, take
from tests.cli.debuggers import StandingClock, running
from tests.docs.console import commands
from tests.examples.documents import ROOT, blocks

DOCUMENT = ROOT / "docs" / "debugger.md"
PICTURE = ROOT / "docs" / "images" / "debugger.png"
LINES = [shown.line for _, _, block in blocks(DOCUMENT, "console") for shown in commands(block)]


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("jwtguard ")])
def test_the_commands_are_right(line: str) -> None:
    """Each command of the document is one that the command line takes."""
    name, *arguments = shlex.split(line)[1:]

    assert name == command.name
    assert command.make_context(name, arguments).params["port"] == 0


def test_every_option_is_told() -> None:
    """The document names all options."""
    text = DOCUMENT.read_text(encoding="utf-8")
    options = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}

    assert all(isinstance(option, click.Option) for option in command.params)
    assert {name for name in options if name not in text} == {"--open"}  # What happens anyway.


def test_the_picture(browser: Browser, tmp_path: Path) -> None:
    """The picture is small, and the script that makes it works."""
    clock = StandingClock()
    with running(project_guard(clock), clock=clock) as server:
        take(browser, server, tmp_path / "debugger.png")

    for picture in (PICTURE, tmp_path / "debugger.png"):
        data = picture.read_bytes()
        assert data.startswith(b"\x89PNG")
        assert len(data) < 200_000
    alternative = re.search(r"!\[([^\]]+)\]\(images/debugger\.png\)", DOCUMENT.read_text(encoding="utf-8"))
    assert alternative is not None
