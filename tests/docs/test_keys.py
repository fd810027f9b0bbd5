"""docs/keys.md works as it is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from jwtguard import Guard, SigningKeys
from tests.examples.documents import ROOT, run

DOCUMENT = ROOT / "docs" / "keys.md"


def test_every_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed in from the top, nothing is fetched, and our own keys do what it says."""
    monkeypatch.chdir(tmp_path)
    shown = run(DOCUMENT, {"__name__": "keys"})
    keys, issuer = shown["keys"], shown["issuer"]
    assert isinstance(keys, SigningKeys)
    assert isinstance(shown["guard"], Guard)
    assert [state.role for state in keys.states()] == ["compromised", "current"]
    assert [state.role for state in shown["secrets"].states()] == ["retired", "current"]
    assert issuer.issuer == "https://api.example"


def test_three_lines() -> None:
    """Keycloak and Auth0 take three lines each."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in ("keycloak", "auth0"):
        block = next(block for block in text.split("```python\n")[1:] if f"import {name}\n" in block)
        lines = [line for line in block.partition("```")[0].splitlines() if line]
        assert len(lines) == 3
