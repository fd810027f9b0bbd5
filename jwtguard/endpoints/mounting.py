"""Whether a guard object has routes: what every adapter loads of this folder, and whoever has sessions the rest.

>>> from jwtguard import Guard, SigningKey
>>> key = SigningKey.generate("HS256").verification_key
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key)
>>> endpoints_of(guard, None, {}) is None
True
"""

from __future__ import annotations

from jwtguard import core
from jwtguard import endpoints as shipped
from jwtguard.core.errors import ConfigurationError
from jwtguard.guard import Guard


def endpoints_of(
    guard: Guard, sessions: core.Sessions | None, settings: shipped.EndpointSettings
) -> shipped.Endpoints | None:
    """The routes of a guard object, None where it was made without sessions."""
    if sessions is not None:
        return shipped.Endpoints(guard, sessions, **settings)
    if settings:
        raise ConfigurationError(f"{', '.join(settings)}: only with sessions, as in FlaskGuard(guard, sessions, ...)")
    return None
