"""Writing keys to files: a private one is its owner's alone from the first byte on, and replaces none by accident.

>>> import stat, tempfile
>>> from pathlib import Path
>>> with tempfile.TemporaryDirectory() as folder:
...     write(Path(folder, "key.pem"), b"private", private=True)
...     oct(stat.S_IMODE(Path(folder, "key.pem").stat().st_mode))
'0o600'
"""

from __future__ import annotations

import os
from pathlib import Path

from jwtguard.cli.output import Problem, printable
from jwtguard.key_rotation import private_files


def check_absent(*paths: Path) -> None:
    """Raise `Problem` for a file that is there already."""
    for path in paths:
        if os.path.lexists(path):
            raise Problem(f"{printable(str(path))} is there already: choose another name, or --force it")


def write(path: Path, content: bytes, *, private: bool, force: bool = False) -> None:
    """Write a file that is not there yet, or with `force` in place of the one that is.

    A private file has mode 0600, whatever the umask says, and other users must not be able to exchange it. Links are
    not followed. Raises `Problem`, `ConfigurationError` or `OSError`.
    """
    if private:
        private_files.check_directory(path.parent)
    mode = 0o600 if private else 0o644
    if force:
        private_files.replace(path, content, mode=mode)
        return
    try:
        private_files.create(path, content, mode=mode)
    except FileExistsError:
        check_absent(path)
        raise
