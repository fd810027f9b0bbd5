"""Who is it that types this password? The application's own functions are asked, and held to their word.

>>> from jwtguard.core.flow import Flow
>>> Flow(authenticating(lambda username, password: 7, "alice", "wonderland")).run()
7
"""

from __future__ import annotations

import logging
from functools import partial

from jwtguard.core.errors import ConfigurationError, JWTGuardError, LoginFailedError, UnavailableError
from jwtguard.core.flow import Call, Steps
from jwtguard.core.http import HTTPAnswer, HTTPRequest
from jwtguard.core.logs import log_fields
from jwtguard.endpoints.settings import NO_AUTHENTICATE, Authenticate, BeforeLogin, LoginAttempt

logger = logging.getLogger("jwtguard")
_SYNC = "a function that is not async"


def asking(hook: BeforeLogin | None, username: str, request: HTTPRequest) -> Steps[HTTPAnswer | None]:
    """What `before_login` has to say: an answer, or nothing. What it raises is the application's own."""
    if hook is None:
        return None
    attempt = LoginAttempt(username=username, client=request.client, request=request)
    answer = yield Call(partial(hook, attempt), sync_alternative=_SYNC)
    if answer is None or isinstance(answer, HTTPAnswer):
        return answer
    raise ConfigurationError(
        "before_login(attempt) returns None or an HTTPAnswer, or raises, for example TooManyRequestsError;"
        f" found {type(answer).__name__}"
    )


def authenticating(authenticate: Authenticate | None, username: str, password: str) -> Steps[str | int]:
    """The subject of the user with this name and password.

    Raises `LoginFailedError` if there is none, `UnavailableError` if nobody can tell, and `ConfigurationError` if what
    `authenticate` returns is no subject.
    """
    if authenticate is None:
        raise ConfigurationError(NO_AUTHENTICATE)
    try:
        subject = yield Call(partial(authenticate, username, password), sync_alternative=_SYNC)
    except JWTGuardError:
        raise
    except Exception as error:
        # Whatever broke, a right password must not look wrong. The log has the traceback, for whoever wrote it.
        logger.exception(
            "authenticate raised %s",
            type(error).__name__,
            extra=log_fields("callback_raised", callback="authenticate"),
        )
    else:
        if subject is None:
            raise LoginFailedError("password")
        # True would be everybody's subject; and whoever returns a user means one of its members.
        if isinstance(subject, bool) or not isinstance(subject, str | int) or subject == "":
            raise ConfigurationError(
                "authenticate(username, password) returns the user's subject, a string or an integer, or None;"
                f" found {type(subject).__name__}"
            )
        return subject
    raise UnavailableError("authenticate")
