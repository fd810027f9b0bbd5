"""What a guard says for all its issuers, where one does not say otherwise.

>>> PolicyDefaults().leeway.total_seconds()
10.0
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from jwtguard.core.tokens.claims_policy import DEFAULT_LEEWAY
from jwtguard.core.tokens.principal import ClaimsMapping


class PolicyDefaults(NamedTuple):
    """Each as in `Guard`."""

    leeway: timedelta = DEFAULT_LEEWAY
    required_claims: Iterable[str] | None = None
    max_token_age: timedelta | None = None
    claims: ClaimsMapping = ClaimsMapping()
