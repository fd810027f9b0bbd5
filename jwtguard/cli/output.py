r"""What a command writes: coloured on a terminal, plain in a pipe, JSON for programs; and how it ends.

>>> printable("red\x1b[31m, or \u202eturned round")
'red\\x1b[31m, or \\u202eturned round'
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import Any, NoReturn, TextIO, TypeVar

import click
from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])

_UNLIMITED = 100_000


class Exit(IntEnum):
    """How a command ends."""

    ACCEPTED = 0
    """Accepted, done, or nothing found."""
    REFUSED = 1
    """Refused, or something found."""
    USAGE = 2
    """Wrong usage, or the question cannot be answered: a file that is not there, keys that cannot be fetched."""


class Problem(click.ClickException):
    """The command cannot do what it was asked for; ends with `Exit.USAGE`. The text says what to write instead."""

    exit_code = Exit.USAGE

    def format_message(self) -> str:
        """The text, harmless to a terminal."""
        return "\n".join(printable(line) for line in self.message.split("\n"))


def printable(text: str) -> str:
    """`text` in which nothing can drive a terminal: control, invisible and direction characters are escaped."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def console(*, stderr: bool = False) -> Console:
    """Where to print. A pipe gets no colours and no line breaks but ours; `NO_COLOR` is respected.

    Markup is off, so that brackets in a token are brackets. What comes from outside goes through `printable` first.
    """
    stream: TextIO = sys.stderr if stderr else sys.stdout
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")  # Rather than fail at a letter that this terminal does not have.
    made = Console(file=stream, markup=False, highlight=False, emoji=False, soft_wrap=not stream.isatty())
    if not made.is_terminal and "COLUMNS" not in os.environ:
        made.width = _UNLIMITED  # For `grep`, and for whoever pastes it.
    return made


def write_json(value: object) -> None:
    """Write `value` to standard output as JSON, in ASCII."""
    click.echo(json.dumps(value, indent=2))


def json_option(command: F) -> F:
    """Give a command the option `--json`, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Write JSON, for programs.")(command)


def end(code: Exit) -> NoReturn:
    """End the command."""
    click.get_current_context().exit(code)
