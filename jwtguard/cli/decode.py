"""`jwtguard decode`: shows a token without verifying it.

>>> from click.testing import CliRunner
>>> CliRunner().invoke(command, [], input="eyJhbGciOiJIUzI1NiJ9.e30.c2ln").output.splitlines()[0]
'NOT VERIFIED: an attacker can write such a token. To check it: jwtguard verify'
"""

from __future__ import annotations

import time

import click
from rich.text import Text

from jwtguard.cli.inputs import token_options
from jwtguard.cli.output import WARNING, Exit, console, end, json_option, write_json
from jwtguard.cli.token_view import TokenView


@click.command("decode")
@token_options
@json_option
def command(token: str, as_json: bool) -> None:  # noqa: FBT001
    """Show what a token says, without verifying it: header, payload, and how long its signature is.

    The token comes from standard input, a file or the environment. Ends with 1 if it cannot be read.
    """
    view = TokenView.of(token, now=time.time())
    if as_json:
        write_json({"verified": False, **view.as_json()})
    else:
        out = console()
        out.print(Text("NOT VERIFIED: an attacker can write such a token. To check it: jwtguard verify", style=WARNING))
        out.print()
        view.print_to(out)
    end(Exit.REFUSED if view.problems else Exit.ACCEPTED)
