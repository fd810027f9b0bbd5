"""The page's files, as they are served: a closed list, so that no path leads anywhere else.

>>> PAGE_FILES["/"].content_type
'text/html; charset=utf-8'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files

NAMES = (
    *("index.html", "style.css"),
    *("main.js", "calls.js", "dom.js", "editor.js", "forms.js", "parts.js", "times.js", "verdict.js"),
)
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFile:
    """One file of the page."""

    content_type: str
    body: bytes = field(repr=False)


def _load(name: str) -> PageFile:
    body = files("jwtguard.cli.debugger").joinpath("page", name).read_bytes()
    return PageFile(content_type=f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8", body=body)


PAGE_FILES: Mapping[str, PageFile] = {"/" if name == "index.html" else f"/{name}": _load(name) for name in NAMES}
"""What `GET` serves, by path."""
