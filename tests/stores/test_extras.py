"""Where a store's library is missing, importing the store says what to install."""

from __future__ import annotations

import importlib
import sys

import pytest


@pytest.mark.parametrize("name", ["redis", "sqlalchemy"])
def test_the_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra."""
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, f"jwtguard.stores.{name}", raising=False)
    with pytest.raises(ImportError, match=rf"jwtguard-middleware\[{name}\]"):
        importlib.import_module(f"jwtguard.stores.{name}")
