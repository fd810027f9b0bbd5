"""The command `jwtguard`, and ``python -m jwtguard``: without click and rich, one line that says what to install."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; exits with 2 where a package is missing that it needs."""
    try:
        from jwtguard.cli import main as command  # noqa: PLC0415 - click and rich are optional
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] == "jwtguard":
            raise
        print(error, file=sys.stderr)  # noqa: T201
        sys.exit(2)
    command(prog_name="jwtguard")


if __name__ == "__main__":  # pragma: no branch - tests run it in a process of its own
    main()
