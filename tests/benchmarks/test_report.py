"""The report: it works on a tiny result, says what is missing, and the documents say what the kept results say."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measuring import Findings, Series
from benchmarks.report.documents import DOCUMENTS, PLOTS, blocks, fill
from benchmarks.report.figures import Figure, figure, ratio, said, table
from benchmarks.report.growth import slope_of
from benchmarks.report.plots import Plot, draw_all, fingerprint_in, fingerprint_of, plots
from benchmarks.report.targets import Part, counted, summary, targets, targets_table, uses_to_break_even
from benchmarks.results import COMMITTED, Results, as_document, merged, write

ALGORITHMS = ("HS256", "RS256", "ES256", "EdDSA")


def document(section: str, series: dict[tuple[str, str], list[float]], **facts: Any) -> dict[str, Any]:
    """A section's results as they are kept."""
    return {
        "section": section,
        "date": "2026-11-23",
        "seconds": 60.0,
        "command": "python3 benchmarks/run.py",
        "machine": {"processors": 2, "model": "a processor", "system": "a system"},
        "versions": {"Python": "3.11.7"},
        "series": [
            {"group": group, "name": name, "unit": "µs", "rounds": rounds} for (group, name), rounds in series.items()
        ],
        "facts": facts,
        "left_out": ["no PostgreSQL"],
    }


@pytest.fixture
def results() -> Results:
    """Two sections, of three rounds each; all else was not measured."""
    costs = {"limit": 10.0, "jwtguard": 14.0, "PyJWT": 50.0, "joserfc": 11.0, "oxyjwt": 6.0, "webtoken": 1.0}
    costs["jwtguard, seen before"] = 2.0
    verify = {(group, name): [cost, cost + 1, cost + 2] for group in ALGORITHMS for name, cost in costs.items()}
    growth = {("rules", str(point)): [5.0, 5.1, 5.2] for point in (1, 10, 100)}
    return Results([document("verify", verify), document("growth", growth, rules="rule")])


def test_every_block_is_made_or_says_what_is_missing(results: Results) -> None:
    """From a tiny result all blocks can be written; those without data name the section that was not measured."""
    made = {name: make() for name, make in blocks(results).items()}

    assert "a processor" in made["environment"]
    assert "no PostgreSQL" in made["environment"]
    assert "| jwtguard | 15.0 µs, 1.36 (1.35 to 1.38) |" in made["verify"]
    assert "| rules | 1 to 100 | 5.10 | 5.10 | flat | - |" in made["growth"]
    assert "joserfc 12.0 µs, jwtguard 15.0 µs" in made["better-peers"]
    assert "| oxyjwt | 3.00 (3.00 to 3.00) |" in made["break-even"]
    for name in ("requests", "seen", "http", "sessions", "weights", "capacity", "revocation", "keys", "remembered"):
        assert made[name].startswith("Not measured: "), (name, made[name])


def test_targets_tell_met_from_missed_from_not_measured(results: Results) -> None:
    """A target is decided by the median of the ratios, and one without data is neither met nor missed."""
    verify = targets(results)[0]
    assert [(part.name, part.is_met) for part in verify.parts] == [
        ("HS256", True),
        ("RS256", True),
        ("ES256", False),
        ("EdDSA", False),
    ]
    assert all(part.is_met is None for target in targets(results)[5:] for part in target.parts)
    line = "| `guard.verify`, cache off | the bare signature, base64 and JSON | HS256 / RS256 / ES256 / EdDSA |"
    assert f"{line} ≤ 3.6 / 1.75 / 1.32 / 1.22 | 1.36 / 1.36 / 1.36 / 1.36 | - | yes / yes / **no** / **no** |" in (
        targets_table(results).splitlines()
    )
    assert " meet their target, 12 miss it, and " in counted(results)
    assert "MISSED       `guard.verify`, cache off, ES256: 1.36 (1.35 to 1.38), ≤ 1.32" in summary(results)


def test_a_target_stands_beside_the_limit() -> None:
    """The limit is compared with the same peer, over the same bare route."""
    costs = {"bare": 10.0, "limit": 25.0, "jwtguard": 40.0, "written by hand": 110.0}
    rounds = {(group, name): [cost, cost, cost] for group in ALGORITHMS for name, cost in costs.items()}
    lines = targets_table(Results([document("starlette", rounds)])).splitlines()
    line = next(line for line in lines if "request, Starlette" in line)

    assert "| 0.300 / 0.300 / 0.300 / 0.300 | 0.150 / 0.150 / 0.150 / 0.150 |" in line


@pytest.mark.parametrize(
    ("costs", "uses"),
    [((10, 2, 5), 3), ((11, 2, 5), 3), ((11.1, 2, 5), 4), ((4, 2, 5), 1), ((10, 2, 2), math.inf)],
)
def test_the_break_even_is_the_first_number_of_uses_that_costs_no_more(
    costs: tuple[float, float, float], uses: float
) -> None:
    """The first use and the repeated ones together are compared with as many uses of the other decoder."""
    assert uses_to_break_even(*costs) == uses


def test_at_least_is_the_other_way_round() -> None:
    """For requests per second a larger value is better."""
    found = Figure(0.9, 0.8, 1.0)
    assert Part(name="a", limit=0.85, found=found, at_most=False).is_met
    assert not Part(name="a", limit=0.85, found=found).is_met


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (0.083411, "0.0834"),
        (9.996, "10.0"),
        (17.86, "17.9"),
        (119.4, "119"),
        (61432.0, "61,400"),
        (-5, "-5.00"),
    ],
)
def test_numbers_have_three_digits(value: float, expected: str) -> None:
    """Numbers have three digits and no exponent."""
    assert said(value) == expected


def test_ratios_are_taken_round_by_round() -> None:
    """A round in which the machine was busy, and so both were slow, does not count against either."""
    assert ratio([2.0, 20.0, 2.2], [1.0, 10.0, 1.0]) == Figure(2.0, 2.0, 2.1)
    assert figure([3.0]) == Figure(3.0, 3.0, 3.0)


@pytest.mark.parametrize(
    ("medians", "kind"),
    [
        ([8.5, 8.5, 8.6, 8.4], "flat"),
        ([8.5, 8.6, 10.0, 24.0], "linear"),
        ([29.0, 30.4, 46.6, 217.0], "linear"),
        ([1.0, 1.1, 11.0, 1001.0], "worse than linear"),
    ],
)
def test_growth_is_told(medians: list[float], kind: str) -> None:
    """The kind of growth follows from the times for 1, 10, 100 and 1000."""
    assert slope_of([1, 10, 100, 1000], medians).kind == kind


def test_tables_put_numbers_to_the_right() -> None:
    """Tables align numbers to the right and words to the left."""
    assert table(["a", "b"], [("x", "1.0 (0.9 to 1.1)"), ("y", "-")]).splitlines()[1] == "| --- | ---: |"


def test_results_are_written_as_they_are_read(tmp_path: Path) -> None:
    """Written results are read back, with four digits."""
    findings = Findings(series=[Series(group="g", name="n", rounds=[1.23456, 2.0])], facts={"f": 1})
    found = merged([as_document(findings), as_document(Findings(left_out=["x"]))])
    path = write(tmp_path, {"section": "verify", "date": "2026-11-23", **found})

    assert json.loads(path.read_text(encoding="utf-8"))["left_out"] == ["x"]
    assert Results.read(tmp_path).rounds("verify", "g", "n") == [1.235, 2.0]


def test_a_picture_carries_the_fingerprint_of_its_data(results: Results, tmp_path: Path) -> None:
    """Drawn twice it is the same to the byte; with other data it says so."""
    (first, *_), (again, *_) = draw_all(results, tmp_path / "a"), draw_all(results, tmp_path / "b")
    panels = dict(plots(results))["verify"]

    assert first.name == "verify.svg"
    assert first.read_bytes() == again.read_bytes()
    assert fingerprint_in(first) == fingerprint_of(panels)
    assert fingerprint_of(panels) != fingerprint_of([Plot(kind="bars", title="t", axis="x", rows=["a"])])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_documents_say_what_the_results_say(path: Path) -> None:
    """Written again from the results that are kept, a document is the same: `python3 benchmarks/run.py --report`."""
    text = path.read_text(encoding="utf-8")

    assert fill(text, blocks(Results.read(COMMITTED))) == text


def test_the_pictures_show_what_the_results_say() -> None:
    """Each was drawn from the results that are kept, and each is shown in a document."""
    drawn = {name: fingerprint_of(panels) for name, panels in plots(Results.read(COMMITTED))}
    shown = {name for path in DOCUMENTS for name in re.findall(r"\(performance/(.*?)\.svg\)", path.read_text("utf-8"))}

    assert {path.stem: fingerprint_in(path) for path in PLOTS.glob("*.svg")} == drawn
    assert shown == set(drawn)
