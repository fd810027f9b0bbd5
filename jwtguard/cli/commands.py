"""The group of all commands, each imported only when it is called: `jwtguard --help` imports none of them.

>>> sorted(COMMANDS)[0]
'completion'
"""

from __future__ import annotations

from importlib import import_module

import click
from click.shell_completion import CompletionItem

from jwtguard.cli.inputs import refuse_secrets
from jwtguard.cli.output import Problem
from jwtguard.core.errors import ConfigurationError

COMMANDS: dict[str, str] = {
    "decode": "Show what a token says, without verifying it.",
    "verify": "Verify a token: by a key, a JWK Set, an OpenID provider, or your project's guard.",
    "explain": "Explain why a token is accepted or refused, step by step.",
    "sign": "Sign a token, for trying out an API.",
    "keygen": "Make a new key pair, or a shared secret.",
    "jwks": "Print the public JWK Set of keys.",
    "keys": "Rotate, retire or revoke the signing keys of a directory.",
    "routes": "List every route of an application with what guards it.",
    "doctor": "Check a configuration or an application, and say what to change.",
    "debugger": "Serve a page on this machine that decodes, verifies, edits and signs tokens.",
    "completion": "Print the completion script for bash, zsh or fish.",
}
"""The commands by name, with the line that `jwtguard --help` shows; each is `command` in a module of its name."""


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called, and knows its help line without.

    What a command cannot do because of how it was called, or of a file, ends with 2 and a sentence.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line, which holds no token and no key."""
        refuse_secrets(args)
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What a shell may offer; a command's module is not imported for it."""
        named = [CompletionItem(name, help=line) for name, line in COMMANDS.items() if name.startswith(incomplete)]
        return [*named, *click.Command.shell_complete(self, ctx, incomplete)]

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            raise Problem(error.detail) from None
        except BrokenPipeError:
            raise  # The reader closed the pipe, as `head` does: click ends quietly.
        except OSError as error:
            name = "" if error.filename is None else f"{error.filename}: "
            raise Problem(f"{name}{error.strerror or type(error).__name__}") from None

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
