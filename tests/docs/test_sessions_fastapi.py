"""docs/sessions.md: FastAPI and Starlette."""

from __future__ import annotations

from pathlib import Path

import pytest

from jwtguard.testing import asgi_client
from tests.docs.journey import walk
from tests.docs.sessions_page import run


@pytest.mark.parametrize("heading", ["FastAPI", "Starlette"])
def test_asgi(heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application of the page does what the page says."""
    monkeypatch.chdir(tmp_path)
    walk(asgi_client(run("The sessions", heading)["app"]))
