"""docs/sessions.md: Flask."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jwtguard.testing import wsgi_client
from tests.docs.console import Terminal
from tests.docs.journey import walk
from tests.docs.sessions_page import PAGE, run


def test_flask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application of the page does what the page says."""
    monkeypatch.chdir(tmp_path)
    walk(wsgi_client(run("The sessions", "Flask")["app"]))


def test_from_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The curl commands of the page give the output that it shows."""
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    client = wsgi_client(run("The sessions", "Flask")["app"])
    Terminal(lambda line: line, tmp_path).carry_out(block, client)
