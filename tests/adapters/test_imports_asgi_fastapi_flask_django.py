"""What an adapter loads: what guarding a request needs, and nothing that only sessions or fetched keys need."""

from __future__ import annotations

import subprocess
import sys
import typing
from importlib import import_module

import pytest

LATER = {
    "jwtguard.key_rotation.key_files",
    "jwtguard.key_rotation.signing_keys",
    "jwtguard.websocket_lifetime",
    "jwtguard.stores",
    "jwtguard.testing",
}
"""Modules that an application imports by itself if it needs them."""
adapters = pytest.mark.parametrize("adapter", ["asgi", "flask", "fastapi", "django"])
GUARDS = {"asgi": "ASGIGuard", "flask": "FlaskGuard", "fastapi": "FastAPIGuard", "django": "DjangoGuard"}


def _loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name for name in run.stdout.split() if name.partition(".")[0] == "jwtguard"}


@adapters
def test_adapter_loads_what_guarding_needs(adapter: str) -> None:
    """Importing an adapter loads no store, no signing keys and no tools for tests."""
    assert _loaded_by(f"import jwtguard.{adapter}") & LATER == set()


def test_listed_modules_exist() -> None:
    """A module that was renamed would be missing from every interpreter."""
    for name in LATER - {"jwtguard.django.routes", "jwtguard.testing"}:
        import_module(name)


@adapters
def test_hints_of_the_guard_object_can_be_resolved(adapter: str) -> None:
    """`get_type_hints` resolves the constructor's annotations, also of classes that were not loaded."""
    kind = getattr(import_module(f"jwtguard.{adapter}"), GUARDS[adapter])
    hints = typing.get_type_hints(kind.__init__)
    assert hints["sessions"] == import_module("jwtguard").Sessions | None
    assert hints["settings"] == typing.Unpack[import_module("jwtguard.endpoints").EndpointSettings]
