"""docs/sessions.md: Flask."""

from __future__ import annotations

from pathlib import Path

import pytest

from jwtguard.testing import wsgi_client
from tests.docs.journey import walk
from tests.docs.sessions_page import run


def test_flask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application of the page does what the page says."""
    monkeypatch.chdir(tmp_path)
    walk(wsgi_client(run("The sessions", "Flask")["app"]))
