"""Access tokens for tests, which a guard accepts for as long as the test lasts, beside those it accepts anyway.

>>> from jwtguard import Guard
>>> from jwtguard.providers import keycloak
>>> guard = Guard(issuers=[keycloak("https://kc.example/realms/acme", audience="orders-api")])  # the application's own
>>> with tokens_for(guard) as token_for:
...     caller = guard.verify(token_for("alice", roles=["admin"])).run().principal
>>> caller.subject, caller.roles
('alice', frozenset({'admin'}))

Nothing is fetched for them: they are signed with a throw-away key that only this guard knows, and only inside `with`.
They say what the guard's issuer would: its name, its audience, what tells its access tokens from others, and roles
where its tokens have them. So a test of an application need not change how its guard is made.
"""

from __future__ import annotations

import functools
import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Unpack

from jwtguard.core.flow import Steps
from jwtguard.core.http.cookies import TokenCookie
from jwtguard.core.http.csrf import CSRF
from jwtguard.core.http.token_sources import AuthorizationHeader
from jwtguard.core.sessions.revocation import SessionRevocation
from jwtguard.core.tokens.claims_policy import Policy
from jwtguard.core.tokens.jwk_set import JWKSet, KeySource
from jwtguard.core.tokens.jws import sign
from jwtguard.core.tokens.key_sources import KeySources, sources_of
from jwtguard.core.tokens.keys import SigningKey
from jwtguard.core.tokens.verifier import TokenVerifier, VerifiedToken
from jwtguard.guard import Guard
from jwtguard.request_auth import check_guard
from jwtguard.testing.issuer_claims import LIFETIME, TokenSettings, algorithm_of, check, claims_of, policy_of, type_of


class TokenFor:
    """Makes tokens that one guard accepts: `token_for("alice", roles=["admin"])`. Made by `tokens_for`."""

    def __init__(self, guard: Guard, policies: Iterable[Policy]) -> None:
        self.guard = guard
        self._policies = tuple(policies)
        self._without_session: set[bytes] = set()

    def __call__(self, subject: str = "user-1", **settings: Unpack[TokenSettings]) -> str:
        """The text of an access token for `subject`; see `TokenSettings`.

        Raises `ConfigurationError` if the guard could not take it: because it wants a claim that only you can know.
        """
        policy = policy_of(self._policies, settings.get("issuer"))
        now = int(self.guard.clock())
        claims = claims_of(policy, subject, now, settings)
        extra, expires_in = settings.get("claims"), settings.get("expires_in", LIFETIME)
        if extra is None and expires_in > timedelta(0):
            check(policy, claims, now)
        text = compact(throwaway_key(algorithm_of(policy)), {**claims, **(extra or {})}, typ=type_of(policy))
        if settings.get("session_id") is None:
            self._without_session.add(hashlib.sha256(text.encode()).digest())
        return text

    def made(self, token: VerifiedToken) -> bool:
        """Whether it was made here and names no session of the test's own."""
        return token.sha256 in self._without_session


@contextmanager
def tokens_for(guard: Guard) -> Iterator[TokenFor]:
    """Let `guard` accept what the `TokenFor` makes, for the length of the block.

    The guard stays the object it is, so applications that hold it need not be told. What it accepts otherwise it still
    does. Raises `ConfigurationError` if `guard` is none.
    """
    check_guard(guard, "tokens_for")
    trust, verifier = guard.trust, guard.verifier
    policies = tuple(
        replace(policy, keys=_with_throwaway(policy.keys, throwaway_key(algorithm_of(policy))))
        for policy in trust.policies
    )
    token_for = TokenFor(guard, policies)
    with ExitStack() as undo:
        changes: dict[str, Any] = {
            "_trust": trust._replace(policies=policies),
            "_verifier": TokenVerifier(
                policies,
                max_token_bytes=verifier.max_token_bytes,
                cache_size=verifier.cache_size,
                clock=guard.clock,
            ),
        }
        if guard.revocation is not None:
            changes["_revocation"] = _ButNotForTests(guard.revocation, token_for.made)
        for name, value in changes.items():
            undo.callback(object.__setattr__, guard, name, getattr(guard, name))
            object.__setattr__(guard, name, value)
        yield token_for


def throwaway_guard(**settings: Any) -> Guard:  # noqa: ANN401 - what `Guard` takes
    """A guard with a throw-away key, which takes tokens from the header and from the cookie `__Host-access`.

    `settings` are those of `Guard`, over these.
    """
    defaults: dict[str, Any] = {
        "issuer": "https://issuer.example",
        "audience": "https://api.example",
        "keys": throwaway_key("ES256").verification_key,
        "tokens_from": [AuthorizationHeader(), TokenCookie()],
        "csrf": CSRF(secret=secrets.token_bytes(32)),
    }
    if "issuers" in settings:
        defaults = {name: defaults[name] for name in ("tokens_from", "csrf")}
    return Guard(**{**defaults, **settings})


@functools.cache
def throwaway_key(algorithm: str) -> SigningKey:
    """A key that this process made and forgets."""
    return SigningKey.generate(algorithm, kid=f"throw-away-{secrets.token_hex(8)}")


def compact(key: SigningKey, claims: Mapping[str, Any], *, typ: str) -> str:
    """A signed token with exactly these claims (RFC 7515 §3.1), less those that are None."""
    stated = {name: value for name, value in claims.items() if value is not None}
    return sign(json.dumps(stated).encode("ascii"), key, header={"typ": typ})


def _with_throwaway(keys: KeySource, key: SigningKey) -> KeySources:
    """A key more, which is looked at first: the others are fetched only if a token asks for them."""
    return KeySources([JWKSet([key.verification_key]), *sources_of(keys)])


class _ButNotForTests:
    """A revocation that is not asked about tokens which name no session, if a test made them."""

    def __init__(self, revocation: SessionRevocation, made: Callable[[VerifiedToken], bool]) -> None:
        self.real = revocation
        self._made_for_tests = made

    def checking(self, token: VerifiedToken, *, clock: Callable[[], float]) -> Steps[None]:
        if not self._made_for_tests(token):
            yield from self.real.checking(token, clock=clock)

    def rechecking(self, token: VerifiedToken, *, clock: Callable[[], float], share: float = 1.0) -> Steps[float]:
        if self._made_for_tests(token):
            return float("inf")
        return (yield from self.real.rechecking(token, clock=clock, share=share))
