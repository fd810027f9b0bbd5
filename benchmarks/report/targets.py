"""What was promised, and whether it was kept: each target with the rounds that decide it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.measuring import LIMIT
from benchmarks.report.figures import Figure, figure, less, ratio, said, table
from benchmarks.results import NotMeasuredError, Results

ALGORITHMS = ("HS256", "RS256", "ES256", "EdDSA")
FRAMEWORKS = {"flask": "Flask", "fastapi": "FastAPI", "starlette": "Starlette", "django": "Django"}
BY_HAND = "written by hand"
RULED = "jwtguard, middleware and rules"
SEEN = "{}, seen before"
BETWEEN, LOOK_UP = "token and revocation, between look-ups", "token and revocation, a look-up"
DATABASES = ("Redis", "SQLite", "PostgreSQL")
PEERS = {"flask": "flask-jwt-extended", "fastapi": "authx", "starlette": BY_HAND, "django": "simplejwt"}
"""Whom each framework's target names."""
NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One figure of a target, an algorithm's for example; `found` is None where it was not measured."""

    name: str
    limit: float
    found: Figure | None
    at_most: bool = True

    @property
    def is_met(self) -> bool | None:
        """By the median."""
        if self.found is None:
            return None
        return self.found.median <= self.limit if self.at_most else self.found.median >= self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One line of the table."""

    what: str
    against: str
    parts: Sequence[Part]
    unit: str = ""
    limits: Sequence[Figure | None] = ()
    """The same figures of the bare signature with base64 and JSON, without any check: see `benchmarks.limit`."""


def added(results: Results, section: str, group: str, name: str, bare: str = "bare") -> Sequence[float]:
    """What a contender adds to the bare route of its kind, round by round; raises `NotMeasuredError`."""
    bare = "bare, REST framework" if name == "simplejwt" else bare
    return less(results.rounds(section, group, name), results.rounds(section, group, bare))


class Finder:
    """Answers the questions that targets ask; each raises `NotMeasuredError`."""

    def __init__(self, results: Results) -> None:
        self._results = results

    def ratio(self, section: str, group: str, ours: str, theirs: str) -> Figure:
        """One contender against another."""
        rounds = self._results.rounds
        return ratio(rounds(section, group, ours), rounds(section, group, theirs))

    def added(self, section: str, group: str, name: str) -> Figure:
        """What a contender adds to the bare route."""
        return figure(added(self._results, section, group, name))

    def of_added(self, section: str, group: str, ours: str, theirs: str) -> Figure:
        """What one adds, as a part of what another adds."""
        return ratio(added(self._results, section, group, ours), added(self._results, section, group, theirs))

    def break_even(self, group: str, peer: str) -> Figure:
        """From how many uses of one token on the guard costs less than `peer`, which verifies it at each use."""
        rounds = [self._results.rounds("verify", group, name) for name in ("jwtguard", SEEN.format("jwtguard"), peer)]
        return figure([uses_to_break_even(*each) for each in zip(*rounds, strict=True)])


def uses_to_break_even(first: float, again: float, each: float) -> float:
    """The least number of uses at which one `first` and the rest `again` cost no more than `each` all the time.

    Infinite if a repeated use costs as much as `each`.

    >>> uses_to_break_even(10, 2, 5)
    3
    """
    return math.inf if again >= each else max(1, math.ceil((first - again) / (each - again)))


def part(name: str, limit: float, find: Callable[..., Figure], *asked: str, at_most: bool = True) -> Part:
    """One figure beside its limit; `find(*asked)` gives it."""
    try:
        found = find(*asked)
    except NotMeasuredError:
        return Part(name=name, limit=limit, found=None, at_most=at_most)
    return Part(name=name, limit=limit, found=found, at_most=at_most)


RUST = ("oxyjwt", "webtoken")
"""Decoders in Rust: they need less time than the guard for the first use of a token."""
_VERIFY = {"HS256": 3.6, "RS256": 1.75, "ES256": 1.32, "EdDSA": 1.22}
_ADDED = {
    "flask": {"HS256": 0.24, "RS256": 0.25, "ES256": 0.40, "EdDSA": 0.48},
    "fastapi": {"HS256": 0.17, "RS256": 0.17, "ES256": 0.26},
    "starlette": {"HS256": 0.58, "RS256": 0.66, "ES256": 0.80, "EdDSA": 0.87},
    "django": {"HS256": 0.40, "RS256": 0.48, "ES256": 0.67, "EdDSA": 0.75},
}
_BREAK_EVEN = {"HS256": 7, "RS256": 2, "ES256": 2, "EdDSA": 4}
_PLAIN = ", plain uvicorn"
HTTP_GROUPS = ("Starlette", "FastAPI", f"Starlette{_PLAIN}", f"FastAPI{_PLAIN}")
_SERVED = {"Starlette": [BY_HAND], "FastAPI": [BY_HAND, "authx"]}
"""The peers of each framework that are measured over HTTP."""


def targets(results: Results) -> list[Target]:
    """The budget, in the order in which it was set."""
    find = Finder(results)
    return [*_of_verifying(find), *_of_requests(find), *_of_http(find)]


def _of_verifying(find: Finder) -> Iterator[Target]:
    what = "`guard.verify`, cache off"
    yield Target(
        what=what,
        against="the bare signature, base64 and JSON",
        parts=[part(name, most, find.ratio, "verify", name, "jwtguard", LIMIT) for name, most in _VERIFY.items()],
    )
    for peer in ("PyJWT", "joserfc"):
        yield Target(
            what=what,
            against=peer,
            parts=[part(name, 1, find.ratio, "verify", name, "jwtguard", peer) for name in ALGORITHMS],
        )
    for peer in RUST:
        yield Target(
            what="uses of one token from which the guard costs less",
            against=peer,
            parts=[part(name, most, find.break_even, name, peer) for name, most in _BREAK_EVEN.items()],
        )


def _of_requests(find: Finder) -> Iterator[Target]:
    for section, limits in _ADDED.items():
        yield Target(
            what=f"added per request, {FRAMEWORKS[section]}",
            against=PEERS[section],
            parts=[
                part(name, most, find.of_added, section, name, "jwtguard", PEERS[section])
                for name, most in limits.items()
            ],
            limits=[
                part(name, most, find.of_added, section, name, LIMIT, PEERS[section]).found
                for name, most in limits.items()
            ],
        )
    yield Target(
        what="a token seen before, ASGI middleware",
        against=BY_HAND,
        parts=[part(name, 0.10, find.of_added, "starlette", SEEN.format(name), RULED, BY_HAND) for name in ALGORITHMS],
    )


def _of_http(find: Finder) -> Iterator[Target]:
    for framework, peers in _SERVED.items():
        for peer in peers:
            yield Target(
                what=f"requests/s, {framework}, uvloop and httptools",
                against=f"{peer}, repeated tokens",
                parts=[
                    part(
                        f"{kind} tokens",
                        1,
                        find.ratio,
                        "http",
                        framework,
                        f"jwtguard, {kind} tokens",
                        f"{peer}, repeated tokens",
                        at_most=False,
                    )
                    for kind in ("repeated", "fresh")
                ],
            )


def targets_table(results: Results) -> str:
    """All targets, one line each; of several figures each in the same place of all columns."""
    rows = [
        (
            target.what,
            target.against,
            " / ".join(part.name for part in target.parts),
            f"{_sign(target.parts[0])} {' / '.join(_once(f'{part.limit:g}' for part in target.parts))}{target.unit}",
            _medians(part.found for part in target.parts),
            _medians(target.limits),
            " / ".join(_once({True: "yes", False: "**no**", None: NOT_MEASURED}[part.is_met] for part in target.parts)),
        )
        for target in targets(results)
    ]
    return table(["what", "against", "of", "target", "measured", "the limit itself", "met"], rows)


def _medians(figures: Iterable[Figure | None]) -> str:
    return " / ".join("-" if found is None else said(found.median) for found in figures) or "-"


def _once(words: Iterable[str]) -> list[str]:
    """One of them if all are the same."""
    found = list(words)
    return found[:1] if len(set(found)) == 1 else found


def _sign(part: Part) -> str:
    return "≤" if part.at_most else "≥"


def counted(results: Results) -> str:
    """How many were met, in a sentence."""
    parts = [part for target in targets(results) for part in target.parts]
    met = sum(part.is_met is True for part in parts)
    missed = sum(part.is_met is False for part in parts)
    rest = len(parts) - met - missed
    return f"Of {len(parts)} figures {met} meet their target, {missed} miss it" + (
        f", and {rest} could not be measured." if rest else "."
    )


def summary(results: Results) -> str:
    """The targets for a terminal."""
    lines = []
    for target in targets(results):
        for part in target.parts:
            verdict = {True: "met", False: "MISSED", None: NOT_MEASURED}[part.is_met]
            found = "" if part.found is None else f"{part.found}{target.unit}"
            lines.append(f"{verdict:<13}{target.what}, {part.name}: {found}, {_sign(part)} {part.limit:g}{target.unit}")
    return "\n".join([*lines, "", counted(results)])
