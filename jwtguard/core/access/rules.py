"""Which path needs what: `Rules`, matched through an index.

>>> from jwtguard.core.access.requirements import has_role, public
>>> rules = Rules([Rule("/", public), Rule("/admin/", has_role("admin")), Rule("/admin/help", public)])
>>> rules.requirement("GET", "/admin/users"), rules.requirement("GET", "/admin/help")
(has_role('admin'), public)

A path that ends in `/` is a prefix and covers the same path without the slash; any other is exact and covers itself
with a slash. Exact beats prefix, longer beats shorter, with methods beats without.

An ambiguous path, which routers, servers and file systems do not all read in the same way, is refused whatever the
rules say: the rule that was found for one reading would not hold for another.

>>> rules.is_ambiguous("/help/../admin")
True
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from jwtguard.core.access.requirements import Mode, Requirement, authenticated, check_requirement
from jwtguard.core.errors import AmbiguousPathError
from jwtguard.core.validation import Problems

_METHOD = re.compile(r"[A-Z0-9!#$%&'*+.^_`|~-]+")
# Each alternative is a path that two programs read differently.
_AMBIGUOUS = re.compile(
    r"^[^/]"  # An absolute URL, `*`, or no slash in front: Werkzeug routes `admin` as `/admin`.
    r"|//"  # Proxies, Werkzeug and file systems merge slashes, other routers do not.
    r"|/\.{1,2}(?:/|\Z)"  # Clients, servers and file systems resolve `.` and `..` (RFC 3986 §5.2.4), routers do not.
    r"|\\"  # A slash to Windows and to browsers.
    # Control characters, of which `$` in a regular expression, as in the routes of Starlette, ignores a final U+000A,
    # and a file system may end a name at U+0000.
    r"|[\x00-\x1f\x7f-\x9f]"
    # Bytes that are not UTF-8, as servers and frameworks decode them: some replace them, others drop them.
    r"|[\ufffd\ud800-\udfff]"
)
_SLASHES = re.compile("/{2,}")
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_STRICTNESS = (Mode.PUBLIC, Mode.OPTIONAL_LENIENT, Mode.OPTIONAL, Mode.AUTHENTICATED, Mode.DENIED)
"""Each mode admits only requests that the modes before it admit, too."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a path needs, for the given methods or all of them; GET covers HEAD. Raises `ConfigurationError`."""

    path: str
    requirement: Requirement
    methods: Iterable[str] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        problems = Problems()
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
        elif _ESCAPE.search(self.path):
            from urllib.parse import unquote  # noqa: PLC0415 - slow to import, and only this message needs it

            # Requests are compared when they are decoded, so such a rule would cover none of those it is written for.
            problems.append(f"a rule's path is not percent-encoded: write {unquote(self.path)!r}, found {self.path!r}")
        problems.of(lambda: check_requirement(self.requirement))
        if self.methods is not None:
            listed = isinstance(self.methods, Iterable) and not isinstance(self.methods, str)
            methods = tuple(self.methods) if listed else ()
            upper = frozenset(method.upper() for method in methods if isinstance(method, str))
            if not upper or len(upper) != len(methods) or not all(map(_METHOD.fullmatch, upper)):
                problems.append(
                    f"a rule's methods are a list of different names: write methods=['GET'], found {self.methods!r}"
                )
            object.__setattr__(self, "methods", upper)
        problems.raise_all()


class _Entry:
    """The rules of one path: by method, and for the methods that none names."""

    __slots__ = ("by_method", "otherwise")

    def __init__(self) -> None:
        self.by_method: dict[str, Rule] = {}
        self.otherwise: Rule | None = None


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Rules:
    """The rules of an application; what none names needs `default`.

    With `allow_double_slash=True`, a path with two slashes in a row is not refused: the rules of the path as it is, of
    the path without the extra slashes at its start, and of the path with all slashes merged must pass, each of them.
    Where they differ, the strictest mode decides whether a token is read (`denied`, `authenticated`, `optional`,
    `optional_lenient`, `public`), the tests of all are combined with `&`, and the principal is the one of that token.

    Raises `ConfigurationError` for two equal rules.
    """

    rules: tuple[Rule, ...]
    default: Requirement
    allow_double_slash: bool
    _exact: dict[str, _Entry]
    _prefixes: dict[str, _Entry]
    _longest: int

    def __init__(
        self, rules: Iterable[Rule], *, default: Requirement = authenticated, allow_double_slash: bool = False
    ) -> None:
        problems = Problems()
        problems.of(lambda: check_requirement(default), prefix="default: ")
        if not isinstance(allow_double_slash, bool):
            problems.append(f"allow_double_slash is True or False: found {allow_double_slash!r}")
        listed = isinstance(rules, Iterable) and not isinstance(rules, str)
        store = object.__setattr__
        store(self, "rules", tuple(rules) if listed else ())
        store(self, "default", default)
        store(self, "allow_double_slash", allow_double_slash)
        store(self, "_exact", {})
        store(self, "_prefixes", {})
        wrong = [rule for rule in self.rules if not isinstance(rule, Rule)] if listed else [rules]
        problems += [f"Rules holds a list of Rule(path, requirement), found {rule!r}" for rule in wrong]
        for rule in self.rules:
            if isinstance(rule, Rule):
                self._add(rule, problems)
        problems.raise_all()
        store(self, "_longest", max(map(len, self._prefixes), default=-1))
        for entry in (*self._exact.values(), *self._prefixes.values()):
            if "GET" in entry.by_method:
                entry.by_method.setdefault("HEAD", entry.by_method["GET"])

    def _add(self, rule: Rule, problems: Problems) -> None:
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

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that the rules name, each once."""
        requirements = (self.default, *(rule.requirement for rule in self.rules))
        return tuple(dict.fromkeys(scope for requirement in requirements for scope in requirement.scopes))

    def requirement(self, method: str, path: str) -> Requirement:
        """What a request for `path`, as the application's router matches it, needs; raises `AmbiguousPathError`."""
        if self.is_ambiguous(path):
            raise AmbiguousPathError
        if "//" not in path:
            return self._of_reading(method, path)
        # Werkzeug and FastAPI's frontends drop extra slashes at the start, file systems and proxies all of them.
        readings = (path, "/" + path.lstrip("/"), _SLASHES.sub("/", path))
        return functools.reduce(_both, (self._of_reading(method, reading) for reading in readings))

    def is_ambiguous(self, path: str) -> bool:
        """Whether requests for `path` are refused because it has more than one reading."""
        return is_ambiguous(_SLASHES.sub("/", path) if self.allow_double_slash else path)

    def _of_reading(self, method: str, path: str) -> Requirement:
        rule = self.rule(method, path)
        return self.default if rule is None else rule.requirement

    def rule(self, method: str, path: str) -> Rule | None:
        """The most specific rule for a request; None if only `default` applies.

        It takes one look-up for each segment of the path, however many rules there are.
        """
        method = method.upper()  # Flask and Django route that way, so `get` must not avoid a rule for GET.
        for entry in self._entries(path.removesuffix("/")):
            rule = entry.by_method.get(method, entry.otherwise)
            if rule is not None:
                return rule
        return None

    def _entries(self, path: str) -> Iterator[_Entry]:
        """The entries for `path`, the most specific first: the exact one, then the prefixes, longest first."""
        if path in self._exact:
            yield self._exact[path]
        # Longer than every prefix: skipped, so that a path of a thousand segments needs no thousand look-ups.
        end = len(path) if len(path) <= self._longest else max(path.rfind("/", 0, self._longest + 1), 0)
        while self._prefixes and end >= 0:
            if path[:end] in self._prefixes:
                yield self._prefixes[path[:end]]
            end = path.rfind("/", 0, end)

    def __repr__(self) -> str:
        slashes = ", allow_double_slash=True" if self.allow_double_slash else ""
        return f"Rules({list(self.rules)!r}, default={self.default!r}{slashes})"


def is_ambiguous(path: str) -> bool:
    """Whether `path`, decoded, has more than one reading.

    That is one with a `.` or `..` segment, two slashes in a row, a backslash, a character of U+0000 to U+001F or U+007F
    to U+009F, bytes that are not UTF-8 (U+FFFD, or surrogates), or without a slash in front, unless it is empty.
    """
    return _AMBIGUOUS.search(path) is not None


def _both(first: Requirement, second: Requirement) -> Requirement:
    """What admits the requests that both admit."""
    if first.test is not None and second.test is not None:
        return first if first == second else first & second
    return max(first, second, key=lambda each: (_STRICTNESS.index(each.mode), each.test is not None))
