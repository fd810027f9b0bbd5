"""What can go wrong, and what each kind answers: every error knows its RFC code, HTTP status and challenge.

>>> try:
...     raise InvalidTokenError("expired")
... except JWTGuardError as error:
...     error.status, error.error, error.reason
(401, 'invalid_token', 'expired')

Absent, malformed, refused and unavailable are four outcomes: `MissingTokenError`, `InvalidRequestError` or
`InvalidTokenError`, the other 4xx, and `UnavailableError`. `detail` is safe to show to a client; `reason` is precise,
stable, and meant for logs and events. Neither ever holds text of a token.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

NOT_GRANTED = "The access token does not grant what this resource requires."
"""What a client is told of a 403 unless the guard has `explain_refusals=True`."""


def is_quotable(text: str) -> bool:
    """Whether `text` may stand in a challenge between quotes: no quote, no backslash, and ASCII (RFC 6750 §3)."""
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text


class JWTGuardError(Exception):
    """The base of all that jwtguard raises.

    `status` is the HTTP status to answer with, `error` the code of RFC 6750 §3.1 (or RFC 9470, RFC 6749) if there is
    one, `reason` a stable machine-readable word, `detail` a sentence for the client.
    """

    status: ClassVar[int] = 500
    error: ClassVar[str | None] = None
    challenges: ClassVar[bool] = False
    """Whether the answer carries a `WWW-Authenticate` challenge."""
    scope: tuple[str, ...] = ()
    """The scopes that the resource asks for, where it is known (RFC 6750 §3)."""
    description: str | None = None
    """What the challenge says in place of `detail`; None if it says the same."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        # Formatted when it is read, because most refusals are never shown.
        return f"{self.detail} ({self.reason})"

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """What the challenge says besides realm, error and description, as (name, value) pairs."""
        return ()


class ConfigurationError(JWTGuardError):
    """The program is set up wrongly; `problems` lists everything found, each with what to write instead."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        if len(problems) == 1:
            text = problems[0]
        else:
            text = f"{len(problems)} problems:\n" + "\n".join(f"- {problem}" for problem in problems)
        super().__init__("configuration", text)

    def __str__(self) -> str:
        return self.detail

    @classmethod
    def raise_all(cls, problems: Iterable[str]) -> None:
        """Raise one error for all `problems`; do nothing if there are none."""
        found = tuple(problems)
        if found:
            raise cls(*found)


class MissingTokenError(JWTGuardError):
    """No token came with the request and one is needed. RFC 6750 §3.1: the challenge then has no error code.

    `hint` is for the log: what stood in the place of a token, for example another scheme.
    """

    status = 401
    challenges = True

    def __init__(self, hint: str | None = None) -> None:
        super().__init__("missing_token", "Authentication is required: send an access token.")
        self.hint = hint


class InvalidTokenError(JWTGuardError):
    """The token is malformed, forged, expired, revoked or meant for another audience. RFC 6750 §3.1.

    All of them share one `detail`, so that a client learns nothing by trying; `reason` says which it was.
    """

    status = 401
    error = "invalid_token"
    challenges = True
    detail = "The access token is malformed, expired, revoked or not valid for this resource."

    def __init__(self, reason: str) -> None:
        # Set here, for one is made for each bad token: by way of the base it takes twice as long.
        self.reason = reason


class MalformedTokenError(InvalidTokenError):
    """The value is not a compact JWS this profile reads (RFC 7515 §7.1, RFC 8725 §3)."""


class InvalidRequestError(JWTGuardError):
    """The request itself is ambiguous, for example it carries two tokens. RFC 6750 §3.1."""

    status = 400
    error = "invalid_request"
    challenges = True


class AmbiguousPathError(JWTGuardError):
    """The path has more than one reading, so rules cannot say which route it leads to; no token was read.

    Raised only where the guard has `Rules`. Without a challenge: no token would help (RFC 9110 §15.5.1).
    """

    status = 400

    def __init__(self) -> None:
        super().__init__(
            "ambiguous_path",
            "The path has more than one reading: send it without '//', '.' and '..' segments, backslashes and control"
            " characters, and as UTF-8.",
        )


class InsufficientScopeError(JWTGuardError):
    """Authenticated, but not allowed: a role, scope or permission is missing. RFC 6750 §3.1.

    `scope` are the scopes that the resource asks for, `missing` the parts of the requirement that failed. `detail`
    names the whole requirement, until `limit` says how much of it a client is told.
    """

    status = 403
    error = "insufficient_scope"
    challenges = True

    def __init__(self, detail: str, *, scope: tuple[str, ...] = (), missing: tuple[str, ...] = ()) -> None:
        super().__init__("insufficient_scope", detail)
        self.scope = scope
        self.missing = missing

    def limit(self, *, explained: bool) -> None:
        """Set what a client is told: the requirement only if refusals are `explained`.

        A name that no header can hold is then told in the body alone, which is JSON.
        """
        if not explained:
            self.detail = NOT_GRANTED
        if not is_quotable(self.detail):
            self.description = NOT_GRANTED

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """RFC 6750 §3: the scopes needed, where the requirement names scopes."""
        return (("scope", " ".join(self.scope)),) if self.scope else ()


class InsufficientUserAuthenticationError(JWTGuardError):
    """The login is too old or too weak for this resource. RFC 9470 §3.

    `max_age` is in seconds; `acr_values` are the classes of authentication that are accepted, the preferred one first.
    `is_recent` says that only the strength is missing.
    """

    status = 401
    error = "insufficient_user_authentication"
    challenges = True

    def __init__(
        self, max_age: int | None = None, *, acr_values: tuple[str, ...] = (), is_recent: bool = False
    ) -> None:
        wanted = (
            "A stronger login is required" if max_age is None else f"A login at most {max_age} seconds old is required"
        )
        super().__init__("weak_login" if is_recent else "stale_login", f"{wanted}: log in again.")
        self.max_age = max_age
        self.acr_values = acr_values

    @property
    def parameters(self) -> tuple[tuple[str, str], ...]:
        """RFC 9470 §3: which classes of authentication are accepted, and how old the login may be."""
        acr_values = (("acr_values", " ".join(self.acr_values)),) if self.acr_values else ()
        return acr_values if self.max_age is None else (*acr_values, ("max_age", str(self.max_age)))


class AccessDeniedError(JWTGuardError):
    """The requirement is `denied`: every request is refused, and no token is read."""

    status = 403

    def __init__(self) -> None:
        super().__init__("denied", "Access to this resource is denied.")


class CSRFError(JWTGuardError):
    """A token came in a cookie and nothing proves that our own pages sent the request.

    `detail` says which header was expected, since the one who reads it is the developer of the front end.
    """

    status = 403


class UnavailableError(JWTGuardError):
    """Keys or store cannot be reached, so the answer is open. `retry_after` is in seconds. Never a 401: no logout."""

    status = 503

    def __init__(self, reason: str, *, retry_after: int = 5) -> None:
        super().__init__(reason, "The service cannot check credentials at the moment: try again later.")
        self.retry_after = retry_after


class InvalidGrantError(JWTGuardError):
    """The refresh token is not genuine, was used before, or its session has ended. RFC 6749 §5.2."""

    status = 400
    error = "invalid_grant"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "The refresh token is invalid, expired or revoked: log in again.")


class LoginFailedError(JWTGuardError):
    """No such user, a wrong password, or a user who may not log in: one answer for all of them.

    `reason` says which it was, as far as it is known. RFC 9110 §15.5.2: a 401 carries a challenge.
    """

    status = 401
    challenges = True

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "The user name or the password is wrong.")


class TooManyRequestsError(JWTGuardError):
    """Too many attempts (RFC 6585 §4), raised by `before_login`. `retry_after` is in seconds."""

    status = 429

    def __init__(self, *, retry_after: int = 60) -> None:
        super().__init__("too_many_requests", "There were too many attempts: try again later.")
        self.retry_after = retry_after


class InvalidBodyError(InvalidRequestError):
    """The body of a login or refresh cannot be read, or a parameter is missing or given twice. RFC 6749 §5.2."""

    challenges = False


class BodyTooLargeError(JWTGuardError):
    """The body is larger than a login or refresh has to be. `limit` is in bytes."""

    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__("body_too_large", f"The body may have {limit} bytes.")


class UnsupportedBodyError(JWTGuardError):
    """The body is neither JSON nor a form."""

    status = 415

    def __init__(self) -> None:
        super().__init__(
            "unsupported_body", "Send the parameters as application/json or application/x-www-form-urlencoded."
        )


class MethodNotAllowedError(JWTGuardError):
    """A shipped route was asked with a method that it does not have (RFC 9110 §15.5.6). `allowed` are those it has."""

    status = 405

    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__("method_not_allowed", f"Use the method {' or '.join(allowed)}.")
        self.allowed = allowed


class RouteNotFoundError(JWTGuardError):
    """The path is that of a shipped route and a slash, and there is no such route."""

    status = 404

    def __init__(self) -> None:
        super().__init__("route_not_found", "There is no route of this path: leave out the final slash.")


class SessionNotFoundError(JWTGuardError):
    """The caller has no session of this id; whether another user has one is not said."""

    status = 404

    def __init__(self) -> None:
        super().__init__("session_not_found", "You have no session of this id.")
