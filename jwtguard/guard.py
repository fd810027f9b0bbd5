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

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Literal, NamedTuple, Self, TypeAlias, TypeVar

from jwtguard import core
from jwtguard import trust as elsewhere
from jwtguard.core.access.requirements import Mode, Requirement, Rights
from jwtguard.core.errors import (
    AccessDeniedError,
    AmbiguousPathError,
    ConfigurationError,
    CSRFError,
    InsufficientScopeError,
    InvalidTokenError,
    JWTGuardError,
    MissingTokenError,
    UnavailableError,
)
from jwtguard.core.events import Event, Outcome
from jwtguard.core.flow import Begun, Flow, Steps, Unfinished, is_async
from jwtguard.core.http.cookies import TokenCookie
from jwtguard.core.http.csrf import CSRF, CSRF_COOKIE
from jwtguard.core.http.response import Answers, HTTPRequest, HTTPResponse, ProblemBody, problem_details
from jwtguard.core.http.token_sources import (
    AuthorizationHeader,
    TokenHeader,
    TokenQuery,
    TokenSource,
    check_sources,
    extract,
    fields_of,
    is_ambient,
    scheme_hint,
)
from jwtguard.core.logs import log_fields, refusal_level, refusal_text
from jwtguard.core.tokens.claims_policy import DEFAULT_LEEWAY, Policy
from jwtguard.core.tokens.from_guard import FromGuard
from jwtguard.core.tokens.jwk_set import KeySource
from jwtguard.core.tokens.jws import MAX_TOKEN_BYTES
from jwtguard.core.tokens.key_sources import Keys
from jwtguard.core.tokens.principal import ClaimsMapping, Principal
from jwtguard.core.tokens.sentinels import UNCHECKED, UncheckedType
from jwtguard.core.tokens.verifier import CACHE_SIZE, TokenVerifier, VerifiedToken
from jwtguard.trust.defaults import PolicyDefaults
from jwtguard.trust.trust import Trust

logger = logging.getLogger("jwtguard")
T = TypeVar("T")


class Authentication(NamedTuple):
    """Who sent a request, as one guard sees it: a principal with its token, or the error that stands in the way.

    A tuple, as `Admission` is: one is made for each request.
    """

    principal: Principal | None = None
    token: VerifiedToken | None = None
    source: TokenSource | None = None
    error: JWTGuardError | None = None
    client: str | None = None
    """The address that the server saw, for events; None without `on_event`."""

    def require(self) -> Principal | None:
        """The principal; raises the error."""
        if self.error is not None:
            # One error may be raised several times: each time with a traceback of its own.
            raise self.error.with_traceback(None)
        return self.principal

    @property
    def authentication(self) -> Authentication:
        """Itself, which a decorator further in may go by."""
        return self


NOBODY = Authentication()
"""What is known where no token was read."""


class Admission(NamedTuple):
    """A request that may pass: with its caller, or without one where the requirement does without.

    `authentication` is what a decorator further in may go by; None if no token was read.
    """

    principal: Principal | None = None
    authentication: Authentication | None = None

    def require(self) -> Principal | None:
        """The caller, or None: who may pass has been decided."""
        return self.principal


Renew: TypeAlias = Callable[[HTTPRequest, "TokenSource | None"], Steps[Authentication | None]]
"""Asked where a request's token is absent (the source is then None) or expired: who sent the request after all, or None
if it is unknown. Silent renewal is one."""
FindUser: TypeAlias = "Callable[[Begun[Authentication]], Begun[Authentication]]"
"""What an adapter does between authentication and authorization: refuse a caller whose user the application does not
know."""


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Guard(FromGuard):
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
    `realm`: the name in challenges. `problem_body`: writes the body of refusals. `on_event`: called with an `Event`
    at each decision. `clock`: seconds since the epoch.

    Raises `ConfigurationError` with all problems at once. Read-only afterwards.
    """

    issuer: str | UncheckedType | None
    """What `iss` must be; None if `issuers` says."""
    audience: str | Iterable[str] | UncheckedType | None
    keys: KeySource | None
    issuers: tuple[elsewhere.TrustedIssuer, ...]
    introspection: elsewhere.Introspection | None
    tokens_from: tuple[TokenSource, ...]
    rules: core.Rules | UncheckedType | None
    csrf: CSRF | UncheckedType
    explain_refusals: bool
    _clock: Callable[[], float]
    _csrf: CSRF
    _rights: Rights
    _trust: Trust
    _verifier: TokenVerifier
    _answers: Answers
    _on_event: Callable[[Event], object] | None
    _revocation: core.SessionRevocation | None

    def __init__(
        self,
        *,
        issuer: str | UncheckedType | None = None,
        audience: str | Iterable[str] | UncheckedType | None = None,
        keys: Keys | None = None,
        issuers: Iterable[elsewhere.TrustedIssuer] | None = None,
        introspection: elsewhere.Introspection | None = None,
        tokens_from: Iterable[TokenSource] | None = None,
        leeway: timedelta = DEFAULT_LEEWAY,
        required_claims: Iterable[str] | None = None,
        max_token_bytes: int = MAX_TOKEN_BYTES,
        max_token_age: timedelta | None = None,
        cache_size: int = CACHE_SIZE,
        claims: ClaimsMapping | None = None,
        role_hierarchy: Mapping[str, Iterable[str]] | None = None,
        role_permissions: Mapping[str, Iterable[str]] | None = None,
        rules: core.Rules | UncheckedType | None = None,
        csrf: CSRF | UncheckedType | None = None,
        revocation: core.SessionRevocation | None = None,
        explain_refusals: bool = False,
        realm: str = "api",
        problem_body: ProblemBody = problem_details,
        on_event: Callable[[Event], object] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        problems = _Problems()
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
        answers = problems.of(lambda: Answers(realm=realm, body=problem_body))
        if rules is not None and rules is not UNCHECKED and not isinstance(rules, core.Rules):
            problems.add("rules is Rules([Rule(path, requirement), ...], default=authenticated), or UNCHECKED", rules)
        if revocation is not None and not isinstance(revocation, core.SessionRevocation):
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
        ConfigurationError.raise_all(problems.found)
        assert trust is not None  # noqa: S101 - for the type checker: a missing part is a problem found
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
            _csrf=csrf if isinstance(csrf, CSRF) else CSRF(),
            _clock=clock,
            _rights=rights,
            _answers=answers,
            _on_event=on_event,
            # The next three say whose tokens count: those and no others are what tests change for a while.
            _trust=trust,
            _verifier=verifier,
            _revocation=revocation,
        )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A guard from plain data, as it stands in `app.config["JWTGUARD"]` or Django's `JWTGUARD` setting."""
        from jwtguard.configuration import arguments_from_config  # noqa: PLC0415 - only where it is used

        return cls(**arguments_from_config(config))

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """A guard from the environment variables `JWTGUARD_ISSUER`, `JWTGUARD_AUDIENCE` and so on."""
        from jwtguard.configuration import arguments_from_env  # noqa: PLC0415 - only where it is used

        return cls(**arguments_from_env(environ))

    # What applications call.

    def verify(self, text: str) -> Flow[VerifiedToken]:
        """Verify the text of a token: `await guard.verify(text)` or `guard.verify(text).run()`.

        Raises `InvalidTokenError` (401) or `UnavailableError` (503).
        """
        return Flow(partial(self._begin_verifying, text))

    def _begin_verifying(self, text: str) -> Begun[VerifiedToken]:
        opaque = self.introspection
        if opaque is None:
            token = self._verifier.begin(text, self._tell_refused)
        else:
            try:
                token = self._begin_perhaps_opaque(text, opaque)
            except JWTGuardError as error:
                self._tell_refused(error)
                raise
        if isinstance(token, Unfinished) or self._revocation is not None:
            return self._verifying(token)
        if self._on_event is not None:
            self._tell("accepted", "accepted", token)
        return token

    def _verifying(self, begun: Begun[VerifiedToken]) -> Steps[VerifiedToken]:
        token = None
        try:
            token = (yield from begun) if isinstance(begun, Unfinished) else begun
            asked = self._begin_asking(token)
            if asked is not None:
                yield from asked
        except JWTGuardError as error:
            self._tell_refused(error, token)
            raise
        if self._on_event is not None:
            self._tell("accepted", "accepted", token)
        return token

    def _begin_perhaps_opaque(self, text: str, introspection: elsewhere.Introspection) -> Begun[VerifiedToken]:
        if self._verifier.takes_as_opaque(text):
            return introspection.verifying(text, self._opaque_policy, self._clock)
        return self._verifier.begin(text)

    def _begin_asking(self, token: VerifiedToken) -> Steps[None] | None:
        """What is left to do to know whether the token's session has ended; raises if it is known to have."""
        return None if self._revocation is None else self._revocation.begin(token, clock=self._clock)

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

    def _opaque_policy(self, claims: Mapping[str, Any]) -> Policy:
        if self._trust.opaque_policy is not None:
            return self._trust.opaque_policy
        if "iss" not in claims:
            # What is said of tokens without an issuer is said of those with a signature.
            raise InvalidTokenError("iss")
        return self._verifier.policy_of(claims)

    def prefetch(self) -> Flow[None]:
        """Fetch all keys now that are fetched: `guard.prefetch().run()`, or `await guard.prefetch()`.

        For a program that would rather wait at its start than at the first request. Raises `UnavailableError`, after
        all issuers were asked: one that is down leaves no other's keys unfetched.
        """
        return Flow(self._prefetch())

    def _prefetch(self) -> Steps[None]:
        from jwtguard.key_sources.cached import FetchedKeys  # noqa: PLC0415 - only where keys are fetched

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

    # What adapters call.

    def authenticate(
        self,
        request: HTTPRequest,
        *,
        tokens_from: tuple[TokenSource, ...] | None = None,
        renew: Renew | None = None,
    ) -> Flow[Authentication]:
        """Who sent `request`? An error is kept in the result, for the first read of the caller."""
        return Flow(partial(self.begin_authentication, request, renew, tokens_from))

    def begin_authentication(
        self, request: HTTPRequest, renew: Renew | None = None, tokens_from: tuple[TokenSource, ...] | None = None
    ) -> Begun[Authentication]:
        """`authenticate` for adapters: the result at once, or the steps that are left where a source must be asked."""
        token = source = text = None
        client = self._client(request)
        sources = self.tokens_from if tokens_from is None else tokens_from
        request.search.look_in(name for place in sources for name in fields_of(place))
        try:
            if len(sources) == 1:  # As most guards have it: there is nothing that a token here could contradict.
                (source,) = sources
                text = source.read(request)
            else:
                text, source = extract(request, sources)
            if text is None or source is None:
                # No event: maybe no token is needed here.
                missing = Authentication(error=MissingTokenError(scheme_hint(request, sources)), client=client)
                return missing if renew is None else self._renewing(renew, request, None, missing)
            request.search.found_in_query |= isinstance(source, TokenQuery)
            opaque = self.introspection
            verified = self._verifier.begin(text) if opaque is None else self._begin_perhaps_opaque(text, opaque)
            if isinstance(verified, Unfinished):
                return self._authenticating(request, source, verified, None, renew)
            token = verified
            if is_ambient(source):
                self._check_csrf(request, token)
            if self._revocation is not None:
                asked = self._revocation.begin(token, clock=self._clock)
                if asked is not None:
                    return self._authenticating(request, source, token, asked, renew)
        except JWTGuardError as error:
            return self._begin_refusing(error, request, source, token, renew)
        if self._on_event is not None:
            self._tell("accepted", "accepted", token, client=client)
        return Authentication(token.principal, token, source, None, client)

    def _authenticating(
        self,
        request: HTTPRequest,
        source: TokenSource,
        begun: Begun[VerifiedToken],
        asked: Steps[None] | None,
        renew: Renew | None,
    ) -> Steps[Authentication]:
        """What is left where the token's key must be fetched, or else its session be `asked` about."""
        token = None
        try:
            if isinstance(begun, Unfinished):
                token = yield from begun
                if is_ambient(source):
                    self._check_csrf(request, token)
                asked = self._begin_asking(token)
            else:
                token = begun
            if asked is not None:
                yield from asked
        except JWTGuardError as error:
            refused = self._begin_refusing(error, request, source, token, renew)
        else:
            client = self._client(request)
            if self._on_event is not None:
                self._tell("accepted", "accepted", token, client=client)
            return Authentication(token.principal, token, source, client=client)
        return (yield from refused) if isinstance(refused, Unfinished) else refused

    def _begin_refusing(
        self,
        error: JWTGuardError,
        request: HTTPRequest,
        source: TokenSource | None,
        token: VerifiedToken | None,
        renew: Renew | None,
    ) -> Begun[Authentication]:
        """Keep the error; but of an expired token the caller may be known after all."""
        if isinstance(error, ConfigurationError):
            raise error  # The program is wrong, not the request: its operator must see the error.
        client = self._client(request)
        refused = Authentication(error=error.with_traceback(None), client=client)
        if source is not None and renew is not None and error.reason == "expired":
            return self._renewing(renew, request, source, refused)
        self._tell_refused(error, token, client=client)
        return refused

    def _renewing(
        self, renew: Renew, request: HTTPRequest, source: TokenSource | None, instead: Authentication
    ) -> Steps[Authentication]:
        """Who sent a request whose token is absent (without a `source`) or expired; `instead` if it is unknown."""
        try:
            renewed = yield from renew(request, source)
        except ConfigurationError:
            raise
        except JWTGuardError as error:
            instead = instead._replace(error=error.with_traceback(None))
        else:
            if renewed is not None:
                return renewed
        if instead.error is not None and not isinstance(instead.error, MissingTokenError):
            self._tell_refused(instead.error, client=instead.client)
        return instead

    def accepting(self, request: HTTPRequest, text: str, source: TokenSource) -> Steps[Authentication]:
        """The caller of a token that was issued a moment ago and stands for one in `source`: every check but the clock
        runs as if it had come with `request`. An error is kept in the result.
        """
        token = yield from self.reading_issued(text)
        client = self._client(request)
        try:
            self._check_csrf(request, token)
            asked = self._begin_asking(token)
            if asked is not None:
                yield from asked
        except JWTGuardError as error:
            self._tell_refused(error, token, client=client)
            return Authentication(error=error.with_traceback(None), client=client)
        if self._on_event is not None:
            self._tell("accepted", "accepted", token, client=client)
        return Authentication(token.principal, token, source, client=client)

    def refusing(self, authentication: Authentication, error: InvalidTokenError | UnavailableError) -> Authentication:
        """What is kept of a caller whose token is good, but whose user is not there, or cannot be looked up."""
        self._tell_refused(error, authentication.token, client=authentication.client)
        return Authentication(error=error, client=authentication.client)

    def proves_origin(self, entry: Admission | Authentication) -> bool:
        """Whether a token let the caller in that no other site could have sent.

        That is one in a header that the client itself sets, or one that passed our CSRF check. Other sites can have a
        browser or a gateway add a token by itself.
        """
        authentication = entry.authentication
        source = None if authentication is None else authentication.source
        if entry.principal is None or source is None:
            return False
        if is_ambient(source):
            return self.csrf is not UNCHECKED
        return isinstance(source, AuthorizationHeader | TokenHeader)

    def reading_issued(self, text: str) -> Steps[VerifiedToken]:
        """Verify a token that this very program has just issued, before a browser gets it.

        Raises `ConfigurationError` if this guard would refuse it, for then the login could never work.
        """
        try:
            return (yield from self._verifier.verify(text))
        except InvalidTokenError as error:
            reason = error.reason
        raise ConfigurationError(
            f"the guard refuses the access tokens that the sessions issue ({reason}): their issuer, audience, keys,"
            " lifetime and clock must fit"
        )

    def _check_csrf(self, request: HTTPRequest, token: VerifiedToken) -> None:
        if request.is_websocket:
            self._csrf.check_handshake(request)  # Whatever `csrf` says: a socket, once open, is asked nothing more.
        elif self.csrf is not UNCHECKED:
            self._csrf.check(request, token)

    def authorize(self, authentication: Authentication, requirement: Requirement) -> Principal | None:
        """May the caller pass? The principal, or None where the requirement does without; raises `JWTGuardError`."""
        return self.admission(requirement, authentication).principal

    def admit(
        self,
        request: HTTPRequest,
        requirement: Requirement,
        *,
        kept: Authentication | None = None,
        tokens_from: tuple[TokenSource, ...] | None = None,
    ) -> Flow[Admission]:
        """Authenticate, unless `kept` already says who it is, and authorize; raises `JWTGuardError`."""
        return Flow(partial(self.begin_admission, request, requirement, kept, tokens_from))

    def begin_admission(
        self,
        request: HTTPRequest,
        requirement: Requirement,
        kept: Authentication | None = None,
        tokens_from: tuple[TokenSource, ...] | None = None,
        find_user: FindUser | None = None,
    ) -> Begun[Admission]:
        """`admit` for adapters: at once, or the steps that are left. `find_user` is asked if `kept` says nothing."""
        if requirement.mode.reads_token and (kept is None or tokens_from is not None):
            begun = self.begin_authentication(request, None, tokens_from)
            if find_user is not None:
                begun = find_user(begun)
            if isinstance(begun, Unfinished):
                return self._admitting(requirement, begun)
            kept = begun
        elif kept is None:
            kept = Authentication(client=self._client(request))
        return self.admission(requirement, kept)

    def _admitting(
        self,
        requirement: Requirement,
        begun: Steps[Authentication],
        keep: Callable[[Authentication], object] | None = None,
    ) -> Steps[Admission]:
        found = yield from begun
        if keep is not None:
            keep(found)
        return self.admission(requirement, found)

    def admission(self, requirement: Requirement, kept: Authentication | None) -> Admission:
        """Authorize who was authenticated, or None where no token is read; raises `JWTGuardError`."""
        mode = requirement.mode
        if not mode.reads_token:
            if mode is Mode.PUBLIC:
                return Admission()
            denied = AccessDeniedError()
            self._tell_refused(denied, client=(kept or NOBODY).client)
            raise denied
        principal, token, _, error, client = kept or NOBODY
        if error is None and principal is not None:
            if requirement.test is not None:
                try:
                    requirement.check(principal, self._rights, now=self._clock())
                except JWTGuardError as refused:
                    self._tell_refused(refused, token, client=client)
                    if isinstance(refused, InsufficientScopeError):
                        refused.limit(explained=self.explain_refusals)
                    raise
            return Admission(principal, kept)
        if error is None or isinstance(error, MissingTokenError):
            if mode.admits_anybody:
                return Admission(None, kept)
            error = MissingTokenError(None if error is None else error.hint)
            self._tell_refused(error, client=client)
            raise error
        if mode is Mode.OPTIONAL_LENIENT and (error.status in {400, 401} or isinstance(error, CSRFError)):
            return Admission(None, kept)  # It was logged when it was found.
        raise error.with_traceback(None)  # As `Authentication.require` does.

    def enter(self, request: HTTPRequest, *, renew: Renew | None = None) -> Flow[Admission | Authentication]:
        """What a middleware does with a request: decide by `rules`, or with `UNCHECKED` only identify the caller.

        An adapter passes its guard through `check_front` first, which refuses one without `rules`.
        """
        return Flow(partial(self.begin_entry, request, renew))

    def begin_entry(
        self,
        request: HTTPRequest,
        renew: Renew | None = None,
        find_user: FindUser | None = None,
        *,
        is_exempt: bool = False,
        keep: Callable[[Authentication], object] | None = None,
    ) -> Begun[Admission | Authentication]:
        """`enter` for adapters: at once, or the steps that are left.

        `keep` is called with what was found out before the rules decide, for pages that answer a refusal.

        `is_exempt`: the request needs no token, because it is for a shipped route that reads none, or is a preflight
        that no view answers. Rules still refuse it if its path is ambiguous.
        """
        rules = self.rules
        if rules is None or rules is UNCHECKED:
            if is_exempt:
                return Admission()
            begun = self.begin_authentication(request, renew)
            return begun if find_user is None else find_user(begun)
        try:
            requirement = rules.requirement(request.method, request.path)
        except AmbiguousPathError as error:
            self._tell_refused(error, client=self._client(request))
            raise
        if is_exempt:
            return Admission()
        if not requirement.mode.reads_token:
            return self.begin_admission(request, requirement)
        begun = self.begin_authentication(request, renew)
        if find_user is not None:
            begun = find_user(begun)
        if isinstance(begun, Unfinished):
            return self._admitting(requirement, begun, keep)
        if keep is not None:
            keep(begun)
        return self.admission(requirement, begun)

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
    def revocation(self) -> core.SessionRevocation | None:
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

    def _client(self, request: HTTPRequest) -> str | None:
        """The address that the server saw; None where no event tells it."""
        return None if self._on_event is None else request.client

    def _tell_refused(
        self, error: JWTGuardError, token: VerifiedToken | None = None, *, client: str | None = None
    ) -> None:
        unavailable = isinstance(error, UnavailableError)
        level = logging.WARNING if unavailable else refusal_level()
        outcome: Literal["unavailable", "refused"] = "unavailable" if unavailable else "refused"
        missing = error.missing if isinstance(error, InsufficientScopeError) else ()
        if logger.isEnabledFor(level):
            hint = error.hint if isinstance(error, MissingTokenError) else None
            text = refusal_text(error.reason, missing=missing, hint=hint)
            fields = log_fields(outcome, reason=error.reason, **_named(token))
            logger.log(level, "%s: %s", outcome, text, extra=fields)
        if self._on_event is not None:
            self._tell(outcome, error.reason, token, client=client, missing=missing)

    def _tell(
        self,
        outcome: Outcome,
        reason: str,
        token: VerifiedToken | None,
        *,
        client: str | None = None,
        missing: tuple[str, ...] = (),
    ) -> None:
        assert self._on_event is not None  # noqa: S101 - for the type checker: who calls has looked
        try:
            self._on_event(Event(outcome=outcome, reason=reason, client=client, missing=missing, **_who(token)))
        except Exception:
            # An exception of a listener must not change the decision.
            logger.exception(
                "on_event raised; the request goes on", extra=log_fields("callback_raised", callback="on_event")
            )

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


def _who(token: VerifiedToken | None) -> dict[str, str | None]:
    if token is None:
        return {}
    principal = token.principal
    return {"subject": principal.subject, "issuer": principal.issuer, "session_id": principal.session_id}


def _named(token: VerifiedToken | None) -> dict[str, str | None]:
    """Whom a token that was verified speaks for, for the log."""
    return {} if token is None else {"subject": token.principal.subject, "session_id": token.principal.session_id}


class _Problems:
    """Collects what is wrong with a configuration, so that all of it is reported at once."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def of(self, make: Callable[[], T]) -> T | None:
        try:
            return make()
        except ConfigurationError as error:
            self.found.extend(error.problems)
            return None

    def add(self, expected: str, found: object) -> None:
        self.found.append(f"{expected}: found {found!r}")
