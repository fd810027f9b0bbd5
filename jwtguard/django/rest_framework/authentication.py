"""Who is calling, as REST framework asks it: an authentication class for each guard.

>>> GuardAuthentication.tokens_from is None  # where the guard looks
True
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from jwtguard.admission import Admission
from jwtguard.authentication import Authentication
from jwtguard.core.access.requirements import optional
from jwtguard.core.errors import ConfigurationError, JWTGuardError, MissingTokenError
from jwtguard.core.http.token_sources import TokenSource
from jwtguard.core.tokens.principal import Principal
from jwtguard.core.tokens.verifier import VerifiedToken
from jwtguard.django.checks import guard_middlewares
from jwtguard.django.decorators import DjangoGuard, guard_for
from jwtguard.django.requests import read, request_auth_of, tell_caches
from jwtguard.django.rest_framework.refusals import RefusedRequest, challenge
from jwtguard.django.settings import default_guard
from jwtguard.django.user_lookup import user_finder
from jwtguard.django.users import TokenUser
from jwtguard.guard import Guard
from jwtguard.request_auth import Checkpoint, check_guard


class GuardAuthentication(BaseAuthentication):
    """Authenticates with the guard of the one middleware in front, or that of the `JWTGUARD` setting.

    For another, or for a token that travels elsewhere, make a subclass::

        class MachineAuthentication(GuardAuthentication):
            guard = machines
            tokens_from = [TokenHeader("X-Machine-Token", from_proxy=False)]

    Put it first among a view's authentication classes: REST framework asks the first one for the challenge. Without a
    token the next one is asked; a token that is there and no good is refused. Raises `RefusedRequest`.
    """

    guard: ClassVar[Guard | DjangoGuard | None] = None
    tokens_from: ClassVar[Iterable[TokenSource] | None] = None
    checkpoint: ClassVar[Checkpoint] = Checkpoint(optional, None)
    found: Authentication | None = None
    """What was found out about the request, for the permission classes."""

    def __init_subclass__(cls, **more: Any) -> None:  # noqa: ANN401
        super().__init_subclass__(**more)
        _own_guard(cls.guard, cls.__name__)
        cls.checkpoint = Checkpoint(optional, cls.tokens_from)

    def authenticate(self, request: Request) -> tuple[object, VerifiedToken] | None:
        """The user and the token of a request, or None where there is no token."""
        http = http_of(request)
        guard = self.guard_for(http)
        tell_caches_later(request)
        try:
            admission = self.checkpoint.admit(
                guard, read(http), request_auth_of(http), user_finder(request_auth_of(http), guard)
            ).run()
            self.found = admission.authentication
            if admission.principal is not None:
                return let_in(http, guard, admission)
            if not request_auth_of(http).has_middleware:
                request_auth_of(http).admit(guard, None)  # Else the middleware knows that there is none, and why.
            return None
        except ConfigurationError:
            raise
        except JWTGuardError as error:
            refused = error
        raise RefusedRequest(guard, refused)

    def authenticate_header(self, request: Request) -> str:
        """The challenge for a request without a token (RFC 6750 §3)."""
        return challenge(self.guard_for(http_of(request)), MissingTokenError())

    def places(self) -> tuple[TokenSource, ...]:
        """Where it reads tokens from, as far as that can be told without a request: for documentation."""
        if self.checkpoint.tokens_from is not None:
            return self.checkpoint.tokens_from
        in_front = [middleware.own_guard() for middleware in guard_middlewares()]
        guard = _own_guard(self.guard, type(self).__name__) or (in_front[0] if len(in_front) == 1 else None)
        return (guard or default_guard()).tokens_from

    def guard_for(self, request: HttpRequest) -> Guard:
        """The guard that looks at `request`."""
        return guard_for(request, _own_guard(self.guard, type(self).__name__))


def tell_caches_later(request: Request) -> None:
    """Have the view's response say what caches must know, also that of a refusal or of an error of the view's."""
    view = (request.parser_context or {}).get("view")
    if view is not None and "finalize_response" not in vars(view):
        view.finalize_response = partial(_finalize, view)


def _finalize(view: Any, request: Request, response: Any, *args: object, **kwargs: object) -> Any:  # noqa: ANN401
    del view.finalize_response  # It leads back to the view, which would be left to the garbage collector.
    finished = view.finalize_response(request, response, *args, **kwargs)
    tell_caches(http_of(request), finished)
    return finished


def authenticator_of(request: Request) -> GuardAuthentication | None:
    """The class of ours that let the caller in, or the first that could have."""
    chosen = request.successful_authenticator
    for one in (chosen, *(request.authenticators or ())):
        if isinstance(one, GuardAuthentication):
            return one
    return None


def let_in(http: HttpRequest, guard: Guard, admission: Admission) -> tuple[object, VerifiedToken] | None:
    """The user and the token of the caller, who is the request's principal from here on; None if there is none."""
    principal, found = admission.principal, admission.authentication
    told = None
    if principal is not None and found is not None and found.token is not None:
        told = _user_of(http, principal), found.token
    request_auth_of(http).admit(guard, principal)
    return told


def _user_of(http: HttpRequest, principal: Principal) -> object:
    user = request_auth_of(http).user_of(principal)
    return TokenUser(principal) if user is None else user


def http_of(request: Request) -> HttpRequest:
    """Django's request behind REST framework's."""
    return request._request


def _own_guard(guard: Guard | DjangoGuard | None, where: str) -> Guard | None:
    if guard is None:
        return None
    return guard.guard if isinstance(guard, DjangoGuard) else check_guard(guard, where)
