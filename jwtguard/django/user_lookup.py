"""The user of a caller, found by the function of the `JWTGUARD_USER` setting: once a request, before a view runs.

>>> from django.http import HttpRequest
>>> from django.test.utils import override_settings
>>> from jwtguard import Guard, SigningKey
>>> key = SigningKey.generate("HS256").verification_key
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key)
>>> with override_settings(JWTGUARD_USER=None):
...     user_finder(HttpRequest(), guard) is None  # Nothing is looked up.
True
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from django.http import HttpRequest

from jwtguard.authentication import Authentication, FindUser
from jwtguard.core.errors import InvalidTokenError, JWTGuardError, UnavailableError
from jwtguard.core.events import log_fields
from jwtguard.core.flow import Call, Steps
from jwtguard.core.tokens.principal import Principal
from jwtguard.django.settings import user_of
from jwtguard.guard import Guard

logger = logging.getLogger("jwtguard")
_FOUND = "_jwtguard_users"


def user_finder(request: HttpRequest, guard: Guard) -> FindUser | None:
    """What `guard` asks about the caller of `request`; None if the project looks up no users.

    A caller without a user, or whose user has `is_active=False`, is refused as one with a broken token is: 401. If the
    function raises, that is 503, since a database that is out of reach must not look like a user who is gone.
    """
    find = user_of()
    return None if find is None else partial(_finding, request, guard, find)


def found_user(request: HttpRequest, principal: Principal) -> object | None:
    """The user of a principal that a guard admitted to `request`; None if none was looked up."""
    found: list[tuple[Principal, object | None]] = request.__dict__.get(_FOUND, [])
    return next((user for known, user in found if known is principal), None)


def _finding(
    request: HttpRequest, guard: Guard, find: Callable[[Principal], object], authentication: Authentication
) -> Steps[Authentication]:
    principal = authentication.principal
    if principal is None:
        return authentication
    try:
        user = yield Call(partial(find, principal), sync_alternative="a function that is not async")
    except JWTGuardError:
        raise
    except Exception as error:
        logger.exception(
            "JWTGUARD_USER raised %s",
            type(error).__name__,
            extra=log_fields("callback_raised", callback="JWTGUARD_USER", subject=principal.subject),
        )
    else:
        if user is None or not getattr(user, "is_active", True):
            return guard.refusing(authentication, InvalidTokenError("user"))
        request.__dict__.setdefault(_FOUND, []).append((principal, user))
        return authentication
    return guard.refusing(authentication, UnavailableError("user"))
