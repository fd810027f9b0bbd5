"""docs/cli.md: what its terminal shows is what the commands print, one after the other."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from jwtguard.cli import main
from jwtguard.cli.commands import COMMANDS
from tests.docs.console import commands
from tests.examples.documents import ROOT, blocks

PAGE = ROOT / "docs" / "cli.md"


def carry_out(line: str) -> str:
    """What a command prints; `< file` and `> file` as a shell does it."""
    words = shlex.split(line, posix=True)
    program = words.pop(0)
    assert program in {"jwtguard", "printf"}
    files = {sign: words.pop(words.index(sign) + 1) for sign in ("<", ">") if sign in words}
    arguments = [word for word in words if word not in files]
    typed = Path(files["<"]).read_text() if "<" in files else None
    if program == "printf":
        Path(files[">"]).write_text(arguments[0])
        return ""
    answer = CliRunner().invoke(main, arguments, input=typed, catch_exceptions=False)
    if ">" in files:
        Path(files[">"]).write_text(answer.stdout)
    return answer.output


def test_what_the_terminal_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line that is shown is part of what is printed, in this order."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "shop", raising=False)
    monkeypatch.setenv("COLUMNS", "500")
    code = [block for _, _, block in blocks(PAGE)]
    assert len(code) == 1
    Path("shop.py").write_text(code[0])
    try:
        for _, _, block in blocks(PAGE, "console"):
            for command in commands(block):
                rest = carry_out(command.line)
                for line in command.shown:
                    assert line in rest, f"{command.line}\nprints\n{rest}\nand not\n{line}"
                    rest = rest.partition(line)[2]
    finally:
        sys.modules.pop("shop", None)
    assert Path("completion.sh").read_text()


def test_every_command_is_listed() -> None:
    """The table names each."""
    table = PAGE.read_text(encoding="utf-8").partition("\n\n")[2]

    assert [name for name in COMMANDS if f"`{name}`" not in table] == []
