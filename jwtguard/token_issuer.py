"""`TokenIssuer` with the guard that accepts its tokens: the shortest way for an application that issues its own.

>>> from jwtguard import Rule, Rules, SigningKey, TokenIssuer, public
>>> issuer = TokenIssuer(
...     issuer="https://issuer.example",
...     audience="https://api.example",
...     client_id="web",
...     signing_keys=[SigningKey.generate("ES256", kid="2026-11")],
... )
>>> guard = issuer.guard(rules=Rules([Rule("/health", public)]))
>>> guard.verify(issuer.access_token("user-1", roles=["admin"])).run().principal.subject
'user-1'

It stands here because a guard imports the core, and the core imports no guard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jwtguard.core.access.rules import Rules
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.tokens import issuer as core
from jwtguard.core.tokens.sentinels import UncheckedType
from jwtguard.guard import Guard


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssuer(core.TokenIssuer):
    """The issuer of `jwtguard.core.tokens.issuer`, whose arguments it takes, with `guard` beside them."""

    def guard(self, *, rules: Rules | UncheckedType | None = None, **settings: Any) -> Guard:  # noqa: ANN401
        """The guard that accepts the tokens of this issuer, for its audience and by its keys.

        `settings` are those of `Guard`. The issuer itself gives `issuer`, `audience` and `keys`, and, where `settings`
        do not say otherwise, `max_token_bytes` and `clock`. Raises `ConfigurationError`, also if `settings` repeat what
        the issuer gives.
        """
        own: dict[str, Any] = {"issuer": self.issuer, "audience": self.audience, "keys": self.verification_keys}
        repeated = sorted({*own, "issuers"} & settings.keys())
        if repeated:
            raise ConfigurationError(
                f"issuer.guard(...) takes no {', '.join(repeated)}: the issuer gives them; for a guard that accepts the"
                " tokens of others too, write Guard(issuers=[...])"
            )
        own |= {"max_token_bytes": self.max_token_bytes, "clock": self.clock}
        return Guard(rules=rules, **{**own, **settings})
