r"""What a command writes: coloured on a terminal, plain in a pipe, JSON for programs; and how it ends.

>>> printable("red\x1b[31m, or \u202eturned round")
'red\\x1b[31m, or \\u202eturned round'
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, NoReturn, TextIO, TypeAlias, TypeVar

import click
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

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

    exit_code = int(Exit.USAGE)

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
        made.width = _UNLIMITED  # Keeps lines whole for `grep` and for copying.
    return made


Cell: TypeAlias = tuple[str, str]
"""A text, harmless already, and its style."""


def print_rows(out: Console, rows: Sequence[Sequence[Cell]]) -> None:
    """Print rows in columns, all as wide as they need to be but the last: that is folded on a terminal."""
    widths = [max(cell_len(row[index][0]) for row in rows) for index in range(len(rows[0]) - 1)] if rows else []
    indent = sum(widths) + 2 * len(widths)
    for row in rows:
        line = Text()
        for (text, style), width in zip(row, widths, strict=False):
            line.append(text, style=style)
            line.append(" " * (width - cell_len(text) + 2))
        rest = Text(*row[-1])
        folded = rest.wrap(out, max(out.width - indent, 24)) if out.is_terminal and rest else [rest]
        for index, piece in enumerate(folded):
            printed = line + piece if index == 0 else Text(" " * indent) + piece
            printed.rstrip()
            out.print(printed)


def write_json(value: object) -> None:
    """Write `value` to standard output as JSON, in ASCII."""
    click.echo(json.dumps(value, indent=2))


def json_option(command: F) -> F:
    """Give a command the option `--json`, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Write JSON, for programs.")(command)


def end(code: Exit) -> NoReturn:
    """End the command."""
    click.get_current_context().exit(int(code))


HEADER, PAYLOAD, SIGNATURE = "bold red", "bold magenta", "bold blue"
"""Styles of rich. Bold ones, which are readable on dark and on light terminals."""
PARTS = (HEADER, PAYLOAD, SIGNATURE)
GOOD, BAD, WARNING, FAINT = "bold green", "bold red", "yellow", "dim"


def token_text(text: str) -> Text:
    """A token with each of its parts in the part's colour; nothing in it can drive the terminal."""
    coloured = Text()
    for index, part in enumerate(text.split(".")):
        if index:
            coloured.append(".")
        coloured.append(printable(part), style=PARTS[index] if index < len(PARTS) else "")
    return coloured
