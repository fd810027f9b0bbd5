"""The bounds in pyproject.toml are lower ones, and are what the `lowest` environment installs."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FOR_USERS = (
    "flask",
    "starlette",
    "fastapi",
    "django",
    "sqlalchemy",
    "redis",
    "drf",
    "cli",
    "otel",
    "jwe",
    "litestar",
    "ninja",
)


def requirements() -> Iterator[str]:
    """Yield what a user can come to install: the dependencies and the extras for frameworks."""
    yield from PROJECT["dependencies"]
    for extra in FOR_USERS:
        yield from PROJECT["optional-dependencies"][extra]


def bounds() -> dict[str, str]:
    """Return the lower bound of each distribution; a requirement of any other form fails here."""
    found = {}
    for requirement in requirements():
        match = re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", requirement)
        assert match, f"{requirement!r} is not a name with a lower bound and nothing else"
        found[match[1]] = match[2]
    return found


def release(text: str) -> tuple[int, ...]:
    """Return the numbers of a release, without trailing zeros: 5.2 and 5.2.0 are the same."""
    numbers = [int(part) for part in re.match(r"\d+(?:\.\d+)*", text)[0].split(".")]  # type: ignore[index]
    while numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def test_lowest_txt_holds_the_bounds() -> None:
    """tests/lowest.txt pins every bound of pyproject.toml (and, below, what those releases need to be held back)."""
    lines = (ROOT / "tests" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))

    expected = {name: release(text) for name, text in bounds().items()}
    assert expected == {name: release(text) for name, text in pins.items() if name in expected}


@pytest.mark.parametrize(("name", "bound"), list(bounds().items()), ids=list(bounds()))
def test_what_is_installed_respects_its_bound(name: str, bound: str) -> None:
    """No dependency is older than its bound; in `tox -e lowest` each is exactly that old."""
    try:
        installed = release(version(name))
    except PackageNotFoundError:
        assert name not in {"PyJWT", "cryptography"}, f"{name} is no extra, but is not installed"
        return

    if os.environ.get("LOWEST_DEPENDENCIES") == "1":
        assert release(bound) == installed
    else:
        assert release(bound) <= installed
