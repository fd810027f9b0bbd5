"""What each route does: from a request and its body to a finished answer, with `Set-Cookie` as finished strings.

>>> from jwtguard.testing.conformance.route_sites import route_site
>>> from jwtguard.core.http.response import HTTPRequest
>>> endpoints = route_site("bearer").endpoints()
>>> request = HTTPRequest.from_wsgi({"REQUEST_METHOD": "GET", "PATH_INFO": "/auth/.well-known/jwks.json"})
>>> endpoints.answer(JWKS, request).run().status
200

Login, refresh, logout and the public keys never read the access token, so that an expired one prevents no login.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Unpack

from jwtguard.authentication import Renew
from jwtguard.core.access.requirements import Requirement
from jwtguard.core.errors import (
    AccessDeniedError,
    ConfigurationError,
    InvalidBodyError,
    InvalidGrantError,
    InvalidRequestError,
    JWTGuardError,
    LoginFailedError,
    SessionNotFoundError,
    UnavailableError,
)
from jwtguard.core.events import log_fields, refusal_level
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.http.cookies import TokenCookie
from jwtguard.core.http.response import HTTPRequest, HTTPResponse, for_caches, json_answer
from jwtguard.core.sessions.grants import TokenResponse
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.core.sessions.store_protocol import Session
from jwtguard.core.tokens.issuer import check_token_length
from jwtguard.endpoints.bodies import boolean_parameter, content_type, read_parameters, required_parameter
from jwtguard.endpoints.delivery import NO_STORE, Headers
from jwtguard.endpoints.endpoint import (
    JWKS,
    LOGIN,
    LOGOUT,
    LOGOUT_ALL,
    REFRESH,
    SESSION,
    SESSIONS,
    Endpoint,
    requirement_of,
)
from jwtguard.endpoints.login import answer_of_hook, authenticating
from jwtguard.endpoints.renewal import PendingRenewal, SilentRenewal
from jwtguard.endpoints.settings import Authenticate, EndpointSettings, Settings
from jwtguard.guard import Guard
from jwtguard.request_auth import RequestAuth

logger = logging.getLogger("jwtguard")
_MOST_LOGOUTS = 8
"""Sessions that one logout ends: each costs a look-up. No browser holds two `__Host-` cookies of one name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """One request to one route. `request_auth`: what the middlewares found."""

    endpoint: Endpoint
    request: HTTPRequest
    parameters: Callable[[], Mapping[str, object]]
    request_auth: RequestAuth | None
    session_id: str
    authenticate: Authenticate | None = field(repr=False)
    spell: Callable[[str], str] | None = field(repr=False)


class Endpoints:
    """The routes of one guard and its sessions; see `EndpointSettings` for what else can be said.

    `authenticate(username, password)`, sync or async, returns the subject of a user or None. `delivery`: `"bearer"`
    answers with tokens, `"cookies"` sets them, `"refresh-cookie"` sets the refresh token and answers with the other.
    `silent_renewal`: an access cookie that is absent or expired is renewed by the middleware. `refresh_cookie`: its
    name, which differs where two applications share a host. `remember`: whether cookies outlive the browser where a
    login does not say. `before_login`: where to limit rates. `fresh_for`: how old a login may be that ends all
    sessions. `max_body_bytes`: of a login. Raises `ConfigurationError` with all problems.
    """

    def __init__(self, guard: Guard, sessions: Sessions, **settings: Unpack[EndpointSettings]) -> None:
        self.guard = guard
        self.sessions = sessions
        self._settings = Settings.checked(guard, sessions, settings)
        self._delivery = self._settings.delivery
        cookies = self._settings.renewed_cookies
        self._renewal = None if cookies is None else SilentRenewal(guard, sessions, cookies)

    def renew(self, put_off: Callable[[PendingRenewal], object]) -> Renew | None:
        """What a middleware hands to `Guard.enter`: silent renewal, where that is on."""
        return None if self._renewal is None else partial(self._renewal.renewing, put_off)

    @property
    def renews(self) -> bool:
        """Whether silent renewal is on."""
        return self._renewal is not None

    @property
    def refresh_cookie(self) -> TokenCookie | None:
        """The cookie that these routes alone may read, and silent renewal; None where tokens come in the body."""
        return self._delivery.refresh_cookie

    @property
    def max_body_bytes(self) -> int:
        """Adapters read at most one byte more than this of a body."""
        return self._settings.max_body_bytes

    def requirement(self, endpoint: Endpoint) -> Requirement:
        """What a route asks of its callers."""
        return requirement_of(endpoint, fresh_for=self._settings.fresh_for)

    @property
    def is_async(self) -> bool:
        """Whether some part of this can only be awaited."""
        return self._settings.is_async(self.sessions)

    def answer(
        self,
        endpoint: Endpoint,
        request: HTTPRequest,
        body: bytes = b"",
        *,
        request_auth: RequestAuth | None = None,
        session_id: str = "",
        authenticate: Authenticate | None = None,
        spell: Callable[[str], str] | None = None,
    ) -> Flow[HTTPResponse]:
        """Answer `request`, which was routed to `endpoint`.

        `request_auth` holds what the middlewares in front found out; `session_id` comes from the path; `authenticate`
        stands in where the settings have none, and `spell` then gives the one spelling of a user name that counts:
        `before_login` is told that one, so no other spelling gets round a limit for each name. A refusal is an answer
        too; raises `ConfigurationError` for what is wrong with the program.
        """
        visit = _Visit(
            endpoint=endpoint,
            request=request,
            parameters=partial(read_parameters, body, content_type(request), limit=self.max_body_bytes),
            request_auth=request_auth,
            session_id=session_id,
            authenticate=self._settings.authenticate or authenticate,
            spell=None if self._settings.authenticate else spell,
        )
        return Flow(self._answer(visit))

    def _answer(self, visit: _Visit) -> Steps[HTTPResponse]:
        try:
            answer = yield from _HANDLERS[visit.endpoint.name](self, visit)
        except ConfigurationError:
            raise
        except JWTGuardError as error:
            logger.log(
                refusal_level(),
                "%s refused: %s",
                visit.endpoint.name,
                error.reason,
                extra=log_fields("route_refused", reason=error.reason, source=visit.endpoint.name),
            )
            answer = self.guard.answer(error, visit.request)
        answer = for_caches(answer, visit.request)
        return _to_head(answer) if visit.request.method == "HEAD" else answer

    # One route each.

    def _login(self, visit: _Visit) -> Steps[HTTPResponse]:
        self._delivery.check_origin(visit.request)
        parameters = visit.parameters()
        typed = required_parameter(parameters, "username")
        username = typed if visit.spell is None else visit.spell(typed)
        password = required_parameter(parameters, "password")
        remember = boolean_parameter(parameters, "remember", default=self._settings.remember)
        refused = yield from answer_of_hook(self._settings.before_login, username, visit.request)
        if refused is not None:
            return refused
        subject = yield from authenticating(visit.authenticate, username, password)
        label = next(iter(visit.request.values("user-agent")), None)
        try:
            pair = yield from self.sessions.start(subject, label=label, remember=remember)
        except InvalidGrantError as error:
            reason = error.reason
        else:
            try:
                headers = yield from self._headers(visit, pair)
            except JWTGuardError:
                yield from self.sessions.end(pair.refresh_token)  # It was never sent.
                raise
            return self._delivery.answer(pair, headers)
        raise LoginFailedError(reason)

    def _refresh(self, visit: _Visit) -> Steps[HTTPResponse]:
        self._delivery.check_origin(visit.request)
        try:
            text = self._delivery.refresh_token(visit.request, visit.parameters)
        except InvalidBodyError:
            raise
        except InvalidRequestError as error:
            return self._clearing(visit, error)  # Two refresh cookies would be refused again and again.
        if text is None:
            raise InvalidBodyError("no_refresh_token", "The refresh token is missing: log in.")
        prepared = yield from self.sessions.prepare(text)
        # Before the one write: what cannot be delivered must not cost the client its generation.
        yield from self._headers(visit, prepared.answer)
        pair = yield from prepared.take()
        headers = yield from self._headers(visit, pair)
        return self._delivery.answer(pair, headers)

    def _headers(self, visit: _Visit, pair: TokenResponse) -> Steps[Headers]:
        """The header fields that deliver `pair`; raises `ConfigurationError` if the guard or a browser refuses it."""
        check_token_length(pair.access_token, self.guard.max_token_bytes)
        return (yield from self._delivery.headers(visit.request, pair))

    def _logout(self, visit: _Visit) -> Steps[HTTPResponse]:
        self._delivery.check_origin(visit.request)
        clearing = self._delivery.clearing()
        try:
            texts = self._delivery.refresh_tokens(visit.request, visit.parameters)
            if not texts and not clearing:
                raise InvalidBodyError("no_refresh_token", "The refresh token is missing.")
            yield from self._ending(texts[:_MOST_LOGOUTS])
            if len(texts) > _MOST_LOGOUTS:
                raise InvalidRequestError("repeated_cookie", "The request carries too many refresh tokens.")
        except ConfigurationError:
            raise
        except (InvalidRequestError, UnavailableError) as error:
            # Whatever can be said about the session, this browser shall hold no token any more.
            return self._clearing(visit, error)
        return _no_content(clearing)

    def _ending(self, texts: Sequence[str]) -> Steps[None]:
        """End the session of each genuine refresh token; raises `UnavailableError` once all were tried."""
        outage: UnavailableError | None = None
        for text in texts:
            try:
                yield from self.sessions.end(text)
            except InvalidGrantError:
                pass  # RFC 7009 §2.2: what is no token needs no ending.
            except UnavailableError as error:
                outage = error
        if outage is not None:
            raise outage

    def _clearing(self, visit: _Visit, error: JWTGuardError) -> HTTPResponse:
        """The answer for `error` that takes the tokens away as well."""
        answer = self.guard.answer(error, visit.request)
        return replace(answer, headers=(*answer.headers, *self._delivery.clearing()))

    def _logout_all(self, visit: _Visit) -> Steps[HTTPResponse]:
        subject, _ = yield from self._caller(visit)
        yield from self.sessions.end_all(subject)
        return _no_content(self._delivery.clearing())

    def _list(self, visit: _Visit) -> Steps[HTTPResponse]:
        subject, session_id = yield from self._caller(visit)
        found = yield from self.sessions.list(subject)
        return json_answer({"sessions": [_described(session, session_id) for session in found]}, headers=[NO_STORE])

    def _end(self, visit: _Visit) -> Steps[HTTPResponse]:
        subject, session_id = yield from self._caller(visit)
        if not (yield from self.sessions.end_session(subject, visit.session_id)):
            raise SessionNotFoundError
        return _no_content(self._delivery.clearing() if visit.session_id == session_id else ())

    def _jwks(self, visit: _Visit) -> Steps[HTTPResponse]:
        return self.sessions.issuer.jwks_answer()
        yield

    def _caller(self, visit: _Visit) -> Steps[tuple[str, str | None]]:
        """Subject and session of the caller, who has our own issuer: an equal `sub` elsewhere is another user."""
        entry = None if visit.request_auth is None else (yield from visit.request_auth.kept(self.guard))
        kept = None if entry is None else entry.authentication
        admission = yield from self.guard.admit(visit.request, self.requirement(visit.endpoint), kept=kept)
        principal = admission.principal
        if principal is None or principal.subject is None or principal.issuer != self.sessions.issuer.issuer:
            raise AccessDeniedError
        return principal.subject, principal.session_id


def _to_head(answer: HTTPResponse) -> HTTPResponse:
    """The answer to HEAD: without the body, and with the length that GET would get (RFC 9110 §8.6)."""
    has_length = any(name == "Content-Length" for name, _ in answer.headers)
    length = () if has_length else (("Content-Length", str(len(answer.body))),)
    return replace(answer, headers=(*answer.headers, *length), body=b"")


def _no_content(headers: Headers) -> HTTPResponse:
    return HTTPResponse(status=204, headers=(*headers, NO_STORE))


def _described(session: Session, current: str | None) -> dict[str, object]:
    """A session for its owner's eyes; times are seconds since the epoch."""
    return {
        "id": session.session_id,
        "label": session.label,
        "created_at": int(session.created_at),
        "refreshed_at": None if session.refreshed_at is None else int(session.refreshed_at),
        "expires_at": int(session.expires_at),
        "current": session.session_id == current,
    }


_HANDLERS: Mapping[str, Callable[[Endpoints, _Visit], Steps[HTTPResponse]]] = {
    LOGIN.name: Endpoints._login,
    REFRESH.name: Endpoints._refresh,
    LOGOUT.name: Endpoints._logout,
    LOGOUT_ALL.name: Endpoints._logout_all,
    SESSIONS.name: Endpoints._list,
    SESSION.name: Endpoints._end,
    JWKS.name: Endpoints._jwks,
}
