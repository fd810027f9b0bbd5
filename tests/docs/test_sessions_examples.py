"""docs/sessions.md: what needs no framework."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jwtguard.core.http import HTTPRequest
from jwtguard.endpoints import LOGIN, Endpoints
from tests.docs.sessions_page import run


def test_slowing_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sixth guess in a minute is told to wait, and no longer than that minute."""
    pytest.importorskip("limits", reason="limits is not installed")
    monkeypatch.chdir(tmp_path)
    page = run("The sessions", "Slowing down guesses")
    endpoints = Endpoints(
        page["guard"],
        page["sessions"],
        authenticate=lambda username, password: None,
        before_login=page["before_login"],
    )
    request = HTTPRequest.from_wsgi(
        {"REQUEST_METHOD": "POST", "PATH_INFO": "/auth/login", "CONTENT_TYPE": "application/json"}
    )
    body = json.dumps({"username": "ada", "password": "a guess"}).encode()
    answers = [endpoints.answer(LOGIN, request, body).run() for _ in range(6)]
    assert [answer.status for answer in answers] == [401] * 5 + [429]
    assert 1 <= int(dict(answers[-1].headers)["Retry-After"]) <= 60
