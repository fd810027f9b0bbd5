"""Reading `tests/vectors`, whose README says where each file comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "vectors"

Vector = Mapping[str, Any]


def read(path: str) -> Any:
    """The JSON document at `path` inside `tests/vectors`."""
    return json.loads((FOLDER / path).read_text(encoding="utf-8"))


def wycheproof(name: str) -> Iterator[tuple[Vector, Vector]]:
    """Each test of a Wycheproof file, with the group that holds its key."""
    for group in read(f"wycheproof/{name}_test.json")["testGroups"]:
        for test in group["tests"]:
            yield group, test


def cookbook(folder: str) -> Iterator[tuple[str, Vector]]:
    """Each example of a folder of the JOSE cookbook, with its name."""
    for path in sorted((FOLDER / "cookbook" / folder).glob("*.json")):
        yield path.stem, read(f"cookbook/{folder}/{path.name}")


def public(jwk: Vector) -> dict[str, Any]:
    """A JWK without its private members."""
    return {name: value for name, value in jwk.items() if name not in {"d", "p", "q", "dp", "dq", "qi"}}
