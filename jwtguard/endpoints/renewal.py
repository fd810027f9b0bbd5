"""Silent renewal: an access cookie that is absent or expired is renewed in the very request that lacks it.

>>> from jwtguard.testing.conformance.route_sites import route_site
>>> route_site("silent renewal").endpoints().renews
True

Up front everything is checked that a refresh would check, and nothing is taken. The view runs for the caller. Only when
its response starts the session is rotated: a request that gets no response leaves the client with a token that still
works.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from jwtguard.authentication import Authentication
from jwtguard.core.errors import ConfigurationError, CSRFError, InvalidGrantError, InvalidRequestError, UnavailableError
from jwtguard.core.events import log_fields
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.http.csrf import CSRF, SAFE_METHODS
from jwtguard.core.http.response import HTTPRequest
from jwtguard.core.http.token_sources import TokenSource
from jwtguard.core.sessions.rotation import PreparedRefresh
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.endpoints.delivery import CookieDelivery
from jwtguard.guard import Guard

logger = logging.getLogger("jwtguard")


class SilentRenewal:
    """Renews for one guard. `cookies` says where the tokens stand."""

    def __init__(self, guard: Guard, sessions: Sessions, cookies: CookieDelivery) -> None:
        self._guard = guard
        self._sessions = sessions
        self._cookies = cookies
        self._csrf = guard.csrf if isinstance(guard.csrf, CSRF) else CSRF()

    def renewing(
        self, put_off: Callable[[PendingRenewal], object], request: HTTPRequest, source: TokenSource | None
    ) -> Steps[Authentication | None]:
        """Who sent `request`, going by its refresh cookie; None if that does not count here.

        `source` is where an expired token stood. `put_off` gets what is to be done when the response starts.
        """
        if request.is_websocket or (source is not None and source != self._cookies.access):
            return None
        try:
            text = self._cookies.refresh_cookie.read_received(request)
            if text is None or not self._may_come_from_there(request):
                return None
            prepared = yield from self._sessions.prepare(text)
            yield from prepared.check()
            authentication = yield from self._guard.accepting(
                request, prepared.answer.access_token, self._cookies.access
            )
            # Before the view runs: a pair that fits into no cookie is an error of the program, not of this request.
            yield from self._cookies.headers(request, prepared.answer)
        except (InvalidGrantError, InvalidRequestError):
            return None  # The session has ended: the request has no caller.
        if authentication.error is None:
            put_off(PendingRenewal(self._cookies, prepared, request))
        return authentication

    def _may_come_from_there(self, request: HTTPRequest) -> bool:
        """Another site may bring a user here by a link, but start nothing else for a user who is not logged in.

        Raises `CSRFError` for a request that would change something.
        """
        try:
            self._csrf.check_headers(request)
        except CSRFError:
            if request.method not in SAFE_METHODS:
                raise
            return (
                request.method == "GET"
                and not request.values("origin")
                and request.values("sec-fetch-mode") == ["navigate"]
                and request.values("sec-fetch-dest") == ["document"]
            )
        return True


class PendingRenewal:
    """A rotation that is due when the response starts."""

    __slots__ = ("_cookies", "_prepared", "_request")

    def __init__(self, cookies: CookieDelivery, prepared: PreparedRefresh, request: HTTPRequest) -> None:
        self._cookies = cookies
        self._prepared = prepared
        self._request = request

    def finish(self, status: int, set_cookies: Sequence[str]) -> Flow[tuple[str, ...]]:
        """Rotate for a response that starts now; the `Set-Cookie` values to add to it, or none.

        With any of them, the response must say `Cache-Control: no-store`. `set_cookies` are those it has already.
        """
        return Flow(self._finish(status, set_cookies))

    def _finish(self, status: int, set_cookies: Sequence[str]) -> Steps[tuple[str, ...]]:
        # An answer of 500 is what is left of a view that raised: some frameworks send it from outside, where no cookie
        # could be added. And who logs in or out decides about the cookies, not we.
        if status >= 500 or self._cookies.is_touched_by(set_cookies):
            return ()
        try:
            pair = yield from self._prepared.take()
            headers = yield from self._cookies.headers(self._request, pair)
        except (InvalidGrantError, UnavailableError, ConfigurationError) as error:
            # The view has run for a caller who was in order then. The next request will see.
            logger.warning(
                "silent renewal came to nothing: %s",
                error.reason,
                extra=log_fields("renewal_failed", reason=error.reason),
            )
            return ()
        return tuple(value for _, value in headers)
