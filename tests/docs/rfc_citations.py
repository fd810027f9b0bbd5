"""Which sections of which RFCs the code says it implements."""

from __future__ import annotations

import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "jwtguard"
_RFC = re.compile(r"RFC (?P<number>\d{4})(?:bis)?(?P<sections>(?:(?:, | and | )?§\d[\d.]*(?<!\.))*)")


def citations() -> set[tuple[str, str, str]]:
    """RFC, section ("" where none is named) and the file that names them, for all of jwtguard/ that serves requests."""
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE).as_posix()
        if file.startswith(("testing/", "cli/", "explanation/")):
            continue
        # A comment may break a line between the two.
        text = re.sub(r"\s*\n\s*(?:# ?)?", " ", path.read_text(encoding="utf-8"))
        for cited in _RFC.finditer(text):
            for section in re.findall(r"§([\d.]*\d)", cited["sections"]) or [""]:
                found.add((cited["number"], section, file))
    return found
