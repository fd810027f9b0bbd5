"""What a guard decided, for whoever counts or alerts: never with a token in it.

>>> Event(outcome="refused", reason="expired")
Event(outcome='refused', reason='expired', subject=None, issuer=None, session_id=None)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Outcome: TypeAlias = Literal["accepted", "refused", "unavailable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One decision: about the token, and then, if its bearer may not pass, about what it was wanted for.

    So a request whose token is good and whose role is missing tells `accepted` and then `refused`. `reason` is the
    stable word of the error, or `accepted`.

    Subject, issuer and session are only told of a token that was verified.
    """

    outcome: Outcome
    reason: str
    subject: str | None = None
    issuer: str | None = None
    session_id: str | None = None
