"""Run every test and check of jwtguard: ``python3 tests/run.py [tox arguments]``.

Needs Python 3.11 or later and an index that pip can install from, nothing else: what the tests want goes into
``.venv-tests`` and ``.tox`` inside this checkout, never into the interpreter that runs this file. All environments of
tox.ini run, as many at once as there are processors; those whose Python is not on this machine are skipped, and the
summary says so. For example::

    python3 tests/run.py -e py312              # one environment
    python3 tests/run.py -e py312 -- -k csrf   # and in it the tests whose name holds "csrf"
"""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # As a script it is only its own folder that is searched.

from tests.environments import check_python, interpreter, make  # noqa: E402

VENV = ROOT / ".venv-tests"
WORK = ROOT / ".tox"
RESULT = WORK / "result.json"
JUNIT = WORK / "junit"
TOX = "tox>=4.30"


def main(arguments: list[str]) -> int:
    """Prepare tox, run it, sum up and return its exit code; FAIL_ON_SKIP=1 makes a skip a failure."""
    check_python("tests/run.py")
    tox = prepared_tox()
    RESULT.unlink(missing_ok=True)
    shutil.rmtree(JUNIT, ignore_errors=True)
    command = [str(tox), "-Im", "tox", "run-parallel", "--quiet", "--parallel-no-spinner", "--result-json", str(RESULT)]
    code = subprocess.run([*command, *environments(arguments), *arguments], cwd=ROOT, check=False).returncode
    skipped = summary()
    if skipped and os.environ.get("FAIL_ON_SKIP") == "1":
        print(f"skipped, and FAIL_ON_SKIP=1 counts that as a failure: {', '.join(skipped)}")
        code = code or 1
    print(counts(failed=code != 0), flush=True)
    return code


def prepared_tox() -> Path:
    """Return the interpreter of a virtual environment that has tox, made now if it is not there or no longer runs."""
    python = interpreter(VENV)
    if python.exists() and quiet([str(python), "-Ic", "import tox.run"]) == 0:
        return python
    return make(VENV, [TOX], program="tests/run.py", what=TOX)


def environments(arguments: list[str]) -> list[str]:
    """Return what makes tox run on this interpreter too, where tox.ini does not name its version."""
    before_posargs = arguments[: arguments.index("--")] if "--" in arguments else arguments
    if any(argument.startswith(("-e", "-m", "-f")) for argument in before_posargs):
        return []
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini", encoding="utf-8")
    names = config["tox"]["env_list"].split()
    if "py{}{}".format(*sys.version_info[:2]) in names:
        return []
    return ["-e", ",".join(["py", *names])]


def summary() -> list[str]:
    """Print a line for each environment that ran and return the names of those that were skipped."""
    try:
        results = json.loads(RESULT.read_text(encoding="utf-8"))["testenvs"]
    except FileNotFoundError:
        return []
    skipped = []
    print()
    for name, environment in results.items():
        result = environment.get("result")
        if result is None:  # not asked for, or the environment that builds the wheel
            continue
        python = environment.get("python", {}).get("version", "").partition(" ")[0]
        if not python:
            skipped.append(name)
        state = "skipped" if not python else "passed" if result["success"] else "FAILED"
        print(f"  {name:<10} {state:<8} {f'Python {python}' if python else 'its Python is not on this machine'}")
    print()
    return skipped


def counts(*, failed: bool) -> str:
    """Return the closing line: how many tests ran in all environments together. A failed check counts as one."""
    tests = failures = skipped = 0
    for report in JUNIT.glob("*.xml"):
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            tests += int(suite.get("tests", 0))
            failures += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped += int(suite.get("skipped", 0))
    passed = max(tests - failures - skipped, 0)
    return f"{passed} passed, {max(failures, int(failed))} failed, {skipped} skipped"


def quiet(command: list[str]) -> int:
    """Run a command without its output and return its exit code; one that cannot be started has failed."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode
    except OSError:
        return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
