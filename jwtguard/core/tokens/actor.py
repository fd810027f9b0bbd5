"""Delegation: the party that acts for the subject of a token (RFC 8693 §4.1).

>>> actor = Actor.of({"sub": "agent-7", "act": {"sub": "gateway"}})
>>> actor.subject, actor.actor.subject
('agent-7', 'gateway')
"""

# No `from __future__ import annotations`: FastAPI must find `NoParameter` in the constructor, not the text of it.
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Optional

from jwtguard.core.errors import InvalidTokenError
from jwtguard.core.tokens.from_guard import FromGuard, NoParameter, never_read

MAX_ACTORS = 8
"""Levels of `act`: no real chain of delegation is longer."""
_NAMES = {"sub": "subject", "iss": "issuer", "client_id": "client_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor(FromGuard):
    """The current actor of a token: a service or an agent that acts for the token's subject.

    `subject`, `issuer` and `client_id` are the members `sub`, `iss` and `client_id` of the `act` claim, each a string
    or None; one of `subject` and `client_id` is there. `actor` is the one before it, which RFC 8693 §4.1 gives for
    information only: no access decision may go by it.
    """

    subject: Annotated[str | None, NoParameter(never_read("Actor"))] = None
    issuer: str | None = None
    client_id: str | None = None
    actor: Optional["Actor"] = None

    @property
    def name(self) -> str:
        """The subject, else the client, for the log."""
        return self.subject or self.client_id or ""

    @classmethod
    def of(cls, act: object) -> "Actor":
        """The actor that a claim `act` names.

        Raises `InvalidTokenError` if it is no object, if it names no party, if a name is no string or empty, or if
        there are more than 8 levels.
        """
        levels: list[Mapping[str, Any]] = []
        while not levels or "act" in levels[-1]:
            inner = levels[-1]["act"] if levels else act
            if not isinstance(inner, Mapping) or len(levels) == MAX_ACTORS:
                raise InvalidTokenError("act")
            levels.append(inner)
        actor: Actor | None = None
        for level in reversed(levels):
            names = {ours: level[claim] for claim, ours in _NAMES.items() if claim in level}
            if not names.keys() & {"subject", "client_id"} or not all(isinstance(n, str) and n for n in names.values()):
                raise InvalidTokenError("act")
            actor = cls(**names, actor=actor)
        assert actor is not None  # noqa: S101 - for the type checker: there is one level at least
        return actor
