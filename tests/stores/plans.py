"""Whether a statement searches an index or reads the whole table, as each database's EXPLAIN says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jwtguard.core.sessions.look_ups import MOST, find_many_of
from jwtguard.testing.conformance.store_bench import ISSUER, StoreBench

ROWS = 100_000
CROWD = "crowd"
"""A subject of 1,960 sessions. The others have two each."""

_NUMBERS = {
    "postgresql": f"SELECT generate_series AS n FROM generate_series(1, {ROWS})",
    "mysql": f"SELECT seq AS n FROM seq_1_to_{ROWS}",
    "sqlite": f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ROWS})"
    " SELECT n FROM numbers",
}
_ANALYZE = {"postgresql": "ANALYZE jwtguard_session", "mysql": "ANALYZE TABLE jwtguard_session", "sqlite": "ANALYZE"}


def filling(family: str, *, now: float, is_half_dead: bool, is_analyzed: bool = True) -> Sequence[str]:
    """The statements that fill an empty table with rows, half of which may be dead, and make statistics of them."""
    text = "concat('{}', {})" if family == "mysql" else "'{}' || {}"
    ends_at = f"CASE n % 2 WHEN 0 THEN {now} - n ELSE {now} + 7776000 END" if is_half_dead else f"{now} + 7776000 - n"
    subject = f"CASE n % 51 WHEN 0 THEN '{CROWD}' ELSE {text.format('user-', '(n % 50000)')} END"
    columns = f"{text.format('id-', 'n')}, '{ISSUER}', {subject}, NULL, 0, {now} - n, NULL"
    revoked_at = f"CASE n % 3 WHEN 0 THEN {now} - 1 END"
    rows = f"SELECT {columns}, {revoked_at}, {ends_at}, {ends_at} FROM ({_NUMBERS[family]}) numbers"
    names = "session_id, issuer, subject, label, generation, created_at, refreshed_at, revoked_at, expires_at, ends_at"
    # PostgreSQL would make them by itself after a while.
    without = ["ALTER TABLE jwtguard_session SET (autovacuum_enabled = false)"] if family == "postgresql" else []
    insert = f"INSERT INTO jwtguard_session ({names}) {rows}"
    return [insert, _ANALYZE[family]] if is_analyzed else [*without, insert]


def use(bench: StoreBench) -> None:
    """Each operation that a store has but `purge`, in each way that it can go."""
    session_id = bench.create()
    assert bench.take(session_id, 0, grace=10).is_rotated
    assert not bench.take(session_id, 0, grace=10).is_rotated
    assert bench.take(session_id, 1, grace=0).is_rotated
    assert bench.find(session_id)
    find_many = find_many_of(bench.store)
    assert find_many is not None
    assert bench.wait(find_many([session_id, *(f"id-{number}" for number in range(1, MOST))], now=bench.now))
    assert bench.listed()
    bench.listed(CROWD)
    assert bench.revoke(session_id)
    bench.revoke_all("user-1")
    bench.revoke_all(CROWD)


class Plans:
    """The plans of all statements that were seen, each explained before it ran for the first time."""

    def __init__(self, family: str, explain: Callable[[str, Any], Sequence[Mapping[str, Any]]]) -> None:
        self.family = family
        self._explain = explain
        self._faults_of = {"postgresql": _of_postgresql, "mysql": _of_mariadb, "sqlite": _of_sqlite}[family]
        self._prefix = {"postgresql": "EXPLAIN (FORMAT JSON) ", "mysql": "EXPLAIN ", "sqlite": "EXPLAIN QUERY PLAN "}[
            family
        ]
        self.faults: dict[str, Sequence[str]] = {}

    def see(self, statement: str, values: Any) -> None:
        """Explain a statement, unless one of the same form was seen."""
        explained = re.sub(r"^SET STATEMENT .* FOR\s+", "", statement.strip())
        form = re.sub(r"'[^']*'|-?\b\d[\d.e+-]*|\(%s(, %s)*\)|\([^()]*id0[^()]*\)", "?", explained)
        if form in self.faults or not explained.startswith(("SELECT", "UPDATE", "DELETE")):
            return
        self.faults[form] = []  # Before the line below, whose statement comes here too.
        self.faults[form] = list(self._faults_of(self._explain(self._prefix + explained, values)))

    def check(self, *, at_least: int) -> None:
        """Fail if a statement reads the whole table or a whole index, or if fewer were seen than a store has."""
        assert {form: faults for form, faults in self.faults.items() if faults} == {}
        assert len(self.faults) >= at_least, [*self.faults]


def _of_postgresql(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    (plan,) = rows[0].values()
    nodes = [found["Plan"] for found in (json.loads(plan) if isinstance(plan, str) else plan)]
    while nodes:
        node = nodes.pop()
        kind = node["Node Type"]
        is_whole = "Index" in kind and "Index Cond" not in node
        if kind in {"Seq Scan", "Sort", "Incremental Sort"} or is_whole:
            yield f"{kind} of {node.get('Relation Name') or node.get('Index Name')}"
        nodes += node.get("Plans", [])


def _of_mariadb(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        is_derived = str(row["table"]).startswith("<")  # The few rows of a subquery.
        if (row["type"] in {"ALL", "index"} and not is_derived) or "filesort" in (row["Extra"] or ""):
            yield f"{row['type']} of {row['table']}: {row['Extra']}"


def _of_sqlite(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    return (row["detail"] for row in rows if row["detail"].startswith(("SCAN", "USE TEMP B-TREE")))
