"""The simulation behind docs/scale.md, kept with the other results; it needs no peers and gives the same everywhere."""

from __future__ import annotations

from dataclasses import asdict

from benchmarks.measuring import Findings, Pace
from benchmarks.simulation.tables import Tables


def measure(pace: Pace) -> Findings:
    """Nothing is timed: rows of three tables."""
    tables = Tables.made(scale=0.03 if pace.is_quick else 1.0)
    return Findings(facts={name: [_rounded(row) for row in rows] for name, rows in asdict(tables).items()})


def _rounded(row: dict[str, float]) -> dict[str, float]:
    return {name: value if isinstance(value, int) else float(f"{value:.4g}") for name, value in row.items()}
