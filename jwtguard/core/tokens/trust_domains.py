"""Trust domains of SPIFFE, whose tokens are told apart by the subject and not by an issuer.

>>> domain = TrustDomain("spiffe://prod.example")
>>> domain.holds("spiffe://prod.example/ns/shop/sa/orders"), domain.holds("spiffe://prod.example.evil/orders")
(True, False)

A JWT-SVID names its workload in `sub`, by a SPIFFE ID, and needs no `iss` (JWT-SVID §3). The keys of a trust domain are
good for the identities of this domain alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jwtguard.core.errors import ConfigurationError, InvalidTokenError

SPIFFE = "spiffe://"
_MAX_ID = 2048
"""Bytes of a SPIFFE ID (SPIFFE-ID §2.3), of which a trust domain's name has 255 at most."""
_DOMAIN = re.compile(r"spiffe://([a-z0-9._-]{1,255})", re.ASCII)
# SPIFFE-ID §2.2: no empty segment, none of dots alone, no slash at the end, nothing that would need an escape.
_PATH = r"(?:/(?!\.{1,2}(?:/|$))[a-zA-Z0-9._-]+)+"


@dataclass(frozen=True, slots=True)
class TrustDomain:
    """The trust domain `name`, as in `spiffe://prod.example`. Raises `ConfigurationError`."""

    name: str
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False, default=_DOMAIN)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _DOMAIN.fullmatch(self.name):
            raise ConfigurationError(
                "a trust domain is spiffe:// and a name of small letters, digits, dots, hyphens and underscores, as in"
                f' "spiffe://prod.example": found {self.name!r}'
            )
        object.__setattr__(self, "_pattern", re.compile(re.escape(self.name) + _PATH, re.ASCII))

    def __str__(self) -> str:
        return self.name

    def holds(self, subject: object) -> bool:
        """Whether `subject` is the SPIFFE ID of a workload in this trust domain."""
        return isinstance(subject, str) and len(subject) <= _MAX_ID and self._pattern.fullmatch(subject) is not None

    def check(self, claims: Mapping[str, Any]) -> None:
        """Check that verified `claims` are of this trust domain; raises `InvalidTokenError`.

        `iss` may be there, and names no more than the server that signed.
        """
        if not isinstance(claims.get("iss", ""), str):
            raise InvalidTokenError("iss")
        if not self.holds(claims.get("sub")):
            raise InvalidTokenError("trust_domain")
