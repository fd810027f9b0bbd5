"""The suite: examples run, contenders alternate, an unguarded one is not timed, a failure stops one section."""

from __future__ import annotations

import doctest
import importlib
import json
from pathlib import Path

import pytest

from benchmarks import __main__ as suite
from benchmarks.measuring import Pace, interleaved
from benchmarks.proof import UnguardedError, prove_guarded
from benchmarks.results import ROOT, Results
from benchmarks.sections import SECTIONS, Section
from benchmarks.tokens import ALGORITHMS, Mint

# Those that need no peers.
WITH_EXAMPLES = (
    "callables",
    "machine",
    "measuring",
    "proof",
    "report.documents",
    "report.figures",
    "report.growth",
    "report.plots",
    "results",
    "sections",
    "simulation.events",
    "simulation.keys",
    "simulation.memory",
    "simulation.revocation",
    "simulation.tables",
    "tokens",
)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples(name: str) -> None:
    """The docstrings show what happens."""
    found = doctest.testmod(importlib.import_module(f"benchmarks.{name}"), optionflags=doctest.ELLIPSIS)

    assert found.attempted > 0
    assert found.failed == 0


def test_contenders_take_turns() -> None:
    """Each round all of them run, and each starts a round as often as the others."""
    seen: list[str] = []

    def batch(name: str, times: int) -> None:
        seen.append(name)
        sum(range(times * 2000))

    pace = Pace(rounds=8, batch_seconds=0.0005, is_quick=True)
    series = interleaved("g", {name: lambda times, name=name: batch(name, times) for name in "ab"}, pace)  # type: ignore[misc]

    assert [(each.group, each.name, len(each.rounds)) for each in series] == [("g", "a", 8), ("g", "b", 8)]
    assert "".join(seen[-16:]) == "abba" * 4


@pytest.mark.parametrize("pace", [Pace.full(), Pace.quick()])
def test_no_median_is_of_fewer_than_seven_rounds(pace: Pace) -> None:
    """A quick run is shorter by its batches."""
    assert pace.rounds >= 7


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_guard_proves_itself(algorithm: str) -> None:
    """A contender must admit the valid token and refuse the broken ones."""
    mint = Mint(algorithm)
    guard = mint.guard()

    def ask(token: str | None) -> tuple[int, bytes]:
        try:
            return 200, guard.verify(token or "").run().claims["sub"].encode()
        except Exception:
            return 401, b""

    prove_guarded("guard", ask, mint)


@pytest.mark.parametrize(
    ("status", "body", "complaint"),
    [
        (401, b"", "answers a good token with 401"),
        (200, b"user-1", "answers a good token with 200"),
        (200, b"user-0", "admits a request with no token"),
    ],
)
def test_who_does_not_guard_is_not_timed(status: int, body: bytes, complaint: str) -> None:
    """A contender that refuses every token or gives another subject is not timed."""
    with pytest.raises(UnguardedError, match=complaint):
        prove_guarded("peer", lambda token: (status, body), Mint("HS256"))


def test_a_fault_is_no_refusal() -> None:
    """A peer that breaks at a bad token has not refused it."""
    answers = iter([(200, b"user-0"), (401, b""), (500, b"")])

    with pytest.raises(UnguardedError, match="answers a changed signature with 500, which is no refusal but a fault"):
        prove_guarded("peer", lambda token: next(answers), Mint("HS256"))


def test_each_section_has_its_module() -> None:
    """Each section has a module, and each module is a section."""
    modules = {path.stem for path in (ROOT / "benchmarks" / "sections").glob("*.py")} - {"__init__"}
    assert {section.name.replace("-", "_") for section in SECTIONS} == modules


def test_a_section_that_fails_is_said_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 1, and what the others found is kept; with `--resume` it is not measured again."""
    known = {name: Section(name=name, title="t", seconds=60) for name in ("nowhere", "simulation")}
    monkeypatch.setattr(suite, "BY_NAME", known)
    arguments = ["--quick", "--only", "nowhere", "--only", "simulation", "--results", str(tmp_path)]

    assert suite.main(arguments) == 1
    said = capsys.readouterr().out
    assert "nowhere      FAILED: ModuleNotFoundError: No module named 'benchmarks.sections.nowhere'" in said
    assert "FAILED: nowhere. The others are kept" in said
    assert set(Results.read(tmp_path).sections) == {"simulation"}

    assert suite.main([*arguments[:1], *arguments[3:], "--resume"]) == 0
    assert "simulation   kept" in capsys.readouterr().out


def test_a_section_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After its own seconds, not the suite's."""
    monkeypatch.setattr(suite, "BY_NAME", {"simulation": Section(name="simulation", title="t", seconds=0)})

    assert suite.main(["--quick", "--only", "simulation", "--results", str(tmp_path)]) == 1
    assert "simulation   FAILED: not done after 0 s" in capsys.readouterr().out


def test_results_of_other_code_are_measured_again(tmp_path: Path) -> None:
    """`--resume` keeps only what the same code found at the same pace."""
    section = Section(name="simulation", title="t", seconds=60)
    file = tmp_path / "simulation.json"
    file.write_text(json.dumps({"pace": "full", "fingerprint": "a"}), encoding="utf-8")

    assert suite._is_done(tmp_path, section, pace="full", code="a")
    assert not suite._is_done(tmp_path, section, pace="full", code="b")
    assert not suite._is_done(tmp_path, section, pace="quick", code="a")
    assert not suite._is_done(tmp_path / "elsewhere", section, pace="full", code="a")
