"""Frozen dataclasses that are quick to import: the standard library's, with methods that all of them share.

>>> @dataclass(frozen=True, slots=True)
... class Point:
...     x: int
...     y: int = 0
>>> Point(1) == Point(x=1, y=0), {Point(1), Point(1)}
(True, {Point(x=1, y=0)})
>>> Point(1).x = 2
Traceback (most recent call last):
    ...
dataclasses.FrozenInstanceError: cannot assign to field 'x'

`dataclasses` writes and compiles six methods for each class, which takes half a millisecond; there are some twenty
classes in what guarding a request needs, and that was half of the time that importing it took. What is shared here
reads the fields instead: such objects are made when a program starts, not for each request (see `frozen.draft_of`).
`field`, `fields`, `replace`, `copy`, `pickle`, `match` and type checkers find what they know.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    from inspect import Signature

T = TypeVar("T")
Instance: TypeAlias = Any
"""An object of one of the classes made here."""


class _Signature:
    """What `inspect.signature` and `help` show of a class, worked out when somebody asks."""

    def __get__(self, instance: object, owner: type) -> Signature:
        from inspect import Parameter, Signature  # noqa: PLC0415 - only where it is used

        parameters = []
        for field in sorted(
            filter(lambda each: each.init, dataclasses.fields(owner)), key=lambda each: bool(each.kw_only)
        ):
            is_made = field.default_factory is not MISSING
            default = Parameter.empty if field.default is MISSING else field.default
            kind = Parameter.KEYWORD_ONLY if field.kw_only else Parameter.POSITIONAL_OR_KEYWORD
            parameters.append(Parameter(field.name, kind, default=_MADE if is_made else default, annotation=field.type))
        return Signature(parameters, return_annotation=None)


class _Made:
    """Stands in a signature for a default that is made anew each time."""

    def __repr__(self) -> str:
        return "<factory>"


_MADE = _Made()


class _Layout(NamedTuple):
    """The fields as `_init` needs them."""

    positional: tuple[str, ...]
    given: frozenset[str]
    """Those that may be arguments."""
    fields: tuple[tuple[str, Any, Any], ...]
    """Those that are set here, with the default and what makes one: the others are left to `__post_init__`."""


def _layout_of(kind: type[Instance]) -> _Layout:
    fields = dataclasses.fields(kind)
    return _Layout(
        tuple(field.name for field in fields if field.init and not field.kw_only),
        frozenset(field.name for field in fields if field.init),
        tuple(
            (field.name, field.default, field.default_factory)
            for field in fields
            if field.init or field.default is not MISSING or field.default_factory is not MISSING
        ),
    )


def _init(self: Instance, /, *arguments: object, **named: object) -> None:
    positional, given, fields = self.__layout__
    values = named
    if arguments:
        in_order = dict(zip(positional, arguments, strict=False))
        if len(in_order) < len(arguments) or not named.keys().isdisjoint(in_order):
            raise _mismatch(self, arguments, named)
        values = in_order | named
    if not given.issuperset(values):
        raise _mismatch(self, arguments, named)
    for name, default, factory in fields:
        if name in values:
            value = values[name]
        elif default is not MISSING:
            value = default
        elif factory is not MISSING:
            value = factory()
        else:
            raise _mismatch(self, arguments, named)
        _store(self, name, value)
    if hasattr(self, "__post_init__"):
        self.__post_init__()


_store = object.__setattr__


def _mismatch(self: object, arguments: tuple[object, ...], named: dict[str, object]) -> TypeError:
    """Names the argument, in the words that Python has for it; none of their values, which may be secret."""
    kind, complaint = type(self), ""
    try:
        _Signature().__get__(None, kind).bind(*arguments, **named)
    except TypeError as error:
        complaint = str(error)
    return TypeError(f"{kind.__qualname__}.__init__() was called with other arguments than it takes: {complaint}")


def _repr(self: Instance) -> str:
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _compared(self: Instance) -> tuple[object, ...]:
    return tuple(getattr(self, field.name) for field in dataclasses.fields(self) if field.compare)


def _eq(self: object, other: object) -> bool:
    return _compared(self) == _compared(other) if type(self) is type(other) else NotImplemented


def _hash(self: object) -> int:
    return hash(_compared(self))


def _setattr(self: Instance, name: str, value: object) -> None:
    if name in self.__dataclass_fields__:
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
    object.__setattr__(self, name, value)  # Of a subclass that has more; there is no place for it otherwise.


def _delattr(self: Instance, name: str) -> None:
    if name in self.__dataclass_fields__:
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
    object.__delattr__(self, name)


def _getstate(self: Instance) -> list[object]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _setstate(self: Instance, state: list[object]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)


_ALWAYS = {
    "__init__": _init,
    "__repr__": _repr,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
    "__getstate__": _getstate,
    "__setstate__": _setstate,
}
_BY_VALUE = {**_ALWAYS, "__eq__": _eq, "__hash__": _hash}

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool, slots: bool, kw_only: bool = False, eq: bool = True) -> Callable[[type[T]], type[T]]:
        """`dataclasses.dataclass(frozen=True, slots=True, ...)`; what a class defines itself stays."""
        if not (frozen and slots):
            raise TypeError("here are only frozen dataclasses with slots: take another from the standard library")

        def decorate(kind: type[T]) -> type[T]:
            own = set(vars(kind))
            kind.__doc__ = kind.__doc__ or kind.__name__  # Or one would be made of its signature, in milliseconds.
            # Nothing is left to be written and compiled: fields, slots and `match` are all that it is asked for.
            made = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(kind)
            made.__dataclass_params__.frozen = True
            for name, method in (_BY_VALUE if eq else _ALWAYS).items():
                if name not in own:
                    setattr(made, name, method)
            made.__layout__, made.__signature__ = _layout_of(made), _Signature()
            return made

        return decorate
