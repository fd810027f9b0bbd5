"""docs/other-frameworks.md: each block is a guarded application as it stands."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from django.urls import path

from jwtguard import Rules, has_role
from jwtguard.testing import RawAnswer, RawRequest, asgi_client, websocket_client, wsgi_client
from jwtguard.testing.conformance.adapter_case import bearer, token
from jwtguard.testing.conformance.adapter_sites import guard_for_tests
from tests.adapters.django_site import with_settings
from tests.examples.documents import ROOT, blocks, run

PAGE = ROOT / "docs" / "other-frameworks.md"
GOOD = bearer(token(roles=["accounting"]))
LEFT = {"type": "websocket.disconnect", "code": 1000}
OTHER = bearer(token(roles=["other"]))


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """Litestar configures the root logger of the process, for all tests that come after."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, logging_as_before: None) -> Callable[[str], dict[str, Any]]:
    """A function that gives what the names of a block stand for, with a guard whose rules ask for the role."""

    def make(heading: str) -> dict[str, Any]:
        # A module, since some of these frameworks look the annotations of a function up in its module.
        module = ModuleType("shown")
        monkeypatch.setitem(sys.modules, "shown", module)
        rules = None if heading in {"Litestar", "Django Ninja"} else Rules([], default=has_role("accounting"))
        vars(module)["guard"] = guard_for_tests(rules=rules)
        return run(PAGE, vars(module), heading)

    return make


def ninja(shown: dict[str, Any]) -> Any:
    """The project around the API."""
    urls = ModuleType("urls")
    vars(urls)["urlpatterns"] = [path("", shown["api"].urls)]
    return wsgi_client(with_settings({"ROOT_URLCONF": urls, "MIDDLEWARE": []}, is_asgi=False))


CLIENTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "Litestar": lambda shown: asgi_client(shown["app"]),
    "Django Ninja": ninja,
    "Quart": lambda shown: asgi_client(shown["app"]),
    "Falcon": lambda shown: asgi_client(shown["app"]),
    "APIFlask and flask-smorest": lambda shown: wsgi_client(shown["app"]),
}


@pytest.mark.parametrize("heading", CLIENTS)
def test_http(shown: Callable[[str], dict[str, Any]], heading: str) -> None:
    """The caller with the role is let in, another is 403, and one without a token 401."""
    client = CLIENTS[heading](shown(heading))
    found = [client(RawRequest(target="/reports", headers=headers)) for headers in ([], [OTHER], [GOOD])]
    assert [answer.status for answer in found] == [401, 403, 200]
    assert found[-1].json() == {"for": "user-1"}


def test_channels(shown: Callable[[str], dict[str, Any]]) -> None:
    """A handshake with a token is accepted, and the consumer knows the caller."""
    app = shown("Channels")["app"]
    opened = websocket_client(app, RawRequest(target="/feed", headers=[GOOD]), incoming=[LEFT])
    assert any(message.get("text") == "hello user-1" for message in opened)
    refused = websocket_client(app, RawRequest(target="/feed"), incoming=[LEFT])
    assert not any(message["type"] == "websocket.accept" for message in refused)


def test_strawberry(shown: Callable[[str], dict[str, Any]]) -> None:
    """A query with a token gets its answer, and one without is 401."""
    client = asgi_client(shown("Strawberry")["app"])

    def ask(*headers: tuple[str, str]) -> RawAnswer:
        body = json.dumps({"query": "{ reportsFor }"}).encode()
        kind = ("Content-Type", "application/json")
        return client(RawRequest(method="POST", target="/", headers=[kind, *headers], body=body))

    assert ask().status == 401
    assert ask(GOOD).json() == {"data": {"reportsFor": "user-1"}}


def test_every_heading_is_tried() -> None:
    """A framework that is added to the page needs a test."""
    assert {heading for heading, _, _ in blocks(PAGE)} == {*CLIENTS, "Channels", "Strawberry"}
