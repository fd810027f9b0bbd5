"""Authorization of one request: may the caller that `authentication` found pass?

>>> Admission().require() is None
True

`Admitter` is the part of `Guard` that decides: by the requirement of a route, or by the guard's rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from jwtguard.authentication import UNAUTHENTICATED, Authentication, Authenticator, FindUser, Renew
from jwtguard.core.access.requirements import Mode, Requirement
from jwtguard.core.access.rights import Rights
from jwtguard.core.access.rules import Rules
from jwtguard.core.errors import (
    AccessDeniedError,
    AmbiguousPathError,
    CSRFError,
    InsufficientScopeError,
    JWTGuardError,
    MissingTokenError,
)
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.http.resource_metadata import METHODS, ResourceMetadata, warn_of_mount
from jwtguard.core.http.response import HTTPRequest
from jwtguard.core.http.token_sources import AuthorizationHeader, TokenHeader, TokenSource, is_ambient
from jwtguard.core.tokens.principal import Principal
from jwtguard.core.tokens.sentinels import UNCHECKED, UncheckedType


class Admission(NamedTuple):
    """A request that may pass: with its caller, or without one where the requirement does without.

    `authentication` is what a decorator further in may go by; None if no token was read.
    """

    principal: Principal | None = None
    authentication: Authentication | None = None

    def require(self) -> Principal | None:
        """The caller, or None: who may pass has been decided."""
        return self.principal


class Admitter(Authenticator):
    """Decides whether a caller may pass."""

    rules: Rules | UncheckedType | None
    explain_refusals: bool
    resource_metadata: ResourceMetadata | None
    _serves_metadata: bool
    _rights: Rights

    def proves_origin(self, entry: Admission | Authentication) -> bool:
        """Whether a token let the caller in that no other site could have sent.

        That is one in a header that the client itself sets, or one that passed our CSRF check. Other sites can have a
        browser or a gateway add a token by itself.
        """
        authentication = entry.authentication
        source = None if authentication is None else authentication.source
        if entry.principal is None or source is None:
            return False
        if is_ambient(source):
            return self.csrf is not UNCHECKED
        return isinstance(source, AuthorizationHeader | TokenHeader)

    def authorize(self, authentication: Authentication, requirement: Requirement) -> Principal | None:
        """May the caller pass? The principal, or None where the requirement does without; raises `JWTGuardError`."""
        return self.admission(requirement, authentication).principal

    def admit(
        self,
        request: HTTPRequest,
        requirement: Requirement,
        *,
        kept: Authentication | None = None,
        tokens_from: tuple[TokenSource, ...] | None = None,
        find_user: FindUser | None = None,
    ) -> Flow[Admission]:
        """Authenticate, unless `kept` already says who it is, and authorize; raises `JWTGuardError`.

        `find_user` is called where `kept` says nothing.
        """
        return Flow(self._admit(request, requirement, kept, tokens_from, find_user))

    def _admit(
        self,
        request: HTTPRequest,
        requirement: Requirement,
        kept: Authentication | None,
        tokens_from: tuple[TokenSource, ...] | None,
        find_user: FindUser | None,
    ) -> Steps[Admission]:
        if requirement.mode.reads_token and (kept is None or tokens_from is not None):
            kept = yield from self._authenticate(request, tokens_from, None, find_user)
        elif kept is None:
            kept = Authentication(client=self._client(request))
        return self.admission(requirement, kept)

    def _is_for_metadata(self, request: HTTPRequest) -> bool:
        """Whether a request is for the route of the metadata, which needs no token (RFC 9728 §3)."""
        metadata = self.resource_metadata
        if metadata is None or request.is_websocket:
            return False
        if request.root_path:
            warn_of_mount(request.root_path, metadata.url)
        # Where no route is mounted, the path may lead to a view of the application.
        return self._serves_metadata and request.path == metadata.path and request.method in METHODS

    def admission(self, requirement: Requirement, kept: Authentication | None) -> Admission:
        """Authorize who was authenticated, or None where no token is read; raises `JWTGuardError`."""
        mode = requirement.mode
        if not mode.reads_token:
            if mode is Mode.PUBLIC:
                return Admission()
            denied = AccessDeniedError()
            self._tell_refused(denied, client=(kept or UNAUTHENTICATED).client)
            raise denied
        principal, token, _, error, client = kept or UNAUTHENTICATED
        if error is None and principal is not None:
            if requirement.test is not None:
                try:
                    requirement.check(principal, self._rights, now=self._clock())
                except JWTGuardError as refused:
                    self._tell_refused(refused, token, client=client)
                    if isinstance(refused, InsufficientScopeError):
                        refused.limit(explained=self.explain_refusals)
                    refused.scope = requirement.scopes
                    raise
            return Admission(principal, kept)
        if error is None or isinstance(error, MissingTokenError):
            if mode.admits_anybody:
                return Admission(None, kept)
            error = MissingTokenError(None if error is None else error.hint)
            self._tell_refused(error, client=client)
            error.scope = requirement.scopes
            raise error
        if mode is Mode.OPTIONAL_LENIENT and (error.status in {400, 401} or isinstance(error, CSRFError)):
            return Admission(None, kept)  # It was logged when it was found.
        error.scope = requirement.scopes
        raise error.with_traceback(None)  # As `Authentication.require` does.

    def enter(
        self,
        request: HTTPRequest,
        *,
        renew: Renew | None = None,
        find_user: FindUser | None = None,
        is_exempt: bool = False,
        keep: Callable[[Authentication], object] | None = None,
    ) -> Flow[Admission | Authentication]:
        """What a middleware does with a request: decide by `rules`, or with `UNCHECKED` only identify the caller.

        An adapter passes its guard through `check_front` first, which refuses one without `rules`. `keep` is called
        with what was found out before the rules decide, for pages that answer a refusal. `is_exempt`: the request needs
        no token, because it is for a shipped route that reads none, or is a preflight that no view answers. Rules still
        refuse it if its path is ambiguous.
        """
        return Flow(self._enter(request, renew, find_user, is_exempt, keep))

    def _enter(
        self,
        request: HTTPRequest,
        renew: Renew | None,
        find_user: FindUser | None,
        is_exempt: bool,  # noqa: FBT001 - `enter` names it
        keep: Callable[[Authentication], object] | None,
    ) -> Steps[Admission | Authentication]:
        rules = self.rules
        is_exempt = is_exempt or self._is_for_metadata(request)
        if rules is None or rules is UNCHECKED:
            if is_exempt:
                return Admission()
            return (yield from self._authenticate(request, None, renew, find_user))
        try:
            requirement = rules.requirement(request.method, request.path)
        except AmbiguousPathError as error:
            self._tell_refused(error, client=self._client(request))
            raise
        if is_exempt:
            return Admission()
        if not requirement.mode.reads_token:
            return (yield from self._admit(request, requirement, None, None, find_user))
        found = yield from self._authenticate(request, None, renew, find_user)
        if keep is not None:
            keep(found)
        return self.admission(requirement, found)
