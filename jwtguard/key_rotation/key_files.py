"""Signing keys on disk, with what is known of each: a directory of PEM files, or one JWK Set file.

>>> import tempfile
>>> from pathlib import Path
>>> from jwtguard.core.tokens.keys import SigningKey
>>> with tempfile.TemporaryDirectory() as folder:
...     files = KeyFiles(Path(folder) / "keys.json")
...     files.write([StoredKey(key=SigningKey.generate("ES256", kid="2026-11"), signs_from=0.0)])
...     files.read()[0].key
SigningKey(algorithm='ES256', kid='2026-11')

A directory holds `<kid>.pem` (a shared secret: `<kid>.jwk`) and `state.json`, which says what is known of them; a PEM
file that was put there by hand and that `state.json` does not know counts as well, by the order of the names. A JWK
Set file says it in the keys' own entries. Files are replaced whole, so no reader sees half of one, and only their owner
may read them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.tokens.keys import SigningKey
from jwtguard.key_rotation import private_files
from jwtguard.key_rotation.private_files import check_directory, replace

_KID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}", re.ASCII)
_STATE = "state.json"
_KEYS = {".pem", ".jwk"}
USUAL_ALGORITHMS = ("ES256", "ES384", "ES512", "EdDSA", "RS256")
"""The default algorithm of a PEM file's key: one for each type and curve."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A key and what is known of it.

    `signs_from` is in seconds since the epoch, None for ever; `compromised`: it must not be trusted any more;
    `for_tokens_without_kid`: it checks tokens that name no key; `kept_until`: it stays until then at least; `number`
    tells in which order keys of the same moment were made.
    """

    key: SigningKey
    signs_from: float | None = None
    compromised: bool = False
    for_tokens_without_kid: bool = False
    kept_until: float | None = None
    number: int = 0

    @property
    def kid(self) -> str:
        """Its name, which a stored key always has."""
        return self.key.kid or ""


class KeyFiles:
    """The files at `path`: a JWK Set file if its name ends in `.json`, else a directory."""

    __slots__ = ("_is_file", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_file = path.suffix == ".json"

    def stamp(self) -> tuple[int, ...] | None:
        """Something that changes when the files do; None if there are none."""
        watched = [self.path] if self._is_file else [self.path, self.path / _STATE]
        found: list[int] = []
        for path in watched:
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            found += [status.st_ino, status.st_mtime_ns, status.st_size]
        return tuple(found) or None

    def private(self) -> list[Path]:
        """The files that hold keys; raises `OSError`."""
        if self._is_file:
            return [self.path]
        return [path for path in sorted(self.path.iterdir()) if path.suffix in _KEYS]

    def read(self) -> list[StoredKey]:
        """All keys; raises `ConfigurationError` for a file that is not what it should be, or a directory whose files
        other users can exchange, or `OSError`.
        """
        check_directory(self._folder)
        if self._is_file:
            entries = _json(self.path).get("keys", []) if self.path.exists() else []
            if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
                raise ConfigurationError(f'{self.path} is no JWK Set: {{"keys": [...]}}')
            return _unique(_stored(SigningKey.from_jwk(entry), entry, self.path) for entry in entries)
        return _unique(self._read_directory())

    def _read_directory(self) -> Iterator[StoredKey]:
        state = self.path / _STATE
        known = _json(state) if state.exists() else {}
        if not self.path.is_dir():
            return
        for path in sorted(self.path.iterdir()):
            about = known.get(path.stem, {})
            try:
                if path.suffix == ".jwk":
                    yield _stored(SigningKey.from_jwk({**_json(path), "kid": path.stem}), about, path)
                elif path.suffix == ".pem":
                    algorithms = (about["alg"],) if isinstance(about, dict) and "alg" in about else USUAL_ALGORITHMS
                    yield _stored(_from_pem(path, algorithms), about, path)
            except FileNotFoundError:
                continue  # Another process has just deleted it, because all that it signed has expired.

    def write(self, keys: Iterable[StoredKey]) -> None:
        """Make the files hold exactly these keys; raises `ConfigurationError` or `OSError`."""
        keys = list(keys)
        for stored in keys:
            check_kid(stored.key.kid)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_directory(self._folder)
        if self._is_file:
            entries = [stored.key.to_private_jwk() | _about(stored) for stored in keys]
            replace(self.path, json.dumps({"keys": entries}, indent=1).encode("ascii"))
            return
        names = {_STATE}
        for stored in keys:
            name = f"{stored.kid}.{'jwk' if stored.key.verification_key.is_symmetric else 'pem'}"
            names.add(name)
            if not (self.path / name).exists():
                replace(self.path / name, _content(stored.key))
        # After the keys that it speaks of, and before those go that it no longer does.
        about = {stored.kid: {"alg": stored.key.algorithm} | _about(stored) for stored in keys}
        replace(self.path / _STATE, json.dumps(about, indent=1).encode("ascii"))
        for path in self.path.iterdir():
            if path.suffix in _KEYS and path.name not in names:
                path.unlink()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing meanwhile; raises `ConfigurationError` or `OSError`."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with private_files.locked(self.path.with_name(self.path.name + ".lock")):
            yield

    @property
    def _folder(self) -> Path:
        return self.path.parent if self._is_file else self.path


def check_kid(kid: str | None) -> None:
    """Raise `ConfigurationError` unless `kid` can be the name of a file."""
    if kid is None or not _KID.fullmatch(kid):
        raise ConfigurationError(f"a stored key needs a kid of letters, digits, '.', '_' and '-': found {kid!r}")


def _about(stored: StoredKey) -> dict[str, Any]:
    return {
        name: value
        for name in (*_TIMES, *_FLAGS)
        if (value := getattr(stored, name)) is not None and value is not False
    }


_TIMES, _FLAGS = ("signs_from", "kept_until", "number"), ("compromised", "for_tokens_without_kid")


def _stored(key: SigningKey, about: Any, path: Path) -> StoredKey:  # noqa: ANN401 - until it is read
    check_kid(key.kid)
    if not isinstance(about, dict):
        raise ConfigurationError(f"{path}: what is known of {key.kid!r} is no JSON object")
    times = {name: about[name] for name in _TIMES if name in about}
    flags = {name: about[name] for name in _FLAGS if name in about}
    if not all(type(moment) in {int, float} for moment in times.values()):
        raise ConfigurationError(f"{path}: {' and '.join(times)} of {key.kid!r}: numbers are meant")
    if not all(isinstance(flag, bool) for flag in flags.values()):
        raise ConfigurationError(f"{path}: {' and '.join(flags)} of {key.kid!r}: true or false is meant")
    return StoredKey(key=key, **times, **flags)


def _unique(keys: Iterable[StoredKey]) -> list[StoredKey]:
    found = list(keys)
    kids = [stored.kid for stored in found]
    if len(set(kids)) != len(kids):
        raise ConfigurationError("two stored keys have the same kid: give each one of its own")
    if sum(stored.for_tokens_without_kid for stored in found) > 1:
        raise ConfigurationError("only one key can be for_tokens_without_kid")
    return found


def _from_pem(path: Path, algorithms: Iterable[str]) -> SigningKey:
    content = path.read_bytes()
    try:
        return fitting(lambda each: SigningKey.from_pem(content, algorithm=each, kid=path.stem), algorithms)
    except ConfigurationError as error:
        problem = f"{path}: {error.detail}"
    raise ConfigurationError(problem)


def fitting(load: Callable[[str], T], algorithms: Iterable[str]) -> T:
    """What `load` makes of a key for the first of `algorithms` that fits it; raises `ConfigurationError` if none does.

    If it fits none, the last one says why: of the usual ones that is RSA's, whose keys are refused for most reasons.
    """
    *others, last = algorithms
    for algorithm in others:
        try:
            return load(algorithm)
        except ConfigurationError:
            continue
    return load(last)


def _content(key: SigningKey) -> bytes:
    if key.verification_key.is_symmetric:
        return json.dumps(key.to_private_jwk()).encode("ascii")
    return key.to_private_pem()


def _json(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except ValueError:
        document = None  # The text of the error would quote what may be a key.
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path} holds no JSON object")
    return document
