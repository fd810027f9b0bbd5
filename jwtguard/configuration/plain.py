"""Plain data, read with the same words everywhere: an unknown name is an error that says the nearest known one.

>>> unknown_keys({"isuer": "typo"}, ["issuer", "audience"])
["unknown key 'isuer': did you mean 'issuer'?"]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.tokens.sentinels import UNCHECKED
from jwtguard.core.validation import Problems


def unknown_keys(config: Mapping[str, Any], known: Iterable[str], *, what: str = "key") -> list[str]:
    """A problem for each key of `config` that is not `known`, with the nearest one."""
    known = list(known)
    problems = Problems()
    for name in config:
        if name not in known:
            nearest = get_close_matches(str(name), known, n=1, cutoff=0.0)
            problems.append(f"unknown {what} {name!r}: did you mean {nearest[0]!r}?")
    return problems


def unchanged(value: Any) -> Any:
    """What needs no reading."""
    return value


def is_unchecked(value: Any) -> bool:
    """Whether a setting that is never another text says `UNCHECKED`: the object, the word or `{"unchecked": true}`."""
    return value is UNCHECKED or value in ("UNCHECKED", {"unchecked": True})


def or_unchecked(value: Any) -> Any:
    """The plain-data spelling of `UNCHECKED`, a word that is not written by accident."""
    return UNCHECKED if value == {"unchecked": True} else value


def duration(value: Any) -> Any:
    """A timedelta, or a number of seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9:
        return timedelta(seconds=value)
    return value


def made(make: Callable[..., Any], settings: Mapping[str, Any]) -> Any:
    """What `make` makes of `settings`; raises `ConfigurationError` for one that it does not know, or lacks."""
    from inspect import Parameter, signature  # noqa: PLC0415 - slow to import

    parameters = {name: each for name, each in signature(make).parameters.items() if each.kind != Parameter.VAR_KEYWORD}
    problems = Problems(unknown_keys(settings, parameters))
    problems += [
        f"{name} is required in {dict.fromkeys(settings, ...)!r}"
        for name, parameter in parameters.items()
        if parameter.default is Parameter.empty and name not in settings
    ]
    problems.raise_all()
    return make(**settings)


def each(values: Iterable[Any], read: Callable[[Any], Any]) -> list[Any]:
    """What `read` makes of each of `values`; raises `ConfigurationError` with the problems of all of them."""
    found: list[Any] = []
    problems = Problems()
    for value in values:
        try:
            found.append(read(value))
        except ConfigurationError as error:
            problems.extend(error.problems)
    problems.raise_all()
    return found
