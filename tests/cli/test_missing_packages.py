"""The command without its extra: one line that says what to install."""

from __future__ import annotations

import pytest

from tests.test_missing_extras import run_without_frameworks


@pytest.mark.parametrize(("missing", "named"), [(["click"], "click"), (["rich"], "rich"), (["click", "rich"], "click")])
def test_the_command_says_what_to_install(missing: list[str], named: str) -> None:
    """Without click, rich or both, the command writes one line with the command of pip, and exits with 2."""
    result = run_without_frameworks("import jwtguard.__main__ as script; script.main()", also=missing)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        f"the jwtguard command needs {named}, which is not installed here: pip install 'jwtguard-middleware[cli]'\n"
    )


def test_the_command_as_a_library_says_what_to_install() -> None:
    """`from jwtguard.cli import main` without click is an ImportError that names the extra."""
    result = run_without_frameworks("from jwtguard.cli import main", also=["click"])
    assert result.stderr.strip().splitlines()[-1] == (
        "ImportError: the jwtguard command needs click, which is not installed here:"
        " pip install 'jwtguard-middleware[cli]'"
    )


@pytest.mark.parametrize("program", ["import jwtguard.cli", "import jwtguard.__main__ as script; script.main()"])
def test_an_error_of_our_own_is_no_missing_package(program: str) -> None:
    """A module of jwtguard that cannot be imported is a fault of jwtguard, and its traceback is shown."""
    broken = "import sys; sys.modules['jwtguard.cli.inputs'] = None\n"
    result = run_without_frameworks(broken + program)
    assert result.returncode == 1
    assert "jwtguard.cli.inputs" in result.stderr.strip().splitlines()[-1]
