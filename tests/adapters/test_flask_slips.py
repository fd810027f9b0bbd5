"""A slip of the hand in a Flask application: `requires` above the line that registers the route."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from typing import Any, ClassVar

import flask
import pytest
from flask.views import MethodView

from jwtguard import UNCHECKED, ConfigurationError, has_role
from jwtguard.flask import FlaskGuard
from jwtguard.testing import RawRequest, wsgi_client
from jwtguard.testing.conformance.adapter_case import GOOD, bearer
from jwtguard.testing.conformance.adapter_sites import guard_for_tests

AUTH = FlaskGuard(guard_for_tests(rules=UNCHECKED))
Build = Callable[[flask.Flask], object]


def wrapped(view: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator as it should be."""

    @functools.wraps(view)
    def wrapper(*args: object, **kwargs: object) -> object:
        return view(*args, **kwargs)

    return wrapper


def hidden(view: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that does not say what it wraps."""

    def wrapper(*args: object, **kwargs: object) -> object:
        return view(*args, **kwargs)

    return wrapper


def choosy(view: Callable[..., Any]) -> Callable[..., Any]:
    """One that takes arguments of its own alone, and does not say what it wraps."""

    def wrapper(name: str = "") -> object:
        return view()

    return wrapper


class Wrapper:
    """A decorator whose result is an object, which does not say what it wraps."""

    def __init__(self, view: Callable[..., Any]) -> None:
        self.view = view
        self.__name__ = view.__name__

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self.view(*args, **kwargs)


in_an_object: Callable[[Callable[..., Any]], Callable[..., Any]] = Wrapper


def admins(view: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator of the application's own, made of ours."""
    return AUTH.requires(has_role("admin"))(view)


def status(app: flask.Flask, path: str = "/") -> int:
    """What a request with a token is answered; raises what the application raises."""
    app.testing = True
    return wsgi_client(app)(RawRequest(target=path, headers=(bearer(GOOD),))).status


# Each of them registers the bare view.


def plain(app: flask.Flask) -> None:
    @AUTH.requires(has_role("admin"))
    @app.get("/")
    def view() -> str:
        raise AssertionError


def kept(app: flask.Flask) -> object:
    @AUTH.requires()
    @app.route("/", methods=["GET", "POST"])
    def view() -> str:
        raise AssertionError

    return view


def asynchronous(app: flask.Flask) -> None:
    @AUTH.requires()
    @app.get("/")
    async def view() -> str:
        raise AssertionError


def with_a_decorator_between(app: flask.Flask) -> None:
    @AUTH.requires()
    @wrapped
    @app.get("/")
    def view() -> str:
        raise AssertionError


def with_a_hidden_decorator_between(app: flask.Flask) -> None:
    @AUTH.requires()
    @hidden
    @app.get("/")
    def view() -> str:
        raise AssertionError


def with_a_decorator_below(app: flask.Flask) -> None:
    @AUTH.requires()
    @app.get("/")
    @wrapped
    def view() -> str:
        raise AssertionError


def with_a_hidden_decorator_below(app: flask.Flask) -> None:
    @AUTH.requires()
    @app.get("/")
    @hidden
    def view() -> str:
        raise AssertionError


def with_another_guard_below(app: flask.Flask) -> None:
    @AUTH.requires(has_role("admin"))
    @app.get("/")
    @AUTH.requires()
    def view() -> str:
        raise AssertionError


def with_a_decorator_of_its_own(app: flask.Flask) -> None:
    @admins
    @app.get("/")
    def view() -> str:
        raise AssertionError


def under_two_endpoints(app: flask.Flask) -> None:
    @AUTH.requires()
    @app.get("/")
    @app.get("/again", endpoint="again")
    def view() -> str:
        raise AssertionError


def in_a_blueprint(app: flask.Flask) -> None:
    blueprint = flask.Blueprint("inner", __name__)

    @AUTH.requires()
    @blueprint.get("/")
    def view() -> str:
        raise AssertionError

    app.register_blueprint(blueprint)


def in_a_nested_blueprint(app: flask.Flask) -> None:
    outer, blueprint = flask.Blueprint("outer", __name__), flask.Blueprint("inner", __name__)

    @AUTH.requires()
    @blueprint.get("/")
    def view() -> str:
        raise AssertionError

    outer.register_blueprint(blueprint)
    app.register_blueprint(outer)


def before_each_request(app: flask.Flask) -> None:
    app.add_url_rule("/", "view", lambda: "open")

    @AUTH.requires()
    @app.before_request
    def check() -> None:
        raise AssertionError


def before_the_requests_of_a_blueprint(app: flask.Flask) -> None:
    blueprint = flask.Blueprint("inner", __name__)
    app.add_url_rule("/", "view", lambda: "open")

    @AUTH.requires()
    @blueprint.before_request
    def check() -> None:
        raise AssertionError

    app.register_blueprint(blueprint)


def above_one_with_arguments_of_its_own(app: flask.Flask) -> None:
    @AUTH.requires()
    @app.get("/")
    @choosy
    def view() -> str:
        raise AssertionError


def above_an_object(app: flask.Flask) -> None:
    @AUTH.requires()
    @app.get("/")
    @in_an_object
    def view() -> str:
        raise AssertionError


def with_an_object_in_between(app: flask.Flask) -> None:
    @AUTH.requires()
    @in_an_object
    @app.get("/")
    def view() -> str:
        raise AssertionError


SLIPS = [
    above_one_with_arguments_of_its_own,
    above_an_object,
    with_an_object_in_between,
    plain,
    kept,
    asynchronous,
    with_a_decorator_between,
    with_a_hidden_decorator_between,
    with_a_decorator_below,
    with_a_hidden_decorator_below,
    with_another_guard_below,
    with_a_decorator_of_its_own,
    under_two_endpoints,
    in_a_blueprint,
    in_a_nested_blueprint,
    before_each_request,
    before_the_requests_of_a_blueprint,
]


@pytest.mark.parametrize("build", SLIPS)
@pytest.mark.parametrize("init", [False, True])
def test_order(build: Build, *, init: bool) -> None:
    """No request passes, to whichever route, and the error names the view and what to write."""
    app = flask.Flask(__name__)
    app.add_url_rule("/other", "other", lambda: "open")
    kept_alive = build(app)
    if init:
        AUTH.init_app(app)
    gc.collect()  # What came of the decorator is gone with the function that made the application.
    for path in ("/", "/other", "/nowhere"):
        with pytest.raises(ConfigurationError, match=r"nothing guards .*: put the line that registers the route above"):
            status(app, path)
    del kept_alive


def test_order_in_production() -> None:
    """Without a debugger the wrong order is a 500."""
    app = flask.Flask(__name__)
    app.add_url_rule("/other", "other", lambda: "open")
    plain(app)
    assert wsgi_client(app)(RawRequest(target="/other")).status == 500


# Each of them is written as intended, and answers 200.


def in_order(app: flask.Flask) -> None:
    @app.get("/")
    @wrapped
    @AUTH.requires()
    @hidden
    def view() -> str:
        return "guarded"


def below_a_hidden_decorator(app: flask.Flask) -> None:
    @app.get("/")
    @hidden
    @AUTH.requires()
    def view() -> str:
        return "guarded"


def twice(app: flask.Flask) -> None:
    @app.get("/")
    @AUTH.requires()
    @AUTH.requires()
    def view() -> str:
        return "guarded"


def bare_and_guarded(app: flask.Flask) -> None:
    @app.get("/guarded", endpoint="guarded")
    @AUTH.requires()
    @app.get("/")
    def view() -> str:
        return "open"


def bare_here_and_guarded_by_a_call(app: flask.Flask) -> None:
    def view() -> str:
        return "open"

    app.add_url_rule("/", view_func=view)
    flask.Flask("another").add_url_rule("/", view_func=AUTH.requires()(view))


def called_by_another_view(app: flask.Flask) -> None:
    @AUTH.requires()
    def inner() -> str:
        return "guarded"

    @app.get("/")
    def view() -> str:
        return inner()


def with_a_rule_of_its_own(app: flask.Flask) -> None:
    @AUTH.requires()
    def view() -> str:
        return "guarded"

    app.add_url_rule("/", view_func=view)


def class_with_decorators(app: flask.Flask) -> None:
    class View(MethodView):
        decorators: ClassVar[list[Any]] = [AUTH.requires()]

        def get(self) -> str:
            return "guarded"

    app.add_url_rule("/", view_func=View.as_view("view"))


def class_with_a_guarded_method(app: flask.Flask) -> None:
    @app.get("/health")
    def health() -> str:
        return "well"

    class View(MethodView):
        @AUTH.requires()
        def get(self) -> str:
            return health()

    app.add_url_rule("/", view_func=View.as_view("view"))


def before_each_request_in_order(app: flask.Flask) -> None:
    app.add_url_rule("/", "view", lambda: "guarded")

    @app.before_request
    @AUTH.requires()
    def check() -> None:
        return None


def recursive(app: flask.Flask) -> None:
    @app.get("/")
    def view(*args: object, **kwargs: object) -> str:
        return "open" if args else view("again")


def partial(app: flask.Flask) -> None:
    @AUTH.requires()
    def view(text: str) -> str:
        return text

    app.add_url_rule("/", "view", functools.partial(view, "guarded"))


@pytest.mark.parametrize(
    "build",
    [
        in_order,
        below_a_hidden_decorator,
        twice,
        bare_and_guarded,
        bare_here_and_guarded_by_a_call,
        called_by_another_view,
        with_a_rule_of_its_own,
        class_with_decorators,
        class_with_a_guarded_method,
        before_each_request_in_order,
        recursive,
        partial,
    ],
)
def test_no_false_alarm(build: Build) -> None:
    """A setup that is correct, or may be intended, causes no error."""
    app = flask.Flask(__name__)
    build(app)
    AUTH.init_app(app)
    assert [status(app), status(app)] == [200, 200]


def test_variable_without_a_value() -> None:
    """A decorator that knows its view only later is looked through all the same."""
    app = flask.Flask(__name__)

    def wrapper(*args: object, **kwargs: object) -> Any:
        return later(*args, **kwargs)

    app.add_url_rule("/", view_func=AUTH.requires()(wrapper))

    def later() -> str:
        return "guarded"

    assert status(app) == 200


def test_classes_and_parentheses() -> None:
    """On a class, and without parentheses, it is an error at once."""
    with pytest.raises(ConfigurationError, match="decorators = "):
        AUTH.requires()(MethodView)
    with pytest.raises(ConfigurationError, match=r"write requires\(\)"):

        @AUTH.requires  # type: ignore[arg-type]
        def view() -> str:
            raise AssertionError
