"""A system check of the order of middlewares: the guard between the two halves of Django's cache.

>>> check_caches()
[]

`UpdateCacheMiddleware` keeps a page under the request's values of what `Vary` names, so the guard, which adds to
`Vary`, must be inside it. `FetchFromCacheMiddleware` answers by itself with a page that is kept, so the guard, which
refuses an expired token, must be outside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.apps.config import AppConfig
from django.conf import settings
from django.core import checks
from django.middleware.cache import FetchFromCacheMiddleware, UpdateCacheMiddleware

from jwtguard.django.checks import imported_middlewares
from jwtguard.django.middleware import GuardMiddleware

_ORDER = (
    'write MIDDLEWARE = ["django.middleware.cache.UpdateCacheMiddleware", ..., "jwtguard.django.GuardMiddleware", ...,'
    ' "django.middleware.cache.FetchFromCacheMiddleware"]'
)
_UPDATE_INSIDE = checks.Error(
    "UpdateCacheMiddleware is inside the guard: it keeps pages before the guard says whom they are for, and answers one"
    " user with the page of another",
    hint=_ORDER,
    id="jwtguard.E301",
)
_FETCH_OUTSIDE = checks.Error(
    "FetchFromCacheMiddleware is outside the guard: it answers with pages that are kept, also where the guard would"
    " refuse the token",
    hint=_ORDER,
    id="jwtguard.E302",
)


@checks.register(checks.Tags.security)
def check_caches(*, app_configs: Sequence[AppConfig] | None = None, **_: object) -> list[checks.CheckMessage]:
    """What is wrong with the order of `MIDDLEWARE`, subclasses included."""
    found = [each for each in imported_middlewares(settings.MIDDLEWARE) if isinstance(each, type)]
    guards = [position for position, each in enumerate(found) if issubclass(each, GuardMiddleware)]
    if not guards:
        return []
    inside, outside = found[guards[0] :], found[: guards[-1]]
    messages: list[checks.CheckMessage] = []
    if any(issubclass(each, UpdateCacheMiddleware) for each in inside):
        messages.append(_UPDATE_INSIDE)
    if any(issubclass(each, FetchFromCacheMiddleware) for each in outside):
        messages.append(_FETCH_OUTSIDE)
    return messages
