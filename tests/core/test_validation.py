"""The collector of configuration problems."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.validation import Problems


def _refuse() -> int:
    raise ConfigurationError("first", "second")


@pytest.mark.parametrize(
    ("check", "value", "problems"),
    [
        (lambda found: found.of(lambda: 7), 7, []),
        (lambda found: found.of(_refuse), None, ["first", "second"]),
        (lambda found: found.of(_refuse, prefix="keys: "), None, ["keys: first", "keys: second"]),
        (lambda found: found.add("rules is Rules([...])", 7), None, ["rules is Rules([...]): found 7"]),
        (lambda found: found.seconds("leeway", timedelta(minutes=1)), 60.0, []),
        (lambda found: found.seconds("leeway", timedelta(0), at_most=300), 0.0, []),
        (
            lambda found: found.seconds("leeway", 10),
            0.0,
            ["leeway is a timedelta, found 10: write leeway=timedelta(seconds=10)"],
        ),
        (
            lambda found: found.seconds("leeway", timedelta(seconds=-1)),
            0.0,
            ["leeway must be at least 0 seconds, found -1"],
        ),
        (
            lambda found: found.seconds("leeway", timedelta(seconds=301), at_most=300),
            0.0,
            ["leeway must be at least 0 seconds and at most 300, found 301"],
        ),
        (lambda found: found.names("roles", ["b", "a"]), ("b", "a"), []),
        (lambda found: found.names("roles", {"b", "a"}), ("a", "b"), []),
        (lambda found: found.names("roles", "a"), (), ["roles is a list of names: write roles=[\"name\"], found 'a'"]),
        (lambda found: found.names("roles", [1]), (), ['roles is a list of names: write roles=["name"], found [1]']),
        (
            lambda found: found.names("roles", {"a": 1}),
            (),
            ["roles is a list of names: write roles=[\"name\"], found {'a': 1}"],
        ),
    ],
)
def test_each_check_gives_a_value_and_adds_problems(
    check: Callable[[Problems], object], value: object, problems: list[str]
) -> None:
    """A check returns the value that is used, and adds one sentence for each problem."""
    found = Problems()
    assert check(found) == value
    assert found == problems


def test_all_problems_are_raised_at_once() -> None:
    """One error holds all problems in the order in which they were found; without a problem none is raised."""
    Problems().raise_all()
    with pytest.raises(ConfigurationError) as caught:
        Problems(["a", "b"]).raise_all()
    assert caught.value.problems == ("a", "b")
