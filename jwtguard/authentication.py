"""One request: extract the token, verify it, check CSRF, check revocation.

>>> Authentication().require() is None
True

`Authenticator` is the part of `Guard` that says who sent a request. It decides nothing about access: `admission` does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from jwtguard.core.errors import (
    ConfigurationError,
    InsufficientScopeError,
    InvalidTokenError,
    JWTGuardError,
    MissingTokenError,
    UnavailableError,
)
from jwtguard.core.events import Event, Outcome, log_fields, refusal_level, refusal_text
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.http.csrf import CSRF
from jwtguard.core.http.response import HTTPRequest
from jwtguard.core.http.token_sources import (
    TokenQuery,
    TokenSource,
    extract,
    fields_of,
    is_ambient,
    scheme_hint,
)
from jwtguard.core.sessions.revocation import SessionRevocation
from jwtguard.core.tokens.claims_policy import Policy
from jwtguard.core.tokens.principal import Principal
from jwtguard.core.tokens.sentinels import UNCHECKED, UncheckedType
from jwtguard.core.tokens.verifier import TokenVerifier, VerifiedToken
from jwtguard.trust.introspection import Introspection
from jwtguard.trust.trust import Trust

logger = logging.getLogger("jwtguard")


class Authentication(NamedTuple):
    """Who sent a request, as one guard sees it: a principal with its token, or the error that stands in the way."""

    principal: Principal | None = None
    token: VerifiedToken | None = None
    source: TokenSource | None = None
    error: JWTGuardError | None = None
    client: str | None = None
    """The address that the server saw, for events; None without `on_event`."""

    def require(self) -> Principal | None:
        """The principal; raises the error."""
        if self.error is not None:
            # One error may be raised several times: each time with a traceback of its own.
            raise self.error.with_traceback(None)
        return self.principal

    @property
    def authentication(self) -> Authentication:
        """Itself, which a decorator further in may go by."""
        return self


UNAUTHENTICATED = Authentication()
"""What is known where no token was read."""

Renew: TypeAlias = Callable[[HTTPRequest, "TokenSource | None"], Steps[Authentication | None]]
"""Called where a request's token is absent (the source is then None) or expired: gives the caller, or None
where none is known. Silent renewal is one."""
FindUser: TypeAlias = "Callable[[Authentication], Steps[Authentication]]"
"""What an adapter does between authentication and authorization: refuse a caller without a user in the application."""


class Authenticator:
    """Finds the token of a request, verifies it, checks CSRF and revocation, and tells of each decision."""

    introspection: Introspection | None
    tokens_from: tuple[TokenSource, ...]
    csrf: CSRF | UncheckedType
    _clock: Callable[[], float]
    _csrf: CSRF
    _trust: Trust
    _verifier: TokenVerifier
    _on_event: Callable[[Event], object] | None
    _revocation: SessionRevocation | None

    def verify(self, text: str) -> Flow[VerifiedToken]:
        """Verify the text of a token: `await guard.verify(text)` or `guard.verify(text).run()`.

        Raises `InvalidTokenError` (401) or `UnavailableError` (503).
        """
        return Flow(self._verify(text))

    def _verify(self, text: str) -> Steps[VerifiedToken]:
        token = None
        try:
            token = yield from self._verify_text(text)
            yield from self._check_revocation(token)
        except JWTGuardError as error:
            self._tell_refused(error, token)
            raise
        self._tell_accepted(token)
        return token

    def _verify_text(self, text: str) -> Steps[VerifiedToken]:
        """Verify a token by its signature, or by introspection if it is opaque."""
        if self.introspection is not None and self._verifier.takes_as_opaque(text):
            return (yield from self.introspection.verifying(text, self._opaque_policy, self._clock))
        return (yield from self._verifier.verify(text))

    def _check_revocation(self, token: VerifiedToken) -> Steps[None]:
        if self._revocation is not None:
            yield from self._revocation.checking(token, clock=self._clock)

    def _opaque_policy(self, claims: Mapping[str, Any]) -> Policy:
        if self._trust.opaque_policy is not None:
            return self._trust.opaque_policy
        if "iss" not in claims:
            # What is said of tokens without an issuer is said of those with a signature.
            raise InvalidTokenError("iss")
        return self._verifier.policy_of(claims)

    def authenticate(
        self,
        request: HTTPRequest,
        *,
        tokens_from: tuple[TokenSource, ...] | None = None,
        renew: Renew | None = None,
        find_user: FindUser | None = None,
    ) -> Flow[Authentication]:
        """Who sent `request`? An error is kept in the result: the requirement of the route decides if it counts."""
        return Flow(self._authenticate(request, tokens_from, renew, find_user))

    def _authenticate(
        self,
        request: HTTPRequest,
        tokens_from: tuple[TokenSource, ...] | None,
        renew: Renew | None,
        find_user: FindUser | None,
    ) -> Steps[Authentication]:
        found = yield from self._read_and_verify(request, tokens_from, renew)
        return found if find_user is None else (yield from find_user(found))

    def _read_and_verify(
        self, request: HTTPRequest, tokens_from: tuple[TokenSource, ...] | None, renew: Renew | None
    ) -> Steps[Authentication]:
        client = self._client(request)
        sources = self.tokens_from if tokens_from is None else tokens_from
        request.search.look_in(name for place in sources for name in fields_of(place))
        token = source = refusal = None
        try:
            text, source = extract(request, sources)
            if text is not None and source is not None:
                request.search.found_in_query |= isinstance(source, TokenQuery)
                token = yield from self._verify_text(text)
                if is_ambient(source):
                    self._check_csrf(request, token)
                yield from self._check_revocation(token)
        except ConfigurationError:
            raise  # No request causes it: the program is wrong, and its operator must see it.
        except JWTGuardError as error:
            refusal = error.with_traceback(None)
        if refusal is not None:
            refused = Authentication(error=refusal, client=client)
            if source is not None and renew is not None and refusal.reason == "expired":
                return (yield from self._renew(renew, request, source, refused))
            self._tell_refused(refusal, token, client=client)
            return refused
        if token is None:
            # No event: the route may need no token.
            missing = Authentication(error=MissingTokenError(scheme_hint(request, sources)), client=client)
            return missing if renew is None else (yield from self._renew(renew, request, None, missing))
        self._tell_accepted(token, client=client)
        return Authentication(token.principal, token, source, client=client)

    def _renew(
        self, renew: Renew, request: HTTPRequest, source: TokenSource | None, instead: Authentication
    ) -> Steps[Authentication]:
        """The caller of a request whose token is absent (without a `source`) or expired; `instead` if none is known."""
        try:
            renewed = yield from renew(request, source)
        except ConfigurationError:
            raise
        except JWTGuardError as error:
            instead = instead._replace(error=error.with_traceback(None))
        else:
            if renewed is not None:
                return renewed
        if instead.error is not None and not isinstance(instead.error, MissingTokenError):
            self._tell_refused(instead.error, client=instead.client)
        return instead

    def accepting(self, request: HTTPRequest, text: str, source: TokenSource) -> Steps[Authentication]:
        """The caller of a token that was issued a moment ago and stands for one in `source`: every check but the clock
        runs as if it had come with `request`. An error is kept in the result.
        """
        token = yield from self.reading_issued(text)
        client = self._client(request)
        try:
            self._check_csrf(request, token)
            yield from self._check_revocation(token)
        except JWTGuardError as error:
            self._tell_refused(error, token, client=client)
            return Authentication(error=error.with_traceback(None), client=client)
        self._tell_accepted(token, client=client)
        return Authentication(token.principal, token, source, client=client)

    def refusing(self, authentication: Authentication, error: InvalidTokenError | UnavailableError) -> Authentication:
        """What is kept of a caller whose token is good, but whose user is not there, or cannot be looked up."""
        self._tell_refused(error, authentication.token, client=authentication.client)
        return Authentication(error=error, client=authentication.client)

    def reading_issued(self, text: str) -> Steps[VerifiedToken]:
        """Verify a token that this very program has just issued, before a browser gets it.

        Raises `ConfigurationError` if this guard would refuse it, for then the login could never work.
        """
        try:
            return (yield from self._verifier.verify(text))
        except InvalidTokenError as error:
            reason = error.reason
        raise ConfigurationError(
            f"the guard refuses the access tokens that the sessions issue ({reason}): their issuer, audience, keys,"
            " lifetime and clock must fit"
        )

    def _check_csrf(self, request: HTTPRequest, token: VerifiedToken) -> None:
        if request.is_websocket:
            self._csrf.check_handshake(request)  # Whatever `csrf` says: a socket, once open, is asked nothing more.
        elif self.csrf is not UNCHECKED:
            self._csrf.check(request, token)

    def _client(self, request: HTTPRequest) -> str | None:
        """The address that the server saw; None where no event tells it."""
        return None if self._on_event is None else request.client

    def _tell_refused(
        self, error: JWTGuardError, token: VerifiedToken | None = None, *, client: str | None = None
    ) -> None:
        unavailable = isinstance(error, UnavailableError)
        level = logging.WARNING if unavailable else refusal_level()
        outcome: Literal["unavailable", "refused"] = "unavailable" if unavailable else "refused"
        missing = error.missing if isinstance(error, InsufficientScopeError) else ()
        if logger.isEnabledFor(level):
            hint = error.hint if isinstance(error, MissingTokenError) else None
            text = refusal_text(error.reason, missing=missing, hint=hint)
            fields = log_fields(outcome, reason=error.reason, **_named(token))
            logger.log(level, "%s: %s", outcome, text, extra=fields)
        self._tell(outcome, error.reason, token, client=client, missing=missing)

    def _tell_accepted(self, token: VerifiedToken, *, client: str | None = None) -> None:
        self._tell("accepted", "accepted", token, client=client)

    def _tell(
        self,
        outcome: Outcome,
        reason: str,
        token: VerifiedToken | None,
        *,
        client: str | None = None,
        missing: tuple[str, ...] = (),
    ) -> None:
        if self._on_event is None:
            return
        try:
            self._on_event(Event(outcome=outcome, reason=reason, client=client, missing=missing, **_who(token)))
        except Exception:
            # An exception of a listener must not change the decision.
            logger.exception(
                "on_event raised; the request goes on", extra=log_fields("callback_raised", callback="on_event")
            )


def _who(token: VerifiedToken | None) -> dict[str, str | None]:
    if token is None:
        return {}
    return _named(token) | {"issuer": token.principal.issuer}


def _named(token: VerifiedToken | None) -> dict[str, str | None]:
    """The caller of a token that was verified, for the log."""
    if token is None:
        return {}
    principal = token.principal
    actor = None if principal.actor is None else principal.actor.name
    return {"subject": principal.subject, "session_id": principal.session_id, "actor": actor}
