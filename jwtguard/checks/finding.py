"""One thing that was found: how bad it is, what, why it matters, and what to do.

>>> Finding("note", "debug", "DEBUG is on", why="Errors show code.", remedy="Turn it off.").severity
'note'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""From bad to harmless. An error is a hole, or something that cannot work; a note states a choice."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is a stable word; the rest is for people."""

    severity: Severity
    code: str
    what: str
    why: str
    remedy: str
