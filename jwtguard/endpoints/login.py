"""Who is it that types this password? The application's own functions are asked, and held to their word.

>>> from jwtguard.core.flow import Flow
>>> Flow(authenticating(lambda username, password: 7, "alice", "wonderland")).run()
7
"""

from __future__ import annotations

import logging
from functools import partial
from uuid import UUID

from jwtguard.core.errors import ConfigurationError, JWTGuardError, LoginFailedError, UnavailableError
from jwtguard.core.events import log_fields
from jwtguard.core.flow import Call, Steps
from jwtguard.core.http.response import HTTPRequest, HTTPResponse
from jwtguard.core.tokens.subject import Subject
from jwtguard.endpoints.settings import NO_AUTHENTICATE, Authenticate, BeforeLogin, LoginAttempt

logger = logging.getLogger("jwtguard")
_SYNC = "a function that is not async"


def answer_of_hook(hook: BeforeLogin | None, username: str, request: HTTPRequest) -> Steps[HTTPResponse | None]:
    """What `before_login` has to say: an answer, or nothing. What it raises is the application's own."""
    if hook is None:
        return None
    attempt = LoginAttempt(username=_storable(username), client=request.client, request=request)
    answer = yield Call(partial(hook, attempt), sync_alternative=_SYNC)
    if answer is None or isinstance(answer, HTTPResponse):
        return answer
    raise ConfigurationError(
        "before_login(attempt) returns None or an HTTPResponse, or raises, for example TooManyRequestsError;"
        f" found {type(answer).__name__}"
    )


def authenticating(authenticate: Authenticate | None, username: str, password: str) -> Steps[Subject]:
    """The subject of the user with this name and password.

    NUL and lone surrogates (which JSON can spell) are in no name and in no password: databases and hashes raise where
    they meet one. `authenticate` is called all the same, with U+FFFD in their place, so that such a login takes the
    time of any other; what it returns does not count.

    Raises `LoginFailedError` if there is none, `UnavailableError` if `authenticate` fails, and `ConfigurationError` if
    what it returns is no subject.
    """
    if authenticate is None:
        raise ConfigurationError(NO_AUTHENTICATE)
    name, secret = _storable(username), _storable(password)
    try:
        subject = yield Call(partial(authenticate, name, secret), sync_alternative=_SYNC)
    except JWTGuardError:
        raise
    except Exception as error:
        # Whatever broke, a right password must not look wrong. The log has the traceback.
        logger.exception(
            "authenticate raised %s",
            type(error).__name__,
            extra=log_fields("callback_raised", callback="authenticate"),
        )
    else:
        if subject is None or (name, secret) != (username, password):
            raise LoginFailedError("password")
        # True would be the subject of each user alike. A function that returns a user means one of its members.
        if isinstance(subject, bool) or not isinstance(subject, str | int | UUID) or subject == "":
            raise ConfigurationError(
                "authenticate(username, password) returns the user's subject (a string, an integer or a UUID), or None;"
                f" found {type(subject).__name__}"
            )
        return subject
    raise UnavailableError("authenticate")


def _storable(text: str) -> str:
    """`text` with U+FFFD in the place of NUL and of lone surrogates."""
    return "".join("\ufffd" if char == "\0" or "\ud800" <= char <= "\udfff" else char for char in text)
