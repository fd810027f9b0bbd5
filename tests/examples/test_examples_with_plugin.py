"""The examples as their authors would test them: in process, with the fixtures of the pytest plugin and no login."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from jwtguard import Guard
from jwtguard.testing import Authenticated, FrozenClock, TokenFor
from tests.examples.servers import MANAGE, ROOT

pytest_plugins = ["pytester"]


@dataclass(frozen=True, kw_only=True)
class Example:
    """An application, its guard, and what a test client of it answers."""

    guard: Guard
    client: Any

    def get(self, path: str) -> int:
        return int(self.client.get(path).status_code)

    def rename(self) -> int:
        return int(self.client.post("/me", json={"display_name": "Ada"}).status_code)


def flask_example(data: Path) -> Example:
    app = importlib.import_module("examples.flask_app.app").create_app(data)
    (guard,) = app.extensions["jwtguard"].values()
    return Example(guard=guard, client=app.test_client())


def fastapi_example(data: Path) -> Example:
    module = importlib.import_module("examples.fastapi_app.app")
    return Example(guard=module.guard, client=TestClient(module.app))


def starlette_example(data: Path) -> Example:
    module = importlib.import_module("examples.starlette_app.app")
    return Example(guard=module.guard, client=TestClient(module.app))


EXAMPLES: dict[str, Callable[[Path], Example]] = {
    "flask": flask_example,
    "fastapi": fastapi_example,
    "starlette": starlette_example,
}


@pytest.fixture(params=EXAMPLES)
def example(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Example:
    """Each application, with its data in a directory of this test."""
    monkeypatch.setenv("EXAMPLE_DATA", str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("examples.")]:
        monkeypatch.delitem(sys.modules, name)  # They read where their data is when they are imported.
    return EXAMPLES[request.param](tmp_path)


@pytest.fixture
def jwtguard_guard(example: Example) -> Guard:
    return example.guard


# Who is calling, the path, and the status.
PAGES = [
    ({}, "/me", 200),
    ({}, "/reports", 403),
    ({"scope": ["reports:read"]}, "/reports", 200),
    ({}, "/admin/users", 403),
    ({"roles": ["admin"]}, "/admin/users", 200),
    ({"roles": ["administrator"]}, "/admin/users", 403),
    ({"expires_in": timedelta(minutes=-1)}, "/me", 401),
    ({"claims": {"aud": "https://other.example"}}, "/me", 401),
]


@pytest.mark.parametrize(("rights", "path", "status"), PAGES)
def test_who_may_see_what(example: Example, authenticated: Authenticated, rights: Any, path: str, status: int) -> None:
    """A role, a scope, or just anybody."""
    authenticated(example.client, "ada", **rights)
    assert example.get(path) == status


def test_no_caller(example: Example) -> None:
    """Without a token only the front page is open."""
    assert [example.get(path) for path in ("/", "/me", "/reports", "/admin/users")] == [200, 401, 401, 401]


def test_a_page_of_our_own_may_change_something(example: Example, authenticated: Authenticated) -> None:
    """With the cookie, and with what a page of ours sends beside it; in the one without cookies, by its header."""
    cookies = len(example.guard.tokens_from) > 1
    authenticated(example.client, "ada", via="cookie" if cookies else "header")
    assert example.rename() == 200
    if cookies:
        authenticated(example.client, "ada", via="cookie", csrf=False)
        assert example.rename() == 403


def test_a_session_that_has_ended(example: Example, token_for: TokenFor, authenticated: Authenticated) -> None:
    """A token of an unknown session is refused where the example looks sessions up."""
    authenticated(example.client, "ada", session_id="ended")
    assert example.get("/me") == (401 if example.guard.has_revocation else 200)


def test_logged_out_by_time(example: Example, authenticated: Authenticated, frozen_clock: FrozenClock) -> None:
    """Five minutes, and ten seconds of leeway."""
    authenticated(example.client, "ada")
    frozen_clock.tick(timedelta(minutes=5, seconds=9))
    assert example.get("/me") == 200
    frozen_clock.tick(1)
    assert example.get("/me") == 401


def test_django(pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The project's own settings hold for a whole process, so its tests run in one of their own."""
    monkeypatch.setenv("EXAMPLE_DATA", str(tmp_path))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "project.settings")
    pytester.makeconftest(
        f"""
        import sys

        sys.path[:0] = [{str(MANAGE.parent)!r}]
        sys.path.append({str(ROOT)!r})

        import django
        import pytest

        django.setup()

        from accounts.tokens import guard
        from django.contrib.auth.models import User
        from django.core.management import call_command
        from django.test import Client

        @pytest.fixture
        def jwtguard_guard():
            return guard

        @pytest.fixture
        def ada():
            call_command("migrate", verbosity=0)
            return User.objects.create(username="ada")

        @pytest.fixture
        def client():
            return Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
        """
    )
    pytester.makepyfile(
        """
        def test_the_example(ada, client, authenticated):
            assert [client.get(path).status_code for path in ("/", "/me")] == [200, 401]
            authenticated(client, str(ada.pk), via="cookie", roles=["admin"], scope=["reports:read"])
            assert client.get("/me").json()["name"] == "ada"
            assert [client.get(path).status_code for path in ("/reports", "/admin/users")] == [200, 200]
            body = {"display_name": "Ada"}
            assert client.post("/me", body, content_type="application/json").status_code == 200
            authenticated(client, str(ada.pk), via="cookie", csrf=False)
            assert client.post("/me", body, content_type="application/json").status_code == 403
            assert client.get("/admin/users").status_code == 403
        """
    )
    result = pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", "-p", "no:django")
    result.assert_outcomes(passed=1)
