"""Files that hold private keys: created exclusively, readable by their owner alone, never written through a link.

>>> import stat, tempfile
>>> from pathlib import Path
>>> with tempfile.TemporaryDirectory() as folder:
...     create(Path(folder, "key.pem"), b"private")
...     oct(stat.S_IMODE(Path(folder, "key.pem").stat().st_mode))
'0o600'
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jwtguard.core.errors import ConfigurationError

LOCK_TIMEOUT = 10.0
"""Seconds that a process waits for another one that writes the same keys."""
_LOCK_PAUSE = 0.05
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def check_directory(folder: Path) -> None:
    """Raise `ConfigurationError` if other users can exchange the files in `folder`; a folder that is absent passes.

    With the sticky bit (as in /tmp, and on volumes of Kubernetes) they can add files, but replace none. Where
    permissions are not those of POSIX, nothing is checked.
    """
    if os.name != "posix":
        return
    try:
        mode = folder.stat().st_mode
    except FileNotFoundError:
        return
    if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
        raise ConfigurationError(
            f"other users can exchange the keys in {folder} (mode {stat.S_IMODE(mode):04o}): chmod go-w {folder}"
        )


def create(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a new file; raises `FileExistsError` if anything has this name, a link that leads nowhere included."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def replace(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file in place of the one of this name, so that a reader sees the old content or the new, never a part.

    A link of this name is replaced, not followed. Raises `OSError`.
    """
    # A name that cannot be foreseen: another user must not be able to prepare it.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    create(temporary, content, mode=mode)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` for this process; raises `TimeoutError` after `LOCK_TIMEOUT`, or another `OSError`."""
    lock = os.open(path, os.O_CREAT | os.O_RDWR | _NO_LINK, 0o600)
    try:
        deadline = time.monotonic() + LOCK_TIMEOUT
        while not _try_lock(lock):
            if time.monotonic() >= deadline:
                raise TimeoutError(errno.ETIMEDOUT, "another process holds the lock", str(path))
            time.sleep(_LOCK_PAUSE)
        try:
            yield
        finally:
            _unlock(lock)
    finally:
        os.close(lock)


def _try_lock(lock: int) -> bool:
    with suppress(BlockingIOError, PermissionError):
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - this system alone has it

            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - that system lacks it

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _unlock(lock: int) -> None:
    """Release the lock. To close the file is not enough: a child that was forked meanwhile has it open too."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - this system alone has it

        msvcrt.locking(lock, msvcrt.LK_UNLCK, 1)
    else:
        import fcntl  # noqa: PLC0415 - that system lacks it

        fcntl.flock(lock, fcntl.LOCK_UN)
