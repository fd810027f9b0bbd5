"""The user of a caller, found by the function of the `JWTGUARD_USER` setting: once a request, before a view runs.

>>> from django.http import HttpRequest
>>> from django.test.utils import override_settings
>>> from jwtguard import Guard, SigningKey
>>> key = SigningKey.generate("HS256").verification_key
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key)
>>> with override_settings(JWTGUARD_USER=None):
...     user_finder(RequestAuth(), guard) is None  # Nothing is looked up.
True
"""

from __future__ import annotations

from jwtguard.authentication import FindUser
from jwtguard.django.settings import user_of
from jwtguard.guard import Guard
from jwtguard.request_auth import RequestAuth
from jwtguard.user_lookup import UserLookup


def user_finder(request_auth: RequestAuth, guard: Guard) -> FindUser | None:
    """What `guard` asks about the caller of a request; None if the project looks up no users."""
    find = user_of()
    return None if find is None else UserLookup(find, name="JWTGUARD_USER").finder(guard, request_auth)
