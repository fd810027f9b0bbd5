"""How tokens and secrets come in: from standard input, a file or the environment, and never as an argument.

>>> looks_secret("eyJhbGciOiJIUzI1NiJ9.e30.c2ln"), looks_secret("token.txt")
(True, False)

All users of a machine can read the arguments of its processes, and shells record them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from jwtguard.cli.output import Problem, printable
from jwtguard.core.errors import MalformedTokenError
from jwtguard.core.tokens.encoding import parse_object

F = TypeVar("F", bound=Callable[..., Any])

MAX_INPUT = 1 << 20
"""Bytes; nothing that these commands read is as long."""
TERMINAL_LINE = 4095
"""Characters of a line that a terminal passes on; the rest is lost without a word (termios(3))."""
_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_DURATION = re.compile(r"-?(?:([0-9]{1,6})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,9})s?)?", re.ASCII)
_BEARER = re.compile(r"\A(?:authorization\s*:\s*)?bearer\s+", re.IGNORECASE)
STDIN = "-"
INSTEAD = "pipe it in, or name what holds it: --token-file FILE, --token-env VARIABLE"


def looks_secret(argument: str) -> bool:
    """Whether an argument holds a token or a key, which must not stand on the command line."""
    return (
        _TOKEN.search(argument) is not None
        or "-----BEGIN" in argument
        or (argument.lstrip()[:1] == "{" and '"kty"' in argument)
    )


def refuse_secrets(arguments: list[str]) -> None:
    """Raise `Problem` for a token or key among the arguments; it is not repeated."""
    for argument in arguments:
        if looks_secret(argument):
            raise Problem(
                "there is a token or a key among the arguments, where every user of this machine can read it, and the"
                f" shell keeps it in its history: {INSTEAD}, or --key-file FILE for a key"
            )


def token_options(command: F) -> F:
    """Give a command `--token-file` and `--token-env`, as the argument `token`: its text, from wherever it came."""

    def read(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> str:
        if given:
            raise Problem(f"a token is no argument, since every user of this machine could read it: {INSTEAD}")
        if context.resilient_parsing:
            return ""
        return read_token(context.params.pop("token_file", None), context.params.pop("token_env", None))

    # Last among the parameters, so that the options have been read. It takes what a user gives in spite of all this.
    command = click.argument("token", nargs=-1, type=click.UNPROCESSED, callback=read, metavar="")(command)
    command = click.option(
        "--token-env", metavar="VARIABLE", is_eager=True, help="The environment variable that holds the token."
    )(command)
    return click.option(
        "--token-file", metavar="FILE", is_eager=True, help="The file that holds the token; - is standard input."
    )(command)


def read_token(file: str | None = None, variable: str | None = None) -> str:
    """The text of a token, without white space and quotes around it and the word `Bearer`; raises `Problem`.

    Of a token response in JSON (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3) it is the `access_token`, or the
    `id_token` where there is no access token.
    """
    if file is not None and variable is not None:
        raise Problem("give either --token-file or --token-env")
    if variable is not None:
        text = read_variable(variable, option="--token-env")
    elif file is None and sys.stdin.isatty():
        text = _asked()
    else:
        text = read_file(file or STDIN, option="--token-file").decode("utf-8", "surrogateescape")
    text = _BEARER.sub("", _of_token_response(text.strip()).strip("\"'"), count=1).strip()
    if not text:
        raise Problem(f"no token came in: {INSTEAD}")
    return text


def _of_token_response(text: str) -> str:
    """The token in a token response; any other text as it is."""
    if not text.startswith("{"):
        return text
    try:
        members = parse_object(text.encode())
    except (MalformedTokenError, UnicodeEncodeError):
        return text
    found = [members[name] for name in ("access_token", "id_token") if isinstance(members.get(name), str)]
    return found[0] if found else text


def _standard_input(option: str) -> bytes:
    context = click.get_current_context(silent=True)
    if context is not None:
        first = context.meta.setdefault("jwtguard.stdin", option)
        if first != option:
            raise Problem(f"{first} and {option} cannot both be standard input: name a file or a variable for one")
    return sys.stdin.buffer.read(MAX_INPUT + 1)


def _asked() -> str:
    text: str = click.prompt("Paste the token (it is not shown), then press Enter", hide_input=True, err=True)
    if len(text) >= TERMINAL_LINE:
        raise Problem(f"a terminal cuts lines after {TERMINAL_LINE} characters: {INSTEAD}")
    return text


def read_variable(name: str, *, option: str) -> str:
    """What an environment variable holds; raises `Problem`, which repeats only a name that looks like one."""
    if not _VARIABLE.fullmatch(name):
        raise Problem(f"{option} is the name of an environment variable, not what it holds")
    if name not in os.environ:
        # In small letters it may be the secret itself, given where its name belongs.
        named = f"the environment variable {name} is not set" if name.isupper() else "there is no variable of that name"
        raise Problem(f"{option}: {named}")
    return os.environ[name]


def read_file(name: str, *, option: str) -> bytes:
    """What a file holds, or standard input for `-`; raises `Problem`."""
    if looks_secret(name) or "\n" in name:
        raise Problem(f"{option} is the name of a file, not what it holds")
    try:
        if name == STDIN:
            content = _standard_input(option)
        else:
            with Path(name).open("rb") as file:
                content = file.read(MAX_INPUT + 1)
    except OSError as error:
        raise Problem(f"{option}: {printable(name)} cannot be read: {error.strerror}") from None
    if len(content) > MAX_INPUT:
        raise Problem(f"{option}: {printable(name)} is longer than {MAX_INPUT} bytes")
    return content


def duration(text: str) -> timedelta:
    """A length of time: `90s`, `5m`, `2h`, `1h30m`, `30d`, or a number of seconds; with `-` in front, ago."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise click.BadParameter("a length of time is written 90s, 5m, 2h, 1h30m or 30d")
    days, hours, minutes, seconds = (int(number or 0) for number in found.groups())
    length = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -length if text.strip()[:1] == "-" else length
