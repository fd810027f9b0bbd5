"""docs/sessions-stores.md: what is to be typed in works, and the table is the one that is made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, inspect

from jwtguard.stores.session_table import session_table

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "sessions-stores.md").read_text(encoding="utf-8")


BLOCKS: list[str] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


# The others need a Django project: tests/literal/test_documents_django.py carries them out in one.
@pytest.mark.parametrize("code", [code for code in BLOCKS if "from project." not in code])
def test_it_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example makes a store."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(code, names)
    assert type(names["store"]).__name__.endswith("Store")
    engine = names.get("engine")
    if isinstance(engine, Engine):
        assert inspect(engine).has_table(session_table.name)
        engine.dispose()


def test_the_table() -> None:
    """Every column is described, in the order in which they are made."""
    described = re.findall(
        r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]+) \| (?:varchar|bigint|double)", PAGE, re.MULTILINE))
    )
    assert described == [column.name for column in session_table.columns]
