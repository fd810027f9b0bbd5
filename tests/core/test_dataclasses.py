"""Our dataclasses behave as the standard library's do: each test runs with both."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import dataclass as standard
from dataclasses import field
from typing import Any

import pytest

from jwtguard.core.dataclasses import dataclass as ours

BOTH: dict[str, Any] = {"standard": standard, "ours": ours}


def _makes(dataclass: Any) -> dict[str, Any]:
    @dataclass(frozen=True, slots=True)
    class Point:
        """A point."""

        x: int
        y: int = 0
        seen: list[str] = field(default_factory=list, compare=False, kw_only=True)
        secret: str = field(default="s", repr=False, kw_only=True)
        total: int = field(init=False, default=-1)
        later: int = field(init=False, repr=False, compare=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "total", self.x + self.y)
            object.__setattr__(self, "later", self.x)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Named:
        name: str
        other: str | None = None

    @dataclass(frozen=True, slots=True, eq=False)
    class Itself:
        """Equal to itself alone."""

        x: int

        def __repr__(self) -> str:
            return "its own"

    class Child(Named):
        __slots__ = ()

    class Wider(Named):
        """A subclass with a dict."""

    return {kind.__name__: kind for kind in (Point, Named, Itself, Child, Wider)}


KINDS = {name: _makes(dataclass) for name, dataclass in BOTH.items()}
# For pickle, which looks classes up by name.
for _name, _kinds in KINDS.items():
    _kinds["Point"].__qualname__ = f"{_name}_Point"
    globals()[f"{_name}_Point"] = _kinds["Point"]


@pytest.fixture(params=BOTH)
def kinds(request: pytest.FixtureRequest) -> Any:
    """The classes, made by one or the other."""
    return KINDS[request.param]


def test_making(kinds: Any) -> None:
    """By position and by name, with defaults that are made anew, and what `__post_init__` adds."""
    point = kinds["Point"](1)
    assert (point.x, point.y, point.seen, point.secret, point.total, point.later) == (1, 0, [], "s", 1, 1)
    assert point.seen is not kinds["Point"](1).seen
    other = kinds["Point"](y=3, x=2, secret="t", seen=["a"])
    assert (other.x, other.y, other.seen, other.secret, other.total) == (2, 3, ["a"], "t", 5)
    assert (kinds["Named"](name="a").name, kinds["Child"](name="a", other="b").other) == ("a", "b")


@pytest.mark.parametrize(
    ("make", "about"),
    [
        (lambda kinds: kinds["Point"](), "x"),
        (lambda kinds: kinds["Point"](1, 2, 3), "positional"),
        (lambda kinds: kinds["Point"](1, x=2), "x"),
        (lambda kinds: kinds["Point"](1, total=2), "total"),
        (lambda kinds: kinds["Point"](1, color="secret-value"), "color"),
        (lambda kinds: kinds["Named"]("secret-value"), "positional"),
        (lambda kinds: kinds["Named"](other="secret-value"), "name"),
    ],
)
def test_other_arguments(kinds: Any, make: Callable[[Any], object], about: str) -> None:
    """A call that does not fit names the argument, and no value."""
    with pytest.raises(TypeError, match=rf"__init__\(\).*{about}") as raised:
        make(kinds)
    assert "secret-value" not in str(raised.value)


def test_comparing(kinds: Any) -> None:
    """By what is compared, among objects of one class; or by identity."""
    point, same, other = kinds["Point"](1, seen=["a"]), kinds["Point"](1), kinds["Point"](1, 2)
    assert point == same
    assert hash(point) == hash(same)
    assert point != other
    assert point != (1, 0)
    assert kinds["Named"](name="a") != kinds["Child"](name="a")
    itself = kinds["Itself"](1)
    assert itself == itself
    assert itself != kinds["Itself"](1)
    assert len({itself, kinds["Itself"](1)}) == 2


def test_showing(kinds: Any) -> None:
    """Without what is not shown; a class's own `__repr__` stays."""
    assert repr(kinds["Point"](1)).endswith("Point(x=1, y=0, seen=[], total=1)")
    assert repr(kinds["Itself"](1)) == "its own"
    assert str(inspect.signature(kinds["Point"])) == (
        "(x: 'int', y: 'int' = 0, *, seen: 'list[str]' = <factory>, secret: 'str' = 's') -> None"
    )
    assert str(inspect.signature(kinds["Named"])) == "(*, name: 'str', other: 'str | None' = None) -> None"


def test_nothing_changes(kinds: Any) -> None:
    """Neither a field, nor anything else where there is no place for it."""
    for target in (kinds["Point"](1), kinds["Child"](name="a"), kinds["Wider"](name="a")):
        name = dataclasses.fields(target)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot assign to field '{name}'"):
            setattr(target, name, 2)
        with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot delete field '{name}'"):
            delattr(target, name)
    with pytest.raises((AttributeError, TypeError)):  # TypeError: a known mistake of the standard one with slots.
        kinds["Point"](1).other = 2
    assert not hasattr(kinds["Point"](1), "__dict__")


def test_more_in_a_subclass() -> None:
    """What a subclass adds may change; with the standard one and slots, a known mistake makes that a TypeError."""
    wider = KINDS["ours"]["Wider"](name="a")
    wider.more = 1
    assert wider.more == 1
    del wider.more
    assert not hasattr(wider, "more")


def test_copies(kinds: Any) -> None:
    """`copy`, `pickle` and `replace` work, also of what `__post_init__` set."""
    point = kinds["Point"](1, 2, seen=["a"])
    for copied in (copy.copy(point), copy.deepcopy(point), pickle.loads(pickle.dumps(point))):
        assert (copied, copied.seen, copied.total) == (point, ["a"], 3)
    assert copy.copy(point).seen is point.seen
    assert copy.deepcopy(point).seen is not point.seen
    replaced = dataclasses.replace(point, x=5)
    assert (replaced.x, replaced.y, replaced.total) == (5, 2, 7)
    with pytest.raises((TypeError, ValueError), match="total"):
        dataclasses.replace(point, total=5)


def test_what_tools_see(kinds: Any) -> None:
    """`match`, `asdict`, `fields`, and a frozen dataclass made of it."""
    assert (kinds["Point"].__match_args__, kinds["Point"].__doc__) == (("x", "y"), "A point.")
    assert dataclasses.asdict(kinds["Named"](name="a")) == {"name": "a", "other": None}
    assert [each.name for each in dataclasses.fields(kinds["Point"])] == ["x", "y", "seen", "secret", "total", "later"]

    named: Any = kinds["Named"]

    @standard(frozen=True)
    class More(named):  # type: ignore[misc]
        more: int = field(default=1, kw_only=True)

    assert (More(name="a").more, More(name="a", more=2) == More(name="a", more=2)) == (1, True)
    with pytest.raises(TypeError, match="frozen"):

        @standard
        class Open(named):  # type: ignore[misc]
            more: int = field(default=1, kw_only=True)


@pytest.mark.parametrize("settings", [{"frozen": False, "slots": True}, {"frozen": True, "slots": False}])
def test_no_other_kinds(settings: dict[str, bool]) -> None:
    """Ours are frozen and have slots."""
    with pytest.raises(TypeError, match="frozen dataclasses with slots"):
        ours(**settings)
