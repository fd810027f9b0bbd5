"""Files with private keys, in directories where another user may have prepared something."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jwtguard import ConfigurationError, SigningKeys
from jwtguard.cli.keygen import write
from jwtguard.key_rotation import private_files
from jwtguard.key_rotation.private_files import check_directory, create, locked, replace

ENTRIES: list[Callable[[Path], object]] = [
    lambda folder: SigningKeys(folder / "keys.json", algorithm="ES256"),
    lambda folder: SigningKeys(folder, algorithm="ES256"),
    lambda folder: write(folder / "key.pem", b"private", private=True),
    lambda folder: write(folder / "key.pem", b"private", private=True, force=True),
]


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.parametrize("enter", ENTRIES)
@pytest.mark.parametrize("mode", [0o770, 0o777, 0o702, 0o720, 0o2775])
def test_directory_that_others_may_write_to(enter: Callable[[Path], object], mode: int, tmp_path: Path) -> None:
    """Is refused before a key lies there, with the command that repairs it."""
    tmp_path.chmod(mode)
    with pytest.raises(ConfigurationError, match=f"mode {mode:04o}.*: chmod go-w "):
        enter(tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".lock"]


@pytest.mark.parametrize("enter", ENTRIES)
@pytest.mark.parametrize("mode", [0o700, 0o755, 0o1777, 0o1770])
def test_directory_that_is_sound(enter: Callable[[Path], object], mode: int, tmp_path: Path) -> None:
    """Others may look, or add files under the sticky bit, which lets them replace none."""
    tmp_path.chmod(mode)
    enter(tmp_path)
    files = [path for path in tmp_path.iterdir() if path.is_file()]
    assert files
    assert {mode_of(path) for path in files} == {0o600}


def test_directory_without_permissions_of_posix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says nothing about who may write, so it passes."""
    tmp_path.chmod(0o777)
    monkeypatch.setattr(os, "name", "nt")
    check_directory(tmp_path)
    monkeypatch.undo()
    check_directory(tmp_path / "absent")


def test_directory_that_is_opened_to_others_later(tmp_path: Path) -> None:
    """The keys at hand serve on, nothing is written, and `last_error` says why."""
    path = tmp_path / "keys.json"
    keys = SigningKeys(path, algorithm="ES256")
    kid, before = keys.signing_key.kid, path.read_bytes()
    tmp_path.chmod(0o777)
    with pytest.raises(ConfigurationError, match="chmod go-w"):
        keys.rotate()
    assert (keys.signing_key.kid, path.read_bytes()) == (kid, before)


@pytest.mark.parametrize("name", ["keys.json", "key.pem"])
def test_prepared_link_at_the_temporary_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if its name could be foreseen, the link is not followed: an error, and no key behind it."""
    monkeypatch.setattr("secrets.token_hex", lambda _: "0" * 16)
    victim = tmp_path / "victim"
    victim.touch(mode=0o644)
    (tmp_path / f".{name}.{'0' * 16}.tmp").symlink_to(victim)
    with pytest.raises(FileExistsError):
        replace(tmp_path / name, b"private")
    assert victim.read_bytes() == b""


def test_temporary_name_cannot_be_foreseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link at the name that the process number gives does nothing."""
    victim = tmp_path / "victim"
    victim.touch(mode=0o644)
    (tmp_path / f".keys.json.{os.getpid()}.tmp").symlink_to(victim)
    SigningKeys(tmp_path / "keys.json", algorithm="ES256")
    assert victim.read_bytes() == b""
    assert mode_of(tmp_path / "keys.json") == 0o600


@pytest.mark.parametrize("target", ["victim", "nowhere"])
def test_links_are_replaced(target: str, tmp_path: Path) -> None:
    """The file takes the place of the link, and what the link led to stays as it was."""
    (tmp_path / "victim").write_bytes(b"theirs")
    path = tmp_path / "keys.json"
    path.symlink_to(target)
    replace(path, b"private")
    assert (path.is_symlink(), path.read_bytes(), mode_of(path)) == (False, b"private", 0o600)
    assert (tmp_path / "victim").read_bytes() == b"theirs"
    assert not (tmp_path / "nowhere").exists()


def test_link_at_the_lock(tmp_path: Path) -> None:
    """Is not followed: nothing is created where it leads."""
    (tmp_path / "keys.json.lock").symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        SigningKeys(tmp_path / "keys.json", algorithm="ES256")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("write_file", [create, replace])
def test_failure_leaves_nothing(
    write_file: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk keeps no half of a key."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_file(tmp_path / "k.pem", b"x")
    assert list(tmp_path.iterdir()) == []


def test_failure_to_replace_leaves_nothing(tmp_path: Path) -> None:
    """A directory of that name cannot be replaced, and the temporary file goes."""
    (tmp_path / "k.pem").mkdir()
    with pytest.raises(OSError, match="k"):
        replace(tmp_path / "k.pem", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["k.pem"]


def test_lock_that_another_process_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for a bounded time, and the error names the file."""
    monkeypatch.setattr(private_files, "LOCK_TIMEOUT", 0.06)
    path = tmp_path / "keys.json.lock"
    with locked(path):
        with pytest.raises(TimeoutError, match="another process holds the lock"), locked(path):
            pass
        with pytest.raises(ConfigurationError, match="another process holds the lock"):
            SigningKeys(tmp_path / "keys.json", algorithm="ES256")
    SigningKeys(tmp_path / "keys.json", algorithm="ES256")


def test_lock_while_a_child_was_forked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child has the file open too, and the lock is released all the same."""
    monkeypatch.setattr(private_files, "LOCK_TIMEOUT", 0.0)
    inherited: list[int] = []
    opened = os.open

    def keeping_a_copy(*arguments: Any) -> int:
        descriptor = opened(*arguments)
        inherited.append(os.dup(descriptor))  # As a fork does.
        return descriptor

    monkeypatch.setattr(os, "open", keeping_a_copy)
    with locked(tmp_path / "lock"):
        pass
    with locked(tmp_path / "lock"):
        pass
    for descriptor in inherited:
        os.close(descriptor)


def test_lock_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first byte is locked, without waiting, and unlocked."""
    calls: list[int] = []

    def locking(_: int, how: int, count: int) -> None:
        calls.append(how)
        if calls == [1]:
            raise PermissionError(13, "Permission denied")  # What it raises while another process has the lock.
        assert count == 1

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=1, LK_UNLCK=2))
    with locked(tmp_path / "lock"):
        assert calls == [1, 1]
    assert calls == [1, 1, 2]
