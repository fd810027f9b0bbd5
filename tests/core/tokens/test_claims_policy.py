"""Steps 7 and 8: what claims must say, each refusal beside its nearest neighbour. All signatures here hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from jwtguard.core.tokens.sentinels import UNCHECKED
from tests.core.token_samples import (
    ACCEPTED,
    AUDIENCE,
    CLAIMS,
    ISSUER,
    NOW,
    Clock,
    claims,
    compact,
    outcome,
    policy,
    verifier,
)

LATEST = 253402300799
LONG_AGO = -LATEST
ARABIC_DIGITS = "".join(chr(0x0660 + int(digit)) for digit in str(NOW))
NO_NUMBERS: list[Any] = [None, True, False, "1700000000", "", "soon", [], [NOW + 300], {}, {"at": NOW}]
NO_STRINGS: list[Any] = [None, 1, 0, True, False, 1.5, [], {}, {"iss": ISSUER}]


def judged(payload: dict[str, Any], now: float = NOW, **settings: Any) -> str:
    """`accepted`, or the reason for which a token with these claims is refused at `now`."""
    return outcome(compact(payload=payload), verifier(policy(**settings), clock=Clock(now)))


def test_the_good_token_of_these_tests_is_accepted() -> None:
    """All tables below change one thing of it."""
    assert judged(dict(CLAIMS)) == ACCEPTED


@pytest.mark.parametrize("name", CLAIMS)
def test_four_claims_are_required(name: str) -> None:
    """Without `exp`, `iss`, `aud` or `sub`, nothing passes by default."""
    assert judged(claims(**{name: None})) == f"missing_{name}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (ISSUER, ACCEPTED),
        (ISSUER + "/", "iss"),
        (ISSUER.upper(), "iss"),
        (ISSUER[:-1], "iss"),
        (ISSUER + "\x00", "iss"),
        (" " + ISSUER, "iss"),
        ("https://issuer.example.attacker.example", "iss"),
        ("https://attacker.example", "iss"),
        ("", "iss"),
        ([ISSUER], "iss"),
        *((value, "iss") for value in NO_STRINGS),
    ],
    ids=repr,
)
def test_the_issuer_is_equal(value: Any, expected: str) -> None:
    """RFC 7519 §4.1.1: a string, compared as it is written."""
    assert expected == judged({**CLAIMS, "iss": value})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (AUDIENCE, ACCEPTED),
        ([AUDIENCE], ACCEPTED),
        (["https://other.example", AUDIENCE], ACCEPTED),
        ([AUDIENCE, AUDIENCE], ACCEPTED),
        ([AUDIENCE, ""], ACCEPTED),
        (AUDIENCE + "/", "aud"),
        (AUDIENCE.upper(), "aud"),
        (AUDIENCE[:-1], "aud"),
        (AUDIENCE + " https://other.example", "aud"),
        ("", "aud"),
        ([], "aud"),
        ([""], "aud"),
        (["https://other.example"], "aud"),
        ([AUDIENCE, 1], "aud"),
        ([None, AUDIENCE], "aud"),
        ([[AUDIENCE]], "aud"),
        ([AUDIENCE, [AUDIENCE]], "aud"),
        ({"aud": AUDIENCE}, "aud"),
        ({AUDIENCE: True}, "aud"),
        *((value, "aud") for value in NO_STRINGS),
    ],
    ids=repr,
)
def test_the_audience_means_us(value: Any, expected: str) -> None:
    """RFC 7519 §4.1.3: a string or a list of strings, one of which is ours; never a part of one."""
    assert expected == judged({**CLAIMS, "aud": value})


@pytest.mark.parametrize(
    ("audience", "value", "expected"),
    [
        (["a", "b"], "a", ACCEPTED),
        (["a", "b"], "b", ACCEPTED),
        (["a", "b"], ["c", "b"], ACCEPTED),
        (["a", "b"], "c", "aud"),
        (("a",), "a", ACCEPTED),
        ({"a", "b"}, "b", ACCEPTED),
        ((name for name in "ab"), "b", ACCEPTED),
        ("ab", "a", "aud"),
    ],
)
def test_there_may_be_several_audiences(audience: Any, value: Any, expected: str) -> None:
    """One of ours is enough; a string is one audience, not its letters."""
    assert expected == judged(claims(aud=value), audience=audience)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sub": "0"}, ACCEPTED),
        ({"sub": " "}, ACCEPTED),
        ({"sub": "ä😀"}, ACCEPTED),
        ({"sub": ""}, "sub"),
        *(({"sub": value}, "sub") for value in NO_STRINGS),
        ({"jti": "j"}, ACCEPTED),
        ({"jti": ""}, ACCEPTED),
        *(({"jti": value}, "jti") for value in NO_STRINGS),
    ],
    ids=repr,
)
def test_subject_and_token_identifier_are_strings(changes: dict[str, Any], expected: str) -> None:
    """RFC 7519 §4.1.2 and §4.1.7; an empty subject counts as absent."""
    assert expected == judged({**CLAIMS, **changes})


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_a_date_is_a_number(name: str, value: Any) -> None:
    """RFC 7519 §2: neither a string of digits nor true."""
    assert judged({**CLAIMS, name: value}) == name


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NaN", "json"),
        ("Infinity", "json"),
        ("-Infinity", "json"),
        ("1e999", "json"),
        ("9" * 41, "json"),
        (ARABIC_DIGITS, "json"),
        (f'"{ARABIC_DIGITS}"', None),
        ("9" * 40, None),
        ("1e40", None),
        (str(LATEST + 1), None),
        (f"{LATEST}.5", None),
        ("1700000300000", None),
    ],
)
def test_a_date_is_finite_and_before_the_year_10000(name: str, text: str, expected: str | None) -> None:
    """What is larger is a date in milliseconds, or nonsense; None here is the name of the claim."""
    members = ",".join(f'"{key}":"{value}"' for key, value in CLAIMS.items() if key != "exp")
    payload = f'{{{members},"{name}":{text}' + ("}" if name == "exp" else f',"exp":{NOW + 300}}}')

    assert (expected or name) == outcome(compact(payload=payload.encode()), verifier())


@pytest.mark.parametrize(
    ("changes", "now", "expected"),
    [
        # exp: `now >= exp + leeway` is expired.
        ({"exp": NOW - 9}, NOW, ACCEPTED),
        ({"exp": NOW - 10}, NOW, "expired"),
        ({"exp": NOW - 10}, NOW - 0.001, ACCEPTED),
        ({"exp": NOW - 9.5}, NOW, ACCEPTED),
        ({"exp": NOW - 10.5}, NOW, "expired"),
        ({"exp": LATEST}, NOW, ACCEPTED),
        ({"exp": 0}, NOW, "expired"),
        ({"exp": -1}, NOW, "expired"),
        ({"exp": -(10**38)}, NOW, "expired"),
        ({"exp": -1e300}, NOW, "expired"),
        ({"exp": 1.8e9}, NOW, ACCEPTED),
        # nbf and iat: in the future beyond leeway.
        ({"nbf": NOW + 10}, NOW, ACCEPTED),
        ({"nbf": NOW + 11}, NOW, "not_yet_valid"),
        ({"nbf": NOW + 10.5}, NOW, "not_yet_valid"),
        ({"nbf": LATEST}, NOW, "not_yet_valid"),
        ({"nbf": 0}, NOW, ACCEPTED),
        ({"nbf": -1}, NOW, ACCEPTED),
        ({"iat": NOW + 10}, NOW, ACCEPTED),
        ({"iat": NOW + 11}, NOW, "not_yet_valid"),
        ({"iat": 0}, NOW, ACCEPTED),
        ({"iat": NOW, "nbf": NOW + 11}, NOW, "not_yet_valid"),
        ({"iat": NOW + 11, "nbf": NOW}, NOW, "not_yet_valid"),
        ({"exp": NOW - 10, "nbf": NOW + 11}, NOW, "expired"),
    ],
    ids=repr,
)
def test_dates_at_their_edges(changes: dict[str, Any], now: float, expected: str) -> None:
    """RFC 7519 §4.1.4 to §4.1.6, with the leeway of ten seconds, to the second."""
    assert expected == judged(claims(**changes), now)


@pytest.mark.parametrize(
    ("leeway", "now", "expected"),
    [
        (0, NOW + 299.999, ACCEPTED),
        (0, NOW + 300, "expired"),
        (60, NOW + 359, ACCEPTED),
        (60, NOW + 360, "expired"),
        (300, NOW + 599, ACCEPTED),
        (300, NOW + 600, "expired"),
    ],
)
def test_the_leeway_is_used(leeway: int, now: float, expected: str) -> None:
    """The leeway moves the end of a token by exactly its length."""
    assert expected == judged(dict(CLAIMS), now, leeway=timedelta(seconds=leeway))


@pytest.mark.parametrize(
    ("changes", "now", "expected"),
    [
        ({"iat": NOW}, NOW + 69, ACCEPTED),
        ({"iat": NOW}, NOW + 70, "too_old"),
        ({"iat": NOW - 69}, NOW, ACCEPTED),
        ({"iat": NOW - 70}, NOW, "too_old"),
        ({"iat": -1e300}, NOW, "too_old"),
        ({"iat": NOW, "exp": NOW + 5}, NOW + 15, "expired"),
        ({"iat": NOW - 70, "exp": NOW}, NOW, "too_old"),
        ({"iat": NOW - 1000, "exp": NOW - 500}, NOW, "expired"),
        ({}, NOW, "missing_iat"),
        ({"iat": True}, NOW, "iat"),
        ({"iat": str(NOW)}, NOW, "iat"),
        ({"iat": NOW + 11}, NOW, "not_yet_valid"),
    ],
    ids=repr,
)
def test_a_token_may_only_be_so_old(changes: dict[str, Any], now: float, expected: str) -> None:
    """`max_token_age` counts from `iat`, which is then needed; whichever end comes first counts."""
    assert expected == judged(claims(**changes), now, max_token_age=timedelta(seconds=60))


@pytest.mark.parametrize("cnf", [{"jkt": "x"}, {"jwk": {}}, {"x5t#S256": "x"}, {}, None, "", [], 0, False], ids=repr)
def test_a_token_bound_to_a_key_is_refused(cnf: Any) -> None:
    """RFC 7800 §3.1: without the proof that goes with it, it may be stolen; in any form."""
    assert judged({**CLAIMS, "cnf": cnf}) == "proof_of_possession"


@pytest.mark.parametrize("now", [float("nan"), float("inf")])
@pytest.mark.parametrize("required", [None, ()], ids=["default", "nothing required"])
def test_a_clock_gone_mad_denies(now: float, required: Any) -> None:
    """No comparison with it comes out in favour of the token, not even of one without dates."""
    payload = dict(CLAIMS) if required is None else claims(exp=None)

    assert judged(payload, now, required_claims=required) in {"expired", "too_old"}


# What is not checked, and what is required instead of the default.


@pytest.mark.parametrize(
    ("settings", "payload", "expected"),
    [
        ({"issuer": UNCHECKED}, claims(iss="https://anybody.example"), ACCEPTED),
        ({"issuer": UNCHECKED}, claims(iss=None), ACCEPTED),
        ({"issuer": UNCHECKED}, {**CLAIMS, "iss": 1}, "iss"),
        ({"issuer": UNCHECKED}, {**CLAIMS, "iss": None}, "iss"),
        ({"issuer": UNCHECKED}, claims(aud="x"), "aud"),
        ({"issuer": UNCHECKED}, claims(aud=None), "missing_aud"),
        ({"audience": UNCHECKED}, claims(aud="anything"), ACCEPTED),
        ({"audience": UNCHECKED}, claims(aud=["anything"]), ACCEPTED),
        ({"audience": UNCHECKED}, claims(aud=[]), ACCEPTED),
        ({"audience": UNCHECKED}, claims(aud=None), ACCEPTED),
        ({"audience": UNCHECKED}, {**CLAIMS, "aud": 1}, "aud"),
        ({"audience": UNCHECKED}, {**CLAIMS, "aud": [1]}, "aud"),
        ({"audience": UNCHECKED}, {**CLAIMS, "aud": None}, "aud"),
        ({"audience": UNCHECKED}, claims(iss="x"), "iss"),
        ({"audience": UNCHECKED}, claims(sub=None), "missing_sub"),
        ({"audience": UNCHECKED}, claims(exp=None), "missing_exp"),
        ({"issuer": UNCHECKED, "audience": UNCHECKED}, {"sub": "user-1", "exp": NOW + 1}, ACCEPTED),
        # An explicit list is taken as written.
        ({"issuer": UNCHECKED, "required_claims": ["iss"]}, claims(iss=None), "missing_iss"),
        ({"issuer": UNCHECKED, "required_claims": ["iss"]}, claims(iss="https://anybody.example"), ACCEPTED),
        ({"required_claims": []}, claims(exp=None, sub=None), ACCEPTED),
        ({"required_claims": []}, {**CLAIMS, "sub": ""}, ACCEPTED),
        ({"required_claims": []}, {**CLAIMS, "sub": 17}, "sub"),
        ({"required_claims": ["sub"]}, {**CLAIMS, "sub": ""}, "sub"),
        ({"required_claims": []}, claims(iss=None), "iss"),
        ({"required_claims": []}, claims(aud=None), "aud"),
        ({"required_claims": []}, claims(exp=NOW - 10), "expired"),
        ({"required_claims": ["exp"]}, claims(exp=None), "missing_exp"),
        ({"required_claims": ("tenant",)}, dict(CLAIMS), "missing_tenant"),
        ({"required_claims": ("tenant",)}, {**CLAIMS, "tenant": None}, ACCEPTED),
        ({"required_claims": {"jti"}}, claims(jti="j"), ACCEPTED),
    ],
    ids=lambda value: repr(value)[:70],
)
def test_what_is_unchecked_and_what_is_required(
    settings: dict[str, Any], payload: dict[str, Any], expected: str
) -> None:
    """`UNCHECKED` leaves out the default requirement, and a claim that is there is still of its type."""
    assert expected == judged(payload, **settings)


@pytest.mark.parametrize(
    ("payload", "settings", "expected"),
    [
        (dict(CLAIMS), {}, NOW + 310),
        (claims(iat=NOW), {"max_token_age": timedelta(seconds=60)}, NOW + 70),
        (claims(exp=None), {"required_claims": []}, None),
    ],
    ids=["exp", "max_token_age", "never"],
)
def test_when_a_token_ends(payload: dict[str, Any], settings: dict[str, Any], expected: float | None) -> None:
    """`expires_at` is the time, with leeway, at which a connection must be closed."""
    assert expected == policy(**settings).expires_at(payload)


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (None, ACCEPTED),
        (NOW + 10, ACCEPTED),
        (NOW + 11, "auth_time"),
        ("now", "auth_time"),
        (True, "auth_time"),
    ],
)
def test_a_date_that_may_not_lie_ahead(date: Any, expected: str) -> None:
    """Each of `past_claims` is a date, if it is there, and has come, with the leeway of ten seconds."""
    by = verifier(replace(policy(), past_claims=("auth_time",)), clock=Clock(NOW))

    for more in ({}, {"iat": NOW}):
        assert expected == outcome(compact(payload=claims(auth_time=date, **more)), by)
