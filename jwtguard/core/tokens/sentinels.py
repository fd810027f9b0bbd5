"""Values that say in words what a setting leaves open, so that leaving a setting out never means it.

>>> UNCHECKED, NO_ISSUER
(UNCHECKED, NO_ISSUER)
"""

from __future__ import annotations

import enum
from typing import Final, Literal, TypeAlias


class Unchecked(enum.Enum):
    """The type of `UNCHECKED`, which takes any value of what it stands for."""

    UNCHECKED = "UNCHECKED"

    def __repr__(self) -> str:
        return "UNCHECKED"


class NoIssuer(enum.Enum):
    """The type of `NO_ISSUER`, the issuer of tokens without `iss`. A token with an `iss` is none of these."""

    NO_ISSUER = "NO_ISSUER"

    def __repr__(self) -> str:
        return "NO_ISSUER"

    __str__ = __repr__


UNCHECKED: Final = Unchecked.UNCHECKED
UncheckedType: TypeAlias = Literal[Unchecked.UNCHECKED]
NO_ISSUER: Final = NoIssuer.NO_ISSUER
NoIssuerType: TypeAlias = Literal[NoIssuer.NO_ISSUER]
