"""`NO_ISSUER`: the issuer of tokens that name none, so that they are known by its absence and never by accident.

>>> NO_ISSUER, str(NO_ISSUER)
(NO_ISSUER, 'NO_ISSUER')

It is the opposite of `UNCHECKED`, which takes any: a token with an `iss` is none of these.
"""

from __future__ import annotations

import enum
from typing import Final, Literal, TypeAlias


class NoIssuer(enum.Enum):
    """The type of `NO_ISSUER`."""

    NO_ISSUER = "NO_ISSUER"

    def __repr__(self) -> str:
        return "NO_ISSUER"

    __str__ = __repr__


NO_ISSUER: Final = NoIssuer.NO_ISSUER
NoIssuerType: TypeAlias = Literal[NoIssuer.NO_ISSUER]
