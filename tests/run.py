"""Run every test and check of jwtguard: ``python3 tests/run.py [--fast] [tox arguments]``.

Needs Python 3.11 or later and an index that pip can install from, nothing else: what the tests want goes into
``.venv-tests`` and ``.tox`` inside this checkout, never into the interpreter that runs this file. All environments of
tox.ini run, as many at once as there are processors; those whose Python is not on this machine are skipped, and the
summary says so. A terminal shows which ones are under way; one that fails shows its output. Ctrl-C ends all of them.

    python3 tests/run.py                       # every environment
    python3 tests/run.py --fast                # the tests without servers, browsers and vectors, on this Python
    python3 tests/run.py -e py312              # one environment
    python3 tests/run.py -e py312 -- -k csrf   # and in it the tests whose name holds "csrf"
    python3 tests/run.py --help                # this text
"""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # As a script it is only its own folder that is searched.

from tests.environments import check_python, interpreter, make  # noqa: E402

VENV = ROOT / ".venv-tests"
WORK = ROOT / ".tox"
RESULT = WORK / "result.json"
JUNIT = WORK / "junit"
DURATIONS = WORK / "durations.json"
TOX = "tox>=4.30"
PATIENCE = 15
"""Seconds for which each signal may take effect."""


def main(arguments: list[str]) -> int:
    """Prepare tox, run it, sum up and return its exit code; FAIL_ON_SKIP=1 makes a skip a failure."""
    check_python("tests/run.py")
    if {"-h", "--help"} & set(before_posargs(arguments)):
        print(__doc__)
        return 0
    if "--fast" in before_posargs(arguments):
        arguments.remove("--fast")
        arguments = ["-e", "fast", *arguments]
    tox = prepared_tox()
    RESULT.unlink(missing_ok=True)
    shutil.rmtree(JUNIT, ignore_errors=True)
    chosen = [*environments(arguments), *arguments]
    announce(chosen)
    command = [str(tox), "-Im", "tox", "run-parallel", "--quiet", "--result-json", str(RESULT)]
    started = time.monotonic()
    code = to_the_end([*command, *chosen])
    skipped = summary()
    if skipped and os.environ.get("FAIL_ON_SKIP") == "1":
        print(f"skipped, and FAIL_ON_SKIP=1 counts that as a failure: {', '.join(skipped)}")
        code = code or 1
    keep_duration(chosen, time.monotonic() - started)
    print(counts(failed=code != 0), flush=True)
    return code


def before_posargs(arguments: list[str]) -> list[str]:
    """The arguments that are for tox and this program, not for pytest."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def announce(chosen: list[str]) -> None:
    """Print which environments run, how many at once, and how long the last run of the same took."""
    given = before_posargs(chosen)
    names = given[given.index("-e") + 1] if "-e" in given[:-1] else ",".join(listed_environments())
    print(f"{names.replace(',', ', ')}: {os.cpu_count() or 1} at once", flush=True)
    seconds = durations().get(" ".join(chosen))
    if seconds is not None:
        print(f"the last run of these took {seconds // 60} min {seconds % 60} s", flush=True)


def durations() -> dict[str, int]:
    """The seconds that the last run of each choice of environments took."""
    try:
        found: dict[str, int] = json.loads(DURATIONS.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found


def keep_duration(chosen: list[str], seconds: float) -> None:
    """Remember how long this run took, for the next one."""
    WORK.mkdir(exist_ok=True)
    DURATIONS.write_text(json.dumps({**durations(), " ".join(chosen): round(seconds)}), encoding="utf-8")


def to_the_end(command: list[str]) -> int:
    """Run `command` in a process group of its own and return its exit code; Ctrl-C ends the whole group."""
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        return process.wait()
    except KeyboardInterrupt:
        print("ending all environments …", flush=True)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
                break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return 130


def prepared_tox() -> Path:
    """Return the interpreter of a virtual environment that has tox, made now if it is not there or no longer runs."""
    python = interpreter(VENV)
    if python.exists() and quiet([str(python), "-Ic", "import tox.run"]) == 0:
        return python
    return make(VENV, [TOX], program="tests/run.py", what=TOX)


def environments(arguments: list[str]) -> list[str]:
    """Return what makes tox run on this interpreter too, where tox.ini does not name its version."""
    if any(argument.startswith(("-e", "-m", "-f")) for argument in before_posargs(arguments)):
        return []
    names = listed_environments()
    if "py{}{}".format(*sys.version_info[:2]) in names:
        return []
    return ["-e", ",".join(["py", *names])]


def listed_environments() -> list[str]:
    """Return the environments that tox.ini runs by itself."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini", encoding="utf-8")
    return config["tox"]["env_list"].split()


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
