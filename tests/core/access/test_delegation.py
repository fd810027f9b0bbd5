"""Delegation (RFC 8693 §4.1): what `act` may be, and the requirements that look at it."""

from __future__ import annotations

from typing import Any

import pytest

from jwtguard import Actor, ConfigurationError, InsufficientScopeError, Principal, Requirement, acted_by, not_delegated
from jwtguard.core.access.rights import Rights
from jwtguard.core.tokens.actor import MAX_ACTORS
from tests.core.token_samples import ACCEPTED, CLAIMS
from tests.core.tokens.test_claims_policy import judged
from tests.samples import guard, token


def chain(levels: int) -> dict[str, Any]:
    """An `act` of that many actors."""
    act: dict[str, Any] = {"sub": "agent-0"}
    for number in range(1, levels):
        act = {"sub": f"agent-{number}", "act": act}
    return act


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        ({"sub": "agent-7"}, ACCEPTED),
        ({"client_id": "batch"}, ACCEPTED),
        ({"sub": "agent-7", "iss": "https://agents.example", "exp": "what it likes"}, ACCEPTED),
        (chain(MAX_ACTORS), ACCEPTED),
        (chain(MAX_ACTORS + 1), "act"),
        ({}, "act"),
        ({"iss": "https://agents.example"}, "act"),
        ({"sub": ""}, "act"),
        ({"sub": 7}, "act"),
        ({"sub": None, "client_id": "batch"}, "act"),
        ({"sub": "agent-7", "iss": 1}, "act"),
        ({"sub": "agent-7", "act": None}, "act"),
        ({"sub": "agent-7", "act": []}, "act"),
        ({"sub": "agent-7", "act": {"sub": 1}}, "act"),
        (None, "act"),
        ("agent-7", "act"),
        ([{"sub": "agent-7"}], "act"),
        (True, "act"),
    ],
    ids=repr,
)
def test_the_claim(act: Any, expected: str) -> None:
    """An object that names a party by strings, at every level; a token with any other `act` is refused."""
    assert judged({**CLAIMS, "act": act}) == expected


def test_an_issuer_signs_no_actor_that_its_guard_refuses() -> None:
    """`claims={"act": ...}` is held to the same form."""
    with pytest.raises(ConfigurationError, match="act names at most 8 actors"):
        token(claims={"act": {"name": "agent-7"}})


def test_the_actor_of_a_token() -> None:
    """The principal has the outermost actor, and that one those before it."""
    act = {"sub": "agent-7", "iss": "https://agents.example", "client_id": "c-1", "act": {"sub": "gateway"}}
    assert guard().verify(token(claims={"act": act})).run().principal.actor == Actor(
        subject="agent-7", issuer="https://agents.example", client_id="c-1", actor=Actor(subject="gateway")
    )
    assert guard().verify(token()).run().principal.actor is None


ALONE = Principal(subject="user-1")
BY_AGENT = Principal(subject="user-1", actor=Actor(subject="agent-7", actor=Actor(subject="gateway")))


@pytest.mark.parametrize(
    ("requirement", "admitted"),
    [
        (not_delegated, [ALONE]),
        (acted_by("agent-7"), [BY_AGENT]),
        (acted_by("gateway"), []),
        (acted_by("agent"), []),
        (acted_by("user-1"), []),
        (acted_by("agent-7") | not_delegated, [ALONE, BY_AGENT]),
    ],
    ids=repr,
)
def test_requirements(requirement: Requirement, admitted: list[Principal]) -> None:
    """The current actor decides, by its whole name: those before it are for information only."""
    found = []
    for caller in (ALONE, BY_AGENT):
        try:
            requirement.check(caller, Rights(), now=0)
        except InsufficientScopeError:
            continue
        found.append(caller)
    assert found == admitted


@pytest.mark.parametrize("name", ["", None, ["agent-7"], 7])
def test_names_that_are_none(name: Any) -> None:
    """One name, not empty."""
    with pytest.raises(ConfigurationError, match="takes the sub of one actor"):
        acted_by(name)
