"""docs/deployment.md: its code runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.core.forking import forked
from tests.examples.documents import ROOT, run


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_engine_after_a_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child has a pool of its own, and the parent keeps its own."""
    monkeypatch.chdir(tmp_path)
    shown = run(ROOT / "docs" / "deployment.md", {})
    pool = shown["engine"].pool
    assert forked(lambda: shown["engine"].pool is pool) == "False"
    assert shown["engine"].pool is pool
    shown["engine"].dispose()
