"""The user of a caller, authentication by a function of the application: once a request, before a view runs.

>>> from jwtguard import Guard, SigningKey, TokenIssuer
>>> issuer = TokenIssuer(
...     issuer="https://issuer.example",
...     audience="https://api.example",
...     client_id="web",
...     signing_keys=[SigningKey.generate("HS256")],
... )
>>> guard, users, request_auth = issuer.guard(), {"user-1": "Ada"}, RequestAuth()
>>> lookup = UserLookup(lambda caller: users.get(caller.subject), name="load_user")
>>> token = guard.verify(issuer.access_token("user-1")).run()
>>> Flow(lookup.finder(guard, request_auth)(Authentication(token.principal, token))).run().error is None
True
>>> request_auth.user_of(token.principal)
'Ada'
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from jwtguard.authentication import Authentication, FindUser
from jwtguard.core.errors import ConfigurationError, InvalidTokenError, JWTGuardError, UnavailableError
from jwtguard.core.events import log_fields
from jwtguard.core.flow import Call, Steps
from jwtguard.core.flow import Flow as Flow
from jwtguard.core.tokens.principal import Principal
from jwtguard.guard import Guard
from jwtguard.request_auth import RequestAuth

logger = logging.getLogger("jwtguard")


class UserLookup:
    """Asks `function(principal)`, sync or async, for the user; `name` is the setting, for errors and the log.

    A caller without a user (None), or whose user has `is_active=False`, is refused as one with a broken token is: 401.
    If the function raises, that is 503, since a database that is out of reach must not look like a user who is gone.
    """

    def __init__(self, function: Callable[[Principal], object], *, name: str) -> None:
        if not callable(function):
            raise ConfigurationError(f"{name} is a function of a principal that returns its user: found {function!r}")
        self._function, self._name = function, name

    def finder(self, guard: Guard, request_auth: RequestAuth) -> FindUser:
        """What `guard` asks about the caller of one request; the user is kept in `request_auth`."""
        return partial(self._finding, guard, request_auth)

    def _finding(
        self, guard: Guard, request_auth: RequestAuth, authentication: Authentication
    ) -> Steps[Authentication]:
        principal = authentication.principal
        if principal is None or request_auth.user_of(principal) is not None:
            return authentication
        try:
            user = yield Call(partial(self._function, principal), sync_alternative="a function that is not async")
        except JWTGuardError:
            raise
        except Exception as error:
            logger.exception(
                "%s raised %s",
                self._name,
                type(error).__name__,
                extra=log_fields("callback_raised", callback=self._name, subject=principal.subject),
            )
        else:
            if user is None or not getattr(user, "is_active", True):
                return guard.refusing(authentication, InvalidTokenError("user"))
            request_auth.keep_user(principal, user)
            return authentication
        return guard.refusing(authentication, UnavailableError("user"))


def known_user(users: UserLookup | None, request_auth: RequestAuth, principal: Principal) -> object:
    """The user that was looked up for a caller; raises `ConfigurationError` if nothing looks users up."""
    found = request_auth.user_of(principal)
    if users is None or found is None:
        raise ConfigurationError(
            "nothing has looked up the user of this caller: pass load_user=..., and put the object that has it in"
            " front, as in GuardMiddleware(guard=auth)"
        )
    return found
