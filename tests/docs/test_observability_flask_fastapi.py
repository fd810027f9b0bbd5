"""docs/observability.md: its examples run, and its tables name what the code says."""

from __future__ import annotations

import ast
import json
import logging
import re
from typing import Any, Literal, get_args

import pytest
from starlette.testclient import TestClient

from jwtguard import Event, InvalidTokenError
from jwtguard.core.events import LogEvent, log_fields
from tests.examples.documents import ROOT, run

_LOGGING = re.compile(r"logger\.(log|debug|info|warning|error|exception|critical)")
PAGE = ROOT / "docs" / "observability.md"


def test_events() -> None:
    """Both listeners of the page are called."""
    shown = run(PAGE, {}, "Events")
    with pytest.raises(InvalidTokenError):
        shown["guard"].verify("garbage").run()
    assert shown["counts"] == {("refused", "form"): 1}


def test_opentelemetry() -> None:
    """The guard and the store can be made as shown."""
    shown = run(PAGE, {}, "OpenTelemetry")
    assert shown["store"].find("s1", now=0) is None


def test_health_routes() -> None:
    """Every framework answers the same."""
    guard = run(PAGE, {}, "Events")["guard"]
    expected = (200, {"status": "ok", "parts": {"keys": "ok"}})
    flask = run(PAGE, {"guard": guard, "__name__": "page"}, "Flask")["app"].test_client().get("/health")
    assert (flask.status_code, flask.get_json()) == expected
    fastapi = TestClient(run(PAGE, {"guard": guard}, "FastAPI")["app"]).get("/health")
    assert (fastapi.status_code, fastapi.json()) == expected


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """The configuration that is shown writes a line of JSON with the fields."""
    logger = logging.getLogger("jwtguard")
    before = (logger.level, logger.propagate, list(logger.handlers))
    try:
        run(PAGE, {}, "The log")
        guard = run(PAGE, {}, "Events")["guard"]
        with pytest.raises(InvalidTokenError):
            guard.verify("garbage").run()
        try:
            raise RuntimeError("broken")
        except RuntimeError:
            logger.exception("raised", extra=log_fields("callback_raised", callback="load"))
    finally:
        logger.setLevel(before[0])
        logger.propagate, logger.handlers = before[1], before[2]
    refused, raised = map(json.loads, capsys.readouterr().err.splitlines())
    assert (refused["level"], refused["jwtguard_event"], refused["jwtguard_reason"]) == ("INFO", "refused", "form")
    assert (raised["jwtguard_callback"], "RuntimeError: broken" in raised["exception"]) == ("load", True)


def table(heading: str) -> set[str]:
    """The names in the first column of the table whose heading begins so."""
    text = PAGE.read_text(encoding="utf-8").partition(f"| {heading}")[2].partition("\n\n")[0]
    return {name for row in re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE) for name in re.findall("`([^`]+)`", row)}


def test_every_event_and_field_is_explained() -> None:
    """The tables name what `log_fields` takes, and nothing else."""
    assert table("`jwtguard_event` | level |") == set(get_args(LogEvent))
    fields: Any = log_fields("refused", reason="r", subject="s", session_id="i", actor="a", source="s", callback="c")
    assert table("field |") == set(fields)


def test_every_record_has_its_fields() -> None:
    """Wherever the package logs, it says which event that is; and every event is logged somewhere."""
    logged, named = 0, ""
    for path in (ROOT / "jwtguard").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        named += text if path.name != "logs.py" else ""
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and re.fullmatch(
                r"logger\.(log|info|warning|error|exception)", ast.unparse(node.func)
            ):
                assert any(keyword.arg == "extra" for keyword in node.keywords), f"{path.name}:{node.lineno}"
                logged += 1
    assert logged > 15
    assert [event for event in get_args(LogEvent) if f'"{event}"' not in named] == []


def test_limit_of_refusals() -> None:
    """An address is over the limit when so many of its tokens were refused, and no other address is."""
    limit = run(PAGE, {}, "Limit a client whose tokens are refused")["RefusalLimit"](most=2)
    told: list[tuple[Literal["accepted", "refused"], str]] = [
        ("accepted", "accepted"),
        ("refused", "missing_token"),
        ("refused", "form"),
    ]
    for outcome, reason in told:
        limit.on_event(Event(outcome=outcome, reason=reason, client="192.0.2.1"))
    assert not limit.is_over("192.0.2.1")
    limit.on_event(Event(outcome="unavailable", reason="introspection", client="192.0.2.1"))
    assert (limit.is_over("192.0.2.1"), limit.is_over("192.0.2.2")) == (True, False)
