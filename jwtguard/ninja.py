"""Django Ninja: `auth=auth.requires(...)` on an operation, with its lock in the OpenAPI document.

In `project/api.py`::

    api = NinjaAPI()
    auth = NinjaGuard(api, guard)


    @api.get("/reports", auth=auth.requires(has_role("analyst")))
    def reports(request):
        return {"for": request.principal.subject}

The middleware, rules, sessions and `JWTGUARD_USER` are those of `jwtguard.django`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

try:
    from ninja import NinjaAPI
except ImportError as error:
    raise ImportError("jwtguard.ninja needs Django Ninja: pip install 'jwtguard-middleware[ninja]'") from error

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse

from jwtguard.core.access.requirements import Requirement, authenticated
from jwtguard.core.errors import ConfigurationError, JWTGuardError
from jwtguard.core.http.token_sources import TokenSource
from jwtguard.django.decorators import DjangoGuard
from jwtguard.django.requests import read, refuse, request_auth_of, show_user, tell_caches
from jwtguard.django.user_lookup import user_finder
from jwtguard.endpoints.openapi import security_scheme
from jwtguard.guard import Guard
from jwtguard.request_auth import Checkpoint
from jwtguard.view_metadata import ViewMetadata, attach


class NinjaGuard(DjangoGuard):
    """The guard of one `NinjaAPI`: `auth = NinjaGuard(api, guard)`, then `auth=auth.requires(...)`."""

    def __init__(self, api: NinjaAPI, guard: Guard) -> None:
        if not isinstance(api, NinjaAPI):
            raise ConfigurationError(f"NinjaGuard(api, guard) takes the NinjaAPI first: found {type(api).__name__}")
        super().__init__(guard)
        api.add_exception_handler(JWTGuardError, self._answer)
        api.add_decorator(_telling_caches, mode="view")

    def requires(
        self, requirement: Requirement = authenticated, *, tokens_from: Iterable[TokenSource] | None = None
    ) -> Any:  # noqa: ANN401 - a callable with the attributes that Ninja looks for
        """What `auth=` takes: it lets only callers in that `requirement` admits, and shows the lock."""
        checkpoint, guard = Checkpoint(requirement, tokens_from), self.guard
        # Ninja shows one scheme for each callable, and names it after the class.
        name, scheme = security_scheme((checkpoint.tokens_from or guard.tokens_from)[0])
        shown = {"openapi_security_schema": scheme} if checkpoint.requirement.mode.reads_token else {}
        made = type(name, (_Requires,), shown)(guard, checkpoint)
        noted = ViewMetadata(requirement=checkpoint.requirement, tokens_from=checkpoint.tokens_from, guard=guard)
        attach(made, noted)
        return made

    def _answer(self, request: HttpRequest, error: Any) -> HttpResponse:  # noqa: ANN401 - Ninja types it otherwise
        return refuse(request, self.guard, error)


def _telling_caches(run: Callable[..., Any]) -> Callable[..., Any]:
    """`run`, whose response says what caches must know of how the request was authenticated."""

    def told(request: HttpRequest, response: HttpResponse) -> HttpResponse:
        tell_caches(request, response)
        return response

    async def run_async(request: HttpRequest, **arguments: object) -> HttpResponse:
        return told(request, await run(request, **arguments))

    def run_sync(request: HttpRequest, **arguments: object) -> HttpResponse:
        return told(request, run(request, **arguments))

    return functools.wraps(run)(run_async if iscoroutinefunction(run) else run_sync)


class _Requires:
    """One requirement. Ninja calls it before the operation, under ASGI on a thread."""

    def __init__(self, guard: Guard, checkpoint: Checkpoint) -> None:
        self._guard, self._checkpoint = guard, checkpoint

    def __call__(self, request: HttpRequest) -> object:
        """The caller, as `request.auth` and `request.principal`."""
        request_auth = request_auth_of(request)
        finder = user_finder(request_auth, self._guard)
        admission = self._checkpoint.admit(self._guard, read(request), request_auth, finder).run()
        request_auth.admit(self._guard, admission.principal)
        show_user(request, admission.principal)
        return admission.principal or "anonymous"  # Ninja wants a true value.
