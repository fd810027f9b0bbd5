"""The guard: the one object an application makes and every adapter holds.

>>> from jwtguard import Guard, TokenIssuer, SigningKey
>>> key = SigningKey.from_secret("not a secret, only an example!!!", algorithm="HS256")
>>> issuer = TokenIssuer(
...     issuer="https://issuer.example", audience="https://api.example", client_id="web", signing_keys=[key]
... )
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key)
>>> guard.verify(issuer.access_token("user-1", roles=["admin"])).run().claims["roles"]
['admin']

For one request the order is: extract, verify, CSRF, revocation, authorize. The middleware of an adapter authenticates
and keeps what it found; the decorator authorizes, and authenticates by itself where nothing was kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self, TypeVar

from jwtguard.admission import Admitter
from jwtguard.configuration import arguments_from_config, arguments_from_env
from jwtguard.core.access.rights import Rights
from jwtguard.core.access.rules import Rules
from jwtguard.core.errors import (
    ConfigurationError,
    InvalidTokenError,
    JWTGuardError,
    UnavailableError,
)
from jwtguard.core.events import Event
from jwtguard.core.flow import Flow, Steps, is_async
from jwtguard.core.http.challenges import Challenges
from jwtguard.core.http.cookies import TokenCookie
from jwtguard.core.http.csrf import CSRF, CSRF_COOKIE
from jwtguard.core.http.resource_metadata import ResourceMetadata
from jwtguard.core.http.response import Answers, HTTPRequest, HTTPResponse, ProblemBody, problem_details
from jwtguard.core.http.token_sources import (
    AuthorizationHeader,
    TokenSource,
    check_sources,
)
from jwtguard.core.sessions.revocation import SessionRevocation
from jwtguard.core.tokens.claims_policy import DEFAULT_LEEWAY
from jwtguard.core.tokens.from_guard import FromGuard
from jwtguard.core.tokens.jwk_set import KeySource
from jwtguard.core.tokens.jws import MAX_TOKEN_BYTES
from jwtguard.core.tokens.key_sources import Keys
from jwtguard.core.tokens.principal import ClaimsMapping, Principal
from jwtguard.core.tokens.sentinels import UNCHECKED, UncheckedType
from jwtguard.core.tokens.verifier import CACHE_SIZE, TokenVerifier, VerifiedToken
from jwtguard.core.validation import Problems
from jwtguard.key_sources.cached import FetchedKeys
from jwtguard.trust.introspection import Introspection
from jwtguard.trust.trust import Trust
from jwtguard.trust.trusted_issuer import PolicyDefaults, TrustedIssuer

T = TypeVar("T")


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Guard(Admitter, FromGuard):
    """Finds a token in a request, verifies it, and decides whether its bearer may pass.

    `issuer` and `audience` (one or several) are what the token's `iss` and `aud` must be; `keys` is a
    `VerificationKey`, a `LocalJWKSet`, a `RemoteJWKSet`, an `OpenIDProvider` or another `KeySource`, or a list of
    these: keys at hand are then looked at first, and a source is asked only about tokens whose `alg` its keys have.
    These three are required, or in their place `issuers`: a list of `TrustedIssuer`, each on its own terms, which
    `jwtguard.providers` has ready for well-known services. `introspection`: whom to ask about opaque tokens; where
    only such come, `keys` may be left out.

    `tokens_from`: where tokens may travel, by default the `Authorization` header. `leeway`: allowance for clocks that
    differ, at most 300 s. `required_claims`: `exp`, `iss`, `aud` and `sub` by default; an issuer or audience that is
    set is asked for in any case. `max_token_bytes`: longer values are refused unread; 65536 at most. `max_token_age`:
    counted from `iat`. `cache_size`: verified tokens remembered, 0 for none. `claims`: where roles, scopes and
    permissions stand. `role_hierarchy`, `role_permissions`: what roles are worth. `rules`: which path needs what; a
    guard in front of a whole application (`GuardMiddleware`, `init_app`) must have them, or `UNCHECKED`: it then only
    identifies callers, and `requires` on the routes decides. A decorator or dependency alone needs none.
    `csrf`: how tokens that a browser or a gateway adds are protected (`UNCHECKED` turns it off).
    `revocation`: `SessionRevocation(store)` asks whether a token's session has ended; None asks nothing.
    `explain_refusals`: whether a 403 names what was required; the log and the event say it in any case.
    `realm`: the name in challenges. `resource_metadata`: what clients are told about the authorization server of this
    resource (RFC 9728); challenges then name the document that `auth.metadata_route()` serves.
    `problem_body`: writes the body of refusals. `on_event`: called with an `Event`
    at each decision. `clock`: seconds since the epoch.

    Raises `ConfigurationError` with all problems at once. Read-only afterwards.
    """

    issuer: str | UncheckedType | None
    """What `iss` must be; None if `issuers` says."""
    audience: str | Iterable[str] | UncheckedType | None
    keys: KeySource | None
    issuers: tuple[TrustedIssuer, ...]
    introspection: Introspection | None
    tokens_from: tuple[TokenSource, ...]
    rules: Rules | UncheckedType | None
    csrf: CSRF | UncheckedType
    explain_refusals: bool
    resource_metadata: ResourceMetadata | None
    """What the metadata document says, with the members that the guard itself gives; None if there is none."""
    _serves_metadata: bool
    _clock: Callable[[], float]
    _csrf: CSRF
    _rights: Rights
    _trust: Trust
    _verifier: TokenVerifier
    _answers: Answers
    _on_event: Callable[[Event], object] | None
    _revocation: SessionRevocation | None

    def __init__(
        self,
        *,
        issuer: str | UncheckedType | None = None,
        audience: str | Iterable[str] | UncheckedType | None = None,
        keys: Keys | None = None,
        issuers: Iterable[TrustedIssuer] | None = None,
        introspection: Introspection | None = None,
        tokens_from: Iterable[TokenSource] | None = None,
        leeway: timedelta = DEFAULT_LEEWAY,
        required_claims: Iterable[str] | None = None,
        max_token_bytes: int = MAX_TOKEN_BYTES,
        max_token_age: timedelta | None = None,
        cache_size: int = CACHE_SIZE,
        claims: ClaimsMapping | None = None,
        role_hierarchy: Mapping[str, Iterable[str]] | None = None,
        role_permissions: Mapping[str, Iterable[str]] | None = None,
        rules: Rules | UncheckedType | None = None,
        csrf: CSRF | UncheckedType | None = None,
        revocation: SessionRevocation | None = None,
        explain_refusals: bool = False,
        realm: str = "api",
        resource_metadata: ResourceMetadata | None = None,
        problem_body: ProblemBody = problem_details,
        on_event: Callable[[Event], object] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        problems = Problems()
        trust = problems.of(
            lambda: Trust.of(
                issuer=issuer,
                audience=audience,
                keys=keys,
                issuers=issuers,
                introspection=introspection,
                defaults=PolicyDefaults(
                    leeway=leeway,
                    required_claims=required_claims,
                    max_token_age=max_token_age,
                    claims=ClaimsMapping() if claims is None else claims,
                ),
            )
        )
        policies = () if trust is None else trust.policies
        verifier = problems.of(
            lambda: TokenVerifier(policies, max_token_bytes=max_token_bytes, cache_size=cache_size, clock=clock)
        )
        places = tokens_from if tokens_from is not None or trust is None else trust.tokens_from
        sources = problems.of(lambda: check_sources([AuthorizationHeader()] if places is None else places))
        rights = problems.of(
            lambda: Rights(
                role_hierarchy={} if role_hierarchy is None else role_hierarchy,
                role_permissions={} if role_permissions is None else role_permissions,
            )
        )
        metadata = None
        if isinstance(resource_metadata, ResourceMetadata) and trust is not None and sources is not None:
            given = resource_metadata.completed
            scopes = rules.scopes if isinstance(rules, Rules) else ()
            metadata = problems.of(lambda: given(issuers=trust.issuer_urls, scopes=scopes, tokens_from=sources))
        elif resource_metadata is not None and not isinstance(resource_metadata, ResourceMetadata):
            problems.add('resource_metadata is ResourceMetadata(resource="https://api.example")', resource_metadata)
        url = None if metadata is None else metadata.url
        challenges = problems.of(lambda: Challenges(realm=realm, resource_metadata=url))
        if rules is not None and rules is not UNCHECKED and not isinstance(rules, Rules):
            problems.add("rules is Rules([Rule(path, requirement), ...], default=authenticated), or UNCHECKED", rules)
        if revocation is not None and not isinstance(revocation, SessionRevocation):
            problems.add("revocation is SessionRevocation(store), or None for a guard that asks nothing", revocation)
        elif revocation is not None and trust is not None:
            # A name that is spelled otherwise would leave its tokens without a look-up, and without a sign of it.
            for stranger in sorted(name for name in revocation.issuers or () if not trust.names(name)):
                problems.add("revocation names an issuer that the guard does not trust", stranger)
        if csrf is not None and csrf is not UNCHECKED and not isinstance(csrf, CSRF):
            problems.add("csrf is CSRF(...), None for CSRF(), or UNCHECKED for no protection", type(csrf))
        if not isinstance(explain_refusals, bool):
            problems.add("explain_refusals is True or False", explain_refusals)
        for name, function in (("clock", clock), ("problem_body", problem_body)):
            if not callable(function):
                problems.add(f"{name} is a function", function)
        if on_event is not None and (not callable(on_event) or is_async(on_event)):
            problems.add("on_event is a function that is not async: it may put the event into a queue", on_event)
        problems.raise_all()
        assert trust is not None and challenges is not None  # noqa: S101, PT018 - for the type checker: a missing part is a problem found
        only = trust.policies[0] if issuers is None else None
        vars(self).update(
            issuer=issuer,
            audience=None if only is None else only.audience,
            keys=None if only is None else only.keys,
            issuers=trust.issuers,
            introspection=introspection,
            tokens_from=sources,
            rules=rules,
            csrf=CSRF() if csrf is None else csrf,
            explain_refusals=explain_refusals,
            resource_metadata=metadata,
            _csrf=csrf if isinstance(csrf, CSRF) else CSRF(),
            _serves_metadata=False,
            _clock=clock,
            _rights=rights,
            _answers=Answers(challenges=challenges, body=problem_body),
            _on_event=on_event,
            # The next three say whose tokens count: those and no others are what tests change for a while.
            _trust=trust,
            _verifier=verifier,
            _revocation=revocation,
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A guard from plain data, as it stands in `app.config["JWTGUARD"]` or Django's `JWTGUARD` setting."""
        return cls(**arguments_from_config(config, cls))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """A guard from the environment variables `JWTGUARD_ISSUER`, `JWTGUARD_AUDIENCE` and so on."""
        return cls(**arguments_from_env(environ, cls))

    # What applications call.

    @property
    def has_revocation(self) -> bool:
        """Whether sessions are looked up: see `rechecking`."""
        return self._revocation is not None

    def rechecking(self, token: VerifiedToken, *, share: float = 1.0) -> Flow[float]:
        """Ask again whether the session of a `token` has ended, for a connection that stays open.

        Gives the seconds until the next time; raises `InvalidTokenError` or `UnavailableError`. `share`, up to 1, is
        the part of the longest interval after which this connection asks; a number drawn for each spreads the load.
        """
        return Flow(self._rechecking(token, share))

    def _rechecking(self, token: VerifiedToken, share: float) -> Steps[float]:
        if self._revocation is None:
            return float("inf")
        try:
            return (yield from self._revocation.rechecking(token, clock=self._clock, share=share))
        except (InvalidTokenError, UnavailableError) as error:
            self._tell_refused(error, token)
            raise

    def prefetch(self) -> Flow[None]:
        """Fetch all keys now that are fetched: `guard.prefetch().run()`, or `await guard.prefetch()`.

        For a program that would rather wait at its start than at the first request. Raises `UnavailableError`, after
        all issuers were asked: one that is down leaves no other's keys unfetched.
        """
        return Flow(self._prefetch())

    def _prefetch(self) -> Steps[None]:
        outage: UnavailableError | None = None
        for source in self._trust.key_sources:
            if isinstance(source, FetchedKeys):
                try:
                    yield from source.prefetch()
                except UnavailableError as error:
                    outage = outage or error
        if outage is not None:
            raise outage

    def principal_of(self, token: VerifiedToken) -> Principal:
        """The caller that a verified token speaks for."""
        return token.principal

    def csrf_token(self, token: VerifiedToken) -> str:
        """The value for the readable CSRF cookie and the `X-CSRF-Token` header; needs `CSRF(secret=...)`."""
        return self._csrf.token(token)

    def csrf_cookie(self, token: VerifiedToken, *, max_age: timedelta | None = None) -> str:
        """The `Set-Cookie` value that delivers the CSRF token to our own pages' scripts."""
        return self._csrf_cookie.set(self.csrf_token(token), max_age=max_age)

    def clear_csrf_cookie(self) -> str:
        """The `Set-Cookie` value that deletes the CSRF cookie."""
        return self._csrf_cookie.clear()

    @property
    def _csrf_cookie(self) -> TokenCookie:
        development = any(isinstance(source, TokenCookie) and source.development for source in self.tokens_from)
        return TokenCookie(CSRF_COOKIE, http_only=False, development=development)

    def publish_metadata(self) -> ResourceMetadata:
        """What an adapter calls when it mounts the route of the metadata: from then on that path needs no token.

        Raises `ConfigurationError` for a guard without `resource_metadata`.
        """
        if self.resource_metadata is None:
            raise ConfigurationError(
                "the guard publishes nothing: write Guard(..., resource_metadata=ResourceMetadata(resource=...))"
            )
        vars(self)["_serves_metadata"] = True
        return self.resource_metadata

    def answer(self, error: JWTGuardError, request: HTTPRequest | None = None) -> HTTPResponse:
        """The finished answer for `error`, whose traceback ends here; with `request`, it says what caches must know."""
        # It leads to frames that lead back to the error: all of that request would wait for the garbage collector.
        error.__traceback__ = None
        return self._answers.answer(error, request)

    def expires_at(self, token: VerifiedToken) -> float | None:
        """When `token` ceases to be accepted, in seconds since the epoch, or None if it never does."""
        return token.policy.expires_at(token.claims)

    @property
    def trust(self) -> Trust:
        """Whose tokens count and on what terms, for tools and health checks."""
        return self._trust

    @property
    def verifier(self) -> TokenVerifier:
        """The checks of a token's text and claims, for tools; `verify` also looks up revocation and reports events."""
        return self._verifier

    @property
    def revocation(self) -> SessionRevocation | None:
        """What asks whether a token's session has ended; None if nothing does."""
        return self._revocation

    @property
    def max_token_bytes(self) -> int:
        """Longer tokens are refused unread."""
        return self._verifier.max_token_bytes

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds since the epoch."""
        return self._clock

    def __repr__(self) -> str:
        if self.issuers:
            return f"Guard(issuers=[{', '.join(repr(each.issuer) for each in self.issuers)}])"
        return f"Guard(issuer={self.issuer!r}, audience={self.audience!r}, keys={self.keys!r})"


def no_rules(where: str) -> ConfigurationError:
    """The error of a guard that stands in front of an application and does not say what it does there."""
    return ConfigurationError(
        f"{where} stands in front of a whole application, and its guard does not say what it does there. Write one of\n"
        "    Guard(..., rules=Rules([]))                         every path needs a valid token\n"
        '    Guard(..., rules=Rules([Rule("/health", public)]))  every path except those that you name\n'
        "    Guard(..., rules=UNCHECKED)                         it only identifies callers; requires() on the routes"
        " decides\n"
        'In a mapping: "rules": [], "rules": [{"path": "/health", "requirement": "public"}] or "rules": "UNCHECKED".'
    )
