"""The users of the examples: a small table in SQLite, with hashed passwords.

>>> import tempfile
>>> users = Users(Path(tempfile.mkdtemp()) / "users.sqlite3")
>>> users.add("ada", "a long password", roles=["admin"], scope=["reports:read"])
>>> users.check("ada", "a long password")
'ada'
>>> users.check("ada", "a guess"), users.check("unknown", "a guess")
(None, None)
>>> users.grants("ada")
Grants(roles=('admin',), scope=('reports:read',), permissions=(), claims={})
>>> users.set_password("ada", "another password")
>>> users.check("ada", "a long password"), users.check("ada", "another password")
(None, 'ada')

A password is never kept: scrypt turns it, with a salt, into a value that is slow to compute, so that a thief of the
table must spend that time on every guess. Who guesses at the login is slowed down in `login_limit.py`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from jwtguard import Grants

_TABLE = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY, display_name TEXT NOT NULL, roles TEXT NOT NULL, scope TEXT NOT NULL,
    salt BLOB NOT NULL, password BLOB NOT NULL
)
"""


@dataclass(frozen=True, slots=True)
class User:
    """One row, without the password."""

    name: str
    display_name: str
    roles: tuple[str, ...]
    scope: tuple[str, ...]


class Users:
    """The table in the file `path`, which is made if it is not there. Each call has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as connection:
            connection.execute(_TABLE)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path)) as connection, connection:
            yield connection

    def add(self, name: str, password: str, *, roles: Iterable[str] = (), scope: Iterable[str] = ()) -> None:
        """Add a user; one who is there already stays as they are."""
        salt = secrets.token_bytes(16)
        row = (name, name, " ".join(roles), " ".join(scope), salt, _hashed(password, salt))
        with self._connection() as connection:
            connection.execute("INSERT OR IGNORE INTO users VALUES (?, ?, ?, ?, ?, ?)", row)

    def check(self, name: str, password: str) -> str | None:
        """The user's name, if the password is theirs. It takes the same time whether or not there is such a user."""
        if not name.isprintable():
            name = ""  # SQLite stores text, and half of a surrogate pair is none: no user has this name.
        with self._connection() as connection:
            row = connection.execute("SELECT salt, password FROM users WHERE name = ?", (name,)).fetchone()
        # An unknown name costs a hash too: a quick answer would tell that no user has this name.
        salt, expected = (b"\0" * 16, b"\0" * 64) if row is None else row
        is_right = hmac.compare_digest(_hashed(password, salt), expected)
        return name if is_right and row is not None else None

    def grants(self, name: str) -> Grants | None:
        """The user's present rights, None for an unknown user: called at login and at every refresh."""
        with self._connection() as connection:
            row = connection.execute("SELECT roles, scope, password FROM users WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        roles, scope, password = row
        return Grants(roles=roles.split(), scope=scope.split(), stamp=password)  # another password ends the sessions

    def set_password(self, name: str, password: str) -> None:
        """Change a password. The user's sessions end at their next refresh."""
        salt = secrets.token_bytes(16)
        with self._connection() as connection:
            row = (salt, _hashed(password, salt), name)
            connection.execute("UPDATE users SET salt = ?, password = ? WHERE name = ?", row)

    def get(self, name: str) -> User | None:
        """The user of this name."""
        return next((user for user in self.all() if user.name == name), None)

    def all(self) -> list[User]:
        """Everybody, by name."""
        with self._connection() as connection:
            rows = connection.execute("SELECT name, display_name, roles, scope FROM users ORDER BY name").fetchall()
        return [User(name, shown, tuple(roles.split()), tuple(scope.split())) for name, shown, roles, scope in rows]

    def rename(self, name: str, display_name: str) -> None:
        """Change how a user is called on the pages."""
        with self._connection() as connection:
            connection.execute("UPDATE users SET display_name = ? WHERE name = ?", (display_name, name))


def _hashed(password: str, salt: bytes) -> bytes:
    # 16 MiB of memory, five times over: one of the settings that OWASP's cheat sheet on password storage names.
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, n=2**14, r=8, p=5)


def example_users(path: Path) -> Users:
    """The table with the two users of the examples: ada, who has a role and a scope, and bob, who has neither."""
    users = Users(path)
    if not users.all():
        users.add("ada", "example-password-of-ada", roles=["admin"], scope=["reports:read"])
        users.add("bob", "example-password-of-bob")
    return users
