"""One route of an application with its access checks.

>>> Route(path="/reports", methods=("GET",), view="reports").state
'unguarded'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from jwtguard.core.access.requirements import Mode, denied
from jwtguard.core.access.rules import Rule, Rules
from jwtguard.guard import Guard
from jwtguard.inventory.access_check import AccessCheck
from jwtguard.inventory.template import PathTemplate

State: TypeAlias = Literal["guarded", "optional", "public", "denied", "third_party", "unguarded"]
Kind: TypeAlias = Literal["http", "websocket", "application"]
"""`application` is one that was mounted and cannot be looked into."""

ANY = ""
"""Stands for every method that is not named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathOverride:
    """Paths of a route that another rule covers than the rest; `…` in `path` is any text."""

    path: str
    access_checks: tuple[AccessCheck, ...]

    @property
    def state(self) -> State:
        """As of a route."""
        return _state(self.access_checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route for some methods (an empty tuple means all), with its access checks, outermost first.

    `path` is the template as the framework writes it. `overrides` lists those of its paths that have other access
    checks. `notes` are problems that do not open the route; `slips` are mistakes that leave it open; `gaps` are rules
    that cover only some paths of the view.
    """

    path: str
    methods: tuple[str, ...]
    view: str
    kind: Kind = "http"
    host: str | None = None
    access_checks: tuple[AccessCheck, ...] = ()
    overrides: tuple[PathOverride, ...] = ()
    notes: tuple[str, ...] = ()
    slips: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """Whether a token is needed.

        `guarded`: a valid token is needed. `optional`, `public`: a rule or decorator declares that none is needed.
        `denied`: every request is refused. `third_party`: another library checks the request. `unguarded`: no token is
        needed, and nothing declares that for this route.
        """
        return _state(self.access_checks)

    @property
    def is_unguarded(self) -> bool:
        """Whether it, or some of its paths, is unguarded."""
        return self.state == "unguarded" or any(override.state == "unguarded" for override in self.overrides)


def _state(access_checks: Iterable[AccessCheck]) -> State:
    ours = [(check.kind, check.requirement.mode) for check in access_checks if check.requirement is not None]
    modes = {mode for _, mode in ours}
    if Mode.DENIED in modes:
        return "denied"
    if Mode.AUTHENTICATED in modes:
        return "guarded"
    if any(check.requirement is None for check in access_checks):
        return "third_party"
    # A public default declares nothing about this route: its decorator may have been forgotten.
    said = {mode for kind, mode in ours if kind != "default"}
    if not said:
        return "unguarded"
    return "public" if said == {Mode.PUBLIC} else "optional"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardLayer:
    """A middleware of jwtguard's in front of routes. It sees paths without their first `start` parts.

    `exempts(method, path, view)`: whether it lets a shipped route pass unasked.
    """

    guard: Guard
    start: int = 0
    exempts: Callable[[str, str, object], bool] = lambda method, path, view: False

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Those that it enforces; none where they are unchecked."""
        return self.guard.rules.rules if isinstance(self.guard.rules, Rules) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveredRoute:
    """One route as its framework stores it. `access_checks` are those of the view, by method; `ANY` means all others.

    `is_loose`: the pattern also matches other spellings of a path. `reaches(path)`: whether `path` leads to the view.
    """

    template: PathTemplate
    view: object
    access_checks: Mapping[str, tuple[AccessCheck, ...]]
    layers: tuple[GuardLayer, ...] = ()
    kind: Kind = "http"
    host: str | None = None
    name: str | None = None
    notes: tuple[str, ...] = ()
    slips: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    is_loose: bool = False
    reaches: Callable[[str], bool] = lambda path: False

    def routes(self) -> Iterator[Route]:
        """The route, once for all methods that meet the same access_checks."""
        groups: list[tuple[list[str], Route]] = []
        for method, access_checks in self._by_method().items():
            route = self._route(method, access_checks)
            for methods, same in groups:
                if same == route:
                    methods.append(method)
                    break
            else:
                groups.append(([method], route))
        for methods, route in groups:
            yield replace(route, methods=() if ANY in methods else tuple(sorted(methods)))

    def _by_method(self) -> dict[str, tuple[AccessCheck, ...]]:
        if ANY not in self.access_checks:
            return dict(self.access_checks)
        rules = [rule for layer in self.layers for rule in layer.rules]
        named = dict.fromkeys(
            sorted({method for rule in rules for method in rule.methods or ()}), self.access_checks[ANY]
        )
        return {**named, **self.access_checks}

    def _route(self, method: str, access_checks: tuple[AccessCheck, ...]) -> Route:
        in_front = self.in_front(method)
        ours = tuple(check for check in in_front if check is not None)
        notes = list(self.notes)
        needs_no_token = any(check.kind == "shipped" and check.admits_anybody for check in access_checks)
        if needs_no_token and not all(check.admits_anybody for check in ours):
            notes.append(
                "the middleware requires a token here, so users with an expired one cannot log in: give it the"
                " object that made these routes, as in guard=auth"
            )
        return Route(
            path=self.template.text or "/",
            methods=(),
            view=self.name or _name(self.view),
            kind=self.kind,
            host=self.host,
            access_checks=(*ours, *access_checks),
            overrides=tuple(self._overrides(method, in_front, access_checks)),
            notes=tuple(notes),
            slips=self.slips,
            gaps=(*self.gaps, *self._loosely_covered(method)),
        )

    def in_front(self, method: str) -> list[AccessCheck | None]:
        """Return each middleware's check for a path that only matches rules for the whole template."""
        return [_middleware_check(layer, method, self._path(layer), self.view) for layer in self.layers]

    def _loosely_covered(self, method: str) -> Iterator[str]:
        for layer in self.layers if self.is_loose else ():
            for rule in layer.rules:
                check = _middleware_check(layer, method, rule.path, self.view)
                if check is None or check.admits_anybody or not self._reaches(rule.path):
                    continue
                for path in _other_spellings(rule.path, self._filler(layer)):
                    if self._reaches(path) and _middleware_check(layer, method, path, self.view) != check:
                        shown = path.replace(self._filler(layer), "…")
                        yield f"the rule {rule.path!r} does not cover {shown}, which leads to the same view"
                        break

    def _reaches(self, path: str) -> bool:
        exact = path.rstrip("/")
        return self.reaches(exact or "/") or self.reaches(f"{exact}/")

    def _path(self, layer: GuardLayer) -> str:
        """Return a path as the middleware sees it, filled so that no rule names it by accident."""
        return self._below(layer).filled(self._filler(layer))

    def _below(self, layer: GuardLayer) -> PathTemplate:
        return PathTemplate(self.template.parts[layer.start :])

    def _filler(self, layer: GuardLayer) -> str:
        return "x" * (1 + max((len(rule.path) for rule in layer.rules), default=0))

    def _overrides(
        self, method: str, in_front: list[AccessCheck | None], access_checks: tuple[AccessCheck, ...]
    ) -> Iterator[PathOverride]:
        for index, layer in enumerate(self.layers):
            below, filler, rest = self._below(layer), self._filler(layer), in_front[index]
            if below.is_plain or rest is None:
                continue
            for rule in layer.rules:
                path = _path_covered(below, rule, filler)
                check = None if path is None else _middleware_check(layer, method, path, self.view)
                if path is not None and check is not None and check != rest:
                    others = (*in_front[:index], check, *in_front[index + 1 :])
                    shown = PathTemplate(self.template.parts[: layer.start]).text + path.replace(filler, "…")
                    yield PathOverride(
                        path=shown, access_checks=(*(each for each in others if each is not None), *access_checks)
                    )


def _other_spellings(path: str, filler: str) -> Iterator[str]:
    """Yield other spellings of `path` that a case-insensitive or unanchored pattern matches."""
    for start in (match.end() for match in re.finditer("/", path)):
        yield path[:start] + path[start:].swapcase()
        yield path[:start] + filler + path[start:]
    yield path + filler
    yield path.rstrip("/") + filler


def _path_covered(below: PathTemplate, rule: Rule, filler: str) -> str | None:
    """One of the paths of `below` that `rule` covers, or None."""
    if rule.path.endswith("/") and (found := below.below(rule.path, filler=filler)) is not None:
        return found
    exact = rule.path.rstrip("/")
    return next((path for path in (exact, f"{exact}/") if below.equals(path)), None)


def _middleware_check(layer: GuardLayer, method: str, path: str, view: object) -> AccessCheck | None:
    """What the middleware asks of a request: nothing if rules are unchecked, or for a shipped route that it exempts."""
    rules = layer.guard.rules
    if not isinstance(rules, Rules) or layer.exempts(method, path, view):
        return None
    if rules.is_ambiguous(path):
        return AccessCheck(kind="refused", requirement=denied, guard=layer.guard)
    rule = rules.rule(method, path)
    return AccessCheck(
        kind="default" if rule is None else "rule",
        requirement=rules.requirement(method, path),
        guard=layer.guard,
        rule=rule,
    )


def _name(view: object) -> str:
    named = view if hasattr(view, "__qualname__") else type(view)
    module = getattr(named, "__module__", "")
    return f"{module}.{getattr(named, '__qualname__', '')}".replace("<locals>.", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A position in an application: the path prefix, the middlewares in front, the host."""

    template: PathTemplate = field(default_factory=lambda: PathTemplate(()))
    layers: tuple[GuardLayer, ...] = ()
    host: str | None = None

    def behind(self, guard: Guard, exempts: Callable[[str, str, object], bool]) -> Place:
        """Return the position behind one more middleware."""
        layer = GuardLayer(guard=guard, start=len(self.template.parts), exempts=exempts)
        return replace(self, layers=(*self.layers, layer))

    def below(self, template: PathTemplate) -> Place:
        """Return the position below `template`, as for a mounted application."""
        return replace(self, template=self.template + template)

    @property
    def guard(self) -> Guard | None:
        """The guard of the one middleware in front, None where there is none, or several."""
        guards = {id(layer.guard): layer.guard for layer in self.layers}
        return next(iter(guards.values())) if len(guards) == 1 else None
