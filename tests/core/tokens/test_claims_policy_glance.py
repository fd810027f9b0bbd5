"""What a glance settles, a close look settles in the same way: the two are one rule, written twice for speed."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jwtguard import JWTGuardError
from jwtguard.core.tokens.claims_policy import UNCHECKED, Policy
from jwtguard.core.tokens.principal import ClaimsMapping
from jwtguard.core.tokens.tenants import TenantPattern
from jwtguard.core.tokens.token_kind import TokenKind
from tests.core.token_samples import AUDIENCE, ISSUER, NOW, policy

GOOD = {"iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "exp": NOW + 300, "iat": NOW, "jti": "a"}
LATEST = 253402300799

odd: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, 1, "", "a", 1.5, [], {}, [AUDIENCE], [ISSUER], math.inf, -math.inf]
)
dates = st.sampled_from([NOW, NOW + 10, NOW - 10, NOW + 11, NOW - 311, NOW + 300.5, LATEST, LATEST + 1, -LATEST])
texts = st.sampled_from([ISSUER, AUDIENCE, ISSUER + "/", "user-1"])
claim_names = st.sampled_from([*GOOD, "nbf", "cnf", "roles", "auth_time"])
clocks = st.sampled_from([NOW, NOW + 309, NOW + 310, NOW - 10, NOW - 11, LATEST, math.nan, math.inf, -math.inf, 0])


def judged(by: Policy, claims: dict[str, Any], now: float) -> object:
    """When the claims hold, or the reason for which they are refused."""
    try:
        return by.check(claims, now)
    except JWTGuardError as error:
        return error.reason


def looking_closely(by: Policy) -> Policy:
    """The same policy, which trusts no glance."""
    twin = replace(by)
    object.__setattr__(twin, "_usual", None)
    return twin


GLANCING = policy()
CLOSE = looking_closely(GLANCING)


@settings(deadline=None, max_examples=400)
@given(
    changes=st.dictionaries(claim_names, odd | dates | texts, max_size=3),
    without=st.sets(claim_names, max_size=2),
    now=clocks,
)
@example(changes={}, without=set(), now=NOW)
@example(changes={"nbf": NOW + 300}, without=set(), now=NOW)
@example(changes={"cnf": {}}, without=set(), now=NOW)
@example(changes={"exp": True}, without=set(), now=NOW)
@example(changes={"iat": NOW + 11}, without=set(), now=NOW)
@example(changes={"jti": 1}, without=set(), now=NOW)
@example(changes={}, without={"jti"}, now=NOW)
@example(changes={"iss": "https://other.example"}, without=set(), now=NOW)
@example(changes={"aud": "https://other.example"}, without=set(), now=NOW)
@example(changes={"aud": [AUDIENCE]}, without=set(), now=NOW)
@example(changes={"sub": ""}, without=set(), now=NOW)
@example(changes={"sub": 5}, without=set(), now=NOW)
@example(changes={"exp": LATEST, "iat": LATEST}, without=set(), now=LATEST)
@example(changes={"exp": LATEST + 1}, without=set(), now=NOW)
@example(changes={"exp": LATEST, "iat": LATEST + 1}, without=set(), now=LATEST)
def test_a_glance_says_what_a_close_look_says(changes: dict[str, Any], without: set[str], now: float) -> None:
    """Whatever the claims: accepted for the same time, or refused for the same reason."""
    claims = {name: value for name, value in {**GOOD, **changes}.items() if name not in without}

    assert judged(GLANCING, claims, now) == judged(CLOSE, claims, now)


def test_the_good_token_is_settled_at_a_glance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the test above would compare a close look with itself."""

    def look(*_: object) -> None:
        raise AssertionError("looked closely")

    monkeypatch.setattr(Policy, "_look_closely", look)

    assert GLANCING.check(GOOD, NOW) == (NOW - 10, NOW + 310)
    with pytest.raises(AssertionError, match="looked closely"):
        CLOSE.check(GOOD, NOW)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"issuer": UNCHECKED}, id="any issuer"),
        pytest.param({"issuer": TenantPattern("https://login.example/{tenantid}", tenants=UNCHECKED)}, id="tenants"),
        pytest.param({"audience": UNCHECKED}, id="any audience"),
        pytest.param({"audience": [AUDIENCE, ISSUER]}, id="several audiences"),
        pytest.param({"past_claims": ("auth_time",)}, id="a date that may not lie ahead"),
        pytest.param({"required_claims": ["exp", "client_id"]}, id="another claim is required"),
        pytest.param({"max_token_age": timedelta(minutes=5)}, id="an age"),
        pytest.param({"until": NOW + 60}, id="an end"),
        pytest.param({"claims": ClaimsMapping(subject=("client_id",))}, id="another subject"),
        pytest.param({"kind": TokenKind(without=["nonce"])}, id="a kind"),
    ],
)
def test_what_asks_for_more_is_looked_at_closely(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A glance knows nothing of these."""
    looked = []

    def look(*_: object) -> tuple[float, float]:
        looked.append(1)
        return -math.inf, math.inf

    monkeypatch.setattr(Policy, "_look_closely", look)
    asked: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "keys": GLANCING.keys, **changes}

    Policy(**asked).check(GOOD, NOW)
    assert looked == [1]
