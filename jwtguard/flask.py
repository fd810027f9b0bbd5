"""Flask: an extension, a decorator, and `principal` for views and templates.

>>> from flask import Flask
>>> from jwtguard import Guard, Rules, SigningKey, has_role
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(
...     issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key, rules=Rules([])
... )
>>> app, auth = Flask(__name__), FlaskGuard(guard)
>>> auth.init_app(app)
>>> @app.get("/admin")
... @auth.requires(has_role("admin"))
... def admin():
...     return f"hello {principal.subject}"
>>> app.test_client().get("/admin").headers["WWW-Authenticate"]
'Bearer realm="api"'

`init_app` makes `principal` work in every view and template and enforces the guard's `rules`: with `Rules([])` every
path needs a valid token, with `rules=UNCHECKED` only `requires` on the views decides. Without `init_app`, and without
rules, `requires` works all the same: it authenticates by itself.

With `Sessions`, `app.register_blueprint(auth.routes(prefix="/auth"))` mounts login, refresh and logout.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import weakref
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ParamSpec, TypeVar, Unpack, cast

try:
    import flask
    from flask.blueprints import BlueprintSetupState
    from werkzeug.exceptions import HTTPException, default_exceptions
    from werkzeug.local import LocalProxy
    from werkzeug.routing import RoutingException
except ImportError as error:
    raise ImportError("jwtguard.flask needs Flask: pip install 'jwtguard-middleware[flask]'") from error

from jwtguard import endpoints as shipped
from jwtguard.authentication import Authentication, FindUser
from jwtguard.core.access.requirements import Requirement, authenticated
from jwtguard.core.errors import ConfigurationError, JWTGuardError
from jwtguard.core.events import ask_for_development
from jwtguard.core.flow import is_async
from jwtguard.core.http.request import WSGIRequest
from jwtguard.core.http.resource_metadata import METHODS
from jwtguard.core.http.response import HTTPRequest, HTTPResponse, is_preflight
from jwtguard.core.http.token_sources import TokenSource, fields_of
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.core.tokens.principal import Principal
from jwtguard.core.tokens.sentinels import UNCHECKED
from jwtguard.endpoints.mounting import check_place, endpoints_of
from jwtguard.endpoints.resource_metadata import (
    NAME,
    check_metadata_place,
    metadata_answer,
    metadata_view,
    warn_of_root,
)
from jwtguard.endpoints.wsgi import in_front_of, put_off_in
from jwtguard.guard import Guard
from jwtguard.request_auth import (
    EXEMPT,
    KEY,
    Checkpoint,
    RequestAuth,
    check_enforced,
    check_front,
    check_guard,
    check_view,
)
from jwtguard.user_lookup import UserLookup, known_user
from jwtguard.view_metadata import ViewMetadata, attach, check_order, metadata_of, note

P = ParamSpec("P")
R = TypeVar("R")

_request: Callable[[], flask.Request] = flask.request._get_current_object  # type: ignore[attr-defined] # it is a proxy
"""The request itself, which `flask.request` looks up again for each attribute."""

ask_for_development(lambda: bool(flask.current_app) and flask.current_app.debug)


class RefusedRequest(HTTPException):
    """A refusal as Flask and what is built on it understand it: an HTTP exception with its response ready.

    `error` is the `JWTGuardError`, for an application's own error handler. Each is an instance of Werkzeug's exception
    for its status too, so `errorhandler(401)` and `errorhandler(Unauthorized)` find it.
    """

    _response: flask.Response | None

    def __init__(self, error: JWTGuardError, answer: HTTPResponse) -> None:
        self.error = error
        self._answer = answer
        super().__init__(description=error.detail)

    @property  # type: ignore[override] # an attribute of Werkzeug's
    def response(self) -> flask.Response | None:
        """The response, made at the first read: an unhandled exception needs none."""
        if self._response is None:
            self._response = _response(self._answer)
        return self._response

    @response.setter
    def response(self, value: flask.Response | None) -> None:
        self._response = value

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - as in PEP 3333
        """Answer as a WSGI application: Flask calls an unhandled exception as one."""
        # It ends here, for it leads to a frame of Flask's that holds this exception: all of the request would wait for
        # the garbage collector.
        self.__traceback__ = None
        if self._response is not None:
            return self._response(environ, start_response)
        start_response(f"{self._answer.status} {self.name}", list(self._answer.headers))
        return [self._answer.body]


@functools.cache
def _refused(status: int) -> type[RefusedRequest]:
    # A class for each status, since Flask looks for handlers by class, and there for the status too.
    bases = (RefusedRequest, default_exceptions[status])
    return cast("type[RefusedRequest]", type(RefusedRequest.__name__, bases, {"__module__": __name__}))


class FlaskGuard:
    """The guard of a Flask application.

    Without a `guard`, each application is guarded by what stands in its `app.config["JWTGUARD"]`: a mapping (see
    `Guard.from_config`) or a `Guard`. Nothing of an application is kept here, so one `FlaskGuard` serves several.
    With `sessions` it has the `routes` of login and logout; `settings` are those of `EndpointSettings`.
    `load_user(principal)`, sync or async, finds the user of a caller, once a request: see `user`. A caller for whom it
    returns None, or a user with `is_active=False`, is 401; if it raises, the answer is 503.
    """

    def __init__(
        self,
        guard: Guard | None = None,
        sessions: Sessions | None = None,
        *,
        load_user: Callable[[Principal], object] | None = None,
        **settings: Unpack[shipped.EndpointSettings],
    ) -> None:
        self._users = None if load_user is None else UserLookup(_run_in_flask(load_user), name="load_user")
        self._guard = None if guard is None else check_guard(guard, "FlaskGuard")
        self._module = _calling_module()
        _unused.add(self)
        self._sessions = sessions
        self._settings = _made_sync(settings)
        self._endpoints: dict[Guard, shipped.Endpoints | None] = {}
        if guard is not None:
            self._endpoints_of(guard)

    def init_app(self, app: flask.Flask) -> None:
        """Guard `app`: enforce the guard's rules, or with `rules=UNCHECKED` only identify the caller of each request.

        Raises `ConfigurationError` for a guard without `rules`.
        """
        _unused.discard(self)
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
        check_front(guard, "FlaskGuard.init_app")
        endpoints = self._endpoints_of(guard)
        guards[self] = guard
        app.before_request(functools.partial(self._before_request, guard, endpoints))
        app.context_processor(lambda: {"principal": principal})
        app.wsgi_app = in_front_of(app.wsgi_app, endpoints)  # type: ignore[assignment, method-assign]

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
        guard = self.guard
        try:
            return self._asked(guard).principal_of(guard)
        except JWTGuardError as error:
            raise _refusal(error, guard) from None

    @property
    def user(self) -> Any:  # noqa: ANN401 - what the application's function returned
        """The user that `load_user` found for the caller; raises the refusal where there is no caller."""
        principal = self.principal
        return None if principal is None else known_user(self._users, _request_auth(), principal)

    def _finder(self, guard: Guard, request_auth: RequestAuth) -> FindUser | None:
        return None if self._users is None else self._users.finder(guard, request_auth)

    def caller(self) -> Principal | None:
        """The same for asking whether there is a caller: None where there is none, whatever the reason, and no error.

        For templates, error pages and hooks such as `after_request`; outside a request there is no caller.
        """
        if not flask.has_request_context():
            return None
        guard = self.guard
        return self._asked(guard).caller_of(guard)

    def _asked(self, guard: Guard) -> RequestAuth:
        """Who was let in so far, with `guard` asked who is calling."""
        request_auth = _request_auth()
        if not request_auth.knows(guard):
            find_user = self._finder(guard, request_auth)
            request_auth.remember(guard, lambda: guard.authenticate(_read(), find_user=find_user))
        return request_auth

    def requires(
        self, requirement: Requirement = authenticated, *, tokens_from: Iterable[TokenSource] | None = None
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Let only callers into a view that `requirement` admits.

        For functions, sync and async. `tokens_from` overrides where the token may travel.
        """
        _unused.discard(self)
        checkpoint, fixed = Checkpoint(requirement, tokens_from), self._guard
        noted = ViewMetadata(requirement=checkpoint.requirement, tokens_from=checkpoint.tokens_from, guard=fixed)

        def decorate(view: Callable[P, R]) -> Callable[P, R]:
            check_view(view, instead="write decorators = [auth.requires(...)] into it")
            if is_async(view):
                async_view = cast("Callable[P, Awaitable[object]]", view)

                @functools.wraps(view)
                async def guarded_async(*args: P.args, **kwargs: P.kwargs) -> object:
                    guard, request = fixed or self.guard, _request()
                    request_auth = _request_auth_of(request)
                    try:
                        http, find_user = WSGIRequest(request.environ), self._finder(guard, request_auth)
                        admission = await checkpoint.admit(guard, http, request_auth, find_user)
                    except JWTGuardError as error:
                        raise _refusal(error, guard) from None
                    with request_auth.admitting(guard, admission.principal):
                        return await async_view(*args, **kwargs)

                attach(guarded_async, noted)
                note(guarded_async)
                return cast("Callable[P, R]", guarded_async)

            @functools.wraps(view)
            def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
                guard, request = fixed or self.guard, _request()
                request_auth = _request_auth_of(request)
                try:
                    http, find_user = WSGIRequest(request.environ), self._finder(guard, request_auth)
                    admission = checkpoint.admit(guard, http, request_auth, find_user).run()
                except JWTGuardError as error:
                    raise _refusal(error, guard) from None
                with request_auth.admitting(guard, admission.principal):
                    return view(*args, **kwargs)

            attach(guarded, noted)
            note(guarded)
            return guarded

        return decorate

    def routes(self, prefix: str = "/auth") -> flask.Blueprint:
        """The blueprint of login, refresh, logout, the caller's sessions and the public keys, below `prefix`."""
        return self._blueprint(shipped.check_prefix(prefix), shipped.ENDPOINTS)

    def jwks_route(self) -> flask.Blueprint:
        """The blueprint of the public keys alone, at `/.well-known/jwks.json`."""
        return self._blueprint("", (shipped.JWKS,))

    def metadata_route(self) -> flask.Blueprint:
        """The blueprint of the protected resource metadata (RFC 9728 §3); register it without a prefix.

        A guard that stands in the configuration is known after `init_app`: register the blueprint after it.
        """
        _unused.discard(self)
        blueprint = flask.Blueprint(NAME, __name__)
        blueprint.record(self._add_metadata_route)
        return blueprint

    def _add_metadata_route(self, state: BlueprintSetupState) -> None:
        guard = self._guard or state.app.extensions.get("jwtguard", {}).get(self)
        if guard is None:
            raise ConfigurationError("this FlaskGuard does not know its guard yet: call init_app(app) before this")
        check_metadata_place(state.url_prefix or "", guard)
        warn_of_root(state.app.config["APPLICATION_ROOT"], guard)

        def view() -> flask.Response:
            return _response(metadata_answer(guard, _read()))

        attach(view, metadata_view(guard))
        view.provide_automatic_options = False  # type: ignore[attr-defined]
        state.app.add_url_rule(guard.publish_metadata().path, NAME, view, methods=METHODS)

    def lock(self, document: Any) -> Any:  # noqa: ANN401 - a document, or the APISpec that makes one
        """Show in an OpenAPI document what guards each operation, with its scopes, and how to get a token.

        APIFlask: `app.spec_processor(auth.lock)`. flask-smorest: `auth.lock(api.spec)`, whose documents then have it.
        """
        from jwtguard.flask_openapi import lock_document  # noqa: PLC0415 - only where a document is wanted

        if not isinstance(document, dict):
            make = document.to_dict
            document.to_dict = lambda: self.lock(make())
            return document
        has_login = self._sessions is not None and self._settings.get("delivery", "bearer") == "bearer"
        lock_document(document, self.guard, has_login=has_login)
        return document

    def _blueprint(self, prefix: str, endpoints: Iterable[shipped.Endpoint]) -> flask.Blueprint:
        _unused.discard(self)
        shipped.check_mountable(self._sessions, self._settings)
        blueprint = flask.Blueprint(
            f"jwtguard{prefix}".replace("/", "_").replace(".", "_"), __name__, url_prefix=prefix
        )
        blueprint.record(lambda state: check_place((state.url_prefix or "").removesuffix(prefix), prefix))
        for endpoint in endpoints:
            path = endpoint.path.replace("{", "<").replace("}", ">")
            blueprint.add_url_rule(path, endpoint.name, self._view(endpoint), methods=[endpoint.method])
        return blueprint

    def _view(self, endpoint: shipped.Endpoint) -> Callable[..., flask.Response]:
        def view(session_id: str = "") -> flask.Response:
            endpoints, request = self._endpoints_of(self.guard), _read()
            assert endpoints is not None  # noqa: S101 - for the type checker: there are sessions
            answer = endpoints.answer(
                endpoint,
                request,
                _body(endpoints.max_body_bytes) if endpoint.takes_body else b"",
                request_auth=_request_auth(),
                session_id=session_id,
            )
            return _response(answer.run())

        if endpoint.is_exempt:
            setattr(view, EXEMPT, self)
        fresh_for = self._settings.get("fresh_for", shipped.FRESH_FOR)
        requirement = shipped.requirement_of(endpoint, fresh_for=fresh_for)
        attach(view, ViewMetadata(requirement=requirement, guard=self._guard, sessions=self._sessions))
        return view

    def _endpoints_of(self, guard: Guard) -> shipped.Endpoints | None:
        if guard not in self._endpoints:
            self._endpoints[guard] = endpoints_of(guard, self._sessions, self._settings)
        return self._endpoints[guard]

    def _before_request(self, guard: Guard, endpoints: shipped.Endpoints | None) -> None:
        request = _request()
        request_auth = _request_auth_of(request)
        renew = None if endpoints is None else endpoints.renew(put_off_in(request.environ))
        http, find_user = WSGIRequest(request.environ), self._finder(guard, request_auth)
        is_shipped = endpoints is not None and self._exempts(request)
        if guard.rules is UNCHECKED and not is_shipped:
            request_auth.keep(guard, lambda: guard.authenticate(http, renew=renew, find_user=find_user))
            flask.after_this_request(functools.partial(_expect_a_stream_to_look, guard, http))
            return
        is_exempt = is_shipped or _flask_answers_preflight(request, http)
        try:
            # The caller is kept before the rules decide, for error pages that show who is logged in.
            keep = functools.partial(request_auth.keep, guard)
            keep(guard.enter(http, renew=renew, find_user=find_user, is_exempt=is_exempt, keep=keep).run())
        except JWTGuardError as error:
            if not request_auth.knows(guard):
                request_auth.keep(guard, Authentication(error=error))
            # Where there is a view, the method is right.
            is_routed = endpoints is None or request.url_rule is not None
            refusal = error if is_routed else shipped.missed(http.path, self._methods_of, error)
            raise _refusal(refusal, guard) from None

    def _methods_of(self, path: str) -> tuple[str, ...]:
        """The methods of the exempt route at `path`; none if there is no such route."""
        adapter = flask.current_app.create_url_adapter(_request())
        for endpoint in shipped.ENDPOINTS:
            if adapter is not None and endpoint.is_exempt and path.endswith(endpoint.path):
                try:
                    name, _ = adapter.match(path, method=endpoint.method)
                except (HTTPException, RoutingException):
                    return ()
                view = flask.current_app.view_functions[name]
                return endpoint.methods if getattr(view, EXEMPT, None) is self else ()
        return ()

    def check_unused(self, app: flask.Flask) -> None:
        """Raise `ConfigurationError` if this object was made for `app`, has rules, and was never put to use."""
        if self._guard is not None and f"{self._module}.".startswith(f"{app.import_name}."):
            check_enforced(self._guard, ())

    def _exempts(self, request: flask.Request) -> bool:
        view = flask.current_app.view_functions.get(request.endpoint or "")
        return getattr(view, EXEMPT, None) is self


_unused: weakref.WeakSet[FlaskGuard] = weakref.WeakSet()
"""Those that have guarded nothing so far: no application, no view and no shipped route."""


def _calling_module() -> str:
    """The module that makes a `FlaskGuard`, which is that of its application or one of its package."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return "" if frame is None else str(frame.f_globals.get("__name__", ""))


_known: weakref.WeakSet[flask.Flask] = weakref.WeakSet()
"""The applications that have had their first request."""


def _begin_serving(app: flask.Flask, **_: object) -> None:
    """What is left to do before the first request of an application.

    By then all routes are registered, for Flask takes none afterwards: while `requires` stands above the decorator that
    registers one, no request passes.
    """
    if app not in _known:
        views = [*app.view_functions.values(), *itertools.chain(*app.before_request_funcs.values())]
        check_order(views)
        _check_rules(app, views)
        _answer_refusals_of_handlers(app)
        _known.add(app)


def _check_rules(app: flask.Flask, views: Iterable[object]) -> None:
    """Let no request pass while a guard of `app` has rules, and `init_app` was not called, so that they do nothing."""
    guards: dict[FlaskGuard, Guard] = app.extensions.get("jwtguard", {})
    attached = [each for view in views for each in metadata_of(view)]
    for each in attached:
        if each.guard is not None:
            check_enforced(each.guard, guards.values())
    if not guards and not attached:
        for unused in _unused:
            unused.check_unused(app)


# A signal, since an application without `init_app` is not known before its first request.
flask.request_started.connect(_begin_serving)


def _principal() -> Principal:
    request_auth = _request_auth()
    try:
        return request_auth.present()
    except JWTGuardError as error:
        raise _refusal(error, request_auth) from None


def _reading(name: str) -> property:
    return property(lambda _: getattr(_principal(), name))


class LocalPrincipal(LocalProxy[Any]):
    """Werkzeug's, which for each attribute makes an object that reads it: most of what a view would wait for."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return flask.has_request_context() and _request_auth().caller() is not None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a principal has
        return getattr(_principal(), name)

    # What is asked for most, found at once: Python asks `__getattr__` only when it has made an error of not finding it.
    subject = _reading("subject")
    roles = _reading("roles")
    scopes = _reading("scopes")
    permissions = _reading("permissions")
    claims = _reading("claims")


principal = cast("Principal", LocalPrincipal(_principal))
"""The caller of the request at hand: the one that the innermost `requires` let in, else the one that the guard of this
application found. A proxy. `bool(principal)` asks whether there is a caller and never raises, in templates, error pages
and hooks too; reading an attribute of an absent caller raises the refusal."""


def _refusal(error: JWTGuardError, by: Guard | RequestAuth) -> Exception:
    """The exception that Flask sends for a refusal; an error in the set-up stays what it is."""
    if isinstance(error, ConfigurationError):
        return error
    guard = by.answering() if isinstance(by, RequestAuth) else by
    answer = guard.answer(error, _read())
    flask.after_this_request(functools.partial(_keep_header_fields, answer))
    return _refused(error.status)(error, answer)


def _answer_refusals_of_handlers(app: flask.Flask) -> None:
    """Let `app` send a refusal that an error handler or a hook raised, by reading an absent caller.

    Flask asks no handler for what another one raises, and would answer 500.
    """
    handle = app.handle_exception

    def handle_exception(e: Exception) -> flask.Response:
        try:
            if isinstance(e, RefusedRequest) and not app.trap_http_exception(e):
                refused = e
            else:
                return handle(e)
        except RefusedRequest as error:
            if error is e:
                raise  # The application wants to see it: TRAP_HTTP_EXCEPTIONS.
            refused = error
        # Hooks go on running, for CORS; what they raise, Flask logs.
        return app.finalize_request(refused, from_error_handler=True)

    app.handle_exception = handle_exception  # type: ignore[method-assign]


_KEPT = frozenset({"Allow", "WWW-Authenticate", "Retry-After", "Cache-Control"})


def _keep_header_fields(answer: HTTPResponse, response: flask.Response) -> flask.Response:
    """Add what a refusal says in its header fields to the response that an error handler made in its place.

    The handlers of APIFlask, flask-smorest and many applications write each HTTP exception anew, as JSON, and drop the
    challenge. A handler of our own for the exception would be found before the application's, and take its answers
    away; so the body stays the handler's, and the fields are added.
    """
    if response.status_code == answer.status:
        missing = {name for name in _KEPT if name not in response.headers}
        for name, value in answer.headers:
            if name in missing:
                response.headers.add(name, value)
    return response


def _request_auth() -> RequestAuth:
    return _request_auth_of(_request())


def _request_auth_of(request: flask.Request) -> RequestAuth:
    # Of this very request: `flask.g` outlives it inside an application context that was pushed before, and its environ
    # may be handed on to another application, or be copied and changed by a view. Nothing that is kept leads back to
    # the request, or each would be left to the garbage collector.
    request_auth: RequestAuth | None = request.__dict__.get(KEY)
    if request_auth is None:
        request_auth = request.__dict__[KEY] = RequestAuth()
        flask.after_this_request(_tell_caches)
    return request_auth


def _expect_a_stream_to_look(guard: Guard, request: HTTPRequest, response: flask.Response) -> flask.Response:
    """A body that is streamed may ask who is calling when the header fields are gone."""
    if response.is_streamed:
        request.search.look_in(name for place in guard.tokens_from for name in fields_of(place))
    return response


def _tell_caches(response: flask.Response) -> flask.Response:
    """A response with what caches must know of how the request was authenticated."""
    for name, value in _read().search.changes(response.status_code, response.headers.getlist):
        response.headers[name] = value
    return response


def _read() -> HTTPRequest:
    return WSGIRequest(flask.request.environ)


def _response(answer: HTTPResponse) -> flask.Response:
    response = flask.Response([answer.body], status=answer.status)
    del response.headers["Content-Type"]  # Flask's own, which a response without a body has too.
    response.headers.extend(list(answer.headers))
    return response


def _body(limit: int) -> bytes:
    """The body, or one byte more than `limit` of it."""
    request = flask.request
    if request.content_length is not None and request.content_length <= limit:
        return request.get_data()  # Cached, if something in front of the view has read it before.
    chunks, left = [], limit + 1
    while left > 0 and (chunk := request.stream.read(left)):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


def _made_sync(settings: shipped.EndpointSettings) -> shipped.EndpointSettings:
    """The settings with coroutine functions run as Flask runs async views."""
    made: Any = dict(settings)
    for name in ("authenticate", "before_login"):
        function = made.get(name)
        made.update({} if function is None else {name: _run_in_flask(function)})
    return cast("shipped.EndpointSettings", made)


def _run_in_flask(function: Any) -> Any:  # noqa: ANN401 - any function, or what is none
    """A coroutine function as Flask runs async views; anything else as it is."""
    return functools.partial(_run_async, function) if callable(function) and is_async(function) else function


def _run_async(function: Callable[..., Any], *args: object) -> object:
    return flask.current_app.async_to_sync(function)(*args)


def _flask_answers_preflight(request: flask.Request, http: HTTPRequest) -> bool:
    """Whether Flask answers this CORS preflight by itself, so that no view can run."""
    return bool(getattr(request.url_rule, "provide_automatic_options", False)) and is_preflight(http)
