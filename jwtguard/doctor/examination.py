"""The list of all checks, and `examine`, which runs them.

>>> from jwtguard.doctor.context import DoctorContext
>>> examine(DoctorContext(asks_network=False))
[]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TypeAlias

from jwtguard.doctor.application import check_debug, check_middlewares, check_routes, check_rules
from jwtguard.doctor.context import DoctorContext
from jwtguard.doctor.keys import (
    check_certificates,
    check_generated_keys,
    check_secrets,
    check_signing_keys,
    check_transport,
)
from jwtguard.doctor.provider import check_introspection, check_providers
from jwtguard.doctor.sessions import check_guards_of_sessions, check_revocation
from jwtguard.doctor.stores import check_kind_of_store, check_redis, check_stores_answer
from jwtguard.guard_checks import SEVERITIES, Finding, findings_of


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


Check: TypeAlias = Callable[[DoctorContext], Iterable[Finding]]


def check_tokens(context: DoctorContext) -> Iterator[Finding]:
    """Check the token sources and audiences of every guard."""
    return (finding for guard in context.guards for finding in findings_of(guard))


CHECKS: tuple[Check, ...] = (
    check_distribution,
    check_tokens,
    check_secrets,
    check_generated_keys,
    check_transport,
    check_signing_keys,
    # Before the certificates, which may have to be fetched.
    check_providers,
    check_certificates,
    check_introspection,
    check_guards_of_sessions,
    check_revocation,
    check_kind_of_store,
    check_stores_answer,
    check_redis,
    check_rules,
    check_middlewares,
    check_routes,
    check_debug,
)


def examine(context: DoctorContext) -> list[Finding]:
    """Run all checks and return the findings, the worst first. A check that raises gives a finding."""
    found = [finding for check in CHECKS for finding in _run(check, context)]
    return sorted(dict.fromkeys(found), key=lambda finding: SEVERITIES.index(finding.severity))


def _run(check: Check, context: DoctorContext) -> list[Finding]:
    try:
        return list(check(context))
    except Exception as error:  # noqa: BLE001 - the other checks still run
        return [
            Finding(
                "warning",
                "check_failed",
                # Its type only: the message of another library's error may hold a secret.
                f"{check.__name__} could not be finished: {type(error).__name__}",
                why="The problem that it looks for may exist.",
                remedy="If it happens again, report it with the type of the examined object.",
            )
        ]
