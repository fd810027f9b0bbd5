"""Every spelling of a path that a Flask router serves is decided by the rule of its view, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from jwtguard import Guard
from jwtguard.flask import FlaskGuard
from jwtguard.testing import wsgi_client
from tests.adapters.spellings import Build, Send, assert_agreement, compare


def view(name: str) -> Callable[..., str]:
    """A view that answers with its name."""
    return lambda **_: name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of which those in `private` need another role."""
    made = tmp_path_factory.mktemp("static")
    (made / "private").mkdir()
    (made / "x").mkdir()
    (made / "open.txt").write_text("open")
    (made / "private" / "report").write_text("private")
    return made


def application(folder: Path, guard: Guard | None, **settings: Any) -> Flask:
    """A Flask application with routes of each kind; `settings` are those of its URL map."""
    is_by_host = bool(settings.get("host_matching"))
    app = Flask(
        __name__,
        static_folder=str(folder),
        static_url_path="/static",
        host_matching=is_by_host,
        static_host="<host>" if is_by_host else None,
    )
    for name, value in settings.items():
        setattr(app.url_map, name, value)
    host: dict[str, Any] = {"host": "<host>"} if is_by_host else {}
    for path, name in ROUTES.items():
        app.add_url_rule(path, name, view(name), **host)
    below = Blueprint("below", __name__, url_prefix="/admin")
    below.add_url_rule("/users", "users", view("users"), **host)
    app.register_blueprint(below)
    if guard is not None:
        FlaskGuard(guard).init_app(app)
    return app


def building(folder: Path, **settings: Any) -> Build:
    """Clients of such applications."""
    return lambda guard: wsgi_client(application(folder, guard, **settings))


ROUTES = {
    "/admin": "admin",
    "/items/<int:number>": "items",
    "/files/<path:path>": "files",
    "/names/<name>": "names",
    "/caf\xe9/": "cafe",
}
RULES = {
    "admin": "/admin",
    "users": "/admin/users",
    "items": "/items/",
    "files": "/files/",
    "names": "/names/",
    "cafe": "/caf\xe9",
    "open": "/static/",
    "private": "/static/private/",
}
PATHS = ["/admin/users", "/items/7", "/files/a/b", "/names/n", "/caf\xe9/", "/static/private/report"]


def test_routes(folder: Path) -> None:
    """Routes, converters, blueprints and static files."""
    found = compare(building(folder), RULES, PATHS)
    assert_agreement(
        found,
        served=["/admin/users", "/%61dmin/users", "/static/private/report/", "%2fadmin/users"],
        # Werkzeug drops slashes at the start, and adds one.
        refused=["//admin/users", "admin/users", "/static/x/../private/report", "/names/%0an", "/names/n%ff"],
    )


@pytest.mark.parametrize("settings", [{"merge_slashes": False}, {"strict_slashes": False}, {"host_matching": True}])
def test_settings(folder: Path, settings: dict[str, bool]) -> None:
    """Paths are matched for each setting of the URL map's slashes, and for every host."""
    found = compare(building(folder, **settings), RULES, ["/admin/users", "/files/a/b", "/static/private/report"])
    assert_agreement(found, served=["/admin/users"], refused=["//admin/users", "admin/users", "/files/%2e/a/b"])


@pytest.mark.parametrize("merge_slashes", [True, False])
def test_double_slashes(folder: Path, *, merge_slashes: bool) -> None:
    """Where two slashes are allowed, every reading is decided."""
    build = building(folder, merge_slashes=merge_slashes)
    found = compare(build, RULES, ["/admin/users", "/files/a/b", "/static/private/report"], allow_double_slash=True)
    assert_agreement(found, served=["//admin/users", "///admin/users"], refused=["/static/x/../private/report"])


@pytest.mark.parametrize("root_path", ["/mounted", "/admin", "/mounted/"])
def test_script_name(folder: Path, root_path: str) -> None:
    """Rules see PATH_INFO, whatever SCRIPT_NAME stands in front."""
    found = compare(building(folder), RULES, ["/admin/users"], root_path=root_path)
    assert_agreement(found, served=["/admin/users"], refused=["//admin/users"])


def test_dispatched(folder: Path) -> None:
    """Below a dispatcher, rules see the path of the application that is guarded."""

    def dispatched(guard: Guard | None) -> Send:
        return wsgi_client(DispatcherMiddleware(Flask("outer"), {"/inner": application(folder, guard)}))

    found = compare(dispatched, RULES, ["/inner/admin/users"])
    # The dispatcher cuts off the mount; what is in front of it is no part of the path that the guard sees.
    assert found.opened == found.closed == []
    assert "/inner/admin/users" in set(found.served) - set(found.refused)
    assert "/inner//admin/users" in found.refused
