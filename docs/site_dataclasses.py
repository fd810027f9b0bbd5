"""What lets the reference show our dataclasses as such: it knows the decorator of the standard library alone."""

from __future__ import annotations

import griffe

OURS, STANDARD = "jwtguard.core.dataclasses.dataclass", "dataclasses.dataclass"


class Dataclasses(griffe.Extension):
    """Takes our decorator for the one that it stands for."""

    def on_module_members(self, *, mod: griffe.Module, **_: object) -> None:
        """Once a module was read, before anybody asks what its classes are."""
        found = mod.members.get("dataclass")
        if isinstance(found, griffe.Alias) and found.target_path == OURS:
            found.target_path = STANDARD
