"""Running all checks: the worst first, each finding once, and a broken check is one itself."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError

import pytest

from jwtguard import UNCHECKED, TokenCookie
from jwtguard.doctor import DoctorContext, examination, examine
from jwtguard.doctor.examination import check_distribution
from jwtguard.guard_checks import Finding
from tests.doctor.contexts import codes, context
from tests.samples import guard


def test_the_worst_comes_first() -> None:
    """Errors before warnings before notes, and what two guards have in common is said once."""
    insecure = {"audience": UNCHECKED, "tokens_from": [TokenCookie()], "csrf": UNCHECKED}
    found = examine(context(guards=[guard(**insecure), guard(**insecure)]))
    ours = [code for code in codes(found) if code[1] != "secret_guessable"]
    assert ours == [("error", "csrf_unchecked"), ("warning", "audience_unchecked")]


def test_a_check_that_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others still have their say, and what was raised is told by its type alone."""

    def broken(context: DoctorContext) -> Iterator[Finding]:
        raise RuntimeError("with a secret in it")

    monkeypatch.setattr(examination, "CHECKS", (broken, examination.check_tokens))
    found = examine(context(guards=[guard(audience=UNCHECKED)]))
    assert codes(found) == [("warning", "check_failed"), ("warning", "audience_unchecked")]
    assert (found[0].what, "secret" in repr(found[0])) == ("broken could not be finished: RuntimeError", False)


def test_the_foreign_distribution() -> None:
    """A distribution of the name jwtguard is another project's."""

    def none(name: str) -> str:
        raise PackageNotFoundError(name)

    assert codes(check_distribution(DoctorContext(), version_of=none)) == []
    found = list(check_distribution(DoctorContext(), version_of=lambda name: {"jwtguard": "0.0.3"}[name]))
    assert codes(found) == [("error", "foreign_distribution")]
    assert "jwtguard 0.0.3" in found[0].what
