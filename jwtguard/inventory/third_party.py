"""Decorators of other libraries that refuse requests: named, so that their routes do not count as unguarded.

>>> from starlette.authentication import requires
>>> @requires("authenticated")
... async def view(request): ...
>>> [check.text for check in third_party_checks(view)]
['starlette.authentication']
"""

from __future__ import annotations

from collections.abc import Iterator

from jwtguard.inventory.access_check import AccessCheck

_MODULES = frozenset(
    {
        "starlette.authentication",
        "django.contrib.auth.decorators",
        "django.contrib.admin.views.decorators",
        "flask_login.utils",
        "flask_jwt_extended.view_decorators",
    }
)
"""Where decorators are written that refuse callers."""


def third_party_checks(view: object) -> tuple[AccessCheck, ...]:
    """The decorators around `view` that are known to refuse callers, outermost first."""
    return tuple(AccessCheck(kind="third_party", name=module) for module in _written_in(view) if module in _MODULES)


def _written_in(view: object) -> Iterator[str]:
    while view is not None:
        # Not `__module__`, which a wrapper copies from what it wraps.
        yield getattr(view, "__globals__", {}).get("__name__", "")
        view = getattr(view, "__wrapped__", None)
