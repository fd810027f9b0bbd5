"""The memory of a verifier for tokens that passed every step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jwtguard import VerificationKey
from jwtguard.core.flow import Flow
from jwtguard.core.tokens.claims_policy import Policy
from jwtguard.core.tokens.jwk_set import JWKSet
from jwtguard.core.tokens.verifier import TokenVerifier
from tests.core.keys import hs256
from tests.core.token_samples import ACCEPTED, NOW, Clock, claims, compact, outcome, policy, verifier, verify

TEXT = compact()


class Changing:
    """A key source whose keys are exchanged, or gone."""

    def __init__(self) -> None:
        self.keys: JWKSet | None = JWKSet([hs256().verification_key])

    def current(self) -> JWKSet | None:
        """The keys at hand."""
        return self.keys

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        """There are never more than those."""
        return (self.keys or JWKSet([])).refreshed(kid)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The signing inputs whose signature was checked, one for each check."""
    found: list[bytes] = []
    original = VerificationKey.verify

    def counting(self: VerificationKey, signing_input: bytes, signature: bytes) -> None:
        found.append(signing_input)
        original(self, signing_input, signature)

    monkeypatch.setattr(VerificationKey, "verify", counting)
    return found


def test_a_token_is_verified_once(checked: list[bytes]) -> None:
    """The second time, the same object comes from memory."""
    by = verifier()

    assert verify(TEXT, by) is verify(TEXT, by)
    assert len(checked) == 1


def test_the_cache_can_be_turned_off(checked: list[bytes]) -> None:
    """With size 0 every token is verified anew."""
    by = verifier(cache_size=0)

    assert verify(TEXT, by) == verify(TEXT, by)
    assert len(checked) == 2


@pytest.mark.parametrize(
    ("payload", "settings", "later", "expected"),
    [
        pytest.param(claims(), {}, NOW + 309, ACCEPTED, id="before exp"),
        pytest.param(claims(), {}, NOW + 310, "expired", id="at exp"),
        pytest.param(claims(), {}, NOW - 10**6, ACCEPTED, id="a clock set back"),
        pytest.param(claims(nbf=NOW), {}, NOW - 10, ACCEPTED, id="a clock set back to nbf"),
        pytest.param(claims(nbf=NOW), {}, NOW - 11, "not_yet_valid", id="a clock set back before nbf"),
        pytest.param(claims(iat=NOW), {}, NOW - 11, "not_yet_valid", id="a clock set back before iat"),
        pytest.param(claims(iat=NOW), {"max_token_age": timedelta(60)}, NOW + 309, ACCEPTED, id="young enough"),
        pytest.param(claims(iat=NOW), {"max_token_age": timedelta(seconds=60)}, NOW + 69, ACCEPTED, id="just so"),
        pytest.param(claims(iat=NOW), {"max_token_age": timedelta(seconds=60)}, NOW + 70, "too_old", id="too old"),
        pytest.param(claims(), {}, float("nan"), "expired", id="a clock gone mad"),
    ],
)
def test_time_is_looked_at_again(
    payload: dict[str, Any], settings: dict[str, Any], later: float, expected: str
) -> None:
    """A hit is worth nothing after the token's end."""
    clock = Clock(NOW)
    by = verifier(policy(**settings), clock=clock)
    text = compact(payload=payload)
    first = outcome(text, by)
    clock.now = later

    assert (first, outcome(text, by)) == (ACCEPTED, expected)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param(JWKSet([]), "key", id="the key was taken away"),
        pytest.param(JWKSet([hs256(secret="x" * 32).verification_key]), "signature", id="another key stands there"),
        pytest.param(JWKSet([hs256().verification_key]), ACCEPTED, id="the same key in a new set"),
        pytest.param(None, "key", id="the keys are too old to be trusted"),
    ],
)
def test_keys_are_looked_at_again(keys: JWKSet | None, expected: str, checked: list[bytes]) -> None:
    """A token counts as verified only by the set of keys that verified it."""
    source = Changing()
    by = verifier(policy(source))
    verify(TEXT, by)
    checked.clear()
    source.keys = keys

    assert (expected, expected != "key") == (outcome(TEXT, by), len(checked) == 1)


class Withdrawn(JWKSet):
    """A set that is its own source, and takes itself back."""

    is_gone = False

    def current(self) -> JWKSet | None:  # type: ignore[override] # as a `KeySource` may
        """Itself, as long as it may be used."""
        return None if self.is_gone else self

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        """Nothing, once it is gone."""
        return (JWKSet([]) if self.is_gone else JWKSet(self.keys)).refreshed(kid)


def test_a_set_with_a_word_of_its_own_is_asked() -> None:
    """A subclass of JWKSet that withdraws its keys is asked again for a cached token."""
    keys = Withdrawn([hs256().verification_key])
    by = verifier(policy(keys))
    first = outcome(TEXT, by)
    keys.is_gone = True

    assert (first, outcome(TEXT, by)) == (ACCEPTED, "key")


def test_a_token_verified_by_new_keys_is_remembered_again(checked: list[bytes]) -> None:
    """One check for each set of keys."""
    source = Changing()
    by = verifier(policy(source))
    verify(TEXT, by)
    source.keys = JWKSet([hs256().verification_key])
    verify(TEXT, by)
    verify(TEXT, by)

    assert len(checked) == 2


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(compact(key=hs256(secret="x" * 32)), id="forged"),
        pytest.param(compact(payload=claims(exp=NOW - 10)), id="expired"),
        pytest.param(compact(payload=claims(aud="x")), id="another audience"),
        pytest.param(compact(payload=claims(cnf={})), id="bound to a key"),
    ],
)
def test_only_what_passed_is_remembered(text: str, checked: list[bytes]) -> None:
    """A refused token is judged anew each time."""
    by = verifier()

    assert outcome(text, by) == outcome(text, by) != ACCEPTED
    assert len(checked) == 2


def test_a_refusal_may_rotation_into_acceptance() -> None:
    """A token that comes before its time is accepted when its time has come."""
    clock = Clock(NOW - 100)
    by = verifier(clock=clock)
    text = compact(payload=claims(nbf=NOW))
    first = outcome(text, by)
    clock.now = NOW

    assert (first, outcome(text, by)) == ("not_yet_valid", ACCEPTED)


def test_the_whole_token_is_the_key_of_the_cache() -> None:
    """A token that shares header and payload with a good one is another token."""
    by = verifier()
    verify(TEXT, by)
    header, payload, signature = TEXT.split(".")
    forged = ("A" if signature[0] != "A" else "B") + signature[1:]

    assert outcome(f"{header}.{payload}.{forged}", by) == "signature"


def test_two_verifiers_do_not_share() -> None:
    """A token that one verifier accepted is verified anew by another with another policy."""
    verify(TEXT)

    assert outcome(TEXT, verifier(policy(audience="https://other.example"))) == "aud"


def test_several_policies_do_not_mix() -> None:
    """Each remembered token belongs to the policy that accepted it."""
    texts = [compact(payload=claims(iss=issuer, aud=issuer)) for issuer in ("one", "two")]
    by = verifier(*(policy(issuer=issuer, audience=issuer) for issuer in ("one", "two")))

    found = [verify(text, by).policy.issuer for text in texts * 2]

    assert found == ["one", "two"] * 2


@pytest.mark.parametrize(("size", "expected"), [(2, 4), (3, 3)])
def test_the_cache_is_bounded(size: int, expected: int, checked: list[bytes]) -> None:
    """The oldest token makes room; with room for all, each is verified once."""
    by = verifier(cache_size=size)
    for name in ("a", "b", "c", "a"):
        verify(compact(payload=claims(jti=name)), by)

    assert expected == len(checked)


def test_no_request_changes_the_claims_of_another() -> None:
    """The cached claims are read-only at every depth."""
    by = verifier()
    text = compact(payload=claims(roles=["reader"], realm={"roles": ["reader"]}))
    token = verify(text, by)
    before = json.dumps(token.claims)
    changes: list[Callable[[], object]] = [
        lambda: token.claims["roles"].append("admin"),
        lambda: token.claims["realm"]["roles"].append("admin"),
        lambda: token.claims["realm"].update(roles=["admin"]),
        lambda: token.claims.update(sub="admin"),
        lambda: token.header.update(alg="none"),
        lambda: token.principal.claims["roles"].append("admin"),
    ]
    for change in changes:
        with pytest.raises(TypeError):
            change()

    assert before == json.dumps(verify(text, by).claims)


def test_a_token_cannot_be_passed_off_as_a_remembered_one() -> None:
    """The principal that was worked out is for the very token that was handed out."""
    token = verify(compact(payload=claims(roles=["reader"])))
    assert token.principal.roles == {"reader"}
    forged = replace(token, claims=type(token.claims)({**token.claims, "roles": ["admin"]}))

    assert [{"reader"}, {"admin"}] == [set(each.principal.roles) for each in (token, forged)]


class Contended(dict[Any, Any]):
    """A memory that another thread changes while we look for the oldest entry."""

    def __init__(self, error: type[Exception]) -> None:
        super().__init__({"other": None})
        self.error = error

    def __iter__(self) -> Iterator[Any]:
        raise self.error


@pytest.mark.parametrize("error", [KeyError, RuntimeError])
def test_a_lost_race_only_costs_a_repeat(error: type[Exception]) -> None:
    """The memories have no lock: if another thread makes the room first, nothing is wrong."""
    by: TokenVerifier = verifier(cache_size=1)
    by._cache = Contended(error)

    assert outcome(TEXT, by) == ACCEPTED


def test_a_policy_is_told_by_what_it_checks() -> None:
    """A verified token knows the policy by which it was accepted."""
    checks: Policy = policy()

    assert checks is verify(TEXT, verifier(checks)).policy
