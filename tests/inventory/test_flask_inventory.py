"""The routes of Flask applications: decorators, rules, blueprints, class views, shipped routes, mounted ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask
from flask.views import MethodView, View
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from jwtguard import Guard, Rule, TokenHeader, denied, has_role, has_scope, optional, public
from jwtguard.flask import FlaskGuard
from jwtguard.inventory import inventory
from tests.inventory.apps import guard_with, row, rows, sessions_with


def app_with(guard: Guard | None = None) -> tuple[Flask, FlaskGuard]:
    """An application without static files; behind the middleware of `guard` if it has rules."""
    app, auth = Flask(__name__, static_folder=None), FlaskGuard(guard or guard_with(has_rules=False))
    auth.init_app(app)
    return app, auth


def view(**_: object) -> str:
    """Any view."""
    return ""


def test_what_decorators_ask_for() -> None:
    """Each decorator of a view is a check, outermost first, whatever other decorators stand between them."""
    app, auth = app_with()
    app.get("/open")(view)
    app.add_url_rule("/public", "public", auth.requires(public)(view))
    app.add_url_rule("/optional", "optional", auth.requires(optional)(view))
    app.add_url_rule("/denied", "denied", auth.requires(denied)(view))
    app.add_url_rule("/twice", "twice", auth.requires(has_role("a"))(auth.requires(has_scope("b"))(view)))

    @app.route("/async", methods=["GET", "POST"])
    @auth.requires(has_role("admin"))
    async def awaited() -> str:
        return ""

    assert rows(app) == [
        ("GET", "/open", "unguarded", []),
        ("GET", "/public", "public", ["requires(public)"]),
        ("GET", "/optional", "optional", ["requires(optional)"]),
        ("GET", "/denied", "denied", ["requires(denied)"]),
        ("GET", "/twice", "guarded", ["requires(has_role('a'))", "requires(has_scope('b'))"]),
        ("GET,POST", "/async", "guarded", ["requires(has_role('admin'))"]),
    ]


def test_rules_and_decorators_add_up() -> None:
    """A rule and a decorator are two access_checks; a default that admits anybody says nothing of a route."""
    guard = guard_with(Rule("/admin/", has_role("admin")), Rule("/health", public), default=optional)
    app, auth = app_with(guard)
    app.get("/health")(view)
    app.add_url_rule("/admin/users", "users", auth.requires()(view))
    app.add_url_rule("/forgotten", "forgotten", view)
    app.add_url_rule("/", "index", view)

    assert rows(app) == [
        ("GET", "/health", "public", ["rule '/health': public"]),
        ("GET", "/admin/users", "guarded", ["rule '/admin/': has_role('admin')", "requires(authenticated)"]),
        ("GET", "/forgotten", "unguarded", ["by default: optional"]),
        ("GET", "/", "unguarded", ["by default: optional"]),
    ]


def test_methods_with_rules_of_their_own() -> None:
    """A route whose methods meet different rules is listed once for each."""
    guard = guard_with(Rule("/things", public, methods=["GET"]), Rule("/things", has_role("editor")))
    app, _ = app_with(guard)
    app.add_url_rule("/things", "things", view, methods=["GET", "POST", "PUT"])

    assert rows(app) == [
        ("GET", "/things", "public", ["rule '/things': public"]),
        ("POST,PUT", "/things", "guarded", ["rule '/things': has_role('editor')"]),
    ]


@pytest.mark.parametrize(
    ("path", "rule", "overrides"),
    [
        ("/users/<name>", Rule("/users/me", public), [("/users/me", "public")]),
        ("/users/<int:number>", Rule("/users/me", public), []),
        ("/users/<int:number>", Rule("/users/7", public), [("/users/7", "public")]),
        ("/users/<name>/posts", Rule("/users/me/", public), [("/users/me/posts", "public")]),
        ("/users/<name>/", Rule("/users/me", public), [("/users/me/", "public")]),
        ("/files/<path:name>", Rule("/files/public/", public), [("/files/public/…", "public")]),
        ("/users/<any(me,you):name>", Rule("/users/them", public), []),
        ("/users/<name>", Rule("/users/", has_role("a")), []),
        ("/users/<string(length=2):name>", Rule("/users/me", public, methods=["POST"]), []),
        ("/users/me", Rule("/users/me", public), []),
    ],
)
def test_paths_of_a_template_that_another_rule_covers(path: str, rule: Rule, overrides: list[tuple[str, str]]) -> None:
    """A rule that names some of a template's paths is shown with them, and not taken for a rule of all."""
    app, _ = app_with(guard_with(rule))
    app.add_url_rule(path, "view", view)

    (route,) = inventory(app).routes
    assert [(each.path, each.state) for each in route.overrides] == overrides
    assert not route.is_unguarded


def test_the_open_part_of_a_template() -> None:
    """Where a rule covers one path alone, the rest counts as unguarded if nothing else guards it."""
    app, _ = app_with(guard_with(Rule("/users/me", has_role("a")), default=optional))
    app.add_url_rule("/users/<name>", "view", view)

    (route,) = inventory(app).routes
    assert (route.state, route.is_unguarded, [each.state for each in route.overrides]) == (
        "unguarded",
        True,
        ["guarded"],
    )


def test_a_rule_that_leaves_a_part_to_an_open_default() -> None:
    """So does a part that falls to an open default because the rule names other methods."""
    guard = guard_with(
        Rule("/", has_role("a"), methods=["GET"]), Rule("/x", public, methods=["POST"]), default=optional
    )
    app, _ = app_with(guard)
    app.add_url_rule("/<name>", "view", view, methods=["GET", "POST"])

    found = inventory(app).routes
    assert [(route.methods, route.state, route.is_unguarded) for route in found] == [
        (("GET",), "guarded", False),
        (("POST",), "unguarded", True),
    ]


def test_class_based_views() -> None:
    """Decorators of a class, of its methods, and of the view that it makes are all found, each for its methods."""
    app, auth = app_with()

    class Listing(View):
        methods = ("GET", "POST")
        decorators = [auth.requires(has_role("lister"))]  # noqa: RUF012

        def dispatch_request(self) -> str:
            return ""

    class Item(MethodView):
        def get(self) -> str:
            return ""

        @auth.requires(has_role("editor"))
        def put(self) -> str:
            return ""

    app.add_url_rule("/list", view_func=Listing.as_view("listing"))
    app.add_url_rule("/item", view_func=Item.as_view("item"))
    assert rows(app) == [
        ("GET,POST", "/list", "guarded", ["requires(has_role('lister'))"]),
        ("GET", "/item", "unguarded", []),
        ("PUT", "/item", "guarded", ["requires(has_role('editor'))"]),
    ]


def test_blueprints_and_hosts() -> None:
    """A blueprint's prefix is part of the path; a subdomain is told with it."""
    app, auth = app_with()
    blueprint = Blueprint("reports", __name__, url_prefix="/reports", subdomain="api")
    blueprint.add_url_rule("/<month>", "month", auth.requires()(view))
    app.register_blueprint(blueprint)

    (route,) = inventory(app).routes
    assert (*row(route)[:3], route.host, route.view) == ("GET", "/reports/<month>", "guarded", "api", "reports.month")


def test_where_the_token_may_travel() -> None:
    """The places are the guard's, or those of the decorator."""
    app, auth = app_with()
    app.add_url_rule("/usual", "usual", auth.requires()(view))
    app.add_url_rule("/own", "own", auth.requires(tokens_from=[TokenHeader("X-Token", from_proxy=False)])(view))
    app.add_url_rule("/none", "none", auth.requires(public)(view))

    places = [route.access_checks[0].places for route in inventory(app).routes]
    assert places == [("Authorization", "cookie __Host-access"), ("header X-Token",), ()]


def test_a_guard_of_the_configuration() -> None:
    """A FlaskGuard without a guard of its own goes by the application's."""
    app, auth = Flask(__name__, static_folder=None), FlaskGuard()
    app.config["JWTGUARD"] = guard_with(has_rules=False)
    auth.init_app(app)
    app.add_url_rule("/", "index", auth.requires()(view))

    (route,) = inventory(app).routes
    assert route.access_checks[0].guard is app.config["JWTGUARD"]


def test_shipped_routes() -> None:
    """Login and its like say what they need; their middleware asks nothing there, whatever the rules say."""
    guard = guard_with(Rule("/", has_role("user")))
    app, auth = Flask(__name__, static_folder=None), FlaskGuard(guard, sessions_with(), authenticate=_no_user)
    auth.init_app(app)
    app.register_blueprint(auth.routes())

    shown = {path: (methods, state, access_checks) for methods, path, state, access_checks in rows(app)}
    assert shown["/auth/login"] == ("POST", "public", ["shipped route: public"])
    assert shown["/auth/logout-all"] == (
        "POST",
        "guarded",
        ["rule '/': has_role('user')", "shipped route: fresh(max_age=300)"],
    )
    assert shown["/auth/sessions/<session_id>"][0] == "DELETE"


def test_shipped_routes_behind_another_middleware() -> None:
    """Where another guard asks for a token at the login, a note says so."""
    app = Flask(__name__, static_folder=None)
    FlaskGuard(guard_with()).init_app(app)
    app.register_blueprint(FlaskGuard(guard_with(), sessions_with(), authenticate=_no_user).routes())

    notes = {route.path: len(route.notes) for route in inventory(app).routes}
    assert (notes["/auth/login"], notes["/auth/sessions"]) == (1, 0)


def _no_user(username: str, password: str) -> None:
    return None


def test_static_files(tmp_path: Path) -> None:
    """Flask's own route of static files counts where there is a folder to serve."""
    without = Flask(__name__, static_folder=str(tmp_path / "none"))
    (tmp_path / "static").mkdir()
    with_files = Flask(__name__, static_folder=str(tmp_path / "static"))
    nowhere = Flask(__name__, static_folder=None)
    nowhere.add_url_rule("/static", "static", view)

    assert rows(without) == []
    assert rows(with_files) == [("GET", "/static/<path:filename>", "unguarded", [])]
    assert rows(nowhere) == [("GET", "/static", "unguarded", [])]


def test_rules_that_lead_nowhere() -> None:
    """What Werkzeug only builds addresses from, or no view answers, is no route."""
    app, _ = app_with()
    app.add_url_rule("/elsewhere", "elsewhere", build_only=True)
    app.add_url_rule("/no-view", "no-view")
    assert rows(app) == []


def test_websockets_and_explicit_options() -> None:
    """A websocket rule is one; OPTIONS is listed where a view answers it."""
    app, _ = app_with()
    app.add_url_rule("/feed", "feed", view, websocket=True)
    app.add_url_rule("/cors", "cors", view, methods=["OPTIONS"], provide_automatic_options=False)
    assert [each[:2] for each in rows(app)] == [("websocket", "/feed"), ("OPTIONS", "/cors")]


def test_applications_beside_and_around() -> None:
    """What Werkzeug's dispatcher mounts is found, beside the application and around it."""
    inner, _ = app_with(guard_with(Rule("/x", public)))
    inner.add_url_rule("/x", "x", view)
    outer, _ = app_with()
    outer.add_url_rule("/y", "y", view)
    outer.wsgi_app = DispatcherMiddleware(outer.wsgi_app, {"/inner": inner})  # type: ignore[method-assign]

    beside = [("GET", "/y", "unguarded", []), ("GET", "/inner/x", "public", ["rule '/x': public"])]
    assert rows(outer) == beside
    around = DispatcherMiddleware(app_with()[0], {"/inner": inner})
    assert rows(around) == beside[1:]


def test_a_middleware_around() -> None:
    """A WSGI middleware that keeps what it wraps under a usual name is looked into; one that does not is opaque."""
    app, _ = app_with()
    app.add_url_rule("/y", "y", view)

    class Wrapper:
        def __init__(self, app: Any) -> None:
            self.app = app

        def __call__(self) -> None: ...

    endless = Wrapper(None)
    endless.app = endless
    assert rows(Wrapper(app)) == [("GET", "/y", "unguarded", [])]
    assert rows(Wrapper(None)) == rows(endless) == [("application", "/…", "unguarded", [])]


def test_requires_above_the_route() -> None:
    """`requires` above the line that registers the route guards nothing, and the route says so."""
    app, auth = app_with()

    @auth.requires(has_role("admin"))
    @app.get("/me")
    def me() -> str:
        raise AssertionError

    @app.get("/right")
    @auth.requires(has_role("admin"))
    def right() -> str:
        raise AssertionError

    bypassed, guarded = inventory(app).routes
    assert (bypassed.state, guarded.state, guarded.slips) == ("unguarded", "guarded", ())
    assert [slip.partition(":")[0] for slip in bypassed.slips] == [
        f"nothing guards {__name__}.test_requires_above_the_route.<locals>.me"
    ]
