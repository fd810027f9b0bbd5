"""One route of an application, and what is in its way; from what a framework's part of this package found.

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
from jwtguard.inventory.gates import Gate
from jwtguard.inventory.template import PathTemplate

State: TypeAlias = Literal["guarded", "optional", "public", "denied", "foreign", "unguarded"]
Kind: TypeAlias = Literal["http", "websocket", "application"]
"""`application` is one that was mounted and cannot be looked into."""

ANY = ""
"""Stands for every method that is not named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """Some paths of a route that another rule covers than the rest; `…` in `path` stands for anything."""

    path: str
    gates: tuple[Gate, ...]

    @property
    def state(self) -> State:
        """As of a route."""
        return _state(self.gates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route for some methods, none meaning all of them, with its gates, outermost first.

    `path` is a template as the framework writes it; `apart` are those of its paths for which the gates are others.
    `notes` say what is wrong or cannot be known; `slips` are slips of the hand that leave it open;
    `gaps` are rules that cover some of the paths of its view, and not all.
    """

    path: str
    methods: tuple[str, ...]
    view: str
    kind: Kind = "http"
    host: str | None = None
    gates: tuple[Gate, ...] = ()
    apart: tuple[Apart, ...] = ()
    notes: tuple[str, ...] = ()
    slips: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """What a request meets there.

        `guarded`: a good token is needed. `optional`, `public`: somebody said that it is not. `denied`: nobody passes.
        `foreign`: something else than jwtguard is in the way. `unguarded`: anybody passes, and nobody said so of this
        route.
        """
        return _state(self.gates)

    @property
    def is_unguarded(self) -> bool:
        """Whether it, or some of its paths, is unguarded."""
        return self.state == "unguarded" or any(apart.state == "unguarded" for apart in self.apart)


def _state(gates: Iterable[Gate]) -> State:
    ours = [(gate.kind, gate.requirement.mode) for gate in gates if gate.requirement is not None]
    modes = {mode for _, mode in ours}
    if Mode.DENIED in modes:
        return "denied"
    if Mode.AUTHENTICATED in modes:
        return "guarded"
    if any(gate.requirement is None for gate in gates):
        return "foreign"
    # A default that admits anybody says nothing of this route: whoever relies on it has forgotten the decorator.
    said = {mode for kind, mode in ours if kind != "default"}
    if not said:
        return "unguarded"
    return "public" if said == {Mode.PUBLIC} else "optional"


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
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
class Found:
    """What a framework says of one route. `gates` are those of the view, by method; `ANY` stands for all others.

    `is_loose`: its pattern takes other spellings of a path, too; `reaches(path)` says whether one leads to its view.
    """

    template: PathTemplate
    view: object
    gates: Mapping[str, tuple[Gate, ...]]
    fronts: tuple[Front, ...] = ()
    kind: Kind = "http"
    host: str | None = None
    name: str | None = None
    notes: tuple[str, ...] = ()
    slips: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    is_loose: bool = False
    reaches: Callable[[str], bool] = lambda path: False

    def routes(self) -> Iterator[Route]:
        """The route, once for all methods that meet the same gates."""
        groups: list[tuple[list[str], Route]] = []
        for method, gates in self._by_method().items():
            route = self._route(method, gates)
            for methods, same in groups:
                if same == route:
                    methods.append(method)
                    break
            else:
                groups.append(([method], route))
        for methods, route in groups:
            yield replace(route, methods=() if ANY in methods else tuple(sorted(methods)))

    def _by_method(self) -> dict[str, tuple[Gate, ...]]:
        if ANY not in self.gates:
            return dict(self.gates)
        rules = [rule for front in self.fronts for rule in front.rules]
        named = dict.fromkeys(sorted({method for rule in rules for method in rule.methods or ()}), self.gates[ANY])
        return {**named, **self.gates}

    def _route(self, method: str, gates: tuple[Gate, ...]) -> Route:
        in_front = self.in_front(method)
        ours = tuple(gate for gate in in_front if gate is not None)
        notes = list(self.notes)
        needs_no_token = any(gate.kind == "shipped" and gate.admits_anybody for gate in gates)
        if needs_no_token and not all(gate.admits_anybody for gate in ours):
            notes.append(
                "the middleware asks for a token here, so nobody can log in once theirs has expired: give it the"
                " object that made these routes, as in guard=auth"
            )
        return Route(
            path=self.template.text or "/",
            methods=(),
            view=self.name or _name(self.view),
            kind=self.kind,
            host=self.host,
            gates=(*ours, *gates),
            apart=tuple(self._apart(method, in_front, gates)),
            notes=tuple(notes),
            slips=self.slips,
            gaps=(*self.gaps, *self._loosely_covered(method)),
        )

    def in_front(self, method: str) -> list[Gate | None]:
        """What each middleware asks of a request for one of the paths that no rule names by accident."""
        return [_gate(front, method, self._path(front), self.view) for front in self.fronts]

    def _loosely_covered(self, method: str) -> Iterator[str]:
        for front in self.fronts if self.is_loose else ():
            for rule in front.rules:
                gate = _gate(front, method, rule.path, self.view)
                if gate is None or gate.admits_anybody or not self._reaches(rule.path):
                    continue
                for path in _other_spellings(rule.path, self._filler(front)):
                    if self._reaches(path) and _gate(front, method, path, self.view) != gate:
                        shown = path.replace(self._filler(front), "…")
                        yield f"the rule {rule.path!r} does not cover {shown}, which leads to the same view"
                        break

    def _reaches(self, path: str) -> bool:
        exact = path.rstrip("/")
        return self.reaches(exact or "/") or self.reaches(f"{exact}/")

    def _path(self, front: Front) -> str:
        """One of the paths that the middleware sees: one that no rule names by accident."""
        return self._below(front).filled(self._filler(front))

    def _below(self, front: Front) -> PathTemplate:
        return PathTemplate(self.template.parts[front.start :])

    def _filler(self, front: Front) -> str:
        return "x" * (1 + max((len(rule.path) for rule in front.rules), default=0))

    def _apart(self, method: str, in_front: list[Gate | None], gates: tuple[Gate, ...]) -> Iterator[Apart]:
        for index, front in enumerate(self.fronts):
            below, filler, rest = self._below(front), self._filler(front), in_front[index]
            if below.is_plain or rest is None:
                continue
            for rule in front.rules:
                path = _path_covered(below, rule, filler)
                gate = None if path is None else _gate(front, method, path, self.view)
                if path is not None and gate is not None and gate != rest:
                    others = (*in_front[:index], gate, *in_front[index + 1 :])
                    shown = PathTemplate(self.template.parts[: front.start]).text + path.replace(filler, "…")
                    yield Apart(path=shown, gates=(*(each for each in others if each is not None), *gates))


def _other_spellings(path: str, filler: str) -> Iterator[str]:
    """What a pattern takes for `path` that ignores case, or does not begin or end where the path does."""
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


def _gate(front: Front, method: str, path: str, view: object) -> Gate | None:
    """What the middleware asks of a request: nothing if rules are unchecked, or for a shipped route that it exempts."""
    rules = front.guard.rules
    if not isinstance(rules, Rules) or front.exempts(method, path, view):
        return None
    if rules.is_ambiguous(path):
        return Gate(kind="refused", requirement=denied, guard=front.guard)
    rule = rules.rule(method, path)
    return Gate(
        kind="default" if rule is None else "rule",
        requirement=rules.requirement(method, path),
        guard=front.guard,
        rule=rule,
    )


def _name(view: object) -> str:
    named = view if hasattr(view, "__qualname__") else type(view)
    module = getattr(named, "__module__", "")
    return f"{module}.{getattr(named, '__qualname__', '')}".replace("<locals>.", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in an application a walk stands: below which path, behind which middlewares, on which host."""

    template: PathTemplate = field(default_factory=lambda: PathTemplate(()))
    fronts: tuple[Front, ...] = ()
    host: str | None = None

    def behind(self, guard: Guard, exempts: Callable[[str, str, object], bool]) -> Place:
        """The same, behind one more middleware."""
        front = Front(guard=guard, start=len(self.template.parts), exempts=exempts)
        return replace(self, fronts=(*self.fronts, front))

    def below(self, template: PathTemplate) -> Place:
        """Further down, where a mounted application sees only the rest of the path."""
        return replace(self, template=self.template + template)

    @property
    def guard(self) -> Guard | None:
        """The guard of the one middleware in front, None where there is none, or several."""
        guards = {id(front.guard): front.guard for front in self.fronts}
        return next(iter(guards.values())) if len(guards) == 1 else None
