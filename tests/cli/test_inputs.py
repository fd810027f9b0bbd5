"""How tokens and secrets come in, and that they are never taken from, nor repeated in, the arguments."""

from __future__ import annotations

import io
import sys
from datetime import timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from jwtguard.cli import main
from jwtguard.cli.inputs import duration, read_file, read_token, read_variable
from jwtguard.cli.output import Problem
from tests.cli.running import run, token
from tests.core.keys import RSA_JWK, SECRET, hs256, signing_key

TOKEN = token()
BY_SECRET = token(hs256(), lifetime=timedelta(hours=1))
PEM = signing_key("ES256").to_private_pem().decode()


@pytest.mark.parametrize(
    "arguments",
    [
        [TOKEN],
        ["decode", TOKEN],
        ["decode", "--token", TOKEN],
        ["decode", f"--token={TOKEN}"],
        ["decode", "--token-file", TOKEN],
        ["verify", "--token-env", TOKEN],
        ["verify", "--key-file", PEM],
        ["jwks", str(RSA_JWK).replace("'", '"')],
        [PEM],
        ["sign", "--claim", f"x={TOKEN}"],
    ],
)
def test_a_token_or_key_in_the_arguments_is_refused_and_not_repeated(arguments: list[str]) -> None:
    """Wherever it stands; and the message says what to write instead."""
    answer = run(*arguments)

    assert answer.exit_code == 2
    assert "--token-file FILE" in answer.output
    for secret in (*TOKEN.split("."), *PEM.splitlines()[1:3], RSA_JWK["d"]):
        assert secret not in answer.output


@pytest.mark.parametrize("command", ["decode", "verify", "explain"])
def test_what_is_no_whole_token_is_not_repeated_either(command: str) -> None:
    """A part of a token is no argument."""
    answer = run(command, "part-of-a-token")

    assert answer.exit_code == 2
    assert "a token is no argument" in answer.output
    assert "part-of" not in answer.output


@pytest.mark.parametrize(
    ("response", "is_read"),
    [
        ('{{"access_token": "{}"}}', True),
        ('\n{{\n  "token_type": "Bearer",\n  "access_token": "{}",\n  "refresh_token": "r"\n}}\n', True),
        ('{{"access_token": "Bearer {}"}}', True),
        ('{{"id_token": "{}", "expires_in": 300}}', True),
        ('{{"access_token": "{}", "id_token": "e30.e30.c2ln"}}', True),
        ('{{"access_token": null, "id_token": "{}"}}', True),
        ('{{"refresh_token": "{}"}}', False),
        ('{{"access_token": ["{}"]}}', False),
        ('{{"access_token": "{}"', False),
        ('["{}"]', False),
    ],
)
@pytest.mark.parametrize("command", ["decode", "verify", "explain"])
def test_a_token_response_comes_in(command: str, response: str, is_read: bool) -> None:
    """Of a token endpoint's answer the token is read; other JSON is no token."""
    options = [] if command == "decode" else ["--secret-env", "SECRET", "--json"]
    answer = run(command, *options, typed=response.format(BY_SECRET), env={"SECRET": SECRET})

    assert answer.exit_code == (0 if is_read else 1), answer.output


def test_bytes_that_are_no_text_are_no_token_response() -> None:
    """They are told as what they are: no token."""
    answer = CliRunner().invoke(main, ["decode"], input=b'{"access_token": "\xff"}')

    assert (answer.exit_code, type(answer.exception)) == (1, SystemExit)


@pytest.mark.parametrize(
    ("way", "options"),
    [
        ("stdin", []),
        ("stdin", ["--token-file", "-"]),
        ("file", ["--token-file", "t"]),
        ("env", ["--token-env", "TOKEN"]),
    ],
)
@pytest.mark.parametrize("text", ["{}", " {}\n", "Bearer {}", "Authorization: bearer {}\r\n"])
def test_a_token_comes_in(
    way: str, options: list[str], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From standard input, a file or the environment, with what people copy along with it."""
    monkeypatch.chdir(tmp_path)
    written = text.format(TOKEN)
    Path("t").write_text(written)
    answer = run("decode", *options, typed=written if way == "stdin" else None, env={"TOKEN": written})

    assert answer.exit_code == 0
    assert '"sub": "user-1"' in answer.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--token-file", "t", "--token-env", "TOKEN"], "either --token-file or --token-env"),
        (["--token-env", "NOPE"], "NOPE is not set"),
        (["--token-env", "not a name"], "the name of an environment variable"),
        (["--token-file", "nope"], "nope cannot be read: No such file"),
        (["--token-file", "a\nb"], "the name of a file"),
        (["--token-file", "."], "cannot be read"),
        ([], "no token came in"),
    ],
)
def test_what_cannot_be_read_is_wrong_usage(arguments: list[str], words: str) -> None:
    """With a sentence, and 2."""
    answer = run("decode", *arguments, typed="")

    assert answer.exit_code == 2
    assert words in answer.output


def test_an_endless_input_is_not_read() -> None:
    """A megabyte is more than any of it needs."""
    answer = run("decode", typed="a" * ((1 << 20) + 1))

    assert answer.exit_code == 2
    assert "longer than" in answer.output


def test_two_readers_of_standard_input_are_one_too_many() -> None:
    """The second would get nothing."""
    answer = run("verify", "--secret-file", "-", typed=TOKEN)

    assert answer.exit_code == 2
    assert "cannot both be standard input" in answer.output


def test_outside_a_command_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may call it too."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x")))

    assert read_file("-", option="--x") == b"x"


class Keyboard(io.StringIO):
    """A terminal with typed input."""

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hidden, since a screen is seen by others."""
    asked = {}
    monkeypatch.setattr(sys, "stdin", Keyboard())
    monkeypatch.setattr(click, "prompt", lambda text, **options: asked.update(options) or "a.b.c")

    assert read_token() == "a.b.c"
    assert asked["hide_input"]


def test_a_terminal_cuts_long_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which would look like a broken token."""
    monkeypatch.setattr(sys, "stdin", Keyboard())
    monkeypatch.setattr(click, "prompt", lambda text, **options: "a" * 4095)

    with pytest.raises(Problem, match="a terminal cuts lines after 4095"):
        read_token()


def test_a_secret_given_as_a_variables_name_is_not_repeated() -> None:
    """It is a slip that many make."""
    with pytest.raises(Problem) as refused:
        read_variable("hunter2", option="--secret-env")
    assert refused.value.message == "--secret-env: there is no variable of that name"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("5m", 300), ("2h", 7200), ("1h30m", 5400), ("1d", 86400), ("-1m", -60), (" 5m ", 300)],
)
def test_duration(text: str, seconds: int) -> None:
    """As people write them."""
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "-", "m", "5x", "1.5h", "5m1h", "٣m"])
def test_no_duration(text: str) -> None:
    """With what to write instead."""
    with pytest.raises(click.BadParameter, match="90s, 5m, 2h"):
        duration(text)
