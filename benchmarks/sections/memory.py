"""Memory of a token that was verified and is remembered, and that the cache is bounded."""

from __future__ import annotations

import gc
import tracemalloc

from benchmarks.measuring import Findings, Pace, Series
from benchmarks.tokens import Mint

_ENTRIES = 1024


def measure(pace: Pace) -> Findings:
    """Bytes an entry, over so many entries; then the same again after four times as many tokens."""
    findings = Findings()
    for algorithm in ("HS256", "RS256"):
        mint = Mint(algorithm)
        texts = mint.tokens(4 * _ENTRIES if algorithm == "HS256" else _ENTRIES)
        entries, totals = [], []
        for _ in range(max(pace.rounds // 3, 7)):
            guard = mint.guard(cache_size=_ENTRIES)
            # What is made once, the parsed header for example, is no entry's.
            guard.verify(mint.token(len(texts))).run()
            gc.collect()
            tracemalloc.start()
            for text in texts[: _ENTRIES - 1]:
                guard.verify(text).run()
            gc.collect()
            entries.append(tracemalloc.get_traced_memory()[0] / (_ENTRIES - 1))
            for text in texts[_ENTRIES - 1 :]:
                guard.verify(text).run()
            gc.collect()
            totals.append(tracemalloc.get_traced_memory()[0] / _ENTRIES)
            tracemalloc.stop()
        findings.series.append(Series(group=algorithm, name="an entry", rounds=entries, unit="bytes"))
        findings.series.append(Series(group=algorithm, name="an entry, after all tokens", rounds=totals, unit="bytes"))
        findings.facts[algorithm] = {"entries": _ENTRIES, "tokens": len(texts), "token_bytes": len(texts[0])}
    return findings
