"""The group of commands: help without importing them, exit codes of wrong usage, `python -m jwtguard`."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from jwtguard import ConfigurationError
from jwtguard.cli import main
from jwtguard.cli.commands import COMMANDS

WRITTEN = sorted(set(COMMANDS) - {"debugger"})


def test_help_names_every_command() -> None:
    """`jwtguard --help` shows the commands with a line each."""
    answer = CliRunner().invoke(main, ["--help"])

    assert answer.exit_code == 0
    assert "  debugger" in answer.output


def test_the_commands_are_those_of_the_table() -> None:
    """Each is a module of its name; the group lists them without importing any."""
    assert list(COMMANDS) == main.list_commands(click.Context(main))
    assert all(isinstance(main.get_command(click.Context(main), name), click.Command) for name in WRITTEN)


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


def test_a_reader_that_goes_away_ends_it_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    """As behind `head`: no traceback, and not the code of an answer."""

    def gone(*_: object, **__: object) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("jwtguard.cli.decode.TokenView.of", gone)
    answer = CliRunner().invoke(main, ["decode", "--json"], input="x")

    assert (answer.exit_code, answer.output) == (1, "")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "key.pem"), "Error: key.pem: No space left on device"),
        (OSError(errno.ENOSPC, "No space left on device"), "Error: No space left on device"),
        (OSError(), "Error: OSError"),
        (ConfigurationError("one", "two"), "Error: 2 problems:\n- one\n- two"),
    ],
)
def test_what_a_command_meets_is_a_sentence(error: Exception, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback, and 2."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("jwtguard.cli.decode.TokenView.of", fail)
    answer = CliRunner().invoke(main, ["decode"], input="x")

    assert answer.exit_code == 2
    assert answer.output.strip() == words


def test_without_its_libraries_it_says_what_to_install() -> None:
    """The command is there in any case, click and rich are an extra."""
    code = "import sys; sys.modules['click'] = None; import jwtguard.cli"
    answer = subprocess.run([sys.executable, "-Ic", code], capture_output=True, text=True, check=False)

    assert "pip install 'jwtguard-middleware[cli]'" in answer.stderr


def test_help_of_completion_keeps_its_lines() -> None:
    """One line for each shell, and no mark of click's."""
    shown = CliRunner().invoke(main, ["completion", "--help"]).output

    assert "\\b" not in shown
    assert "  zsh:   jwtguard completion zsh >> ~/.zshrc\n" in shown


def help_pages(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    """The words of each command below `group`, groups included."""
    yield path
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from help_pages(command, *path, name)
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(help_pages(main)), ids=" ".join)
def test_help_is_whole(path: tuple[str, ...]) -> None:
    """On a terminal of 80 columns no line on a help page is cut short, and no mark of click's is left."""
    answer = CliRunner().invoke(main, [*path, "--help"], env={"COLUMNS": "80"})
    cut = [line for line in answer.output.splitlines() if line.endswith("...") and not line.startswith("Usage: ")]

    assert (answer.exit_code, cut) == (0, [])
    assert "\\b" not in answer.output
    assert "\b" not in answer.output


@pytest.mark.parametrize("around", ['"{}"', "'{}'\n", '"Bearer {}"', "Authorization: Bearer {}\r\n"])
def test_a_token_with_quotes_around_it(around: str) -> None:
    """As it is copied out of code, JSON or a header."""
    answer = CliRunner().invoke(main, ["decode"], input=around.format("eyJhbGciOiJIUzI1NiJ9.e30.c2ln"))

    assert answer.exit_code == 0
