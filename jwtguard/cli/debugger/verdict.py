"""The verdict on a token with all its steps: accepted, refused (with the reason), or unknown.

>>> from jwtguard import Guard, SigningKey, TokenIssuer
>>> key = SigningKey.generate("ES256")
>>> guard = Guard(issuer="https://i.example", audience="https://a.example", keys=key.verification_key)
>>> issuer = TokenIssuer(issuer="https://i.example", audience="https://a.example", client_id="web", signing_keys=[key])
>>> verdict_of(issuer.access_token("user-1"), guard).state
'accepted'
>>> verdict_of(issuer.access_token("user-1"), None).state  # without a key
'unknown'
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from jwtguard.cli.refused_keys import KEY_STEP, NO_KEY, REASON, JudgedKey, explained
from jwtguard.core.tokens.sentinels import UNCHECKED
from jwtguard.explanation import Explanation, Step, explain
from jwtguard.guard import Guard

State: TypeAlias = Literal["empty", "accepted", "refused", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A verdict in words. `reason` is the word of the log; `unchecked` names what was not asked for.

    What was expected and found stands in the step that failed.
    """

    state: State
    reason: str = ""
    sentence: str = ""
    remedy: str = ""
    unchecked: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


def verdict_of_refused(text: str, key: JudgedKey) -> Verdict:
    """What is said of `text` beside a key that a guard refuses."""
    told = _refused(explained(text, key))
    # What the token is refused for before any key is asked comes first.
    return told if told.reason != REASON else replace(told, sentence=key.sentence)


def verdict_of(text: str, guard: Guard | None) -> Verdict:
    """What `guard` says of `text`; without one, what can be said without a key.

    Raises `ConfigurationError` for a guard that cannot work from here.
    """
    if not text:
        return Verdict(state="empty")
    if guard is None:
        return _without_key(explain(NO_KEY, text).run())
    explanation = explain(guard, text).run()
    unchecked = tuple(name for name in ("issuer", "audience") if getattr(guard, name) is UNCHECKED)
    if explanation.verdict == "accepted":
        return Verdict(state="accepted", reason="accepted", unchecked=unchecked, steps=explanation.steps)
    return _refused(explanation)


def _refused(explanation: Explanation) -> Verdict:
    step = explanation.failed
    return Verdict(
        state="refused" if explanation.verdict == "refused" else "unknown",
        reason=explanation.reason,
        sentence="" if step is None else f"It fails at step {step.number}, {step.title}.",
        remedy="" if step is None else step.remedy,
        steps=explanation.steps,
    )


def _without_key(explanation: Explanation) -> Verdict:
    step = explanation.failed
    if step is not None and step.number < KEY_STEP:
        return _refused(explanation)
    # The placeholder key signed no token.
    steps = [
        step if step.number < KEY_STEP else replace(step, outcome="not reached", expected="", found="", remedy="")
        for step in explanation.steps
    ]
    return Verdict(
        state="unknown",
        reason="no_key",
        sentence="Nothing speaks against its form. Whether it is genuine, only a key can tell.",
        steps=tuple(steps),
    )
