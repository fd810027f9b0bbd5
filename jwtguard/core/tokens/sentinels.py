"""`UNCHECKED`: the word for "I know that this is not checked", so that leaving something out never means it.

>>> UNCHECKED
UNCHECKED
"""

from __future__ import annotations

import enum
from typing import Final, Literal, TypeAlias


class Unchecked(enum.Enum):
    """The type of `UNCHECKED`."""

    UNCHECKED = "UNCHECKED"

    def __repr__(self) -> str:
        return "UNCHECKED"


UNCHECKED: Final = Unchecked.UNCHECKED
UncheckedType: TypeAlias = Literal[Unchecked.UNCHECKED]
