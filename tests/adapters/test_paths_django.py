"""Every spelling of a path that Django's resolver serves is decided by the rule of its view, or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.test.utils import override_settings
from django.urls import include, path, re_path
from django.views.static import serve

from jwtguard import Guard
from jwtguard.django import GuardMiddleware
from jwtguard.django.requests import read
from jwtguard.testing import wsgi_client
from tests.adapters import django_site as django_site  # configures Django's settings
from tests.adapters.spellings import Build, Send, assert_agreement, compare, on_one_loop

COMMON = "django.middleware.common.CommonMiddleware"


def view(name: str, *, is_async: bool) -> Callable[..., Any]:
    """A view that answers with its name."""

    def named(request: HttpRequest, **_: object) -> HttpResponse:
        return HttpResponse(name)

    async def named_async(request: HttpRequest, **_: object) -> HttpResponse:
        return HttpResponse(name)

    return named_async if is_async else named


def urls(folder: Path, *, is_async: bool) -> ModuleType:
    """Patterns of each kind."""

    def made(name: str) -> Callable[..., Any]:
        return view(name, is_async=is_async)

    module = ModuleType("urls")
    vars(module)["urlpatterns"] = [
        path("admin", made("admin")),
        path("admin/", include([path("users", made("users")), path("groups/", made("groups"))])),
        path("items/<int:number>", made("items")),
        path("files/<path:path>", made("files")),
        path("names/<name>", made("names")),
        path("caf\xe9/", made("cafe")),
        re_path(r"^old/page$", made("old")),
        re_path(r"^optional/page/?$", made("optional")),
        re_path(r"^end/page\Z", made("end")),
        re_path(r"^below/", include([re_path(r"^(?P<number>\d+)/$", made("below"))])),
        re_path(r"^static/(?P<path>.*)$", serve, {"document_root": folder}),
    ]
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of which those in `private` need another role."""
    made = tmp_path_factory.mktemp("static")
    (made / "private").mkdir()
    (made / "x").mkdir()
    (made / "open.txt").write_text("open")
    (made / "private" / "report").write_text("private")
    return made


class Guarded(GuardMiddleware):
    """The middleware of the guard at hand."""


@contextmanager
def project(folder: Path, runner: asyncio.Runner | None = None, **settings: Any) -> Iterator[Build]:
    """A project with these settings; with a runner it is asked by ASGI."""

    def build(guard: Guard | None) -> Send:
        Guarded.guard = guard
        in_front = [] if guard is None else [f"{__name__}.Guarded"]
        with override_settings(MIDDLEWARE=[*in_front, COMMON]):
            return wsgi_client(WSGIHandler()) if runner is None else on_one_loop(runner, ASGIHandler())

    with override_settings(ROOT_URLCONF=urls(folder, is_async=runner is not None), ALLOWED_HOSTS=["*"], **settings):
        yield build


RULES = {
    "admin": "/admin",
    "users": "/admin/users",
    "groups": "/admin/groups",
    "items": "/items/",
    "files": "/files/",
    "names": "/names/",
    "cafe": "/caf\xe9",
    "old": "/old/page",
    "optional": "/optional/page",
    "end": "/end/page",
    "below": "/below/",
    "open": "/static/",
    "private": "/static/private/",
}
PATHS = [
    "/admin/users",
    "/items/7",
    "/files/a/b",
    "/names/n",
    "/caf\xe9/",
    "/old/page",
    "/optional/page",
    "/below/7/",
    "/static/private/report",
]


def test_patterns(folder: Path) -> None:
    """Paths, regular expressions, included patterns and static files."""
    with project(folder) as build:
        found = compare(build, RULES, PATHS)
    assert_agreement(
        found,
        served=["/admin/users", "/optional/page/", "/static/private/report/", "/names/n%25ff"],
        refused=["/names/n%ff", "/names/%0an", "/static/x/../private/report", "/static//private/report"],
    )


@pytest.mark.parametrize("append_slash", [True, False])
@pytest.mark.parametrize("script_name", [None, "/mounted", "/admin"])
def test_settings(folder: Path, script_name: str | None, *, append_slash: bool) -> None:
    """Rules see `path_info`, whatever is forced in front of it, and slashes are appended by redirects alone."""
    with project(folder, APPEND_SLASH=append_slash, FORCE_SCRIPT_NAME=script_name) as build:
        found = compare(build, RULES, ["/admin/users", "/admin/groups/"], root_path="/ignored" if script_name else "")
    assert_agreement(found, served=["/admin/users", "/admin/groups/"])


@pytest.mark.parametrize("root_path", ["", "/files"])
def test_asgi(folder: Path, root_path: str) -> None:
    """The same under ASGI, where the server has decoded the path."""
    with asyncio.Runner() as runner, project(folder, runner) as build:
        found = compare(build, RULES, ["/admin/users", "/names/n"], root_path=root_path)
    assert_agreement(found, served=["/admin/users"], refused=["/names/n%0a", "/names/n%ff"])


def test_double_slashes(folder: Path) -> None:
    """Where two slashes are allowed, every reading is decided."""
    with project(folder) as build:
        found = compare(build, RULES, ["/files/a/b", "/static/private/report"], allow_double_slash=True)
    assert_agreement(found, served=["/files//a/b"], refused=["/static/x/../private/report"])


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        ("/a%FF", "/a\ufffd"),
        ("/a%C3", "/a\ufffd"),
        ("/a%E2%82", "/a\ufffd"),
        ("/a%C3%A4", "/a\xe4"),
        ("/a%25", "/a%"),
        ("/a%252F", "/a%2F"),
        ("/a%25C3%25A4", "/a%C3%A4"),
    ],
)
def test_bytes_that_are_not_text(sent: str, seen: str) -> None:
    """Under WSGI, Django escapes bytes that are not UTF-8; rules see U+FFFD for them, as in every other framework."""
    assert read(RequestFactory().get(sent)).path == seen
