"""Why a guard takes a token or refuses it: every step in order, what it wanted, what it found, and what helps.

>>> from jwtguard import Guard, SigningKey, TokenIssuer
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key)
>>> other = TokenIssuer(
...     issuer="https://issuer.example", audience="https://x.example", client_id="web", signing_keys=[key]
... )
>>> explanation = explain(guard, other.access_token("user-1")).run()
>>> explanation.reason, explanation.failed.number, explanation.failed.title
('aud', 7, 'Claims')

Nothing is verified a second way: the guard itself is asked, and its reason tells the step (`jwtguard.core.reasons`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from jwtguard.core.errors import InvalidTokenError, JWTGuardError, UnavailableError
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.frozen import set_once
from jwtguard.core.jws import TOKEN_TYPES, check_length, parse
from jwtguard.core.reasons import REVOCATION_STEP, STEPS, reason_named
from jwtguard.guard import Guard

Outcome: TypeAlias = Literal["passed", "failed", "not reached", "skipped"]
"""`skipped`: the guard does not ask this, or not for this token; `found` says why."""
Verdict: TypeAlias = Literal["accepted", "refused", "unavailable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step and what became of it.

    `number` is 1 to 8 as in `docs/verification.md`, 9 to 11 for CSRF, revocation and authorization. `rfc` says where
    it is written down. `expected` and `found` are sentences for people, `found` and `remedy` empty where there is
    nothing to say. All of them may hold text from the token, which nobody has verified: escape them where they are
    shown.
    """

    number: int
    title: str
    rfc: str
    outcome: Outcome
    expected: str = ""
    found: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a guard says of a token. `reason` is the word of the log, `accepted` if it was."""

    verdict: Verdict
    reason: str
    steps: tuple[Step, ...]

    @property
    def failed(self) -> Step | None:
        """The step that failed, if one did."""
        return next((step for step in self.steps if step.outcome == "failed"), None)


def explain(guard: Guard, text: str, *, redact: bool = False) -> Flow[Explanation]:
    """Ask `guard` about the `text` of a token, and explain what it says.

    `redact` leaves out what a ticket should not show: the subject, values of claims that are not registered. The
    guard's `on_event` is not called. Raises `ConfigurationError` for a guard that cannot work at all.
    """
    return Flow(_explaining(guard, text, redact))


def _explaining(guard: Guard, text: str, redact: bool) -> Steps[Explanation]:
    error: JWTGuardError | None = None
    try:
        yield from quiet(guard).verify(text)
    except (InvalidTokenError, UnavailableError) as refused:
        error = refused
    at = None if error is None else _step_of(error, text)
    steps = []
    for number, about in STEPS.items():
        if number > REVOCATION_STEP or number == REVOCATION_STEP - 1:
            continue
        outcome: Outcome = "passed" if at is None or number < at else "failed" if number == at else "not reached"
        if number == REVOCATION_STEP and not guard.has_revocation:
            outcome = "skipped"
        remedy = reason_named(error.reason).remedy if error is not None and number == at else ""
        steps.append(
            Step(
                number=number,
                title=about.title,
                rfc=about.source,
                outcome=outcome,
                found=error.reason if error is not None and number == at else "",
                remedy=remedy,
            )
        )
    verdict: Verdict = (
        "accepted" if error is None else "unavailable" if isinstance(error, UnavailableError) else "refused"
    )
    return Explanation(verdict=verdict, reason="accepted" if error is None else error.reason, steps=tuple(steps))


def quiet(guard: Guard) -> Guard:
    """The same guard, sharing its keys and caches, that tells nobody: an explanation is no event of the application."""
    twin: Guard = object.__new__(type(guard))
    for kind in type(guard).__mro__:
        for name in getattr(kind, "__slots__", ()):
            set_once(twin, **{name: getattr(guard, name)})
    set_once(twin, _on_event=None)
    return twin


def _step_of(error: JWTGuardError, text: str) -> int:
    """The step at which `error` arose: of two that share a reason, the first if the token fails before any key."""
    first, *later = reason_named(error.reason).steps
    if not later:
        return first
    try:
        parse(check_length(text, len(text)), header=None, types=TOKEN_TYPES)
    except InvalidTokenError:
        return first
    return later[-1]
