"""Which path needs what: `Rules`, matched through an index.

>>> from jwtguard.core.authorization import has_role, public
>>> rules = Rules([Rule("/", public), Rule("/admin/", has_role("admin")), Rule("/admin/help", public)])
>>> rules.requirement("GET", "/admin/users"), rules.requirement("GET", "/admin/help")
(has_role('admin'), public)

A path that ends in `/` is a prefix and covers the same path without the slash; any other is exact and covers itself
with a slash. Exact beats prefix, longer beats shorter, with methods beats without.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import field

from jwtguard.core.authorization import Requirement, authenticated, check_requirement
from jwtguard.core.dataclasses import dataclass
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.frozen import Frozen, set_once

_METHOD = re.compile(r"[A-Z0-9!#$%&'*+.^_`|~-]+")
# Segments that servers, proxies and routers resolve differently, and characters that some of them treat as a slash
# or drop: on such a path nobody can say which route it is in the end.
_AMBIGUOUS = re.compile(r"^[^/]|//|/\.{1,2}(?:/|$)|[\\\x00-\x1f\x7f-\x9f]")
# As most paths are: segments that do not begin with a dot, and nothing of the above. Half of the time.
_PLAIN = re.compile(r"(?:/[^/.\\\x00-\x1f\x7f-\x9f][^/\\\x00-\x1f\x7f-\x9f]*+)*+/?")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a path needs, for the given methods or all of them; GET covers HEAD. Raises `ConfigurationError`."""

    path: str
    requirement: Requirement
    methods: Iterable[str] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        problems = []
        # "" is the exact path of the front page, which like any exact path covers itself with a slash.
        if not isinstance(self.path, str) or self.path[:1] not in {"", "/"}:
            problems.append(
                f"a rule's path starts with a slash, or is '' for the front page alone: found {self.path!r}"
            )
        elif is_ambiguous(self.path) or "?" in self.path or "#" in self.path or "*" in self.path:
            problems.append(
                f"a rule's path is plain, without '.', '..' or empty segments, '*', '?' or '#': found {self.path!r};"
                " a path that ends in '/' covers all below it"
            )
        try:
            check_requirement(self.requirement)
        except ConfigurationError as error:
            problems.extend(error.problems)
        if self.methods is not None:
            listed = isinstance(self.methods, Iterable) and not isinstance(self.methods, str)
            methods = tuple(self.methods) if listed else ()
            upper = frozenset(method.upper() for method in methods if isinstance(method, str))
            if not upper or len(upper) != len(methods) or not all(map(_METHOD.fullmatch, upper)):
                problems.append(
                    f"a rule's methods are a list of different names: write methods=['GET'], found {self.methods!r}"
                )
            object.__setattr__(self, "methods", upper)
        ConfigurationError.raise_all(problems)


class _Entry:
    """The rules of one path: by method, and for the methods that none names."""

    __slots__ = ("by_method", "otherwise")

    def __init__(self) -> None:
        self.by_method: dict[str, Rule] = {}
        self.otherwise: Rule | None = None


class Rules(Frozen):
    """The rules of an application; what none names needs `default`. Raises `ConfigurationError` for two equal rules."""

    __slots__ = ("_exact", "_longest", "_prefixes", "default", "everywhere", "rules")

    rules: tuple[Rule, ...]
    default: Requirement
    everywhere: Requirement | None
    """What every request needs, whatever its path; None if that must be looked at."""
    _exact: dict[str, _Entry]
    _prefixes: dict[str, _Entry]
    _longest: int

    def __init__(self, rules: Iterable[Rule], *, default: Requirement = authenticated) -> None:
        problems: list[str] = []
        try:
            check_requirement(default)
        except ConfigurationError as error:
            problems += [f"default: {problem}" for problem in error.problems]
        listed = isinstance(rules, Iterable) and not isinstance(rules, str)
        set_once(self, rules=tuple(rules) if listed else (), default=default, _exact={}, _prefixes={})
        wrong = [rule for rule in self.rules if not isinstance(rule, Rule)] if listed else [rules]
        problems += [f"Rules holds a list of Rule(path, requirement), found {rule!r}" for rule in wrong]
        for rule in self.rules:
            if isinstance(rule, Rule):
                self._add(rule, problems)
        ConfigurationError.raise_all(problems)
        is_same = not self.rules and not default.mode.admits_anybody
        set_once(self, _longest=max(map(len, self._prefixes), default=-1), everywhere=default if is_same else None)
        for entry in (*self._exact.values(), *self._prefixes.values()):
            if "GET" in entry.by_method:
                entry.by_method.setdefault("HEAD", entry.by_method["GET"])

    def _add(self, rule: Rule, problems: list[str]) -> None:
        index = self._prefixes if rule.path.endswith("/") else self._exact
        entry = index.setdefault(rule.path.rstrip("/"), _Entry())
        methods = [None] if rule.methods is None else sorted(rule.methods)
        for method in methods:
            taken = entry.otherwise if method is None else entry.by_method.get(method)
            if taken is not None:
                for_method = "all methods" if method is None else method
                problems.append(f"two rules name {rule.path!r} for {for_method}: keep one, or combine them with &")
            elif method is None:
                entry.otherwise = rule
            else:
                entry.by_method[method] = rule

    def requirement(self, method: str, path: str) -> Requirement:
        """What a request needs. `path` is the one that the application's router matches."""
        if _PLAIN.fullmatch(path) is not None or not is_ambiguous(path):
            rule = self.rule(method, path)
            return self.default if rule is None else rule.requirement
        # Werkzeug's router takes leading slashes, or none, for one.
        rule = self.rule(method, "/" + path.lstrip("/") if path else path)
        found = self.default if rule is None else rule.requirement
        return authenticated if found.mode.admits_anybody else found

    def rule(self, method: str, path: str) -> Rule | None:
        """The rule that covers a request, None where `default` does. What it needs is `requirement` to say.

        The most telling entry decides: one look-up a segment, however many rules. Written as a loop, since a generator
        of the entries takes as long again.
        """
        method = method.upper()  # Flask and Django route that way, so `get` must not slip past a rule for GET.
        prefix = path[:-1] if path[-1:] == "/" else path
        entry = self._exact.get(prefix)
        is_last = self._longest < 0
        if len(prefix) > self._longest >= 0:  # None is that long, so a path of a thousand segments costs no more.
            prefix = prefix[: max(prefix.rfind("/", 0, self._longest + 1), 0)]
        while True:
            if entry is not None:
                found = entry.by_method.get(method, entry.otherwise)
                if found is not None:
                    return found
            if is_last:
                return None
            entry = self._prefixes.get(prefix)
            cut = prefix.rfind("/")
            is_last, prefix = cut < 0, prefix[:cut]

    def __repr__(self) -> str:
        return f"Rules({list(self.rules)!r}, default={self.default!r})"


def is_ambiguous(path: str) -> bool:
    """Whether `path` has `.`, `..` or empty segments, a backslash or a control character, or no slash in front."""
    return _PLAIN.fullmatch(path) is None and _AMBIGUOUS.search(path) is not None
