"""`manage.py check`: settings that cannot work are errors, insecure ones are warnings, and each has its name."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.test.utils import override_settings
from django.urls import path

from jwtguard import UNCHECKED, ConfigurationError, Principal, Rule, Rules, TokenCookie, TokenQuery, public
from jwtguard.django import DjangoGuard, GuardMiddleware, default_guard, requires
from jwtguard.django.checks import check_order
from jwtguard.django.settings import NOT_INSTALLED
from jwtguard.django.shipped_pattern import unusable_routes
from jwtguard.django.store import STORES
from jwtguard.testing.conformance.adapter_sites import AUDIENCE, ISSUER, guard_for_tests
from jwtguard.testing.conformance.route_sites import route_site
from tests.adapters.django_site import CSRF

CONFIG = {"issuer": ISSUER, "audience": AUDIENCE, "keys": {"secret": "a secret for tests, known to all"}}
MIDDLEWARE = "jwtguard.django.GuardMiddleware"
OWN = f"{__name__}.OwnMiddleware"
USERS = "django.contrib.auth.middleware.AuthenticationMiddleware"
COOKIE = [TokenCookie("__Host-access")]
IDENTIFYING = {**CONFIG, "rules": "UNCHECKED"}
RULED = guard_for_tests(rules=Rules([Rule("/public", public)]))


@pytest.fixture(autouse=True)
def _no_stores() -> None:
    """The checks ask every store of the process, those of other tests too."""
    STORES.clear()


class OwnMiddleware(GuardMiddleware):
    """A middleware whose guard is named in code, and is insecure."""

    guard = guard_for_tests(tokens_from=[TokenQuery("t")], rules=UNCHECKED)


class RuledMiddleware(GuardMiddleware):
    """A middleware with the very guard that the setting names."""

    guard = RULED


class SilentMiddleware(GuardMiddleware):
    """A middleware whose guard does not say what it does in front of everything."""

    guard = guard_for_tests()


class WrongMiddleware(GuardMiddleware):
    """A middleware with a mapping where a guard belongs."""

    guard = CONFIG  # type: ignore[assignment]


class SilentAuthMiddleware(GuardMiddleware):
    """The same, with a `DjangoGuard`."""

    guard = DjangoGuard(guard_for_tests())


def function_middleware(get_response: Any) -> Any:
    """A middleware that is a function."""
    raise AssertionError


def find_user(principal: Principal) -> object:
    """A function for JWTGUARD_USER."""
    raise AssertionError


def ours(**settings: Any) -> list[CheckMessage]:
    """What our checks say about the settings."""
    with override_settings(**{"MIDDLEWARE": [], "DEBUG": False, **settings}):
        return [message for message in run_checks() if str(message.id).startswith("jwtguard.")]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # Nothing is used, or all of it is right.
        ({}, []),
        ({"JWTGUARD": CONFIG}, []),
        ({"JWTGUARD": IDENTIFYING, "MIDDLEWARE": [MIDDLEWARE]}, []),
        ({"JWTGUARD": guard_for_tests(tokens_from=COOKIE, rules=UNCHECKED), "MIDDLEWARE": [MIDDLEWARE]}, []),
        ({"MIDDLEWARE": [CSRF]}, []),
        ({"JWTGUARD": RULED, "MIDDLEWARE": [f"{__name__}.function_middleware"]}, ["E003"]),
        # Settings that cannot work.
        ({"MIDDLEWARE": [MIDDLEWARE]}, ["E001"]),
        ({"JWTGUARD": {**CONFIG, "isuer": "x"}}, ["E001"]),
        ({"JWTGUARD": {**CONFIG, "isuer": "x", "leeway": -1}}, ["E001", "E001"]),
        ({"JWTGUARD": "nowhere.guard"}, ["E001"]),
        ({"JWTGUARD": 5, "MIDDLEWARE": [MIDDLEWARE]}, ["E001"]),
        ({"JWTGUARD_USER": "nowhere.find"}, ["E002"]),
        ({"JWTGUARD": CONFIG, "JWTGUARD_USER": 5}, ["E002"]),
        # Settings that nothing reads, and guards that are none.
        ({"JWTGUARD_SESSION": "project.auth.sessions"}, ["E007"]),
        ({"JWTGUARD_USERS": 5, "JWTGUARDS": 5}, ["E007", "E007"]),
        ({"MIDDLEWARE": [f"{__name__}.WrongMiddleware"]}, ["E001"]),
        ({"MIDDLEWARE": ["nowhere.Middleware"]}, []),
        # A guard in front of everything that does not say what it does.
        ({"JWTGUARD": CONFIG, "MIDDLEWARE": [MIDDLEWARE]}, ["E005"]),
        ({"JWTGUARD": {**CONFIG, "rules": None}, "MIDDLEWARE": [MIDDLEWARE]}, ["E005"]),
        ({"JWTGUARD": {**CONFIG, "rules": []}, "MIDDLEWARE": [MIDDLEWARE]}, []),
        ({"MIDDLEWARE": [f"{__name__}.SilentMiddleware"]}, ["E005"]),
        ({"MIDDLEWARE": [f"{__name__}.SilentAuthMiddleware"]}, ["E005"]),
        ({"JWTGUARD": IDENTIFYING, "MIDDLEWARE": [f"{__name__}.SilentMiddleware", MIDDLEWARE]}, ["E005"]),
        ({"JWTGUARD": 5, "JWTGUARD_USER": 5}, ["E002", "E001"]),
        ({"JWTGUARD": RULED}, ["E003"]),
        ({"JWTGUARD": RULED, "MIDDLEWARE": [OWN]}, ["E003", "W004"]),
        ({"JWTGUARD": RULED, "MIDDLEWARE": [MIDDLEWARE]}, []),
        ({"JWTGUARD": RULED, "MIDDLEWARE": [f"{__name__}.RuledMiddleware"]}, []),
        ({"JWTGUARD": IDENTIFYING, "JWTGUARD_USER": find_user, "MIDDLEWARE": [MIDDLEWARE, USERS]}, ["E004"]),
        ({"JWTGUARD": IDENTIFYING, "JWTGUARD_USER": find_user, "MIDDLEWARE": [USERS, MIDDLEWARE]}, []),
        ({"JWTGUARD": IDENTIFYING, "JWTGUARD_USER": find_user, "MIDDLEWARE": [MIDDLEWARE]}, []),
        ({"JWTGUARD": CONFIG, "JWTGUARD_USER": find_user, "MIDDLEWARE": [USERS]}, []),
        ({"JWTGUARD": IDENTIFYING, "MIDDLEWARE": [MIDDLEWARE, USERS]}, []),
        # Settings that are insecure.
        ({"JWTGUARD": guard_for_tests(tokens_from=COOKIE, csrf=UNCHECKED)}, ["W001"]),
        ({"JWTGUARD": guard_for_tests(csrf=UNCHECKED)}, []),
        ({"JWTGUARD": guard_for_tests(tokens_from=[TokenCookie("access", development=True)])}, ["W002"]),
        ({"JWTGUARD": guard_for_tests(tokens_from=[TokenCookie("access", development=True)]), "DEBUG": True}, []),
        ({"JWTGUARD": guard_for_tests(tokens_from=[TokenCookie("access", secure=False)])}, ["W003"]),
        ({"JWTGUARD": guard_for_tests(tokens_from=[TokenQuery("t")])}, ["W004"]),
        ({"JWTGUARD": {**CONFIG, "issuer": {"unchecked": True}}}, ["W005"]),
        ({"JWTGUARD": {**CONFIG, "issuer": {"unchecked": True}, "audience": {"unchecked": True}}}, ["W005", "W005"]),
        # Every guard in front is looked at.
        ({"MIDDLEWARE": [OWN]}, ["W004"]),
        ({"JWTGUARD": IDENTIFYING, "MIDDLEWARE": [OWN, MIDDLEWARE]}, ["W004"]),
        ({"JWTGUARD": OwnMiddleware.guard, "MIDDLEWARE": [OWN]}, ["W004"]),
    ],
)
def test_checks(settings: dict[str, Any], expected: list[str]) -> None:
    """Each setting gets the messages that it deserves, and no other."""
    found = ours(**settings)
    assert [str(message.id).removeprefix("jwtguard.") for message in found] == expected
    assert [message.is_serious() for message in found] == [number.startswith("E") for number in expected]


def test_every_message_says_what_to_do() -> None:
    """A message has a hint, unless it says itself what to write."""
    insecure = guard_for_tests(
        tokens_from=[TokenCookie("a", secure=False), TokenCookie("b", development=True), TokenQuery("t")],
        csrf=UNCHECKED,
        rules=Rules([]),
    )
    messages = ours(JWTGUARD=insecure, JWTGUARD_USER=find_user, MIDDLEWARE=[OWN, USERS])
    assert {message.id for message in messages} == {
        f"jwtguard.{name}" for name in ("E003", "E004", "W001", "W002", "W003", "W004")
    }
    assert all(message.hint for message in messages)
    (missing,) = ours(MIDDLEWARE=[MIDDLEWARE])
    assert missing.msg.startswith("JWTGUARD: the setting JWTGUARD is missing: set JWTGUARD = ")


def test_manage_py_check() -> None:
    """`manage.py check` fails on an error, and names it."""
    with override_settings(MIDDLEWARE=[MIDDLEWARE]), pytest.raises(SystemCheckError, match=r"jwtguard\.E001"):
        call_command("check")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("JWTGUARD_SESSION", "JWTGUARD_SESSIONS"),
        ("JWTGUARD_USERS", "JWTGUARD_USER"),
        ("JWTGUARD_ROUTE", "JWTGUARD_ROUTES"),
        ("JWTGUARDS", "JWTGUARD"),
    ],
)
def test_misspelt_settings(name: str, nearest: str) -> None:
    """A setting that begins with our name and is none of ours is an error, with the nearest one there is."""
    from jwtguard.django.checks import check_settings

    with override_settings(MIDDLEWARE=[]):
        setattr(settings, name, "x")
        try:
            (found,) = check_settings()
        finally:
            delattr(settings, name)
    assert (found.id, found.msg) == ("jwtguard.E007", f"unknown setting {name!r}: did you mean {nearest!r}?")


def manage(folder: Path, installed: str, middleware: str, more: str) -> subprocess.CompletedProcess[str]:
    """What `manage.py check` says in a project that includes the shipped routes."""
    (folder / "urls.py").write_text(
        'from django.urls import include, path\nurlpatterns = [path("auth/", include("jwtguard.django.urls"))]\n'
    )
    (folder / "manage.py").write_text(
        "import sys\n"
        "from django.conf import settings\n"
        "from django.core.management import execute_from_command_line\n"
        'config = {"issuer": "https://i.example", "audience": "https://a.example", "keys": {"secret": "x" * 32}}\n'
        f'settings.configure(SECRET_KEY="x" * 50, ROOT_URLCONF="urls", USE_TZ=True, INSTALLED_APPS={installed},'
        f" MIDDLEWARE={middleware}, {more})\n"
        "execute_from_command_line(sys.argv)\n"
    )
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


INSTALLED, FRONT = '["jwtguard.django"]', '["jwtguard.django.GuardMiddleware"]'


@pytest.mark.parametrize(
    ("installed", "middleware", "more", "expected"),
    [
        # A wrong guard, with routes that need one.
        (INSTALLED, "[]", 'JWTGUARD={**config, "isuer": "x"}', {"E001"}),
        (INSTALLED, FRONT, 'JWTGUARD={**config, "isuer": "x"}', {"E001"}),
        (INSTALLED, "[]", 'JWTGUARD={**config, "isuer": "x"}, JWTGUARD_SESSIONS="x.y"', {"E001", "E201"}),
        (INSTALLED, "[]", "JWTGUARD=5", {"E001"}),
        (INSTALLED, "[]", 'JWTGUARD="nowhere.guard"', {"E001"}),
        (INSTALLED, "[]", "JWTGUARD=config", {"E201"}),
        (INSTALLED, "[]", "DEBUG=False", {"E201"}),
        (INSTALLED, "[]", "JWTGUARD=config, JWTGUARD_SESSION=5", {"E007", "E201"}),
        (INSTALLED, "[]", "JWTGUARD=config, JWTGUARD_ROUTES=5", {"E201"}),
        # The app is missing, and its checks with it.
        ("[]", "[]", "JWTGUARD=config", {"E006", "E201"}),
        ("[]", FRONT, 'JWTGUARD={**config, "isuer": "x"}', {"E006", "E201"}),
    ],
)
def test_manage_py_check_of_routes(
    installed: str, middleware: str, more: str, expected: set[str], tmp_path: Path
) -> None:
    """Settings from which no routes can be made are errors of `manage.py check`, and no traceback."""
    said = manage(tmp_path, installed, middleware, more)
    assert said.returncode == 1, said.stderr
    assert "Traceback" not in said.stderr
    assert set(re.findall(r"jwtguard\.([EW]\d+)", said.stderr)) == expected, said.stderr
    lines = [line for line in said.stderr.splitlines() if "(jwtguard." in line]
    assert len(lines) == len(set(lines))


PROBLEM = ConfigurationError("one", "two")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, [("E201", "one"), ("E201", "two")]),
        ({"JWTGUARD": CONFIG}, [("E201", "one"), ("E201", "two")]),
        ({"JWTGUARD_ROUTES": {}}, []),  # The check of these settings says it.
        ({"JWTGUARD_SESSIONS": "x"}, []),
        ({"INSTALLED_APPS": []}, [("E006", NOT_INSTALLED), ("E201", "one"), ("E201", "two")]),
        ({"INSTALLED_APPS": [], "JWTGUARD_ROUTES": {}}, [("E006", NOT_INSTALLED), ("E201", "one"), ("E201", "two")]),
    ],
)
def test_routes_that_cannot_be_made(changed: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """Their pattern says why, unless another check does; and that the app is missing, whose checks are missing then."""
    with override_settings(**changed):
        (pattern,) = unusable_routes(PROBLEM)
        found = [(str(message.id).removeprefix("jwtguard."), message.msg) for message in pattern.check()]
    assert found == expected


def test_a_guard_that_cannot_be_made() -> None:
    """A problem that the check of `JWTGUARD` reports is not reported twice."""
    with override_settings(JWTGUARD=5):
        with pytest.raises(ConfigurationError) as raised:
            default_guard()
        assert unusable_routes(raised.value)[0].check() == []


@pytest.mark.parametrize("wanted", ["login", "x/y", ""])
def test_a_request_for_routes_that_cannot_be_made(wanted: str) -> None:
    """A request for a path below routes that cannot be made raises the problems."""
    match = unusable_routes(PROBLEM)[0].resolve(wanted)
    assert match is not None
    with pytest.raises(ConfigurationError) as raised:
        match.func(RequestFactory().get("/"), *match.args, **match.kwargs)
    assert raised.value.problems == PROBLEM.problems


def fresh_urls() -> list[Any]:
    """The `urlpatterns` of `jwtguard.django.urls`, imported under the present settings."""
    spec = importlib.util.find_spec("jwtguard.django.urls")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: list[Any] = module.urlpatterns
    return found


def test_the_urls_of_a_project_without_a_guard() -> None:
    """Importing `jwtguard.django.urls` never raises: that would be a traceback from whatever imports it first."""
    with override_settings(JWTGUARD=None):
        found = fresh_urls()
    assert [message.id for message in found[0].check()] == ["jwtguard.E201"]


def test_the_urls_of_a_project() -> None:
    """With sessions they are the shipped routes, and Django finds nothing wrong with them."""
    site = route_site("bearer")
    with override_settings(JWTGUARD=site.guard, JWTGUARD_SESSIONS=site.sessions, JWTGUARD_ROUTES=site.settings):
        found = fresh_urls()
        assert [message for pattern in found for message in pattern.check()] == []
    assert found[0].name == "jwtguard_login"


@pytest.mark.parametrize("default", [guard_for_tests(), 5, None])
def test_rules_of_a_guard_that_a_view_names(default: Any) -> None:
    """Rules that no middleware enforces are an error, once; those of a guard in front or of the settings are not."""

    def view(request: HttpRequest) -> HttpResponse:
        raise AssertionError

    named = [
        path("a", requires(guard=RULED)(view)),
        path("b", requires(guard=RULED)(view)),
        path("c", requires()(view)),
    ]
    with override_settings(ROOT_URLCONF=tuple(named), MIDDLEWARE=[], JWTGUARD=default):
        assert [message.id for message in check_order()] == ["jwtguard.E003"]
    with override_settings(ROOT_URLCONF=tuple(named), MIDDLEWARE=[f"{__name__}.RuledMiddleware"], JWTGUARD=default):
        assert check_order() == []
    with override_settings(ROOT_URLCONF=tuple(named), MIDDLEWARE=[], JWTGUARD=RULED):
        assert check_order() == []  # That of the settings has a check of its own.
