"""The documentation keeps up with the code: every reason is named, every link leads somewhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from jwtguard.core.tokens.reasons import REASONS, STEPS
from tests.docs.rfc_citations import citations

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]

# Errors whose one reason stands in their own class; the other classes of errors.py are told theirs where they are made.
_FIXED = {
    "BodyTooLargeError",
    "ConfigurationError",
    "InsufficientScopeError",
    "InsufficientUserAuthenticationError",
    "MethodNotAllowedError",
    "MissingTokenError",
}
# Where a reason is no literal: claims whose dates are checked by one function, states of a session, and reasons that
# are handed on from an error which was made elsewhere.
_NAMED_ELSEWHERE: dict[tuple[str, str], set[str]] = {
    ("claims_policy.py", "name"): {"exp", "nbf", "iat", "auth_time"},
    ("rotation.py", "reason"): {"unknown_session", "another_session", "revoked", "expired"},
    ("refresh_tokens.py", "reason"): {"unforeseen"},
    ("refresh_tokens.py", "name"): {"sub", "sid", "gen", "auth_time", "scope", "claims", "remember", "stamp"},
    ("endpoints.py", "reason"): set(),
    ("look_ups.py", "outcome.reason"): set(),
    ("look_ups.py", "error.reason"): set(),
    ("websocket_lifetime.py", "self.refusal"): {"expired", "revoked"},
    ("forks.py", "self._name"): {"keys", "store", "introspection"},
}


def reasons_in_code() -> set[str]:
    """The first argument of every error of ours that is made in jwtguard/."""
    errors = ROOT / "jwtguard" / "core" / "errors.py"
    classes = {node.name for node in ast.walk(_parsed(errors)) if isinstance(node, ast.ClassDef)} - _FIXED
    assert "InvalidTokenError" in classes
    found: set[str] = set()
    for path in (ROOT / "jwtguard").rglob("*.py"):
        made_by = classes | ({"super().__init__"} if path == errors else set())
        for node in ast.walk(_parsed(path)):
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.func) in made_by:
                found |= set(_reasons(node.args[0], path.name))
    return found


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _reasons(argument: ast.expr, file: str) -> Iterator[str]:
    match argument:
        case ast.Constant(value=str(reason)):
            yield reason
        case ast.IfExp(body=body, orelse=orelse):
            yield from _reasons(body, file)
            yield from _reasons(orelse, file)
        case ast.JoinedStr(values=[ast.Constant(value=str(prefix)), *_]):
            yield f"{prefix}…"
        case _ if (file, ast.unparse(argument)) in _NAMED_ELSEWHERE:
            yield from _NAMED_ELSEWHERE[file, ast.unparse(argument)]
        case ast.Name(id="reason") if file == "errors.py":
            pass  # Handed on by a subclass's __init__.
        case ast.JoinedStr() if file == "errors.py":
            pass  # The text of the exception itself.
        case _:
            raise AssertionError(f"{file}: which reasons can {ast.unparse(argument)} be?")


def reasons_in_table() -> list[str]:
    """The names in the first column of the table."""
    text = (ROOT / "docs" / "verification.md").read_text(encoding="utf-8").partition("## Reasons")[2]
    rows = re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE)
    return [reason for row in rows for reason in re.findall("`(.*?)`", row)]


def test_every_reason_is_explained() -> None:
    """docs/verification.md names what the code can raise, each once, and nothing else."""
    table = reasons_in_table()
    assert sorted(table) == sorted(set(table))
    # `missing_…` stands for all of its kind, and for one that is written out.
    assert set(table) == reasons_in_code() - {"missing_iat"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links(document: Path) -> None:
    """A link to a file of this repository leads to one."""
    text = document.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_section_of_an_rfc_is_listed() -> None:
    """docs/rfcs.md has a row for what the code cites, with the files that cite it, and no other."""
    listed, number = set(), ""
    for line in (ROOT / "docs" / "rfcs.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            number = line.removeprefix("## RFC ")[:4] if line.startswith("## RFC ") else ""
        elif number and (row := re.fullmatch(r"\| (?:§([\d.]+)|all) \| [^|]+ \| (.+) \|", line)):
            listed |= {(number, row[1] or "", file) for file in re.findall("`([^`]+)`", row[2])}
    assert listed == citations()


def test_every_step_is_the_tables() -> None:
    """The steps beside the reasons are those by which `jwtguard explain` tells where a token failed."""
    text = (ROOT / "docs" / "verification.md").read_text(encoding="utf-8").partition("## Reasons")[2]
    shown = {
        name: tuple(int(number) for number in re.findall(r"\d+", step))
        for names, step in re.findall(r"^\| (`.*?`) \|.*\|([^|]*)\|$", text, re.MULTILINE)
        for name in re.findall("`(.*?)`", names)
    }
    # Whatever was not foreseen can be at any step, and what comes after the eighth has no number there.
    told = {name: tuple(step for step in reason.steps if step <= 8) for name, reason in REASONS.items()}
    assert {name: shown[name] for name in told} == told | {"unforeseen": ()}
    assert {step: about.title for step, about in STEPS.items() if step <= 8} == {
        int(number): title for number, title in re.findall(r"^\| (\d)\. (\w+) \|", _whole(), re.MULTILINE)
    }


def _whole() -> str:
    return (ROOT / "docs" / "verification.md").read_text(encoding="utf-8")
