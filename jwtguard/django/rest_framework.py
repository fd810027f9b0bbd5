"""Django REST framework: an authentication class, and permission classes by role, scope or any requirement.

In `settings.py`::

    REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["jwtguard.django.rest_framework.GuardAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "EXCEPTION_HANDLER": "jwtguard.django.rest_framework.exception_handler",
    }

In a view::

    class Reports(APIView):
        permission_classes = [HasRole("analyst") | HasScope("reports:read")]

        def get(self, request):
            return Response({"for": request.user.pk, "claims": request.auth.claims})

>>> HasRole("analyst") | HasScope("reports:read")
<permission has_role('analyst') | has_scope('reports:read')>

A view needs no middleware of ours: the class authenticates by itself, and goes by what the middleware of the same guard
found out where there is one. `request.user` is a `TokenUser`, or what `JWTGUARD_USER` finds; `request.auth` the
`VerifiedToken`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from importlib import import_module
from typing import Any, ClassVar

try:
    import_module("rest_framework")
except ImportError as error:
    raise ImportError(
        "jwtguard.django.rest_framework needs Django REST framework: pip install 'jwtguard-middleware[drf]'"
    ) from error

from django.http import HttpRequest, HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, ErrorDetail, NotAuthenticated
from rest_framework.permissions import NOT, BasePermission, BasePermissionMetaclass
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.views import APIView, set_rollback
from rest_framework.views import exception_handler as default_handler

from jwtguard.callers import Checkpoint, check_guard
from jwtguard.core.authorization import (
    Requirement,
    authenticated,
    check_requirement,
    has_permission,
    has_role,
    has_scope,
    optional,
)
from jwtguard.core.errors import (
    ConfigurationError,
    InvalidTokenError,
    JWTGuardError,
    MissingTokenError,
    TooManyRequestsError,
    UnavailableError,
)
from jwtguard.core.extraction import TokenSource, check_sources
from jwtguard.core.logs import log_fields
from jwtguard.core.principal import Principal
from jwtguard.core.verification import VerifiedToken
from jwtguard.django.checks import guard_middlewares
from jwtguard.django.decorators import DjangoGuard, guard_for
from jwtguard.django.requests import callers_of, read, respond
from jwtguard.django.settings import default_guard, user_of
from jwtguard.django.users import TokenUser
from jwtguard.guard import Admission, Authentication, Guard

logger = logging.getLogger("jwtguard")


class RefusedRequest(APIException):
    """A refusal of ours, which REST framework answers like its own: with the right status, challenge and `Retry-After`.

    `error` is the cause, for a handler of your own.
    """

    def __init__(self, guard: Guard, error: JWTGuardError) -> None:
        super().__init__()
        self.guard = guard
        self.error = error
        self.status_code = error.status
        self.detail = ErrorDetail(error.detail, code=error.error or error.reason)
        # What REST framework's own handler makes header fields of.
        self.auth_header = _challenge(guard, error) if error.challenges else None
        self.wait = error.retry_after if isinstance(error, UnavailableError | TooManyRequestsError) else None


class GuardAuthentication(BaseAuthentication):
    """Authenticates with the guard of the one middleware in front, or that of the `JWTGUARD` setting.

    For another, or for a token that travels elsewhere, make a subclass::

        class MachineAuthentication(GuardAuthentication):
            guard = machines
            tokens_from = [TokenHeader("X-Machine-Token")]

    Put it first among a view's authentication classes: REST framework asks the first one for the challenge. Without a
    token the next one is asked; a token that is there and no good is refused. Raises `RefusedRequest`.
    """

    guard: ClassVar[Guard | DjangoGuard | None] = None
    tokens_from: ClassVar[Iterable[TokenSource] | None] = None
    _checkpoint: ClassVar[Checkpoint] = Checkpoint(optional, None)
    found: Authentication | None = None
    """What was found out about the request, for the permission classes."""

    def __init_subclass__(cls, **more: Any) -> None:  # noqa: ANN401
        super().__init_subclass__(**more)
        _own_guard(cls.guard, cls.__name__)
        cls._checkpoint = Checkpoint(optional, cls.tokens_from)

    def authenticate(self, request: Request) -> tuple[object, VerifiedToken] | None:
        """The user and the token of a request, or None where there is no token."""
        http = _http(request)
        guard = self.guard_for(http)
        try:
            admission = self._checkpoint.admit(guard, read(http), callers_of(http)).run()
            self.found = admission.authentication
            return None if admission.principal is None else _let_in(http, guard, admission)
        except ConfigurationError:
            raise
        except JWTGuardError as error:
            refused = error
        raise RefusedRequest(guard, refused)

    def authenticate_header(self, request: Request) -> str:
        """The challenge for a request without a token (RFC 6750 §3)."""
        return _challenge(self.guard_for(_http(request)), MissingTokenError())

    def places(self) -> tuple[TokenSource, ...]:
        """Where it reads tokens from, as far as that can be told without a request: for documentation."""
        if self._checkpoint.tokens_from is not None:
            return self._checkpoint.tokens_from
        in_front = [middleware.own_guard() for middleware in guard_middlewares()]
        guard = _own_guard(self.guard, type(self).__name__) or (in_front[0] if len(in_front) == 1 else None)
        return (guard or default_guard()).tokens_from

    def guard_for(self, request: HttpRequest) -> Guard:
        """The guard that looks at `request`."""
        return guard_for(request, _own_guard(self.guard, type(self).__name__))


class _PermissionType(BasePermissionMetaclass):
    """The type of our permission classes: two of them combine to one, so that a refusal says all that is missing."""

    requirement: Requirement

    def __and__(self, other: Any) -> Any:  # noqa: ANN401
        return self._with(other, self.requirement & other.requirement) if self._fits(other) else super().__and__(other)

    def __or__(self, other: Any) -> Any:  # noqa: ANN401
        return self._with(other, self.requirement | other.requirement) if self._fits(other) else super().__or__(other)

    def __invert__(self) -> Any:  # noqa: ANN401
        raise ConfigurationError(_NO_NEGATION)

    def _fits(self, other: object) -> bool:
        return isinstance(other, _PermissionType) and _places(self) == _places(other)

    def _with(self, other: _PermissionType, requirement: Requirement) -> type[GuardPermission]:
        return _permission(requirement, *_places(self))

    def __repr__(self) -> str:
        return f"<permission {self.requirement!r}>"


_NO_NEGATION = (
    "a permission of jwtguard cannot be negated: a claim that is missing must never let anybody in. Turn the question"
    " round, as in predicate(lambda principal: ...)"
)


class GuardPermission(BasePermission, metaclass=_PermissionType):
    """What the permission classes here are made from. `guard` and `tokens_from` are the authentication's by default.

    It refuses with `RefusedRequest`. Combined with a class of another make, it can only answer yes or no, and a refusal
    is then REST framework's own.
    """

    requirement: ClassVar[Requirement] = authenticated
    guard: ClassVar[Guard | None] = None
    tokens_from: ClassVar[tuple[TokenSource, ...] | None] = None

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the caller may pass; raises `RefusedRequest` where no other class can let them in."""
        http = _http(request)
        by = _authenticator(request)
        guard = guard_for(http, self.guard) if self.guard is not None or by is None else by.guard_for(http)
        kept, tokens_from = None, self.tokens_from
        if by is not None and tokens_from is None and by.guard_for(http) is guard:
            kept, tokens_from = by.found, by._checkpoint.tokens_from
        try:
            admission = self._admit(http, guard, kept, tokens_from)
            found = _let_in(http, guard, admission)
        except ConfigurationError:
            raise
        except JWTGuardError as error:
            refused = error
        else:
            if found is not None and request.successful_authenticator is None:
                request.user, request.auth = found  # type: ignore[assignment]  # not every user is of the database
            return True
        if _is_alone(self, view):
            raise RefusedRequest(guard, refused)
        return False

    def _admit(
        self,
        http: HttpRequest,
        guard: Guard,
        kept: Authentication | None,
        tokens_from: tuple[TokenSource, ...] | None,
    ) -> Admission:
        if kept is None:
            return Checkpoint(self.requirement, tokens_from).admit(guard, read(http), callers_of(http)).run()
        return guard.admit(read(http), self.requirement, kept=kept).run()


def Requires(  # noqa: N802 - a class, as its users see it
    requirement: Requirement = authenticated,
    *,
    guard: Guard | None = None,
    tokens_from: Iterable[TokenSource] | None = None,
) -> type[GuardPermission]:
    """A permission class for any requirement: `Requires(has_role("admin") & fresh(max_age=300))`.

    For `public`, `optional_lenient` and `denied`, which read no token or take a broken one for none, the view has
    `authentication_classes = []`: the permission then authenticates by itself. Raises `ConfigurationError`.
    """
    own = None if guard is None else check_guard(guard, "Requires")
    return _permission(check_requirement(requirement), own, None if tokens_from is None else check_sources(tokens_from))


def HasRole(name: str) -> type[GuardPermission]:  # noqa: N802
    """A permission class: the caller has this role, or one above it in `role_hierarchy`."""
    return Requires(has_role(name))


def HasScope(name: str) -> type[GuardPermission]:  # noqa: N802
    """A permission class: the token carries this scope."""
    return Requires(has_scope(name))


def HasPermission(name: str) -> type[GuardPermission]:  # noqa: N802
    """A permission class: the token carries this permission, or a role that `role_permissions` gives it to."""
    return Requires(has_permission(name))


def exception_handler(exc: Exception, context: dict[str, Any]) -> HttpResponseBase | None:
    """`EXCEPTION_HANDLER`: answers our refusals as all adapters do, with a problem document (RFC 9457).

    The browsable API shows them in its page; what is not ours is left to REST framework's own handler.
    """
    request: Request = context["request"]
    by = _authenticator(request)
    if isinstance(exc, NotAuthenticated) and by is not None:
        exc = RefusedRequest(by.guard_for(_http(request)), MissingTokenError())
    if not isinstance(exc, RefusedRequest) or _is_for_people(request):
        return default_handler(exc, context)
    set_rollback()
    return respond(exc.guard.answer(exc.error, read(_http(request))))


def _permission(
    requirement: Requirement, guard: Guard | None, tokens_from: tuple[TokenSource, ...] | None
) -> type[GuardPermission]:
    made = {"requirement": requirement, "guard": guard, "tokens_from": tokens_from, "__module__": __name__}
    return _PermissionType("Requires", (GuardPermission,), made)  # type: ignore[return-value]


def _places(permission: Any) -> tuple[Guard | None, tuple[TokenSource, ...] | None]:  # noqa: ANN401
    return permission.guard, permission.tokens_from


def _own_guard(guard: Guard | DjangoGuard | None, where: str) -> Guard | None:
    if guard is None:
        return None
    return guard.guard if isinstance(guard, DjangoGuard) else check_guard(guard, where)


def _http(request: Request) -> HttpRequest:
    return request._request


def _challenge(guard: Guard, error: JWTGuardError) -> str:
    return dict(guard.answer(error).headers)["WWW-Authenticate"]


def _authenticator(request: Request) -> GuardAuthentication | None:
    """The class of ours that let the caller in, or the first that could have."""
    chosen = request.successful_authenticator
    for one in (chosen, *(request.authenticators or ())):
        if isinstance(one, GuardAuthentication):
            return one
    return None


def _let_in(http: HttpRequest, guard: Guard, admission: Admission) -> tuple[object, VerifiedToken] | None:
    """The user and the token of the caller, who is the request's principal from here on; None if there is none."""
    principal, found = admission.principal, admission.authentication
    told = None
    if principal is not None and found is not None and found.token is not None:
        told = _user_of(principal), found.token
    callers_of(http).admit(guard, principal)
    return told


def _user_of(principal: Principal) -> object:
    find = user_of()
    if find is None:
        return TokenUser(principal)
    user = find(principal)
    if user is None or not getattr(user, "is_active", True):
        fields = log_fields("refused", reason="user", subject=principal.subject, session_id=principal.session_id)
        logger.info("refused: user", extra=fields)
        raise InvalidTokenError("user")
    return user


def _is_for_people(request: Request) -> bool:
    return isinstance(getattr(request, "accepted_renderer", None), BrowsableAPIRenderer)


def _is_alone(permission: GuardPermission, view: APIView) -> bool:
    """Whether nothing else in the view can let the caller in; raises `ConfigurationError` under a negation."""
    standing = list(view.get_permissions())
    if any(type(one) is type(permission) for one in standing):
        return True
    if any(_is_negated(type(permission), one) for one in standing):
        raise ConfigurationError(_NO_NEGATION)
    return False


def _is_negated(permission: type[GuardPermission], node: object, *, below: bool = False) -> bool:
    """Whether `permission` stands below a `~` in what REST framework's operators have joined."""
    below = below or isinstance(node, NOT)
    joined = (getattr(node, "op1", None), getattr(node, "op2", None))
    return (below and type(node) is permission) or any(
        _is_negated(permission, part, below=below) for part in joined if part is not None
    )
