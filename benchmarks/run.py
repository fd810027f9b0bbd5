"""Measure jwtguard beside its peers: ``python3 benchmarks/run.py``, about ten minutes; ``--quick``, about one.

Needs Python 3.11 or later and an index that pip can install from. What is measured with goes into ``.venv-benchmarks``
inside this checkout, never into the interpreter that runs this file. PostgreSQL, Redis and wrk are taken from the
machine; where one is missing, what needs it is left out and said. For example::

    python3 benchmarks/run.py --only verify     # one section
    python3 benchmarks/run.py --resume          # after an interruption: what was measured already is kept
    python3 benchmarks/run.py --help            # all of them
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # As a script it is only its own folder that is searched.

from tests.environments import interpreter, make  # noqa: E402

VENV = ROOT / ".venv-benchmarks"
REQUIREMENTS = ROOT / "benchmarks" / "requirements.txt"


def main(arguments: list[str]) -> int:
    """Prepare the environment and run the suite in it; its exit code is 1 if a section failed."""
    wanted, mark = REQUIREMENTS.read_text(encoding="utf-8"), VENV / "requirements.txt"
    python = interpreter(VENV)
    if not python.exists() or not mark.exists() or mark.read_text(encoding="utf-8") != wanted:
        python = make(VENV, ["-r", str(REQUIREMENTS)], program="benchmarks/run.py", what="the peers")
        mark.write_text(wanted, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}  # The checkout itself is what is measured.
    return subprocess.run(
        [str(python), "-m", "benchmarks", *arguments], cwd=ROOT, env=environment, check=False
    ).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
