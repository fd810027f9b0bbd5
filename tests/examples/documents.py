"""The documentation as tests see it: the Python in it, by heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
README, GUIDE = ROOT / "README.md", ROOT / "docs" / "guide.md"

_PIECE = re.compile(r"^#+ (?P<heading>[^\n]+)$|^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(path: Path, language: str = "python") -> Iterator[tuple[str, int, str]]:
    """Each block of code in this language: the heading it stands under, its first line's number, and the code."""
    heading, text = "", path.read_text(encoding="utf-8")
    for piece in _PIECE.finditer(text):
        if piece["heading"]:
            heading = piece["heading"]
        elif piece["language"] == language:
            yield heading, text.count("\n", 0, piece.start("code")) + 1, piece["code"]


def run(path: Path, namespace: dict[str, Any], *headings: str) -> dict[str, Any]:
    """Run the blocks under these headings, or all of them, as a reader would who types them in from the top."""
    found = [block for block in blocks(path) if not headings or block[0] in headings]
    assert found, f"{path.name} has no code under {headings}"
    for _, line, code in found:
        # The empty lines in front make a traceback name the line of the document.
        exec(compile("\n" * (line - 1) + code, str(path), "exec"), namespace)
    return namespace
