"""What is printed: coloured on a terminal and plain in a pipe, harmless in both."""

from __future__ import annotations

import io
import json
import sys

import pytest

from jwtguard.cli.output import Exit, Problem, console, print_rows, printable, token_text, write_json


class Terminal(io.StringIO):
    """A screen."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünd [brackets]", "plain, ünd [brackets]"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\x07\x7f\x9b", "a\\x07\\x7f\\x9b"),
        ("\u202eback", "\\u202eback"),
        ("a\u200bb\ud800", "a\\u200bb\\ud800"),
        ("one\ntwo", "one\\ntwo"),
    ],
)
def test_nothing_drives_the_terminal(text: str, shown: str) -> None:
    """Control characters, invisible ones, and those that change the direction are escaped."""
    assert printable(text) == shown


def test_a_pipe_gets_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No escape sequence, no fold."""
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stdout", pipe)
    out = console()
    out.print(token_text("a.b.c"))
    print_rows(out, [[("1", ""), ("x " * 200, "")]])

    assert pipe.getvalue() == "a.b.c\n1  " + ("x " * 200).rstrip() + "\n"


def test_a_pipe_of_a_given_width_is_that_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """`COLUMNS` is heeded."""
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setenv("COLUMNS", "40")

    assert console().width == 40


def test_a_terminal_gets_the_three_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Header red, payload purple, signature blue."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    console().print(token_text("a.b.c.d"))

    assert screen.getvalue() == "\x1b[1;31ma\x1b[0m.\x1b[1;35mb\x1b[0m.\x1b[1;34mc\x1b[0m.d\n"


def test_no_colours_where_none_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """`NO_COLOR` is respected (https://no-color.org)."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("NO_COLOR", "1")
    console().print(token_text("a.b.c"))

    assert "31m" not in screen.getvalue()


def test_the_last_column_is_folded_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others stand below each other; an empty last cell is an empty end of the line."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "40")
    print_rows(console(), [[("a", ""), ("word " * 12, "")], [("long", ""), ("", "")]])

    assert screen.getvalue().splitlines() == [
        "a     word word word word word word word"[:40].rstrip(),
        "      word word word word word",
        "long",
    ]


def test_no_rows_are_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty table prints nothing."""
    print_rows(console(), [])

    assert capsys.readouterr().out == ""


def test_letters_that_a_terminal_lacks_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A locale without the letter is no reason to fail."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    console().print("ü")
    sys.stdout.flush()

    assert raw.getvalue() == b"\\xfc\n"


def test_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a token holds, programs get it, and terminals no control character."""
    write_json({"sub": "ü\u202e\x9b"})
    written = capsys.readouterr().out

    assert written.isascii()
    assert json.loads(written) == {"sub": "ü\u202e\x9b"}


def test_problems_are_harmless_and_end_with_2() -> None:
    """Lines stay lines, and the rest is escaped."""
    assert Problem("one\ntwo \x1b[0m").format_message() == "one\ntwo \\x1b[0m"
    assert Problem("x").exit_code == int(Exit.USAGE) == 2
