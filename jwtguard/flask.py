"""Flask: an extension, a decorator, and `principal` for views and templates.

>>> from flask import Flask
>>> from jwtguard import Guard, SigningKey, TokenIssuer, has_role
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key)
>>> app, auth = Flask(__name__), FlaskGuard(guard)
>>> auth.init_app(app)
>>> @app.get("/admin")
... @auth.requires(has_role("admin"))
... def admin():
...     return f"hello {principal.subject}"
>>> app.test_client().get("/admin").headers["WWW-Authenticate"]
'Bearer realm="api"'

`init_app` makes `principal` work in every view and template and enforces the guard's `Rules` if it has them. Without
it, and without rules, `requires` works all the same: it authenticates by itself.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar, cast

try:
    import flask
    from werkzeug.exceptions import HTTPException, default_exceptions
    from werkzeug.local import LocalProxy
except ImportError as error:
    raise ImportError("jwtguard.flask needs Flask: pip install 'jwtguard-middleware[flask]'") from error

from jwtguard.callers import Callers, Checkpoint, check_guard, check_view
from jwtguard.core.authorization import Requirement, authenticated
from jwtguard.core.errors import ConfigurationError, JWTGuardError
from jwtguard.core.extraction import TokenSource
from jwtguard.core.flow import is_async
from jwtguard.core.http import HTTPAnswer, HTTPRequest, is_preflight
from jwtguard.core.principal import Principal
from jwtguard.guard import Admission, Guard

P = ParamSpec("P")
R = TypeVar("R")


class RefusedRequest(HTTPException):
    """A refusal as Flask and what is built on it understand it: an HTTP exception with its response ready.

    `error` is the `JWTGuardError`, for an application's own error handler. Each is an instance of Werkzeug's exception
    for its status too, so `errorhandler(401)` and `errorhandler(Unauthorized)` find it.
    """

    def __init__(self, error: JWTGuardError, answer: HTTPAnswer) -> None:
        response = flask.Response([answer.body], status=answer.status, headers=list(answer.headers))
        super().__init__(description=error.detail, response=response)
        self.error = error


@functools.cache
def _refused(status: int) -> type[RefusedRequest]:
    # A class for each status, since Flask looks for handlers by class, and there for the status too.
    bases = (RefusedRequest, default_exceptions[status])
    return cast("type[RefusedRequest]", type(RefusedRequest.__name__, bases, {"__module__": __name__}))


class FlaskGuard:
    """The guard of a Flask application.

    Without a `guard`, each application is guarded by what stands in its `app.config["JWTGUARD"]`: a mapping (see
    `Guard.from_config`) or a `Guard`. Nothing of an application is kept here, so one `FlaskGuard` serves several.
    """

    def __init__(self, guard: Guard | None = None) -> None:
        self._guard = None if guard is None else check_guard(guard, "FlaskGuard")

    def init_app(self, app: flask.Flask) -> None:
        """Guard `app`: know the caller of each request, lazily, and enforce the guard's rules if it has them."""
        guards: dict[FlaskGuard, Guard] = app.extensions.setdefault("jwtguard", {})
        if self in guards:
            raise ConfigurationError("this FlaskGuard guards this app already: call init_app once")
        guard = self._guard
        if guard is None:
            if "JWTGUARD" not in app.config:
                raise ConfigurationError(
                    'there is no guard: write FlaskGuard(guard), or set app.config["JWTGUARD"] before init_app'
                )
            setting = app.config["JWTGUARD"]
            guard = setting if isinstance(setting, Guard) else Guard.from_config(setting)
        guards[self] = guard
        app.before_request(self._before_request)
        app.context_processor(lambda: {"principal": principal})

    @property
    def guard(self) -> Guard:
        """The guard of the application at hand."""
        if self._guard is not None:
            return self._guard
        guard: Guard | None = flask.current_app.extensions.get("jwtguard", {}).get(self)
        if guard is None:
            raise ConfigurationError("this FlaskGuard has no guard and does not know this app: call init_app(app)")
        return guard

    @property
    def principal(self) -> Principal | None:
        """The caller of the request at hand, as this guard knows it; raises the refusal if there is none."""
        guard, callers = self.guard, _callers()
        if not callers.knows(guard):
            callers.remember(guard, lambda: guard.authenticate(_read()))
        with _refusing(guard):
            return callers.principal_of(guard)

    def requires(
        self, requirement: Requirement = authenticated, *, tokens_from: Iterable[TokenSource] | None = None
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Let only callers into a view that `requirement` admits.

        For functions, sync and async. `tokens_from` overrides where the token may travel.
        """
        checkpoint = Checkpoint(requirement, tokens_from)

        def decorate(view: Callable[P, R]) -> Callable[P, R]:
            check_view(view, instead="write decorators = [auth.requires(...)] into it")
            if is_async(view):
                async_view = cast("Callable[P, Awaitable[object]]", view)

                @functools.wraps(view)
                async def guarded_async(*args: P.args, **kwargs: P.kwargs) -> object:
                    guard, callers = self.guard, _callers()
                    with _refusing(guard):
                        admission = await checkpoint.admit(guard, _read(), callers)
                    with callers.admitting(guard, admission.principal):
                        return await async_view(*args, **kwargs)

                return cast("Callable[P, R]", guarded_async)

            @functools.wraps(view)
            def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
                guard, callers = self.guard, _callers()
                with _refusing(guard):
                    admission = checkpoint.admit(guard, _read(), callers).run()
                with callers.admitting(guard, admission.principal):
                    return view(*args, **kwargs)

            return guarded

        return decorate

    def _before_request(self) -> None:
        guard, callers = self.guard, _callers()
        if guard.rules is None:
            callers.keep(guard, lambda: guard.authenticate(_read()))
        elif _flask_answers_preflight():
            callers.keep(guard, Admission())
        else:
            with _refusing(guard):
                callers.keep(guard, guard.enter(_read()).run())


def _principal() -> Principal | None:
    callers = _callers()
    if callers.is_inside_requires:
        return callers.principal()
    with _refusing(callers.guard()):
        return callers.principal()


principal = cast("Principal", LocalProxy(_principal))
"""The caller of the request at hand: the one that the innermost `requires` let in, else the one that the guard of this
application found. A proxy: false where there is no caller and none was needed; `auth.principal` is then `None`."""


@contextmanager
def _refusing(guard: Guard) -> Iterator[None]:
    """Turn a refusal into the exception that Flask sends; an error in the set-up stays what it is."""
    try:
        yield
    except ConfigurationError:
        raise
    except JWTGuardError as error:
        raise _refused(error.status)(error, guard.answer(error, _read())) from None


# Not the key of `jwtguard.callers`, since another adapter behind the same environ keeps something else there.
_KEY = "jwtguard.flask.callers"


def _callers() -> Callers:
    # In the environ, not in `flask.g`: that outlives a request inside an application context that was pushed before.
    # By request, since an environ may be handed on to another application, or be copied and changed by a view.
    request = flask.request._get_current_object()  # type: ignore[attr-defined] # it is a proxy
    by_request: dict[flask.Request, Callers] = request.environ.setdefault(_KEY, {})
    callers = by_request.get(request)
    if callers is None:
        callers = by_request[request] = Callers()
    return callers


def _read() -> HTTPRequest:
    return HTTPRequest.from_wsgi(flask.request.environ)


def _flask_answers_preflight() -> bool:
    """Whether Flask answers this CORS preflight by itself, so that no view can run."""
    rule = flask.request.url_rule
    return bool(getattr(rule, "provide_automatic_options", False)) and is_preflight(_read())
