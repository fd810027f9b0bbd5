"""`jwtguard keys`: the signing keys of a directory, as `jwtguard.SigningKeys` keeps them.

>>> from click.testing import CliRunner
>>> sorted(command.commands)
['list', 'retire', 'revoke', 'rotate']
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import click
from click.shell_completion import CompletionItem

from jwtguard.cli.inputs import F, duration
from jwtguard.cli.key_inputs import directory
from jwtguard.cli.output import BAD, FAINT, GOOD, console, json_option, print_rows, printable, write_json
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.tokens.algorithms import ALGORITHMS
from jwtguard.explanation.moments import moment
from jwtguard.key_rotation.schedule import KeyState
from jwtguard.key_rotation.signing_keys import SigningKeys

_STYLES = {"current": GOOD, "compromised": BAD, "expired": FAINT}


@click.group("keys")
def command() -> None:
    """Rotate the signing keys of a directory, or of a JWK Set file whose name ends in .json.

    A running program that signs with them (SigningKeys) notices within seconds.
    """


def _kids(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of the keys, for completion."""
    try:
        states = SigningKeys(context.params["path"]).states()
    except (ConfigurationError, KeyError):
        return []
    return [CompletionItem(state.kid, help=state.role) for state in states if state.kid.startswith(incomplete)]


def _path(function: F) -> F:
    """Give a command the argument DIRECTORY."""
    return click.argument("path", metavar="DIRECTORY", type=click.Path())(function)


_lifetime_option = click.option(
    "--max-token-lifetime",
    type=duration,
    metavar="DURATION",
    default="1h",
    show_default=True,
    help="How long tokens live, and so keys after they signed their last: what the program says, SigningKeys(...).",
)


@command.command("list")
@_path
@_lifetime_option
@json_option
def list_keys(path: str, max_token_lifetime: timedelta, as_json: bool) -> None:  # noqa: FBT001
    """List the keys with what each does."""
    _show(directory(path, max_token_lifetime=max_token_lifetime), as_json=as_json)


@command.command("rotate")
@_path
@click.option(
    "--algorithm",
    type=click.Choice(sorted(ALGORITHMS), case_sensitive=False),
    help="Of the new key; by default that of the one that signs now, or ES256.",
)
@click.option("--at-once", is_flag=True, help="The new key signs from now on: for secrets, which are not fetched.")
@click.option(
    "--publish-before",
    type=duration,
    metavar="DURATION",
    default="1h",
    show_default=True,
    help="How long the new key is published before it signs.",
)
@_lifetime_option
@json_option
def rotate(
    path: str,
    algorithm: str | None,
    at_once: bool,  # noqa: FBT001
    publish_before: timedelta,
    max_token_lifetime: timedelta,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Make the next key, or the first one of a directory.

    It is published at once and signs later, so that clients have fetched it by then. If there is a next key already,
    nothing changes.
    """
    settings: Any = {"publish_before": publish_before, "max_token_lifetime": max_token_lifetime}
    try:
        keys = SigningKeys(path, **settings)
    except ConfigurationError:
        # There are none yet. If something else is wrong, it is said now.
        keys = SigningKeys(path, algorithm=algorithm or "ES256", **settings)
    else:
        keys.rotate(algorithm, at_once=at_once)
    _show(keys, as_json=as_json)


@command.command("retire")
@_path
@_lifetime_option
@json_option
def retire(path: str, max_token_lifetime: timedelta, as_json: bool) -> None:  # noqa: FBT001
    """Let the next key sign from now on, or a new one.

    The key that signed so far signs no more. Its tokens stay good until they expire. A program that fetches your public
    keys may not know the new one for a few minutes.
    """
    keys = directory(path, max_token_lifetime=max_token_lifetime)
    keys.retire()
    _show(keys, as_json=as_json)


@command.command("revoke")
@_path
@click.argument("kid", shell_complete=_kids)
@_lifetime_option
@json_option
def revoke(path: str, kid: str, max_token_lifetime: timedelta, as_json: bool) -> None:  # noqa: FBT001
    """Mark a key as compromised.

    Nothing that it signed is accepted any more by a program that asks for the keys anew. If it was the one that signs,
    the next one signs from now on, or a new one. Users with its tokens must log in again.
    """
    keys = directory(path, max_token_lifetime=max_token_lifetime)
    keys.compromise(kid)
    _show(keys, as_json=as_json)


def _show(keys: SigningKeys, *, as_json: bool) -> None:
    states, now = keys.states(), time.time()
    if as_json:
        names = ("kid", "algorithm", "role", "signs_from", "until")
        write_json({"keys": [{name: getattr(state, name) for name in names} for state in states]})
        return
    out = console()
    print_rows(
        out,
        [
            [(printable(each.kid), ""), (each.algorithm, ""), (each.role, _STYLES.get(each.role, "")), _when(each, now)]
            for each in states
        ],
    )


def _when(state: KeyState, now: float) -> tuple[str, str]:
    if state.role == "next" and state.signs_from is not None:
        return f"signs from {moment(state.signs_from, now=now)}", ""
    if state.until is not None:
        return f"checks until {moment(state.until, now=now)}", ""
    return "", ""
