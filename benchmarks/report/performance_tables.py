"""The tables of docs/performance.md."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.measuring import LIMIT
from benchmarks.report.figures import Figure, figure, ratio, said, table
from benchmarks.report.growth import Slope, slope_of
from benchmarks.report.targets import (
    ALGORITHMS,
    BETWEEN,
    DATABASES,
    FRAMEWORKS,
    HTTP_GROUPS,
    LOOK_UP,
    RUST,
    SEEN,
    Finder,
    added,
)
from benchmarks.results import NotMeasuredError, Results

_OURS = "jwtguard"


def environment(results: Results) -> str:
    """Machine, versions, dates and commands; one line each, and of several runs all there were."""
    documents = list(results.sections.values())
    if not documents:
        raise NotMeasuredError("anything")
    machines = {
        f"{each['machine']['processors']} processors ({each['machine']['model']}), {each['machine']['system']}": None
        for each in documents
    }
    versions = {f"{name} {version}": None for each in documents for name, version in each["versions"].items()}
    dates = sorted({each["date"] for each in documents})
    commands = {f"`{each['command']}`": None for each in documents}
    minutes = sum(each["seconds"] for each in documents) / 60
    left_out = [f"{each['section']}: {text}" for each in documents for text in each["left_out"]]
    lines = [
        ("machine", "; ".join(machines)),
        ("date", dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"),
        ("command", f"{', '.join(commands)}: {said(minutes)} minutes"),
        ("versions", ", ".join(versions)),
        ("left out", "; ".join(left_out) or "nothing"),
    ]
    return "\n".join(f"- **{name}**: {text}" for name, text in lines)


def verify(results: Results) -> str:
    """Microseconds, and multiples of the limit."""
    names = results.names("verify", ALGORITHMS[0])
    rows = []
    for name in names:
        cells: list[str] = []
        for group in ALGORITHMS:
            rounds, limit = results.rounds("verify", group, name), results.rounds("verify", group, LIMIT)
            cells.append(f"{said(statistics.median(rounds))} µs, {ratio(rounds, limit)}")
        rows.append((name, *cells))
    return table(["time, multiple of the limit", *ALGORITHMS], rows)


def break_even(results: Results) -> str:
    """From how many uses of one token on the guard costs less than a decoder in Rust."""
    find = Finder(results)
    rows = [(peer, *(str(find.break_even(group, peer)) for group in ALGORITHMS)) for peer in RUST]
    return table(["uses of one token", *ALGORITHMS], rows)


def requests(results: Results) -> str:
    """What each contender adds, framework by framework."""
    pieces = []
    for section, framework in FRAMEWORKS.items():
        groups = [group for group in ALGORITHMS if group in results.groups(section)]
        # The first group need not know all of them: a peer may lack an algorithm.
        names = list(dict.fromkeys(name for group in groups for name in results.names(section, group)))
        rows: list[Sequence[str]] = [
            (
                f"*{name.replace('bare', 'the bare route')}*",
                *(str(_whole(results, section, group, name)) for group in groups),
            )
            for name in names
            if name.startswith("bare")
        ]
        rows += [(name, *_added_cells(results, section, groups, name)) for name in names if not name.startswith("bare")]
        pieces.append(f"**{framework}**\n\n{table(['µs added', *groups], rows)}")
    return "\n\n".join(pieces)


def _whole(results: Results, section: str, group: str, name: str) -> Figure:
    return figure(results.rounds(section, group, name))


def _added_cells(results: Results, section: str, groups: Sequence[str], name: str) -> list[str]:
    return [
        str(figure(added(results, section, group, name))) if name in results.names(section, group) else "-"
        for group in groups
    ]


def seen(results: Results) -> str:
    """The same in Starlette for a token that comes again."""
    groups = [SEEN.format(name) for name in ALGORITHMS]
    names = [name for name in results.names("starlette", groups[0]) if name != "bare"]
    rows = [("*the bare route*", *(str(_whole(results, "starlette", group, "bare")) for group in groups))]
    rows += [(name, *_added_cells(results, "starlette", groups, name)) for name in names]
    return table(["µs added", *ALGORITHMS], rows)


def refusing(results: Results) -> str:
    """Each refusal as a part of an acceptance."""
    rows = []
    for group in results.groups("refusing"):
        names = [name for name in results.names("refusing", group) if name != "accepted"]
        accepted = results.rounds("refusing", group, "accepted")
        cells = [str(ratio(results.rounds("refusing", group, name), accepted)) for name in names]
        rows.append((group, said(statistics.median(accepted)), *cells))
    return table(["", "accepted, µs", "bad signature", "expired", "garbage", "1 MB"], rows)


def http(results: Results) -> str:
    """Requests a second, as a part of the bare route's, and latencies."""
    rows = []
    for framework in HTTP_GROUPS:
        for name in results.names("http", framework):
            rounds, bare = results.rounds("http", framework, name), results.rounds("http", framework, "bare")
            latencies = [
                said(statistics.median(results.rounds("http", f"{framework}, {percentile}", name)))
                for percentile in ("p50", "p95", "p99")
            ]
            rows.append((f"{framework}, {name}", said(statistics.median(rounds)), str(ratio(rounds, bare)), *latencies))
    made = table(["", "requests/s", "of the bare route's", "p50, ms", "p95, ms", "p99, ms"], rows)
    facts = results.facts("http")
    return (
        f"{made}\n\n{facts['connections']} connections, {facts['seconds']} seconds a server and round;"
        f" {facts['fresh_tokens']:,} fresh tokens."
    )


def sessions(results: Results) -> str:
    """What a request adds to the bare view, by how its caller is known."""
    names = [name for name in results.names("sessions", "Django") if name != "bare"]
    bare = results.rounds("sessions", "Django", "bare")
    rows = [("*the bare view*", str(figure(bare)))]
    rows += [(name, str(figure(added(results, "sessions", "Django", name)))) for name in names]
    return table(["", "µs added"], rows)


def clicks(results: Results) -> str:
    """The mean over requests with and without a look-up, by how often a session asks one process."""
    rows = []
    for name in DATABASES:
        if f"{LOOK_UP}, {name}" not in results.names("sessions", "Django"):
            continue
        between, look_up, session = (
            statistics.median(added(results, "sessions", "Django", f"{what}, {name}"))
            for what in (BETWEEN, LOOK_UP, "Django session")
        )
        means = []
        for rate in (10, 1, 0.1):
            asked = 1 / (1 + rate * 5)
            mean = between + asked * (look_up - between)
            means.append(f"{said(mean)} µs, {said(mean / session)}")
        rows.append((name, said(session), *means))
    head = ["added, part of the session's", "Django session, µs", "10 requests/s", "1 request/s", "one in 10 s"]
    return table(head, rows)


def rotation(results: Results) -> str:
    """A rotation in each store, beside the raw driver."""
    rows = []
    for group in DATABASES:
        if group in results.groups("rotation"):
            raw, store = (results.rounds("rotation", group, name) for name in ("raw driver", "store"))
            refresh = results.rounds("rotation", group, "refresh")
            rows.append((group, str(figure(raw)), str(figure(store)), str(ratio(store, raw)), str(figure(refresh))))
    return table(["µs", "raw driver", "our store", "of the raw driver's", "the whole refresh"], rows)


def signing(results: Results) -> str:
    """Issuing an access token, by algorithm."""
    names = results.names("rotation", "signing")
    return table(
        ["µs", *names],
        [("one access token", *(str(figure(results.rounds("rotation", "signing", name))) for name in names))],
    )


def memory(results: Results) -> str:
    """Bytes an entry."""
    rows = []
    for group in results.groups("memory"):
        fact = results.facts("memory")[group]
        one, full = (results.rounds("memory", group, name) for name in ("an entry", "an entry, after all tokens"))
        rows.append((group, fact["token_bytes"], str(figure(one)), f"{fact['tokens']:,}", str(figure(full))))
    return table(["", "bytes of a token", "bytes an entry", "tokens verified", "bytes an entry then"], rows)


def imports(results: Results) -> str:
    """Milliseconds, in a fresh process."""
    rows = []
    for group, statements in results.facts("imports").items():
        ours, theirs = (results.rounds("imports", group, name) for name in ("ours", "theirs"))
        rows.append(
            (
                f"`{statements[0]}`",
                str(figure(ours)),
                f"`{statements[1]}`",
                str(figure(theirs)),
                str(ratio(ours, theirs)),
            )
        )
    return table(["ours", "ms", "beside it", "ms", "ratio"], rows)


def slopes(results: Results) -> Iterator[tuple[str, Sequence[float], Sequence[float], Slope, str]]:
    """What grows: its name, points, medians, slope, and what one more is called."""
    for group, unit in results.facts("growth").items():
        names = results.names("growth", group)
        points = [int(name) / (1000 if unit == "KB" else 1) for name in names]
        medians = [statistics.median(results.rounds("growth", group, name)) for name in names]
        yield group, points, medians, slope_of(points, medians), unit


def growth(results: Results) -> str:
    """What one more of each costs."""
    rows = []
    for group, points, medians, slope, unit in slopes(results):
        cost = "-" if slope.kind == "flat" else f"{said(slope.slope)} µs per {unit}"
        rows.append(
            (group, f"{points[0]:,g} to {points[-1]:,g}", said(medians[0]), said(medians[-1]), slope.kind, cost)
        )
    return table(["what grows", "from, to", "µs at first", "µs at last", "growth", "slope"], rows)


class _Compared(NamedTuple):
    """A peer beside us; `theirs` and `ours` are medians in `unit`."""

    where: str
    peer: str
    theirs: float
    ours: float
    unit: str

    @property
    def is_better(self) -> bool:
        return self.theirs > self.ours if self.unit == "requests/s" else self.theirs < self.ours


def better_peers(results: Results) -> str:
    """The cases in which a peer is faster than jwtguard, or the statement that there is none."""
    lines = [
        f"- {each.where}: {each.peer} {said(each.theirs)} {each.unit}, jwtguard {said(each.ours)} {each.unit}."
        for each in _compared(results)
        if each.is_better
    ]
    return "\n".join(lines) or "In none of the comparisons below."


def _compared(results: Results) -> Iterator[_Compared]:
    for group in _groups(results, "verify"):
        ours = statistics.median(results.rounds("verify", group, _OURS))
        for name in ("PyJWT", "joserfc", *RUST):
            theirs = statistics.median(results.rounds("verify", group, name))
            yield _Compared(f"one verification, {group}", name, theirs, ours, "µs")
    for section, framework in FRAMEWORKS.items():
        # Known tokens too: the groups are all that have the bare route and us.
        for group in _groups(results, section):
            ours = statistics.median(added(results, section, group, _OURS))
            for name in _peers(results, section, group):
                theirs = statistics.median(added(results, section, group, name))
                yield _Compared(f"{framework}, {group}, added to a request", name, theirs, ours, "µs")
    for framework in _groups(results, "http"):
        for name in _peers(results, "http", framework) if "," not in framework else ():
            theirs, ours = (
                statistics.median(results.rounds("http", framework, each))
                for each in (name, "jwtguard, repeated tokens")
            )
            yield _Compared(f"{framework} over HTTP", name, theirs, ours, "requests/s")
    for name in DATABASES if "sessions" in results.sections else ():
        if f"{LOOK_UP}, {name}" in results.names("sessions", "Django"):
            ours, theirs = (
                statistics.median(added(results, "sessions", "Django", f"{what}, {name}"))
                for what in (LOOK_UP, "Django session")
            )
            where = f"a request that looks its session up in {name}"
            yield _Compared(where, "a Django session", theirs, ours, "µs")


def _groups(results: Results, section: str) -> list[str]:
    """The groups of a section, none if it was not measured."""
    return results.groups(section) if section in results.sections else []


def _peers(results: Results, section: str, group: str) -> list[str]:
    return [name for name in results.names(section, group) if not name.startswith(("bare", LIMIT, _OURS))]
