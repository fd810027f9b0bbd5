"""Subjects as an application knows them: text, an integer or a UUID, each with one spelling in tokens and rows.

>>> from uuid import UUID
>>> subject_text(7), subject_text(UUID(int=7))
('7', '00000000-0000-0000-0000-000000000007')
"""

from __future__ import annotations

from typing import TypeAlias
from uuid import UUID

Subject: TypeAlias = "str | int | UUID"
"""Who a token speaks for: the primary key of a user, as a rule."""


def subject_text(subject: object) -> str | None:
    """The spelling of a subject in `sub` (RFC 7519 §4.1.2); None if it is empty, or of another type."""
    if isinstance(subject, bool) or not isinstance(subject, str | int | UUID):
        return None
    return str(subject) or None
