"""Requirements about delegation: who acts, the subject of the token or another party for it (RFC 8693 §4.1)?

>>> acted_by("agent-7") | not_delegated
acted_by('agent-7') | not_delegated
>>> caller = Principal(subject="user-1", actor=Actor(subject="agent-7"))
>>> acted_by("agent-7").check(caller, Rights(), now=0)
"""

from __future__ import annotations

from dataclasses import dataclass

from jwtguard.core.access.requirements import Mode, Requirement
from jwtguard.core.access.rights import Rights
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.tokens.actor import Actor as Actor
from jwtguard.core.tokens.principal import Principal


@dataclass(frozen=True, slots=True)
class NotDelegated:
    """`not_delegated`."""

    def passes(self, principal: Principal, rights: Rights, now: float) -> bool:
        """Whether the token names no actor."""
        return principal.actor is None

    def __str__(self) -> str:
        return "not_delegated"


@dataclass(frozen=True, slots=True)
class ActedBy:
    """`acted_by(subject)`."""

    subject: str

    def passes(self, principal: Principal, rights: Rights, now: float) -> bool:
        """Whether the current actor has this subject. Earlier actors are for information only (RFC 8693 §4.1)."""
        return principal.actor is not None and principal.actor.subject == self.subject

    def __str__(self) -> str:
        return f"acted_by({self.subject!r})"


not_delegated = Requirement(Mode.AUTHENTICATED, NotDelegated())
"""The subject of the token acts itself: the token has no `act` claim."""


def acted_by(subject: str) -> Requirement:
    """The current actor of the token has this `sub`. The subject, for whom it acts, is not looked at.

    Raises `ConfigurationError` for anything but a string that is not empty.
    """
    if not isinstance(subject, str) or not subject:
        raise ConfigurationError(
            f"acted_by(...) takes the sub of one actor: for several, combine acted_by('a') | acted_by('b'), found"
            f" {subject!r}"
        )
    return Requirement(Mode.AUTHENTICATED, ActedBy(subject))
