"""One section, or one part of it, in this process: `python -m benchmarks.one_section FILE PACE NAME [PART]`."""

from __future__ import annotations

import importlib
import json
import signal
import sys
from pathlib import Path

from benchmarks.measuring import MissingError, Pace
from benchmarks.results import as_document


def main(file: str, pace: str, name: str, *part: str) -> int:
    """Measure, and write what was found; 1 if something is missing, which is said."""
    # As an exception, so that the servers of the section are ended with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(f"{name}: took too long"))
    module = importlib.import_module(f"benchmarks.sections.{name.replace('-', '_')}")
    try:
        findings = module.measure(Pace.quick() if pace == "quick" else Pace.full(), *part)
    except MissingError as error:
        print(error, file=sys.stderr)
        return 1
    Path(file).write_text(json.dumps(as_document(findings)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
