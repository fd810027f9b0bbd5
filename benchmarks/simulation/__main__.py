"""Print the simulated tables of docs/scale.md: `python3 -m benchmarks.simulation`."""

from __future__ import annotations

from benchmarks.report.scale_tables import jwks_table, memory_table, revocation_table
from benchmarks.simulation.tables import Tables


def main(scale: float = 1.0) -> None:
    """Simulate and print; takes about half a minute, or less with a smaller `scale`."""
    tables = Tables.made(scale=scale)
    for table in (revocation_table(tables.revocation), jwks_table(tables.keys), memory_table(tables.memory)):
        print(table, end="\n\n")


if __name__ == "__main__":
    main()
