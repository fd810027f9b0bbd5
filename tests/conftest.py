"""What holds for every test: where `tests` is imported from, and that CI counts a skipped test as a failure."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Last, so that `import tests.…` and `import examples.…` work while `import jwtguard` still finds what is installed.
sys.path.append(str(ROOT))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which a test was skipped, where FAIL_ON_SKIP=1 asks for it."""
    if os.environ.get("FAIL_ON_SKIP") != "1":
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line("")
        reporter.write_line("tests were skipped, and FAIL_ON_SKIP=1 counts that as a failure", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
