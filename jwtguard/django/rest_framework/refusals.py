"""A refusal of the guard as an exception of REST framework's, whose own handler then answers it nearly as we would.

In a handler of the project's own::

    if isinstance(exc, RefusedRequest):
        log(exc.error.reason)
"""

from __future__ import annotations

from rest_framework.exceptions import APIException, ErrorDetail

from jwtguard.core.errors import JWTGuardError, TooManyRequestsError, UnavailableError
from jwtguard.guard import Guard


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
        self.auth_header = challenge(guard, error) if error.challenges else None
        self.wait = error.retry_after if isinstance(error, UnavailableError | TooManyRequestsError) else None


def challenge(guard: Guard, error: JWTGuardError) -> str:
    """The `WWW-Authenticate` value for `error` (RFC 6750 §3)."""
    return dict(guard.answer(error).headers)["WWW-Authenticate"]
