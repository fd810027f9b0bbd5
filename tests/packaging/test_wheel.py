"""The wheel holds the package, its typing marker and its licence, and nothing of the checkout around them."""

from __future__ import annotations

import importlib.metadata
import os
import tomllib
from pathlib import Path

import jwtguard

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTION = importlib.metadata.distribution("jwtguard-middleware")
FILES = {str(path).replace("\\", "/") for path in DISTRIBUTION.files or ()}


def test_the_tests_import_what_is_installed() -> None:
    """Under tox, `import jwtguard` finds the wheel: the checkout would hide a file that the wheel forgot."""
    package = Path(jwtguard.__file__).resolve().parent

    if "TOX_ENV_DIR" in os.environ:
        assert package.is_relative_to(Path(os.environ["TOX_ENV_DIR"]).resolve())
    else:
        assert package in {Path(str(DISTRIBUTION.locate_file("jwtguard"))).resolve(), ROOT / "jwtguard"}


def test_the_version_is_the_one_in_pyproject() -> None:
    """What importlib.metadata says is what pyproject.toml says: the version stands in one place."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["version"] == DISTRIBUTION.version


def test_every_file_of_the_package_is_installed() -> None:
    """Each module, template and marker in jwtguard/ reaches the user, py.typed among them."""
    package = Path(jwtguard.__file__).resolve().parent
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "jwtguard").rglob("*") if path.is_file()}
    expected = {path for path in there if "__pycache__" not in path}
    installed = {f"jwtguard/{path.relative_to(package).as_posix()}" for path in package.rglob("*") if path.is_file()}

    assert "jwtguard/py.typed" in expected
    assert expected <= installed


def test_nothing_else_is_installed() -> None:
    """No tests, examples or tools: the wheel brings one top-level package, the plugin for pytest, and its metadata."""
    tops = {path.split("/")[0] for path in FILES if not path.startswith("../")}

    assert {top for top in tops if not top.endswith((".dist-info", ".pth"))} <= {
        "jwtguard",
        "_jwtguard_pytest_plugin.py",
        "__pycache__",
    }


def test_the_licence_travels_with_the_code() -> None:
    """The MIT licence asks that its text goes with every copy."""
    assert any(path.endswith("licenses/LICENSE") for path in FILES)
