"""The command `jwtguard debugger`: starts the server, opens the browser, and ends with Ctrl-C.

>>> command.name
'debugger'
"""

from __future__ import annotations

import contextlib
import threading
import webbrowser

import click

from jwtguard.cli.debugger.actions import Actions
from jwtguard.cli.debugger.server import DebuggerServer
from jwtguard.cli.imports import load_guard
from jwtguard.cli.output import Problem


@click.command(name="debugger")
@click.option(
    "--guard",
    "guard_name",
    metavar="MODULE:NAME",
    help="Offer the project's own guard to check tokens against: project.auth:guard, or django.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default="a free one", help="The port on 127.0.0.1."
)
@click.option("--open/--no-open", "opens", default=True, help="Open the page in the browser.", show_default=True)
def command(*, guard_name: str | None, port: int, opens: bool) -> None:
    """Serve a page on this machine that decodes, verifies, edits and signs tokens.

    Tokens and keys stay on this machine: the page talks to this program only, which stores nothing. It asks
    others only for keys, when you press Fetch, or if the guard given here fetches its own.
    """
    guard = None if guard_name is None else load_guard(guard_name)
    actions = Actions(guard, guard_name=guard_name or "")
    try:
        server = DebuggerServer(actions.by_name, port=port)
    except OSError as error:
        raise Problem(f"port {port} cannot be had: {error.strerror}. Leave out --port for a free one") from None
    with server:
        click.echo(f"The debugger is at {server.gate.link}\nIt is for this machine alone. Press Ctrl-C to end it.")
        if opens:
            # On a thread, since a browser that runs in the terminal returns when it is closed.
            threading.Thread(target=webbrowser.open, args=[server.gate.ticket_link], daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    click.echo("\nThe debugger has ended.")
