"""docs/sessions.md as tests see it: the Python below each heading."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sessions.md"
_PIECE = re.compile(r"^## (?P<heading>[^\n]+)$|^```python\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def run(*headings: str, **given: Any) -> dict[str, Any]:
    """What a reader's module holds after typing in the blocks below these headings."""
    namespace, heading, text = {"__name__": "reader", **given}, "", PAGE.read_text(encoding="utf-8")
    seen = set()
    for piece in _PIECE.finditer(text):
        if piece["heading"]:
            heading = piece["heading"]
        elif heading in headings:
            seen.add(heading)
            # The empty lines in front make a traceback name the line of the page.
            lines = "\n" * text.count("\n", 0, piece.start("code"))
            exec(compile(lines + piece["code"], str(PAGE), "exec"), namespace)
    assert seen == set(headings)
    return namespace
