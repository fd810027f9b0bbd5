"""Projects on disk, whose guard or application a command is told by name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

_number = count()

AUTH = """
from jwtguard import CSRF, Guard, Rule, Rules, SigningKey, SigningKeys, VerificationKey, has_role, public
from jwtguard.asgi import ASGIGuard
from jwtguard.flask import FlaskGuard

SECRET = "not a secret, only an example!!!"
named = {"issuer": "https://issuer.example", "audience": "https://api.example"}
rules = Rules([Rule("/health", public), Rule("/admin/", has_role("admin"))])
guard = Guard(**named, keys=VerificationKey.from_secret(SECRET, algorithm="HS256"), rules=rules)
public_half = Guard(**named, keys=SigningKey.generate("ES256").verification_key)
auth = FlaskGuard(guard)
asgi = ASGIGuard(guard)
unfinished = FlaskGuard()
number = 1


def create(name="x", *, fail=False):
    if name == "fail":
        raise RuntimeError("no database")
    return guard
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a package in the current folder, with a module `auth`; forgotten afterwards."""
    name = f"project{next(_number)}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "auth.py").write_text(AUTH)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != str(tmp_path)])
    yield name
    for module in [each for each in sys.modules if each.split(".")[0] == name]:
        del sys.modules[module]
