"""What holds for every test: where `tests` is imported from, and that CI counts a skipped test as a failure."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Last, so that `import tests.…` and `import examples.…` work while `import jwtguard` still finds what is installed.
sys.path.append(str(ROOT))

# Which files are left out of a quick run, and why. `tox.ini` says which environment runs what.
MARKED = {
    "vectors": ["core/tokens/test_vectors_*"],
    "browser": [
        "adapters/test_openapi_page_fastapi.py",
        "examples/test_pages.py",
        "docs/test_browser_storage_examples.py",
        "cli/test_debugger_access.py",
        "cli/test_debugger_document.py",
        "cli/test_debugger_page.py",
        "cli/test_debugger_strangers.py",
    ],
    "costs": ["test_costs.py", "adapters/test_costs_*"],
    "servers": [
        "adapters/*_server*.py",
        "adapters/test_chaos_*",
        "adapters/test_development_*",
        "adapters/test_django_databases.py",
        "adapters/test_django_store.py",
        "adapters/test_plans_*",
        "doctor/test_stores_redis.py",
        "examples/test_demo.py",
        "examples/test_examples.py",
        "key_sources/test_addresses.py",
        "key_sources/test_faults.py",
        "providers/*",
        "stores/test_chaos_*",
        "stores/test_faults_*",
        "stores/test_housekeeping_sqlalchemy.py",
        "stores/test_plans_*",
        "stores/test_redis.py",
        "stores/test_sqlalchemy.py",
    ],
    "slow": [
        "adapters/test_django_databases.py",
        "adapters/test_django_sessions_app.py",
        "adapters/test_flask_slips.py",
        "adapters/test_imports_*",
        "adapters/test_paths_*",
        "benchmarks/*",
        "core/http/test_properties*",
        "core/test_forks.py",
        "core/tokens/test_properties*",
        "docs/test_testing_flask.py",
        "docs/test_tutorials_examples.py",
        "examples/test_examples_with_plugin.py",
        "key_sources/test_addresses.py",
        "key_sources/test_faults.py",
        "literal/*",
        "stores/test_chaos_*",
        "stores/test_faults_*",
        "stores/test_housekeeping_sqlalchemy.py",
        "stores/test_plans_*",
        "testing/test_pytest_plugin.py",
    ],
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its file."""
    tests = Path(__file__).resolve().parent
    for item in items:
        path = item.path.relative_to(tests) if item.path.is_relative_to(tests) else item.path
        for marker, patterns in MARKED.items():
            if any(path.match(pattern) for pattern in patterns):
                item.add_marker(marker)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which a test was skipped, where FAIL_ON_SKIP=1 asks for it."""
    if os.environ.get("FAIL_ON_SKIP") != "1":
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line("")
        reporter.write_line("tests were skipped, and FAIL_ON_SKIP=1 counts that as a failure", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
