"""The decisions of a guard, for metrics and alerts: never with a token in them.

>>> Event(outcome="refused", reason="expired")
Event(outcome='refused', reason='expired', subject=None, issuer=None, session_id=None, client=None, missing=())
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.flow import is_async
from jwtguard.core.logs import log_fields

logger = logging.getLogger("jwtguard")

E = TypeVar("E")
Outcome: TypeAlias = Literal["accepted", "refused", "unavailable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One decision: about the token, and then, if its bearer may not pass, about what it was wanted for.

    So a request whose token is good and whose role is missing tells `accepted` and then `refused`. `reason` is the
    stable word of the error, or `accepted`; `missing` are the parts of a requirement that the caller lacks.

    Subject, issuer and session are only told of a token that was verified. `client` is the address that the server saw,
    which may be a proxy's, for limits of rates; None where there is no request (`guard.verify`, look-ups of an open
    connection).
    """

    outcome: Outcome
    reason: str
    subject: str | None = None
    issuer: str | None = None
    session_id: str | None = None
    client: str | None = None
    missing: tuple[str, ...] = field(default=(), compare=False)  # It explains `reason`, and is no decision of its own.


def fan_out(*functions: Callable[[E], object]) -> Callable[[E], None]:
    """One `on_event` of several, for a guard or for sessions; one that raises keeps nothing from the others.

    >>> both = fan_out(lambda event: print("count", event.reason), lambda event: print("alert", event.reason))
    >>> both(Event(outcome="refused", reason="expired"))
    count expired
    alert expired

    Raises `ConfigurationError` for an async function, which would never be awaited.
    """
    if not all(callable(function) and not is_async(function) for function in functions):
        raise ConfigurationError("fan_out takes functions that are not async: one may put the event into a queue")

    def tell(event: E) -> None:
        for function in functions:
            try:
                function(event)
            except Exception:
                fields = log_fields("callback_raised", callback="on_event")
                logger.exception("on_event raised; the request goes on", extra=fields)

    return tell
