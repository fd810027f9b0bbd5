"""The command line: ``jwtguard …``, or ``python -m jwtguard …``.

>>> from click.testing import CliRunner
>>> answer = CliRunner().invoke(main, ["--help"])
>>> answer.exit_code
0

Every command is a module of its own here, and is imported when it is called. Exit codes: 0 accepted, 1 refused or
something found, 2 wrong usage. What is printed goes to a terminal in colour and to a pipe plain; ``--json`` is for
programs. Tokens and secrets come from standard input, a file or the environment, because all users of a machine can
read the arguments of a command.
"""

from __future__ import annotations

try:
    from jwtguard.cli.commands import main as main
except ModuleNotFoundError as error:
    if error.name is None or error.name.partition(".")[0] == "jwtguard":
        raise
    raise ImportError(
        f"the jwtguard command needs {error.name}, which is not installed here: pip install 'jwtguard-middleware[cli]'",
        name=error.name,
    ) from error
