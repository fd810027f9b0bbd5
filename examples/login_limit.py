"""Limit guesses of passwords by name and by address, with the library `limits`.

>>> from jwtguard import HTTPRequest
>>> request = HTTPRequest.from_wsgi({"REQUEST_METHOD": "POST", "REMOTE_ADDR": "192.0.2.1"})
>>> attempt = LoginAttempt(username="ada", client=request.client, request=request)
>>> limit = LoginLimit(per_name="1 per minute")
>>> limit(attempt)
>>> limit(attempt)
Traceback (most recent call last):
    ...
jwtguard.core.errors.TooManyRequestsError: There were too many attempts: try again later. (too_many_requests)

An attempt is counted before its password is looked at, right or wrong, so a thousand at once gain nothing.
"""

from __future__ import annotations

import math
import os
import time

from limits import parse
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from jwtguard import TooManyRequestsError
from jwtguard.endpoints import LoginAttempt


class LoginLimit:
    """What goes into `before_login`.

    `storage` is where the counts are: in memory each process counts for itself, so with more than one name a place
    that they share, such as "redis://localhost:6379" (here by the variable `EXAMPLE_LIMITS`).
    """

    def __init__(
        self, storage: str | None = None, *, per_name: str = "5 per minute", per_address: str = "100 per minute"
    ) -> None:
        self._limiter = MovingWindowRateLimiter(
            storage_from_string(storage or os.environ.get("EXAMPLE_LIMITS") or "memory://")
        )
        self._per_name, self._per_address = parse(per_name), parse(per_address)

    def __call__(self, attempt: LoginAttempt) -> None:
        """Count the attempt; raise `TooManyRequestsError` (429 with `Retry-After`) if it is one too many."""
        # Behind a proxy `client` is the proxy, unless the server was told to believe what that forwards.
        for limit, who in ((self._per_name, attempt.username.casefold()), (self._per_address, attempt.client or "")):
            if not self._limiter.hit(limit, "login", who):
                again_at = self._limiter.get_window_stats(limit, "login", who).reset_time
                raise TooManyRequestsError(retry_after=max(1, math.ceil(again_at - time.time())))
