"""What a user may do today, and the answer that carries it."""

from __future__ import annotations

from typing import Any

import pytest

from jwtguard import ConfigurationError, Grants, TokenResponse
from jwtguard.core.sessions.grants import granted_scope


@pytest.mark.parametrize(
    ("asked", "today", "granted"),
    [
        (None, ["a", "b"], ("a", "b")),
        (None, [], ()),
        (("a",), ["a", "b"], ("a",)),
        (("b", "a"), ["a", "b"], ("b", "a")),
        (("a", "c"), ["a", "b"], ("a",)),
        (("c",), ["a"], ()),
        ((), ["a"], ()),
        (("a",), ["ab", "a:b"], ()),
    ],
)
def test_scope(asked: tuple[str, ...] | None, today: list[str], granted: tuple[str, ...]) -> None:
    """The login's as far as it is granted today; none given at login: all of today's."""
    assert granted_scope(asked, today) == granted


@pytest.mark.parametrize("field", ["roles", "scope", "permissions"])
@pytest.mark.parametrize("value", ["admin", b"admin", {"admin": 1}, None, 1, ["admin", 1], [None]])
def test_a_string_is_no_list_of_names(field: str, value: Any) -> None:
    """To Python it is a list of characters, and each of them would be granted."""
    with pytest.raises(ConfigurationError, match=f"{field} is a list of names"):
        Grants(**{field: value})


def test_all_problems_at_once() -> None:
    """One error reports all problems of the settings."""
    with pytest.raises(ConfigurationError) as caught:
        Grants(roles="a", scope="b", permissions="c", claims=[])  # type: ignore[arg-type]
    assert len(caught.value.problems) == 4


def test_iterators_and_sets() -> None:
    """An iterator is kept, since one answer may be signed twice; a set has no order, so it is sorted."""
    grants = Grants(roles=iter(["b", "a"]), scope={"d", "c"}, permissions=frozenset({"f", "e"}))
    assert (grants.roles, grants.scope, grants.permissions) == (("b", "a"), ("c", "d"), ("e", "f"))


def test_the_answer() -> None:
    """RFC 6749 §5.1; no scope is no member, and its repr shows no token."""
    answer = TokenResponse(access_token="AAA", refresh_token="RRR", expires_in=300, refresh_expires_in=600)
    members = {"access_token": "AAA", "token_type": "Bearer", "expires_in": 300, "refresh_token": "RRR"}
    assert answer.to_json() == members
    scoped = TokenResponse(access_token="AAA", refresh_token="RRR", expires_in=300, refresh_expires_in=600, scope="a b")
    assert scoped.to_json() == {**members, "scope": "a b"}
    assert "AAA" not in repr(scoped)
    assert "RRR" not in repr(scoped)
