"""The secrets of the examples: from the environment, or made at first start and kept in files for their owner's eyes.

>>> import tempfile
>>> directory = Path(tempfile.mkdtemp())
>>> secret("csrf", directory) == secret("csrf", directory) != secret("refresh", directory)
True

A holder of one of these secrets can act as any user. Keep them out of the repository; in production pass them by
environment variables such as `EXAMPLE_REFRESH_SECRET`. The keys that sign access tokens need none of them:
`jwtguard.SigningKeys` keeps those keys in a directory, and rotates them.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

DATA = Path(os.environ.get("EXAMPLE_DATA") or Path(__file__).resolve().parent / "data")
"""Where the examples keep their databases and keys; git ignores it."""


def secret(name: str, directory: Path) -> str:
    """The secret of this name: 32 random bytes, as text."""
    given = os.environ.get(f"EXAMPLE_{name.upper()}_SECRET")
    if given:
        return given
    path = directory / f"{name}-secret"
    if not path.exists():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Written whole under another name first, so that of two processes that start together none reads half of it.
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # The other process was first: its secret is the one.
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii")
