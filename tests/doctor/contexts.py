"""What the tests of the doctor share: contexts, and findings that are easy to compare."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jwtguard import Grants, Sessions, SigningKey
from jwtguard.doctor import DoctorContext
from jwtguard.guard_checks import Finding
from jwtguard.stores.memory import MemoryStore
from tests.samples import guard, issuer


def context(**settings: Any) -> DoctorContext:
    """A context with a guard that is in order, asked about offline unless told otherwise."""
    return DoctorContext.of(**{"guards": [guard()], "asks_network": False, **settings})


def sessions(**settings: Any) -> Sessions:
    """Sessions whose tokens the guard of `context` takes."""
    given: dict[str, Any] = {
        "issuer": issuer(),
        "store": MemoryStore(),
        "refresh_keys": [SigningKey.generate("HS256", kid="r1")],
    }
    return Sessions(load=lambda subject: Grants(), **given | settings)


def codes(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """Severity and code of each."""
    found = list(findings)
    assert all(finding.what and finding.why and finding.remedy for finding in found)
    return [(finding.severity, finding.code) for finding in found]
