"""docs/checking-an-app.md: the application that it shows gives what it shows, and its table names every finding."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

import jwtguard
from jwtguard.cli import main
from tests.docs.console import commands
from tests.examples.documents import ROOT, blocks, run

PAGE = ROOT / "docs" / "checking-an-app.md"


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The application of the page, as a module."""
    module = ModuleType("shop")
    monkeypatch.setitem(sys.modules, "shop", module)
    run(PAGE, vars(module))
    return vars(module)


def test_what_the_terminal_shows(shop: dict[str, object]) -> None:
    """Each command prints the lines that are shown, and a build fails where the page shows an error."""
    shown = [command for _, _, block in blocks(PAGE, "console") for command in commands(block)]
    assert len(shown) == 3
    for command in shown:
        answer = CliRunner().invoke(main, command.line.split()[1:], env={"COLUMNS": "100"})
        printed = [line.rstrip() for line in answer.output.splitlines()]
        is_refused = any(line.startswith("ERROR") or "unguarded:" in line for line in command.shown)
        assert answer.exit_code == (1 if is_refused else 0), answer.output
        if command.shown:
            # Broken as this terminal breaks them, which is not as the page does.
            assert "".join("".join(printed).split()) == "".join("".join(command.shown).split())


def test_the_functions(shop: dict[str, object]) -> None:
    """The last blocks find what the commands find."""
    assert shop["unguarded"] == ["/orders/<order>"]
    assert [finding.code for finding in shop["findings"]] == ["route_unguarded"]  # type: ignore[attr-defined]
    shop["test_no_route_is_forgotten"]()  # type: ignore[operator]


def test_every_finding_is_explained() -> None:
    """The table names every code that a finding can have, and no other."""
    package = Path(str(jwtguard.__file__)).parent
    made = {
        code
        for pattern in ("guard_checks.py", "doctor/*.py", "cli/*.py")
        for path in package.glob(pattern)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding"
        for code in _codes(node.args[1])
    }
    rows = re.findall(r"^\| (`[^|]*) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for row in rows for name in re.findall("`([^`]+)`", row)} == made


def _codes(argument: ast.expr) -> set[str]:
    match argument:
        case ast.Constant(value=str(code)):
            return {code}
        case ast.JoinedStr() if ast.unparse(argument) == "f'{name}_unchecked'":
            return {"issuer_unchecked", "audience_unchecked"}
    raise AssertionError(f"which codes can {ast.unparse(argument)} be?")
