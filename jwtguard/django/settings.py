"""The guard and the sessions that Django's settings describe.

>>> from django.conf import settings
>>> from django.test.utils import override_settings
>>> config = {
...     "issuer": "https://issuer.example",
...     "audience": "https://api.example",
...     "keys": {"secret": "not a secret, only an example!!!"},
... }
>>> with override_settings(JWTGUARD=config):
...     default_guard().issuer
'https://issuer.example'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.events import ask_for_development
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.core.tokens.principal import Principal
from jwtguard.guard import Guard

SETTINGS = ("JWTGUARD", "JWTGUARD_USER", "JWTGUARD_SESSIONS", "JWTGUARD_ROUTES")
"""All settings that are read."""

APP = "jwtguard.django"
NOT_INSTALLED = f'"{APP}" is missing from INSTALLED_APPS, and with it its checks, its table and its commands'
_ADVICE = 'set JWTGUARD = {"issuer": ..., "audience": ..., "keys": {...}}, or the dotted path of a Guard'


@cache
def default_guard() -> Guard:
    """The guard of the `JWTGUARD` setting: a mapping (see `Guard.from_config`), a dotted path, or a `Guard`.

    Raises `ConfigurationError` with what to write instead.
    """
    setting = getattr(settings, "JWTGUARD", None)
    if setting is None:
        raise ConfigurationError(f"the setting JWTGUARD is missing: {_ADVICE}")
    if isinstance(setting, Mapping):
        return Guard.from_config(setting)
    found = imported("JWTGUARD", setting) if isinstance(setting, str) else setting
    if not isinstance(found, Guard):
        raise ConfigurationError(f"the setting JWTGUARD is {setting!r}, and that is no Guard: {_ADVICE}")
    return found


def guard_problems() -> tuple[str, ...]:
    """What is wrong with the `JWTGUARD` setting, where there is one."""
    if getattr(settings, "JWTGUARD", None) is not None:
        try:
            default_guard()
        except ConfigurationError as error:
            return error.problems
    return ()


def default_sessions() -> Sessions | None:
    """The sessions of the `JWTGUARD_SESSIONS` setting; None if it is not set.

    Raises `ConfigurationError` with what to write instead.
    """
    setting = getattr(settings, "JWTGUARD_SESSIONS", None)
    sessions = imported("JWTGUARD_SESSIONS", setting) if isinstance(setting, str) else setting
    if sessions is not None and not isinstance(sessions, Sessions):
        raise ConfigurationError(
            f"the setting JWTGUARD_SESSIONS is {setting!r}, and that is no Sessions(...):"
            ' write JWTGUARD_SESSIONS = "project.auth.sessions"'
        )
    return sessions


@cache
def user_of() -> Callable[[Principal], object] | None:
    """The function of the `JWTGUARD_USER` setting, which finds the user of a principal; None if it is not set.

    Sync or async. Raises `ConfigurationError` if it cannot be imported.
    """
    setting = getattr(settings, "JWTGUARD_USER", None)
    if setting is None:
        return None
    found = imported("JWTGUARD_USER", setting) if isinstance(setting, str) else setting
    if not callable(found):
        raise ConfigurationError(f"the setting JWTGUARD_USER is {setting!r}, and that is no function of a principal")
    function: Callable[[Principal], object] = found
    return function


def imported(name: str, path: str) -> object:
    """What stands at the dotted `path` of the setting `name`; raises `ConfigurationError` if nothing does."""
    try:
        return import_string(path)
    except ImportError as error:
        raise ConfigurationError(f"the setting {name} is {path!r}, which cannot be imported: {error}") from error


def _forget(*, setting: str, **_: object) -> None:
    if setting.startswith("JWTGUARD"):
        default_guard.cache_clear()
        user_of.cache_clear()


ask_for_development(lambda: settings.configured and settings.DEBUG is True)

# Django's tests change settings while it runs.
setting_changed.connect(_forget, dispatch_uid="jwtguard.settings")
