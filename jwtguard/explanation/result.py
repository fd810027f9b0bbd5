"""What an explanation consists of: steps, each with what was wanted, what was found, and what helps.

>>> step(1, "passed", expected="at most 8192 characters", found="12 characters").title
'Length'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from jwtguard.core.access.requirements import Requirement
from jwtguard.core.tokens.reasons import STEPS

Outcome: TypeAlias = Literal["passed", "failed", "not reached", "skipped"]
"""`skipped`: the guard does not ask this, or not for this token; `found` says why."""
Verdict: TypeAlias = Literal["accepted", "refused", "unavailable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step and what became of it.

    `number` is 1 to 8 as in `docs/verification.md`, 9 to 11 for CSRF, revocation and authorization. `rfc` says where
    it is written down. `expected` and `found` are sentences for people, `found` and `remedy` empty where there is
    nothing to say. All of them may hold unverified text from the token: escape them where they are shown.
    """

    number: int
    title: str
    rfc: str
    outcome: Outcome
    expected: str = ""
    found: str = ""
    remedy: str = ""


def step(number: int, outcome: Outcome, *, expected: str = "", found: str = "", remedy: str = "") -> Step:
    """The step of this number, by its title."""
    about = STEPS[number]
    return Step(
        number=number,
        title=about.title,
        rfc=about.source,
        outcome=outcome,
        expected=expected,
        found=found,
        remedy=remedy,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route that the token is to open.

    `path` is the one that the guard's rules see, None if no middleware applies them here. `requirements`: what is asked
    besides, by decorators.
    """

    method: str
    path: str | None
    requirements: tuple[Requirement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a guard says of a token. `reason` is the word of the log, `accepted` if it was."""

    verdict: Verdict
    reason: str
    steps: tuple[Step, ...]

    @property
    def failed(self) -> Step | None:
        """The step that failed, if one did."""
        return next((each for each in self.steps if each.outcome == "failed"), None)
