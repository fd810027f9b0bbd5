"""What makes one site of files that are meant to be read in the repository too.

The README is the front page, the other documents at the top are pages, and a link to a file of code leads to a page
that shows it: links are written as they work in the repository, and are turned into links of the site here.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
AT_THE_TOP = {"README.md": "index.md"} | {
    name: name for name in ("SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE")
}
"""The documents beside `docs/`, and what they are called on the site."""
_LINK = re.compile(r"\]\((?!\w+:|#)(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what does not stand in `docs/`: the documents at the top, and the code that documents point to."""
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in AT_THE_TOP if name.endswith(".md")}
    shown = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}
    for name, text in texts.items():
        files.append(File.generated(config, AT_THE_TOP[name], content=text))
    linked = {_in_repository(name, link["path"]) for name, text in texts.items() for link in _LINK.finditer(text)} | {
        _in_repository(f"docs/{name}", link["path"]) for name, text in shown.items() for link in _LINK.finditer(text)
    }
    for path in sorted(linked):
        if (page := _page_of(path)).startswith("source/"):
            files.append(File.generated(config, page, content=_listing(path)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the links of the repository into links of the site."""
    here = page.file.src_uri
    names = {on_site: name for name, on_site in AT_THE_TOP.items()}
    source = names.get(here, f"docs/{here}")

    def link(match: re.Match[str]) -> str:
        target = _page_of(_in_repository(source, match["path"]))
        return f"]({posixpath.relpath(target, posixpath.dirname(here) or '.')}{match['anchor'] or ''})"

    return markdown if here.startswith("source/") else _LINK.sub(link, markdown)


def _in_repository(source: str, link: str) -> str:
    """The path from the root of the repository that a link in the file `source` means."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link))


def _page_of(path: str) -> str:
    """Where the site shows a file of the repository."""
    if path in AT_THE_TOP and path.endswith(".md"):
        return AT_THE_TOP[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"source/{path}.md"


def _listing(path: str) -> str:
    """A page that shows a file, or what a directory holds."""
    file = ROOT / path
    if file.is_dir():
        names = "\n".join(f"- `{each.relative_to(ROOT)}`" for each in sorted(file.rglob("*.py")))
        return f"# {path}\n\n{names}\n"
    language = {".py": "python", ".toml": "toml"}.get(file.suffix, "text")
    return f"# {path}\n\n````{language}\n{file.read_text(encoding='utf-8')}\n````\n"
