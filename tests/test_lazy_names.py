"""Packages that load names on demand: type checkers and the running program see the same names."""

from __future__ import annotations

import ast
import subprocess
import sys
import typing
from importlib import import_module
from pathlib import Path

import pytest

import jwtguard
from jwtguard.core.tokens.sentinels import UncheckedType
from jwtguard.guard import Guard
from jwtguard.view_metadata import ViewMetadata

PACKAGES = ["jwtguard"]
packages = pytest.mark.parametrize("package", PACKAGES)


def _written(package: str) -> tuple[dict[str, str], dict[str, str]]:
    """Each name and its module, as type checkers read them and as the table has them."""
    tree = ast.parse(Path(str(import_module(package).__file__)).read_text(encoding="utf-8"))
    (choice,) = (node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(choice.test) == "typing.TYPE_CHECKING"
    seen: dict[str, str] = {}
    for node in choice.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name, "a name is exported by `X as X`"
            seen[alias.name] = str(node.module)
    (table,) = (node for each in choice.orelse for node in ast.walk(each) if isinstance(node, ast.Dict))
    return seen, {name: module for module, names in ast.literal_eval(table).items() for name in names}


@packages
def test_table_is_what_type_checkers_see(package: str) -> None:
    """The table and the imports for type checkers name the same, from the same modules."""
    seen, table = _written(package)
    assert table == seen


@packages
def test_names_are_those_of_their_modules(package: str) -> None:
    """Each name is listed, and is the very object of its module, the second time too."""
    for name, module in _written(package)[1].items():
        assert name in dir(import_module(package))
        assert getattr(import_module(package), name) is getattr(import_module(module), name)
        assert vars(import_module(package))[name] is getattr(import_module(package), name)


@packages
def test_star_import(package: str) -> None:
    """`from package import *` takes the names of the table and no others."""
    namespace: dict[str, object] = {}
    exec(f"from {package} import *", namespace)
    assert set(namespace) - {"__builtins__"} == set(_written(package)[1])


def test_wrong_names() -> None:
    """A name that is not there is the usual error, which knows what might have been meant."""
    with pytest.raises(AttributeError, match="module 'jwtguard' has no attribute 'Gard'") as caught:
        getattr(jwtguard, "Gard")  # noqa: B009 - type checkers know that it is not there
    assert caught.value.name == "Gard"
    assert caught.value.obj is jwtguard
    with pytest.raises(ImportError, match="cannot import name 'Gard' from 'jwtguard'"):
        exec("from jwtguard import Gard")


def test_hints_can_be_resolved() -> None:
    """`get_type_hints` resolves an annotation with a class that was not loaded yet."""
    hints = typing.get_type_hints(Guard.__init__)
    assert hints["revocation"] == jwtguard.SessionRevocation | None
    assert hints["introspection"] == jwtguard.Introspection | None
    assert typing.get_type_hints(ViewMetadata)["sessions"] == jwtguard.Sessions | None
    assert typing.get_type_hints(Guard)["rules"] == jwtguard.Rules | UncheckedType | None


def test_first_use_loads_the_module() -> None:
    """Importing the package loads nothing that a name stands for; the name's first use does."""
    code = """
        import sys, jwtguard
        before = "jwtguard.core.errors" in sys.modules, "jwt" in sys.modules, "CSRFError" in vars(jwtguard)
        jwtguard.CSRFError
        print(*before, "jwtguard.core.errors" in sys.modules, "CSRFError" in vars(jwtguard))
    """
    lines = "\n".join(line.strip() for line in code.splitlines())
    run = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False", "False", "True", "True"]
