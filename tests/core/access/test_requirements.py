"""May this caller pass? Truth tables of requirements, and what a refusal says."""

from __future__ import annotations

import logging
import operator
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jwtguard import (
    ConfigurationError,
    InsufficientScopeError,
    InsufficientUserAuthenticationError,
    Principal,
    Requirement,
    UnavailableError,
    authenticated,
    denied,
    fresh,
    has_permission,
    has_role,
    has_scope,
    optional,
    optional_lenient,
    predicate,
    public,
)
from jwtguard.core.access.conditions import MAX_AHEAD
from jwtguard.core.access.requirements import check_requirement
from jwtguard.core.access.rights import Rights

NOW = 10_000
MODES = [authenticated, optional, optional_lenient, public, denied]


def _caller(roles: str = "", scopes: str = "", permissions: str = "", *, age: float | None = None) -> Principal:
    return Principal(
        subject="user-1",
        roles=frozenset(roles.split()),
        scopes=frozenset(scopes.split()),
        permissions=frozenset(permissions.split()),
        auth_time=None if age is None else NOW - age,
    )


def _outcome(requirement: Requirement, caller: Principal, rights: Rights | None = None) -> object:
    """True where the caller passes, 403 or, for a stale login, the age that it may have."""
    try:
        requirement.check(caller, rights or Rights(), now=NOW)
    except InsufficientUserAuthenticationError as error:
        return error.max_age
    except InsufficientScopeError as error:
        return error.status
    return True


A, B, C = has_role("a"), has_role("b"), has_role("c")


@pytest.mark.parametrize(
    ("requirement", "caller", "expected"),
    [
        (has_role("admin"), _caller("admin"), True),
        (has_role("admin"), _caller("editor admin"), True),
        (has_role("admin"), _caller("administrator"), 403),
        (has_role("admin"), _caller("Admin"), 403),
        (has_role("admin"), _caller("adm in"), 403),
        (has_role("admin"), _caller("", "admin", "admin"), 403),
        (has_role("admin"), _caller(), 403),
        (has_scope("read"), _caller("", "read"), True),
        (has_scope("read"), _caller("", "reads"), 403),
        (has_scope("read"), _caller("read", "", "read"), 403),
        (has_permission("users.delete"), _caller("", "", "users.delete"), True),
        (has_permission("users.delete"), _caller("", "", "users.deleted users"), 403),
        (has_permission("users.delete"), _caller("users.delete", "users.delete"), 403),
        (authenticated, _caller(), True),
    ],
)
def test_one_name(requirement: Requirement, caller: Principal, expected: object) -> None:
    """A name is found whole, and only where it belongs."""
    assert _outcome(requirement, caller) == expected


@pytest.mark.parametrize("roles", ["", "a", "b", "c", "a b", "a c", "b c", "a b c"])
@pytest.mark.parametrize(
    ("requirement", "model"),
    [
        (A & B, lambda a, b, c: a and b),
        (A | B, lambda a, b, c: a or b),
        (A & B & C, lambda a, b, c: a and b and c),
        (A | B | C, lambda a, b, c: a or b or c),
        (A & B | C, lambda a, b, c: (a and b) or c),
        (A & (B | C), lambda a, b, c: a and (b or c)),
        ((A | B) & (B | C), lambda a, b, c: (a or b) and (b or c)),
        ((A & B) | (B & C), lambda a, b, c: (a and b) or (b and c)),
        (A & A, lambda a, b, c: a),
        (A | (A & B), lambda a, b, c: a),
    ],
    ids=lambda value: repr(value) if isinstance(value, Requirement) else "",
)
def test_combinations(requirement: Requirement, model: Callable[..., bool], roles: str) -> None:
    """`&` and `|` mean what they mean, however deep."""
    assert _outcome(requirement, _caller(roles)) == (model("a" in roles, "b" in roles, "c" in roles) or 403)


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        (A & B & C, "has_role('a') & has_role('b') & has_role('c')"),
        (A & (B & C), "has_role('a') & has_role('b') & has_role('c')"),
        (A & B | C, "(has_role('a') & has_role('b')) | has_role('c')"),
        (A & (B | C), "has_role('a') & (has_role('b') | has_role('c'))"),
        ((A | B) | C, "has_role('a') | has_role('b') | has_role('c')"),
        (A & (B | (C & A)), "has_role('a') & (has_role('b') | (has_role('c') & has_role('a')))"),
        (has_scope("s") & has_permission("p"), "has_scope('s') & has_permission('p')"),
        (fresh(max_age=60) & predicate(callable), "fresh(max_age=60) & predicate(callable)"),
        (has_role("it's"), 'has_role("it\'s")'),
        (optional_lenient, "optional_lenient"),
    ],
)
def test_repr(requirement: Requirement, expected: str) -> None:
    """A requirement reads as it was written, with the brackets that are needed."""
    assert repr(requirement) == expected


@pytest.mark.parametrize("other", [has_role("a"), *MODES], ids=repr)
@pytest.mark.parametrize("mode", MODES, ids=repr)
def test_modes_do_not_combine(mode: Requirement, other: Requirement) -> None:
    """`authenticated`, `public` and the like stand alone."""
    for combine in (operator.and_, operator.or_):
        for pair in ((mode, other), (other, mode)):
            with pytest.raises(ConfigurationError, match="does not combine with others"):
                combine(*pair)


@pytest.mark.parametrize(
    "use",
    [
        lambda: bool(A),
        lambda: not A,  # pyright: ignore[reportGeneralTypeIssues]
        lambda: A and B,  # pyright: ignore[reportGeneralTypeIssues]
        lambda: A or B,  # pyright: ignore[reportGeneralTypeIssues]
        lambda: B if A else C,  # pyright: ignore[reportGeneralTypeIssues]
    ],
    ids=["bool", "not", "and", "or", "if"],
)
def test_no_truth(use: Callable[[], object]) -> None:
    """`has_role("a") and has_role("b")` would silently be the last one alone."""
    with pytest.raises(ConfigurationError, match=r"combine with & and \|"):
        use()


@pytest.mark.parametrize("other", ["admin", None, True, lambda caller: True])
def test_combining_with_what_is_no_requirement(other: Any) -> None:
    """Only requirements combine."""
    with pytest.raises(ConfigurationError):
        _ = A & other


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("admin", r"has_role\('admin'\)"),
        (None, r"has_role\(\.\.\.\).*found None"),
        (lambda view: view, "without parentheses"),
        (has_role, "without parentheses"),
    ],
)
def test_what_is_no_requirement(value: object, message: str) -> None:
    """The error says what to write instead."""
    with pytest.raises(ConfigurationError, match=message):
        check_requirement(value)


@pytest.mark.parametrize("make", [has_role, has_scope, has_permission])
@pytest.mark.parametrize("name", ["", None, 5, ["a", "b"], ("a",), b"a"])
def test_one_name_each(make: Callable[[Any], Requirement], name: object) -> None:
    """Each takes one name; several names are combined with `&` or `|`, which states all or any."""
    with pytest.raises(ConfigurationError, match="takes one name"):
        make(name)


HIERARCHY = Rights(role_hierarchy={"admin": {"editor"}, "editor": {"viewer", "commenter"}, "owner": ["admin"]})


@pytest.mark.parametrize(
    ("role", "passing"),
    [
        ("viewer", {"viewer", "editor", "admin", "owner"}),
        ("commenter", {"commenter", "editor", "admin", "owner"}),
        ("editor", {"editor", "admin", "owner"}),
        ("admin", {"admin", "owner"}),
        ("owner", {"owner"}),
        ("stranger", {"stranger"}),
    ],
)
def test_hierarchy(role: str, passing: set[str]) -> None:
    """A role includes all below it, however far, and nothing above or beside it."""
    everybody = ["viewer", "commenter", "editor", "admin", "owner", "stranger"]
    assert {name for name in everybody if _outcome(has_role(role), _caller(name), HIERARCHY) is True} == passing


def test_hierarchy_that_meets_again() -> None:
    """Two ways to one role are no cycle."""
    rights = Rights(role_hierarchy={"a": {"b", "c"}, "b": {"d"}, "c": {"d"}})
    assert _outcome(has_role("d"), _caller("a"), rights) is True


def test_long_hierarchy() -> None:
    """A thousand roles in a row are turned round once, and a check looks one name up."""
    rights = Rights(role_hierarchy={f"role-{number}": {f"role-{number + 1}"} for number in range(1000)})
    assert _outcome(has_role("role-1000"), _caller("role-0"), rights) is True
    assert _outcome(has_role("role-0"), _caller("role-1000"), rights) == 403


@pytest.mark.parametrize(
    "hierarchy",
    [
        {"a": {"a"}},
        {"a": {"b"}, "b": {"a"}},
        {"a": {"b"}, "b": {"c"}, "c": {"a"}},
        {"x": {"a"}, "a": {"b"}, "b": {"a"}},
    ],
)
def test_cycle(hierarchy: dict[str, set[str]]) -> None:
    """A role below itself is a configuration error."""
    with pytest.raises(ConfigurationError, match="role_hierarchy has a cycle"):
        Rights(role_hierarchy=hierarchy)


PERMISSIONS = Rights(
    role_hierarchy={"admin": {"editor"}},
    role_permissions={"editor": {"texts.edit"}, "admin": {"users.delete"}, "guest": {"texts.read"}},
)


@pytest.mark.parametrize(
    ("permission", "caller", "expected"),
    [
        ("texts.edit", _caller("editor"), True),
        ("texts.edit", _caller("admin"), True),
        ("users.delete", _caller("admin"), True),
        ("users.delete", _caller("editor"), 403),
        ("users.delete", _caller("editor", "", "users.delete"), True),
        ("texts.read", _caller("admin"), 403),
        ("texts.edit", _caller("", "editor", "editor"), 403),
    ],
)
def test_permissions_through_roles(permission: str, caller: Principal, expected: object) -> None:
    """A role gives its permissions, and those of the roles it includes, beside what the token says."""
    assert _outcome(has_permission(permission), caller, PERMISSIONS) == expected


@pytest.mark.parametrize(
    "mapping",
    [[], "admin", None, {"admin": "editor"}, {"admin": 5}, {5: ["a"]}, {"a": [5]}, {"a": [["b"]]}, {"a": b"b"}],
)
@pytest.mark.parametrize("setting", ["role_hierarchy", "role_permissions"])
def test_mappings_that_are_none(setting: str, mapping: Any) -> None:
    """A wrong shape is a configuration error that shows a right one."""
    with pytest.raises(ConfigurationError, match=f"{setting} maps a role to a set of names"):
        Rights(**{setting: mapping})


FRESH = fresh(max_age=60)


@pytest.mark.parametrize(
    ("requirement", "caller", "expected"),
    [
        (FRESH, _caller(age=0), True),
        (FRESH, _caller(age=60), True),
        (FRESH, _caller(age=60.5), 60),
        (FRESH, _caller(age=None), 60),
        (FRESH, _caller(age=-MAX_AHEAD), True),
        (FRESH, _caller(age=-MAX_AHEAD - 1), 60),
        (fresh(max_age=0), _caller(age=0), True),
        (fresh(max_age=0), _caller(age=1), 0),
        (fresh(max_age=timedelta(minutes=10)), _caller(age=599), True),
        (fresh(max_age=timedelta(minutes=10)), _caller(age=601), 600),
        # 401 where a new login would help, with the smallest age that it may need; else 403.
        (A & FRESH, _caller("a", age=61), 60),
        (A & FRESH, _caller("b", age=61), 403),
        (A & FRESH, _caller("b", age=1), 403),
        (A | FRESH, _caller("a", age=61), True),
        (A | FRESH, _caller("b", age=61), 60),
        (FRESH & fresh(max_age=30), _caller(age=61), 30),
        (FRESH & fresh(max_age=30), _caller(age=31), 30),
        (FRESH | fresh(max_age=30), _caller(age=61), 30),
        (FRESH & fresh(max_age=600), _caller(age=61), 60),
        ((A & fresh(max_age=30)) | (B & FRESH), _caller("b", age=61), 60),
        ((A & fresh(max_age=30)) | (B & FRESH), _caller("a b", age=61), 30),
        ((A & FRESH) | B, _caller("c", age=61), 403),
        ((A | B) & FRESH & C, _caller("b c", age=61), 60),
        (FRESH & predicate(lambda caller: False), _caller(age=61), 403),
    ],
)
def test_fresh(requirement: Requirement, caller: Principal, expected: object) -> None:
    """A login that is too old is 401 with its `max_age`, unless something else is missing too."""
    assert _outcome(requirement, caller) == expected


@pytest.mark.parametrize(
    "max_age", [-1, timedelta(seconds=-1), 1.5, timedelta(milliseconds=1), float("nan"), float("inf"), True, "60"]
)
def test_ages_that_are_none(max_age: Any) -> None:
    """The age is whole seconds, as the challenge says it."""
    with pytest.raises(ConfigurationError, match="takes a timedelta or whole seconds"):
        fresh(max_age=max_age)


GOLD = fresh(acr=["gold", "silver"])


def _login(acr: str | None = None, amr: str = "", age: float | None = None, roles: str = "") -> Principal:
    auth_time = None if age is None else NOW - age
    return Principal(
        subject="user-1", roles=frozenset(roles.split()), acr=acr, amr=frozenset(amr.split()), auth_time=auth_time
    )


@pytest.mark.parametrize(
    ("requirement", "caller", "expected"),
    [
        (GOLD, _login("gold"), None),
        (GOLD, _login("silver"), None),
        (GOLD, _login("golden"), {"acr_values": "gold silver"}),
        (GOLD, _login(None), {"acr_values": "gold silver"}),
        (fresh(acr="gold", max_age=60), _login("gold", age=61), {"acr_values": "gold", "max_age": "60"}),
        (fresh(acr="gold", max_age=60), _login("bronze", age=1), {"acr_values": "gold", "max_age": "60"}),
        (GOLD & fresh(max_age=60), _login("bronze", age=61), {"acr_values": "gold silver", "max_age": "60"}),
        (GOLD & fresh(max_age=60), _login("gold", age=61), {"max_age": "60"}),
        (GOLD & fresh(acr=["silver", "bronze"]), _login("none"), {"acr_values": "silver"}),
        (GOLD | fresh(acr="bronze"), _login("none"), {"acr_values": "gold silver bronze"}),
        (fresh(amr=["pwd", "otp"]), _login(amr="otp pwd hwk"), None),
        (fresh(amr=["pwd", "otp"]), _login(amr="pwd"), {}),
        (fresh(amr="otp"), _login(amr="otp2"), {}),
        (GOLD & A, _login("bronze"), 403),
        # What opens no way for this caller is not asked for: the client would log in for ever.
        ((A & fresh(acr="gold")) | fresh(acr="silver"), _login("none"), {"acr_values": "silver"}),
        ((A | fresh(acr="gold")) & fresh(acr="silver"), _login("none", roles="a"), {"acr_values": "silver"}),
        ((GOLD & fresh(acr="silver")) | fresh(acr="bronze"), _login("none"), {"acr_values": "silver bronze"}),
        ((A & GOLD) | (B & GOLD), _login("none"), 403),
        ((A & B) & GOLD, _login("none", roles="a b"), {"acr_values": "gold silver"}),
        ((A | B) & GOLD, _login("none", roles="a"), {"acr_values": "gold silver"}),
        (((A & B) | C) & GOLD, _login("none", roles="a b"), {"acr_values": "gold silver"}),
        (GOLD & A, _login("bronze", roles="a"), {"acr_values": "gold silver"}),
    ],
)
def test_strength_of_a_login(requirement: Requirement, caller: Principal, expected: object) -> None:
    """RFC 9470 §3: one challenge with all that the failed parts ask for; 403 where no login would help."""
    found: object = None
    try:
        requirement.check(caller, Rights(), now=NOW)
    except InsufficientUserAuthenticationError as error:
        found = dict(error.parameters)
    except InsufficientScopeError as error:
        found = error.status
    assert found == expected


@pytest.mark.parametrize(
    ("caller", "reason"),
    [
        (_login("gold", age=61), "stale_login"),
        (_login("bronze", age=61), "stale_login"),
        (_login("bronze", age=1), "weak_login"),
    ],
)
def test_the_reason_tells_age_from_strength(caller: Principal, reason: str) -> None:
    """The log says `weak_login` where the login is recent enough."""
    with pytest.raises(InsufficientUserAuthenticationError) as caught:
        fresh(acr="gold", max_age=60).check(caller, Rights(), now=NOW)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, "asks for something"),
        ({"acr": ""}, "acr=...* takes a name"),
        ({"acr": []}, "acr=...* takes a name"),
        ({"acr": "two words"}, "acr=...* takes a name"),
        ({"acr": ["a", 1]}, "acr=...* takes a name"),
        ({"acr": 1}, "acr=...* takes a name"),
        ({"amr": 'a"b'}, "amr=...* takes a name"),
        ({"max_age": -1, "amr": [""]}, "2 problems"),
    ],
)
def test_logins_that_cannot_be_asked_for(arguments: dict[str, Any], problem: str) -> None:
    """Each value is one word of a challenge; every problem is told at once."""
    with pytest.raises(ConfigurationError, match=problem):
        fresh(**arguments)


def test_text_of_fresh() -> None:
    """The text is the call that makes it."""
    made = fresh(max_age=60, acr="gold", amr=("otp", "pwd"))
    assert repr(made) == "fresh(max_age=60, acr=['gold'], amr=['otp', 'pwd'])"
    assert eval(repr(made), {"fresh": fresh}) == made


def _breaks(caller: Principal) -> bool:
    raise RuntimeError("on purpose")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(True, True), (False, 403), (1, 403), ("yes", 403), (None, 403), ([True], 403), (lambda: True, 403)],
)
def test_predicate(answer: Any, expected: object) -> None:
    """Exactly True passes; what is merely truthy may be a forgotten call."""
    assert _outcome(predicate(lambda caller: answer), _caller()) == expected


def test_predicate_sees_the_caller() -> None:
    """The function is given the principal."""
    requirement = predicate(lambda caller: caller.subject == "user-1")
    assert (_outcome(requirement, _caller()), _outcome(requirement, Principal(subject="user-2"))) == (True, 403)


def test_predicate_that_returns_a_coroutine() -> None:
    """A coroutine that is not awaited is not True."""

    async def later() -> bool:
        return True

    forgotten = later()
    assert _outcome(predicate(lambda caller: forgotten), _caller()) == 403  # type: ignore[arg-type, return-value]
    forgotten.close()


def test_predicate_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    """An exception refuses, and is logged."""
    with caplog.at_level(logging.ERROR, logger="jwtguard"):
        assert _outcome(predicate(_breaks), _caller()) == 403
    assert "predicate(_breaks) raised" in caplog.text


def _is_out_of_reach(caller: Principal) -> bool:
    raise UnavailableError("policy")


def test_predicate_that_cannot_tell() -> None:
    """A policy that is out of reach is 503: it has not said no."""
    with pytest.raises(UnavailableError):
        predicate(_is_out_of_reach).check(_caller(), Rights(), now=NOW)


def test_predicate_that_passes_when_it_is_asked_again() -> None:
    """It was refused: no login is asked for, since none was missing."""
    answers = iter([False, False, True])
    assert _outcome(FRESH | predicate(lambda caller: next(answers)), _caller(age=61)) == 403


class AsyncCheck:
    """An object whose call is a coroutine."""

    async def __call__(self, caller: Principal) -> bool:
        """Never used."""
        return True


async def _async_check(caller: Principal) -> bool:
    return True


@pytest.mark.parametrize("function", [None, "admin", True, _async_check, AsyncCheck()])
def test_predicates_that_are_none(function: Any) -> None:
    """A predicate that is not callable, or async, is a ConfigurationError."""
    with pytest.raises(ConfigurationError, match="not async"):
        predicate(function)


@pytest.mark.parametrize(
    ("requirement", "scope", "missing"),
    [
        (has_scope("s"), ("s",), ("has_scope('s')",)),
        (has_scope("s") & has_scope("t") & has_scope("s"), ("s", "t"), ("has_scope('s')", "has_scope('t')")),
        (has_role("r") | has_scope("s"), ("s",), ("has_role('r')", "has_scope('s')")),
        (has_role("a") & has_role("r"), (), ("has_role('r')",)),
        (has_scope("have") & has_role("r"), ("have",), ("has_role('r')",)),
        (FRESH & has_role("r"), (), ("fresh(max_age=60)", "has_role('r')")),
    ],
)
def test_what_a_refusal_says(requirement: Requirement, scope: tuple[str, ...], missing: tuple[str, ...]) -> None:
    """All scopes that were asked for, and the parts that failed, each once."""
    with pytest.raises(InsufficientScopeError) as refused:
        requirement.check(_caller("a", "have"), Rights(), now=NOW)
    assert (refused.value.scope, refused.value.missing) == (scope, missing)
    lacking = "" if missing == (repr(requirement),) else f"; missing: {', '.join(missing)}"
    assert refused.value.detail == f"This needs {requirement!r}{lacking}."


@pytest.mark.parametrize(
    ("requirement", "reads", "admits"),
    [
        (authenticated, True, False),
        (has_role("a"), True, False),
        (optional, True, True),
        (optional_lenient, True, True),
        (public, False, True),
        (denied, False, False),
    ],
)
def test_modes(requirement: Requirement, reads: bool, admits: bool) -> None:
    """Each mode states whether it reads a token and whether it admits every request."""
    assert (requirement.mode.reads_token, requirement.mode.admits_anybody) == (reads, admits)


@pytest.mark.parametrize("name", ["reports:read reports:list", 'a"b', "a\\b", "é", "a\tb"])
def test_scopes_that_no_token_can_carry(name: str) -> None:
    """A scope that could never pass is refused where it is written down (RFC 6749 §3.3)."""
    with pytest.raises(ConfigurationError, match="combine has_scope"):
        has_scope(name)
