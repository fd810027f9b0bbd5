"""The group of commands: help without importing them, exit codes of wrong usage, `python -m jwtguard`."""

from __future__ import annotations

import subprocess
import sys

from click.testing import CliRunner

from jwtguard.cli import main


def test_help_names_every_command() -> None:
    """`jwtguard --help` shows the commands with a line each."""
    answer = CliRunner().invoke(main, ["--help"])

    assert answer.exit_code == 0
    assert "  debugger" in answer.output


def test_an_unknown_command_is_wrong_usage() -> None:
    """A command that does not exist exits with 2."""
    answer = CliRunner().invoke(main, ["debuger"])

    assert answer.exit_code == 2
    assert "No such command" in answer.output


def test_python_m_jwtguard_is_the_same_command() -> None:
    """`python -m jwtguard --version` names the distribution's version."""
    command = [sys.executable, "-Im", "jwtguard", "--version"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)

    assert answer.stdout.startswith("jwtguard, version ")
