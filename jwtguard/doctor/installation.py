"""Check the installed distributions.

>>> from jwtguard.doctor.context import DoctorContext
>>> list(check_distribution(DoctorContext()))
[]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

from jwtguard.checks.finding import Finding
from jwtguard.doctor.context import DoctorContext


def check_distribution(context: DoctorContext, *, version_of: Callable[[str], str] = version) -> Iterator[Finding]:
    """The distribution that is named `jwtguard`, which is another project's."""
    try:
        found = version_of("jwtguard")
    except PackageNotFoundError:
        return
    yield Finding(
        "error",
        "foreign_distribution",
        f"the distribution jwtguard {found} is installed, which is another project's",
        why="Both bring a package of the name jwtguard: which of the two is imported, the order of installing decided.",
        remedy="pip uninstall jwtguard, then pip install --force-reinstall jwtguard-middleware",
    )
