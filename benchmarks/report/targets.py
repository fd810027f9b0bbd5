"""What was promised, and whether it was kept: each target with the rounds that decide it."""

from __future__ import annotations

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

    def kilobytes(self, section: str, group: str, name: str) -> Figure:
        """A size that was measured in bytes."""
        return figure([size / 1000 for size in self._results.rounds(section, group, name)])


def part(name: str, limit: float, find: Callable[..., Figure], *asked: str, at_most: bool = True) -> Part:
    """One figure beside its limit; `find(*asked)` gives it."""
    try:
        found = find(*asked)
    except NotMeasuredError:
        return Part(name=name, limit=limit, found=None, at_most=at_most)
    return Part(name=name, limit=limit, found=found, at_most=at_most)


_VERIFY = {"HS256": 1.5, "RS256": 1.15, "ES256": 1.13, "EdDSA": 1.08}
_ADDED = {
    "flask": {"HS256": 0.12, "RS256": 0.18, "ES256": 0.32, "EdDSA": 0.42},
    "fastapi": {"HS256": 0.12, "RS256": 0.20, "ES256": 0.28},
    "starlette": {"HS256": 0.25, "RS256": 0.40, "ES256": 0.62, "EdDSA": 0.72},
    "django": {"HS256": 0.30, "RS256": 0.45, "ES256": 0.60, "EdDSA": 0.70},
}
_PLAIN = ", plain uvicorn"
HTTP_GROUPS = ("Starlette", "FastAPI", f"Starlette{_PLAIN}", f"FastAPI{_PLAIN}")
_SERVED = {"repeated": {"Starlette": 0.85, "FastAPI": 0.80}, "fresh": {"Starlette": 0.5, "FastAPI": 0.5}}
_REFUSED = {
    "bad signature": "a bad signature",
    "expired": "an expired token",
    "garbage": "garbage",
    "1 MB": "a megabyte",
}


def targets(results: Results) -> list[Target]:
    """All of them, in the order in which they were set."""
    find = Finder(results)
    return [*_of_time(find), *_of_refusing(find), *_of_http(find), *_of_state(find, results)]


def _of_time(find: Finder) -> Iterator[Target]:
    yield Target(
        what="`guard.verify`, cache off",
        against="the bare signature, base64 and JSON",
        parts=[part(name, most, find.ratio, "verify", name, "jwtguard", LIMIT) for name, most in _VERIFY.items()],
    )
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
    what, groups = "a token seen before, ASGI middleware", {name: SEEN.format(name) for name in ALGORITHMS}
    yield Target(
        what=what,
        against=BY_HAND,
        parts=[part(name, 0.08, find.of_added, "starlette", group, RULED, BY_HAND) for name, group in groups.items()],
    )
    yield Target(
        what=what,
        against="the bare route: adds",
        parts=[part(name, 6, find.added, "starlette", group, RULED) for name, group in groups.items()],
        unit=" µs",
    )


def _of_refusing(find: Finder) -> Iterator[Target]:
    kinds: dict[str, tuple[str, float, Sequence[str]]] = {"`guard.verify`": ("verify", 1.1, ALGORITHMS)}
    kinds |= {name: (name, 1.5, ALGORITHMS[:2]) for name in FRAMEWORKS.values()}
    for what, (place, most, algorithms) in kinds.items():
        for refused, said_as in _REFUSED.items():
            yield Target(
                what=f"refusing {said_as}, {what}",
                against="accepting" if place == "verify" else "accepting, the whole request",
                parts=[
                    part(name, most, find.ratio, "refusing", f"{place}, {name}", refused, "accepted")
                    for name in algorithms
                ],
            )


def _of_http(find: Finder) -> Iterator[Target]:
    for kind, limits in _SERVED.items():
        for server in (_PLAIN, ""):
            ours = f"jwtguard, {kind} tokens"
            yield Target(
                what=f"requests/s, {kind} tokens{server or ', uvloop and httptools'}",
                against="the bare route",
                parts=[
                    part(name, least, find.ratio, "http", f"{name}{server}", ours, "bare", at_most=False)
                    for name, least in limits.items()
                ],
            )


def _of_state(find: Finder, results: Results) -> Iterator[Target]:
    yield Target(
        what="added with revocation, between look-ups",
        against="a Django session",
        parts=[
            part(name, 0.1, find.of_added, "sessions", "Django", f"{BETWEEN}, {name}", f"Django session, {name}")
            for name in DATABASES
        ],
    )
    yield Target(
        what="memory of a remembered token",
        against="-",
        parts=[part(name, 2.5, find.kilobytes, "memory", name, "an entry") for name in ALGORITHMS[:2]],
        unit=" KB",
    )
    yield Target(
        what="import",
        against="`import jwt` and the framework",
        parts=[
            part(name, 1.15, find.ratio, "imports", name, "ours", "theirs")
            for name in (results.groups("imports") if "imports" in results.sections else ["jwtguard"])
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
