"""`jwtguard completion`: the script that lets a shell complete commands, options and the names of keys.

>>> from click.testing import CliRunner
>>> "_JWTGUARD_COMPLETE=fish_complete" in CliRunner().invoke(command, ["fish"]).output
True
"""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

_SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
_NAME, _VARIABLE = "jwtguard", "_JWTGUARD_COMPLETE"


@click.command("completion")
@click.argument("shell", type=click.Choice(list(_SHELLS)))
def command(shell: str) -> None:
    """Print the completion script for a shell.

    \b
    bash:  jwtguard completion bash >> ~/.bashrc
    zsh:   jwtguard completion zsh >> ~/.zshrc
    fish:  jwtguard completion fish > ~/.config/fish/completions/jwtguard.fish
    """  # noqa: D301 - click keeps the lines below a real backspace as they are
    from jwtguard.cli.commands import main  # noqa: PLC0415 - it imports this module by name

    made = _SHELLS[shell](main, {}, _NAME, _VARIABLE)
    # Not `.source()`, which for bash would first run the bash of this machine to ask for its version.
    click.echo(made.source_template % made.source_vars())
