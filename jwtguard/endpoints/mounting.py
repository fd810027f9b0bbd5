"""Whether a guard object has routes: each adapter loads this module, and the rest of the folder with sessions.

>>> from jwtguard import Guard, SigningKey
>>> key = SigningKey.generate("HS256").verification_key
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key)
>>> endpoints_of(guard, None, {}) is None
True
"""

from __future__ import annotations

from jwtguard import endpoints
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.guard import Guard


def check_place(before: str, prefix: str) -> None:
    """Raise `ConfigurationError` if the shipped routes of `prefix` stand below a path that says the same again.

    >>> check_place("/api", "/auth")
    >>> check_place("/auth", "/auth")
    Traceback (most recent call last):
        ...
    jwtguard.core.errors.ConfigurationError: the shipped routes stand at /auth/auth/login: the prefix '/auth' is ...
    """
    outer, inner = _segments(before), _segments(prefix)
    if any(outer[-length:] == inner[:length] for length in range(1, min(len(outer), len(inner)) + 1)):
        raise ConfigurationError(
            f"the shipped routes stand at /{'/'.join((*outer, *inner))}/login: the prefix {prefix!r} is written twice."
            " Write it in auth.routes(prefix=...) alone, and mount these routes without another one"
        )


def _segments(path: str) -> list[str]:
    return [segment for segment in path.split("/") if segment]


def endpoints_of(
    guard: Guard, sessions: Sessions | None, settings: endpoints.EndpointSettings
) -> endpoints.Endpoints | None:
    """The routes of a guard object, None where it was made without sessions."""
    if sessions is not None:
        return endpoints.Endpoints(guard, sessions, **settings)
    if settings:
        raise ConfigurationError(f"{', '.join(settings)}: only with sessions, as in FlaskGuard(guard, sessions, ...)")
    return None
