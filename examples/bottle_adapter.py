"""An adapter for Bottle: all that a framework needs to be guarded like the others.

>>> from bottle import Bottle
>>> from jwtguard import Rules, SigningKey, has_role
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(issuer="https://i.example", audience="https://a.example", keys=key.verification_key, rules=Rules([]))
>>> app, auth = Bottle(), BottleGuard(guard)
>>> plugin = app.install(auth)
>>> @app.get("/admin")
... @auth.requires(has_role("admin"))
... def admin():
...     return f"hello {auth.principal.subject}"
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from bottle import Bottle, HTTPResponse, request, response

from jwtguard import ConfigurationError, Guard, HTTPRequest, JWTGuardError, Principal, Requirement, authenticated
from jwtguard.core.http.token_sources import TokenSource
from jwtguard.endpoints.wsgi import in_front_of
from jwtguard.request_auth import KEY, Checkpoint, RequestAuth, check_front

P = ParamSpec("P")
R = TypeVar("R")


class BottleGuard:
    """The guard of a Bottle application, and a plugin that enforces its rules; `requires` works uninstalled, too."""

    name, api = "jwtguard", 2

    def __init__(self, guard: Guard) -> None:
        self.guard = guard

    def setup(self, app: Bottle) -> None:
        """What `app.install(auth)` does: ask the guard before each request, whichever route it is for."""
        check_front(self.guard, "app.install")
        app.add_hook("before_request", self._before_request)
        if "wsgi" not in vars(app):  # One of several guards tells caches for all of them.
            setattr(app, "wsgi", in_front_of(app.wsgi))  # noqa: B010 - a method, which type checkers hold fast

    def apply(self, callback: Callable[P, R], route: object) -> Callable[P, R]:
        """Leave the routes as they are: a hook sees those requests too that match none."""
        return callback

    def _before_request(self) -> None:
        with self._refusing():
            _request_auth().keep(self.guard, self.guard.enter(_read()).run())

    @property
    def principal(self) -> Principal | None:
        """The caller of the request at hand; raises the refusal if there is none."""
        with self._refusing():
            return _request_auth().principal_of(self.guard)

    def requires(
        self, requirement: Requirement = authenticated, *, tokens_from: Iterable[TokenSource] | None = None
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Let only callers into a view that `requirement` admits; `tokens_from` overrides where to look for a token."""
        checkpoint = Checkpoint(requirement, tokens_from)

        def decorate(view: Callable[P, R]) -> Callable[P, R]:
            @functools.wraps(view)
            def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
                with self._refusing():
                    admission = checkpoint.admit(self.guard, _read(), _request_auth()).run()
                response.headers.update(_read().search.changes(200, response.headers.getall))
                with _request_auth().admitting(self.guard, admission.principal):
                    return view(*args, **kwargs)

            return guarded

        return decorate

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Turn a refusal into the exception that Bottle sends; an error in the set-up stays a server error."""
        try:
            yield
        except ConfigurationError:
            raise
        except JWTGuardError as error:
            answer: Any = self.guard.answer(error, _read())  # Bottle takes bytes as well as text.
            raise HTTPResponse(answer.body, answer.status, list(answer.headers)) from None


def _read() -> HTTPRequest:
    # Bottle has decoded PATH_INFO by now, without the bytes that are not UTF-8, which rules refuse.
    raw: str = request.environ["bottle.raw_path"]
    return HTTPRequest.from_wsgi(request.environ, path=raw.encode("latin-1").decode("utf-8", "replace"))


def _request_auth() -> RequestAuth:
    request_auth: RequestAuth = request.environ.setdefault(KEY, RequestAuth())
    return request_auth
