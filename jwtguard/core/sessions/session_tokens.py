"""The two tokens of one generation of a session, signed: a stateless one to call with, and one for the generation
after this.

>>> from jwtguard.core.tokens.keys import SigningKey
>>> issuer = TokenIssuer(
...     issuer="https://issuer.example",
...     audience="https://api.example",
...     client_id="web",
...     signing_keys=[SigningKey.generate("ES256", kid="a1")],
... )
>>> refresh_tokens = RefreshTokens(issuer.issuer, [SigningKey.generate("HS256", kid="r1")])
>>> tokens = SessionTokens(issuer, refresh_tokens, idle_lifetime=60, absolute_lifetime=90)
>>> token = RefreshToken(subject="user-1", session_id="s1", generation=0, auth_time=1000)
>>> tokens.answer(token, Grants(scope=["reports:read"]), now=1000)
TokenResponse(expires_in=300, refresh_expires_in=60, scope='reports:read', remember=True, token_type='Bearer')
"""

from __future__ import annotations

from jwtguard.core.errors import ConfigurationError, InvalidGrantError
from jwtguard.core.sessions.grants import Grants, TokenResponse, granted_scope
from jwtguard.core.sessions.refresh_tokens import RefreshToken, RefreshTokens
from jwtguard.core.tokens.issuer import TokenIssuer


class SessionTokens:
    """Signs what a session hands out. Lifetimes are in seconds: idle from each turn on, absolute from login on."""

    __slots__ = ("_absolute", "_idle", "issuer", "refresh_tokens")

    def __init__(
        self, issuer: TokenIssuer, refresh_tokens: RefreshTokens, *, idle_lifetime: float, absolute_lifetime: float
    ) -> None:
        self.issuer = issuer
        self.refresh_tokens = refresh_tokens
        self._idle = idle_lifetime
        self._absolute = absolute_lifetime

    def lifetime(self, token: RefreshToken, *, now: float) -> float:
        """How long a refresh token that is made `now` may live, in seconds; not positive once the session is over."""
        return min(self._idle, token.auth_time + self._absolute - now)

    def answer(self, token: RefreshToken, grants: Grants, *, now: float) -> TokenResponse:
        """Both tokens of the generation that `token` names; raises `ConfigurationError` for what a token cannot say.

        The scope is the login's as far as it is granted today; the refresh token keeps the login's.
        """
        scope = granted_scope(token.scope, grants.scope)
        access_token = self.issuer.access_token(
            token.subject,
            roles=grants.roles,
            scope=scope,
            permissions=grants.permissions,
            session_id=token.session_id,
            auth_time=token.auth_time,
            claims={**token.claims, **grants.claims},
        )
        lifetime = self.lifetime(token, now=now)
        return TokenResponse(
            access_token=access_token,
            refresh_token=self.refresh_tokens.issue(token, now=now, lifetime=lifetime),
            expires_in=int(self.issuer.access_token_lifetime.total_seconds()),
            refresh_expires_in=max(int(lifetime), 0),
            scope=" ".join(scope),
            remember=token.remember,
        )

    def first_answer(self, token: RefreshToken, grants: Grants, *, now: float) -> TokenResponse:
        """`answer` for a login; raises `ConfigurationError` too if no refresh could read its claims back."""
        answer = self.answer(token, grants, now=now)
        try:
            self.refresh_tokens.read(answer.refresh_token, now=now)
        except InvalidGrantError as error:
            reason = error.reason
        else:
            return answer
        raise ConfigurationError(
            f"the claims and the scope given at login make a refresh token that is refused itself ({reason}): keep them"
            " few and flat, since every generation carries them"
        )
