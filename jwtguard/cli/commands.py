"""The group of all commands, each imported only when it is called: `jwtguard --help` imports none of them.

>>> sorted(COMMANDS)[0]
'debugger'
"""

from __future__ import annotations

from importlib import import_module

try:
    import click
except ImportError as error:
    raise ImportError("the jwtguard command needs click and rich: pip install 'jwtguard-middleware[cli]'") from error

COMMANDS: dict[str, str] = {
    "debugger": "Serve a page on this machine that decodes, verifies, edits and signs tokens.",
}
"""The commands by name, with the line that `jwtguard --help` shows; each is `command` in a module of its name."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called, and knows its help line without."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"jwtguard.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of the commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="jwtguard-middleware", prog_name="jwtguard")
def main() -> None:
    """Decode, verify, sign and explain JSON Web Tokens; check a configuration; make and rotate keys."""
