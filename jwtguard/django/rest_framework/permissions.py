"""Who may pass, as REST framework asks it: permission classes for roles, scopes and any other requirement.

>>> HasRole("editor") & HasScope("reports:write")
<permission has_role('editor') & has_scope('reports:write')>
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django.http import HttpRequest
from rest_framework.permissions import NOT, BasePermission, BasePermissionMetaclass
from rest_framework.request import Request

from jwtguard.admission import Admission
from jwtguard.authentication import Authentication
from jwtguard.core.access.requirements import (
    Requirement,
    authenticated,
    check_requirement,
    has_permission,
    has_role,
    has_scope,
)
from jwtguard.core.errors import ConfigurationError, JWTGuardError
from jwtguard.core.http.token_sources import TokenSource, check_sources
from jwtguard.django.decorators import guard_for
from jwtguard.django.requests import read, request_auth_of
from jwtguard.django.rest_framework.authentication import authenticator_of, http_of, let_in, tell_caches_later
from jwtguard.django.rest_framework.refusals import RefusedRequest
from jwtguard.django.user_lookup import user_finder
from jwtguard.guard import Guard
from jwtguard.request_auth import Checkpoint, check_guard

if TYPE_CHECKING:
    from rest_framework.views import APIView


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
        # A class of the project's own may ask for more than its requirement, and must not lose that.
        is_made_here = all(_MADE_HERE in vars(one) for one in (self, other) if isinstance(one, type))
        return isinstance(other, _PermissionType) and is_made_here and _places(self) == _places(other)

    def _with(self, other: _PermissionType, requirement: Requirement) -> type[GuardPermission]:
        return _permission(requirement, *_places(self))

    def __repr__(self) -> str:
        return f"<permission {self.requirement!r}>"


_MADE_HERE = "_jwtguard_made_here"
_NO_NEGATION = (
    "a permission of jwtguard cannot be negated: a claim that is missing must never let a caller in. Turn the question"
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
        http = http_of(request)
        tell_caches_later(request)
        by = authenticator_of(request)
        guard = guard_for(http, self.guard) if self.guard is not None or by is None else by.guard_for(http)
        kept, tokens_from = None, self.tokens_from
        if by is not None and tokens_from is None and by.guard_for(http) is guard:
            kept, tokens_from = by.found, by.checkpoint.tokens_from
        try:
            admission = self._admit(http, guard, kept, tokens_from)
            found = let_in(http, guard, admission)
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
            finder = user_finder(request_auth_of(http), guard)
            return (
                Checkpoint(self.requirement, tokens_from).admit(guard, read(http), request_auth_of(http), finder).run()
            )
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


def _permission(
    requirement: Requirement, guard: Guard | None, tokens_from: tuple[TokenSource, ...] | None
) -> type[GuardPermission]:
    made: dict[str, Any] = {
        "requirement": requirement,
        "guard": guard,
        "tokens_from": tokens_from,
        "__module__": __name__,
    }
    made[_MADE_HERE] = True
    return _PermissionType("Requires", (GuardPermission,), made)  # type: ignore[return-value]


def _places(permission: Any) -> tuple[Guard | None, tuple[TokenSource, ...] | None]:  # noqa: ANN401
    return permission.guard, permission.tokens_from


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
