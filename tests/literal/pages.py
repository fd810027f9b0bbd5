"""The pages of the documentation as a reader uses them: each block goes to the end of the file that it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README, GUIDE = "README.md", "docs/guide.md"
PAGES = (README, *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))

_PIECE = re.compile(
    r"^#+ (?P<heading>[^\n]+)$"
    r"|^(?P<indent> *)```(?P<language>[\w-]+)(?P<flags>[^\n]*)\n(?P<code>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_FILE = re.compile(r"# ([\w/]+\.\w+)\n")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of code: where it stands, its language with what follows that (`no-run`), and its text."""

    page: str
    heading: str
    line: int
    language: str
    code: str

    @property
    def file(self) -> str:
        """The file that its first line names, else `app.py`."""
        named = _FILE.match(self.code)
        return named[1] if named else "app.py"


def blocks(page: str, *headings: str) -> Iterator[Block]:
    """The blocks of a page, those in lists too, or those below some of its headings."""
    heading, text, seen = "", (ROOT / page).read_text(encoding="utf-8"), set()
    for piece in _PIECE.finditer(text):
        if piece["heading"]:
            heading = piece["heading"]
            seen.add(heading)
        elif not headings or heading in headings:
            yield Block(
                page=page,
                heading=heading,
                line=text.count("\n", 0, piece.start("code")) + 1,
                language=piece["language"] + piece["flags"],
                code=re.sub(f"^{piece['indent']}", "", piece["code"], flags=re.MULTILINE),
            )
    missing = set(headings) - seen
    assert not missing, f"{page} has no heading {missing}"


def python_blocks(page: str, *headings: str) -> list[Block]:
    """Those in Python that a reader can use as they are."""
    found = [block for block in blocks(page, *headings) if block.language == "python"]
    assert found, f"{page} has no Python below {headings}"
    return found
