"""Writing the figures into the documents: what stands between two marks is made from the results, the rest by hand.

>>> print(fill("x\\n<!-- made: greeting -->\\nold\\n<!-- end -->\\ny", {"greeting": lambda: "new"}))
x
<!-- made: greeting -->
<BLANKLINE>
new
<BLANKLINE>
<!-- end -->
y
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from benchmarks.report import performance_tables as performance
from benchmarks.report import scale_tables as scale
from benchmarks.report.targets import counted, targets_table
from benchmarks.results import ROOT, NotMeasuredError, Results

DOCUMENTS = tuple(ROOT / "docs" / name for name in ("performance.md", "scale.md", "token-or-session.md"))
PLOTS = ROOT / "docs" / "performance"

_MARKED = re.compile(r"(?P<begin><!-- made: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- end -->)", re.DOTALL)

Blocks = Mapping[str, Callable[[], str]]


def blocks(results: Results) -> Blocks:
    """What can stand between marks, by name."""
    of_results: dict[str, Callable[[Results], str]] = {
        "environment": performance.environment,
        "counted": counted,
        "targets": targets_table,
        "better-peers": performance.better_peers,
        "verify": performance.verify,
        "break-even": performance.break_even,
        "requests": performance.requests,
        "seen": performance.seen,
        "refusing": performance.refusing,
        "http": performance.http,
        "sessions": performance.sessions,
        "clicks": performance.clicks,
        "rotation": performance.rotation,
        "signing": performance.signing,
        "memory": performance.memory,
        "imports": performance.imports,
        "growth": performance.growth,
        "weights": scale.weights_table,
        "capacity": scale.capacity_table,
        "load": scale.load_table,
        "sizes": scale.size_table,
        "revocation": lambda results: scale.revocation_table(scale.simulated("revocation", results)),
        "keys": lambda results: scale.jwks_table(scale.simulated("keys", results)),
        "remembered": lambda results: scale.memory_table(scale.simulated("memory", results)),
    }
    return {name: partial(_or_said, write, results) for name, write in of_results.items()}


def _or_said(write: Callable[[Results], str], results: Results) -> str:
    try:
        return write(results)
    except NotMeasuredError as error:
        return f"Not measured: {error.args[0]}."


def fill(text: str, made: Blocks) -> str:
    """The document with every block made anew; raises KeyError for a block without a maker."""
    return _MARKED.sub(lambda mark: f"{mark['begin']}\n{made[mark['name']]()}\n\n{mark['end']}", text)


def publish(results: Results) -> list[Path]:
    """Write the documents and the plots; returns what was written."""
    from benchmarks.report.plots import draw_all

    made = blocks(results)
    for path in DOCUMENTS:
        path.write_text(fill(path.read_text(encoding="utf-8"), made), encoding="utf-8")
    return [*DOCUMENTS, *draw_all(results, PLOTS)]
