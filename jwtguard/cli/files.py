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
import secrets
from pathlib import Path

from jwtguard.cli.output import Problem, printable


def check_absent(*paths: Path) -> None:
    """Raise `Problem` for a file that is there already."""
    for path in paths:
        if os.path.lexists(path):
            raise Problem(f"{printable(str(path))} is there already: choose another name, or --force it")


def write(path: Path, content: bytes, *, private: bool, force: bool = False) -> None:
    """Write a file that is not there yet, or with `force` in place of the one that is; raises `Problem` or `OSError`.

    A private file has mode 0600, whatever the umask says. No link is followed: what stands there is replaced whole.
    """
    target = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp") if force else path
    try:
        # O_EXCL: nobody else has prepared this file, with another mode or as a link.
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
    except FileExistsError:
        check_absent(path)
        raise
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        if force:
            target.replace(path)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
