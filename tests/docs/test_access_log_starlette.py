"""docs/frameworks.md: an access log outside the middleware, in the same application, knows the caller."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from jwtguard import Rule, Rules, public
from jwtguard.testing import RawRequest, asgi_client
from jwtguard.testing.conformance.adapter_case import EXPIRED, GOOD, bearer
from jwtguard.testing.conformance.adapter_sites import guard_for_tests
from tests.examples.documents import ROOT, blocks


@pytest.mark.parametrize(
    ("path", "token", "line"),
    [("/x", GOOD, "/x 404 user-1"), ("/x", EXPIRED, "/x 401 "), ("/public", None, "/public 404 ")],
)
def test_access_log(path: str, token: str | None, line: str, caplog: pytest.LogCaptureFixture) -> None:
    """A caller, a refusal, and a request without a token."""
    (code,) = [code for _, _, code in blocks(ROOT / "docs" / "frameworks.md") if "access_log" in code]
    shown: dict[str, Any] = {"guard": guard_for_tests(rules=Rules([Rule("/public", public)]))}
    exec(code, shown)
    caplog.set_level(logging.INFO)
    headers = [] if token is None else [bearer(token)]
    asgi_client(shown["logged"])(RawRequest(target=path, headers=headers))
    assert line in caplog.messages
