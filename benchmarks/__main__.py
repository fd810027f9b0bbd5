"""The suite, in an environment that has the peers: `python -m benchmarks`; `run.py` makes that environment first."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import machine, versions
from benchmarks.report.documents import publish
from benchmarks.report.targets import summary
from benchmarks.results import COMMITTED, QUICK, ROOT, Results, fingerprint, merged, write
from benchmarks.sections import BY_NAME, SECTIONS, Section

_MERCY = 15
"""Seconds that a section has to end its servers, once its time is up."""


def main(arguments: Sequence[str]) -> int:
    """Run the sections, keep what they found, and write the report; 1 if one of them failed."""
    options = _options(arguments)
    folder = options.results or (QUICK if options.quick else COMMITTED)
    failed = [] if options.report else _run(options, folder)
    results = Results.read(folder)
    print(f"\n{summary(results)}\n")
    if options.quick or options.results:
        print(f"The results are in {_shown(folder)}; the documents stay as they are.")
    else:
        for path in publish(results):
            print(f"written: {_shown(path)}")
    if failed:
        print(f"FAILED: {', '.join(failed)}. The others are kept; after mending: --resume")
    return 1 if failed else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    sections = "\n".join(f"  {section.name:<12} {section.title}" for section in SECTIONS)
    parser = argparse.ArgumentParser(
        prog="benchmarks/run.py",
        description="Measure jwtguard beside its peers, and write docs/performance.md and docs/scale.md.",
        epilog=f"sections:\n{sections}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="about a minute; the documents stay as they are")
    parser.add_argument(
        "--only", action="append", choices=list(BY_NAME), metavar="SECTION", help="this section; may be given again"
    )
    parser.add_argument("--resume", action="store_true", help="leave out what was measured already, by the same code")
    parser.add_argument("--report", action="store_true", help="measure nothing, write the documents from the results")
    parser.add_argument("--results", type=Path, metavar="FOLDER", help="keep the results there, write no documents")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace, folder: Path) -> list[str]:
    chosen = [BY_NAME[name] for name in options.only] if options.only else list(SECTIONS)
    pace, code = "quick" if options.quick else "full", fingerprint()
    about: dict[str, Any] = {
        "pace": pace,
        "fingerprint": code,
        "command": " ".join(["python3 benchmarks/run.py", *(["--quick"] if options.quick else [])]),
        "machine": machine(),
        "versions": versions(),
    }
    failed = []
    for section in chosen:
        if options.resume and _is_done(folder, section, pace=pace, code=code):
            print(f"{section.name:<12} kept", flush=True)
            continue
        began = time.monotonic()
        try:
            found = merged([_measured(section, part, pace) for part in section.parts or (None,)])
        except _FailedError as error:
            failed.append(section.name)
            print(f"{section.name:<12} FAILED: {error}", flush=True)
            continue
        took = round(time.monotonic() - began, 1)
        date = datetime.now(UTC).date().isoformat()
        write(folder, {"section": section.name, "date": date, "seconds": took, **about, **found})
        left_out = f" (left out: {'; '.join(found['left_out'])})" if found["left_out"] else ""
        print(f"{section.name:<12} {took:6.1f} s  {section.title}{left_out}", flush=True)
    return failed


class _FailedError(Exception):
    """A section that did not end well; the text says how."""


def _measured(section: Section, part: str | None, pace: str) -> dict[str, Any]:
    """What a section found, in a process of its own: it inherits no imports, settings or garbage of another section."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        file = Path(folder) / "found.json"
        command = [sys.executable, "-m", "benchmarks.one_section", str(file), pace, section.name]
        process = subprocess.Popen(
            [*command, *([] if part is None else [part])], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        try:
            _, said = process.communicate(timeout=section.seconds)
        except subprocess.TimeoutExpired:
            process.terminate()
            try:
                process.communicate(timeout=_MERCY)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
            raise _FailedError(f"not done after {section.seconds} s") from None
        except BaseException:
            process.terminate()
            process.wait(_MERCY)
            raise
        if process.returncode:
            last = said.strip().splitlines()[-1:] or [f"ended with {process.returncode}"]
            raise _FailedError(last[0])
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return found


def _is_done(folder: Path, section: Section, *, pace: str, code: str) -> bool:
    path = folder / f"{section.name}.json"
    if not path.exists():
        return False
    document = json.loads(path.read_text(encoding="utf-8"))
    return (document["pace"], document["fingerprint"]) == (pace, code)


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
