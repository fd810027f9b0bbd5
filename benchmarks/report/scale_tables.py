"""The tables of docs/scale.md: simulated ones from rows, measured ones from results."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.report.figures import less, said, table
from benchmarks.results import Results

_STORES = ("memory", "SQLite", "PostgreSQL", "Redis")
_USERS = 100_000
_LIFETIME = 300.0

Rows = Sequence[Mapping[str, Any]]


def _number(value: float) -> str:
    """What was counted as it is, what was measured with three digits."""
    return f"{value:,}" if isinstance(value, int) else said(value)


def revocation_table(rows: Rows) -> str:
    """A session that clicks once a second, `max_staleness` of five seconds."""
    head = [
        "processes",
        "look-ups a second and session",
        "(theory)",
        "requests let in after the end",
        "(theory)",
        "longest after the end, s",
        "refreshes a second and session",
        "(theory)",
    ]
    names = ("look_ups", "look_ups_expected", "let_in", "let_in_expected", "longest", "refreshes", "refreshes_expected")
    return table(head, [(f"{row['processes']:,}", *(_number(row[name]) for name in names)) for row in rows])


def jwks_table(rows: Rows) -> str:
    """Fetches of the JWK Set."""
    head = [
        "processes",
        "fetches an hour",
        "(theory)",
        "fetches for a key without warning",
        "(theory)",
        "for one that was published ahead",
        "most in a second",
        "most, all started at once",
    ]
    names = (
        "refreshes",
        "refreshes_expected",
        "searches",
        "searches_expected",
        "searches_ahead",
        "peak",
        "peak_together",
    )
    return table(head, [(f"{row['processes']:,}", *(_number(row[name]) for name in names)) for row in rows])


def memory_table(rows: Rows) -> str:
    """The share of requests whose token is remembered."""
    head = ["processes", "users spread by chance", "(theory)", "each user to the same process", "(theory)"]
    names = ("by_chance", "by_chance_expected", "sticky", "sticky_expected")
    return table(head, [(f"{row['processes']:,}", *(f"{row[name]:.1%}" for name in names)) for row in rows])


def weights_table(results: Results) -> str:
    """What a session weighs, and what each step asks of the store."""
    facts = results.facts("stores")
    rows = []
    for name in _STORES:
        if name in facts:
            fact = facts[name]
            statements = [str(fact["statements"][step]) if name != "memory" else "-" for step in _STEPS]
            weight = fact["bytes_after_a_turn"]
            rows.append((name, f"{fact['bytes']:,}", f"{weight:,}", f"{weight:,} MB", *statements))
    head = ["", "bytes a session", "after a rotation", "a million", *(f"statements of a {step}" for step in _STEPS)]
    return f"{table(head, rows)}\n\nMeasured with {facts['sessions']:,} sessions in each."


_STEPS = ("login", "refresh", "look-up", "logout")


def capacity_table(results: Results) -> str:
    """How long each step takes on one connection, and how many users that would be."""
    rows = []
    for name in _STORES[1:]:
        if name not in results.groups("stores"):
            continue
        login, both = (results.rounds("stores", name, step) for step in ("login", "login and logout"))
        rounds = {"login": login, "logout": less(both, login), "look-up": results.rounds("stores", name, "look-up")}
        times = {step: statistics.median(each) for step, each in rounds.items()}
        times["refresh"] = statistics.median(results.rounds("rotation", name, "store"))
        a_second = 1e6 / times["refresh"]
        rows.append((name, *(said(times[step]) for step in _STEPS), said(a_second), said(a_second * _LIFETIME)))
    head = ["µs", *(f"a {step}" for step in _STEPS), "refreshes a second", "users who refresh every 5 minutes"]
    return table(head, rows)


def size_table(results: Results) -> str:
    """How long each step takes among few sessions and among many."""
    small, large = results.facts("stores-at-size")["rows"]
    rows = []
    for group in results.groups("stores-at-size"):
        few, many = (statistics.median(results.rounds("stores-at-size", group, str(count))) for count in (small, large))
        rows.append((group, said(few), said(many), f"{many / few:.2f}"))
    return table(["µs", f"among {small:,} sessions", f"among {large:,}", "ratio"], rows)


def load_table(results: Results) -> str:
    """What so many active users ask of a store in a second, by the theory above."""
    rows = []
    for processes in (1, 10, 100, 1_000, 10_000):
        heard = 1 / processes
        refreshes = _USERS / (_LIFETIME + 1)
        rows.append((f"{processes:,}", "0", said(_USERS / (1 + heard * 5)), said(float(_USERS)), said(refreshes)))
    head = ["processes", "look-ups/s, no revocation", "within 5 s", "at every request", "refreshes/s, all three"]
    return table(head, rows)


def simulated(name: str, results: Results) -> Rows:
    """The rows of a model, as they were kept."""
    rows: Rows = results.facts("simulation")[name]
    return rows
