"""Results as files: one JSON document a section, with where, when and by which command it was made.

>>> results = Results(
...     [
...         {
...             "section": "verify",
...             "series": [
...                 {"group": "HS256", "name": "limit", "unit": "µs", "rounds": [8.0, 9.0, 10.0]},
...             ],
...         }
...     ]
... )
>>> results.rounds("verify", "HS256", "limit")
[8.0, 9.0, 10.0]
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import Findings

ROOT = Path(__file__).resolve().parents[1]
COMMITTED = ROOT / "benchmarks" / "results"
"""What the documents say."""
QUICK = COMMITTED / "quick"
"""What a quick run leaves: to look at, not to publish."""


class NotMeasuredError(KeyError):
    """The results have no such series: its section failed, or was not run, or could not measure it."""


class Results:
    """What the sections found."""

    def __init__(self, documents: Iterable[Mapping[str, Any]]) -> None:
        self.sections = {document["section"]: document for document in documents}
        self._rounds = {
            (name, series["group"], series["name"]): series["rounds"]
            for name, document in self.sections.items()
            for series in document["series"]
        }

    @classmethod
    def read(cls, folder: Path) -> Results:
        """All that lie in a folder."""
        paths = sorted(folder.glob("*.json"))
        return cls(json.loads(path.read_text(encoding="utf-8")) for path in paths)

    def rounds(self, section: str, group: str, name: str) -> Sequence[float]:
        """The figures of one contender, round by round; raises `NotMeasuredError`."""
        try:
            rounds: Sequence[float] = self._rounds[section, group, name]
        except KeyError:
            raise NotMeasuredError(f"{section}: {name} ({group})") from None
        return rounds

    def names(self, section: str, group: str) -> list[str]:
        """The contenders of a group, in the order in which they were named; raises `NotMeasuredError`."""
        self._check(section)
        return [name for place, within, name in self._rounds if (place, within) == (section, group)]

    def groups(self, section: str) -> list[str]:
        """The groups of a section; raises `NotMeasuredError`."""
        self._check(section)
        return list(dict.fromkeys(group for place, group, _ in self._rounds if place == section))

    def facts(self, section: str) -> Mapping[str, Any]:
        """What a section counted; raises `NotMeasuredError`."""
        self._check(section)
        facts: Mapping[str, Any] = self.sections[section]["facts"]
        return facts

    def _check(self, section: str) -> None:
        if section not in self.sections:
            raise NotMeasuredError(section)


def as_document(findings: Findings) -> dict[str, Any]:
    """Findings as JSON, with four digits: more than that no machine repeats."""
    return {
        "series": [
            {
                "group": series.group,
                "name": series.name,
                "unit": series.unit,
                "rounds": [float(f"{value:.4g}") for value in series.rounds],
            }
            for series in findings.series
        ],
        "facts": findings.facts,
        "left_out": findings.left_out,
    }


def merged(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The parts of one section as one."""
    return {
        "series": [series for document in documents for series in document["series"]],
        "facts": {name: fact for document in documents for name, fact in document["facts"].items()},
        "left_out": list(dict.fromkeys(text for document in documents for text in document["left_out"])),
    }


def write(folder: Path, document: Mapping[str, Any]) -> Path:
    """Keep a section's document; each contender's rounds on a line of their own, so that a change can be read."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{document['section']}.json"
    head = json.dumps(
        {name: value for name, value in document.items() if name != "series"}, indent=1, ensure_ascii=False
    )
    series = ",\n  ".join(json.dumps(each, ensure_ascii=False) for each in document["series"])
    path.write_text(f'{head.removesuffix("}").rstrip()},\n "series": [\n  {series}\n ]\n}}\n', encoding="utf-8")
    return path


def fingerprint() -> str:
    """Tells one state of the code that is measured, or that measures, from another."""
    digest = hashlib.sha256()
    for folder in ("jwtguard", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "report" not in path.parts:
                digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]
