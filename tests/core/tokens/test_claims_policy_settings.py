"""A policy that checks less than its author thinks cannot be made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jwtguard import UNCHECKED, ConfigurationError
from jwtguard.core.tokens.claims_policy import Policy
from tests.core.token_samples import AUDIENCE, ISSUER, policy

GOOD: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "keys": policy().keys}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"issuer": UNCHECKED},
        {"audience": UNCHECKED},
        {"audience": ["a", "b"]},
        {"leeway": timedelta(0)},
        {"leeway": timedelta(seconds=300)},
        {"leeway": timedelta(milliseconds=1)},
        {"max_token_age": timedelta(0)},
        {"max_token_age": timedelta(days=3650)},
        {"required_claims": []},
        {"required_claims": ("exp", "tenant")},
        {"required_claims": {"exp"}},
    ],
    ids=repr,
)
def test_a_policy_is_made(settings: dict[str, Any]) -> None:
    """A policy takes the required settings alone, and each optional one."""
    assert isinstance(Policy(**{**GOOD, **settings}), Policy)


WRONG: list[tuple[str, list[Any], str]] = [
    ("issuer", [None, "", 1, [ISSUER], b"issuer"], "issuer is required"),
    ("audience", [None, "", 1, [], [""], [AUDIENCE, None], [1], b"audience", [b"a"], {"a": 1}], "audience is required"),
    ("keys", [None, UNCHECKED, "secret", [], {}, 1], "keys is required and cannot be unchecked"),
    ("leeway", [None, 10, 10.0, "10"], "leeway is a timedelta"),
    ("leeway", [timedelta(seconds=301), timedelta(seconds=300.001), timedelta(days=1)], "leeway must be at least 0"),
    ("leeway", [timedelta(seconds=-1)], "leeway must be at least 0 seconds and at most 300"),
    ("max_token_age", [60, "60", True], "max_token_age is a timedelta"),
    ("max_token_age", [timedelta(seconds=-1)], "max_token_age must be at least 0 seconds, found -1"),
    ("required_claims", ["exp", b"exp", 1, [1], [None], [["exp"]], True], "required_claims is a list of names"),
    ("claims", [None, {}, "roles"], "claims is a ClaimsMapping"),
]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [pytest.param(name, value, problem, id=f"{name}={value!r}") for name, values, problem in WRONG for value in values],
)
def test_a_wrong_setting_is_refused(name: str, value: Any, problem: str) -> None:
    """With what to write instead; leaving a check out is a word, never an omission."""
    with pytest.raises(ConfigurationError, match=problem):
        Policy(**{**GOOD, name: value})


@pytest.mark.parametrize("name", GOOD)
def test_three_settings_are_required(name: str) -> None:
    """Python itself asks for them."""
    with pytest.raises(TypeError, match=name):
        Policy(**{key: value for key, value in GOOD.items() if key != name})


def test_all_problems_are_told_at_once() -> None:
    """One run is enough to see them all."""
    wrong: dict[str, Any] = {"issuer": "", "audience": "", "keys": None, "leeway": 1, "required_claims": "exp"}
    with pytest.raises(ConfigurationError) as caught:
        Policy(**wrong)

    assert [problem.split()[0] for problem in caught.value.problems] == [
        "issuer",
        "audience",
        "keys",
        "leeway",
        "required_claims",
    ]


def test_the_word_for_unchecked_is_unchecked() -> None:
    """The repr of UNCHECKED is its name."""
    assert repr(UNCHECKED) == "UNCHECKED"
