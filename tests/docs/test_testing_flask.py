"""docs/testing.md is a project whose tests pass: each block is the file that its first line names."""

from __future__ import annotations

import sys

import pytest

from tests.examples.documents import ROOT, blocks

pytest_plugins = ["pytester"]
DOCUMENT = ROOT / "docs" / "testing.md"


def test_the_project(pytester: pytest.Pytester) -> None:
    """Typed in, every test of it passes, with warnings as errors; and the script for those without pytest runs."""
    names = []
    for _, _, code in blocks(DOCUMENT):
        name = code.splitlines()[0].removeprefix("# ")
        (pytester.path / name).write_text(code, encoding="utf-8")
        names.append(name)
    assert {"app.py", "conftest.py", "without_pytest.py"} < set(names)

    tests = sum(code.count("def test_") for _, _, code in blocks(DOCUMENT))
    result = pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=tests)
    assert pytester.run(sys.executable, "without_pytest.py").ret == 0
