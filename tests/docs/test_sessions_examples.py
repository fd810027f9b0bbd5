"""docs/sessions.md: what needs no framework."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from jwtguard import SessionEvent
from jwtguard.core.events import EventKind
from jwtguard.core.http.response import HTTPRequest
from jwtguard.endpoints import LOGIN, Endpoints
from tests.docs.sessions_page import PAGE, run


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


def test_events(capsys: pytest.CaptureFixture[str]) -> None:
    """The function prints what is alarming and nothing else, and every kind is explained."""
    on_event = run("Events")["on_event"]
    kinds = get_args(EventKind)
    for kind in kinds:
        on_event(SessionEvent(kind=kind, subject="ada", session_id="s1", reason=kind))
    assert capsys.readouterr().out.count("session s1 of ada was ended") == 2
    _, _, section = PAGE.read_text("utf-8").partition("## Events")
    assert tuple(re.findall(r"^\| `(\w+)` \|", section.partition("\n## ")[0], re.MULTILINE)) == kinds
