"""``python -m jwtguard``: the same as the command ``jwtguard``."""

from jwtguard.cli import main

if __name__ == "__main__":  # pragma: no branch - nobody imports it
    main(prog_name="jwtguard")
