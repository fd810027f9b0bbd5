"""A path with parameters, and the paths that it stands for, as far as rules distinguish them.

>>> users = PathTemplate(["/users/", Parameter("{id}", "[^/]+"), "/posts"])
>>> users.text
'/users/{id}/posts'
>>> users.below("/users/me/", filler="x"), users.below("/admin/", filler="x")
('/users/me/posts', None)
>>> users.equals("/users/me/posts"), users.equals("/users/me")
(True, False)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of a path that differs from request to request: its `text` as written, and the `regex` of its values."""

    text: str
    regex: str

    def admits(self, value: str) -> bool:
        """Whether the router takes `value` for this parameter."""
        return re.fullmatch(self.regex, value, re.DOTALL) is not None


Part: TypeAlias = str | Parameter


class PathTemplate:
    """A path in its parts, each a text or a `Parameter`."""

    __slots__ = ("parts",)

    def __init__(self, parts: Iterable[Part]) -> None:
        self.parts: tuple[Part, ...] = tuple(part for part in parts if part != "")

    @property
    def text(self) -> str:
        """The path as the application wrote it."""
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)

    @property
    def is_plain(self) -> bool:
        """Whether it stands for one path alone."""
        return all(isinstance(part, str) for part in self.parts)

    def __add__(self, other: PathTemplate) -> PathTemplate:
        return PathTemplate((*self.parts, *other.parts))

    def filled(self, filler: str) -> str:
        """One of its paths, with `filler` for each parameter, whether the router would take that or not."""
        return "".join(part if isinstance(part, str) else filler for part in self.parts)

    def equals(self, path: str) -> bool:
        """Whether `path` is one of its paths."""
        pattern = "".join(re.escape(part) if isinstance(part, str) else f"(?:{part.regex})" for part in self.parts)
        return re.fullmatch(pattern, path, re.DOTALL) is not None

    def below(self, prefix: str, *, filler: str) -> str | None:
        """One of its paths that begins with `prefix`, with `filler` for what may be anything; None if none does."""
        return _below(self.parts, prefix, filler)


def _below(parts: tuple[Part, ...], prefix: str, filler: str) -> str | None:
    if not parts:
        return None if prefix else ""
    if not prefix:
        return PathTemplate(parts).filled(filler)
    part, rest = parts[0], parts[1:]
    if isinstance(part, str):
        if part.startswith(prefix):
            return part + PathTemplate(rest).filled(filler)
        return _joined(part, _below(rest, prefix.removeprefix(part), filler)) if prefix.startswith(part) else None
    # It may go on behind the prefix, as a parameter for several segments does ...
    if part.admits(prefix + filler):
        return prefix + filler + PathTemplate(rest).filled(filler)
    # ... or end within it, at any place.
    for end in range(len(prefix), 0, -1):
        if part.admits(prefix[:end]) and (found := _below(rest, prefix[end:], filler)) is not None:
            return prefix[:end] + found
    return None


def _joined(text: str, rest: str | None) -> str | None:
    return None if rest is None else text + rest
