"""Asking the issuer about opaque tokens (RFC 7662).

>>> from jwtguard import Guard
>>> guard = Guard(
...     issuer="https://issuer.example",
...     audience="orders-api",
...     introspection=Introspection(
...         "https://issuer.example/introspect", client_id="orders-api", client_secret="only an example"
...     ),
... )

Only what does not have the form of a JWS is asked about: a JWT that was refused stays refused. An answer is held
against the guard's policy like the claims of a token, so one without `aud` or `iss` is refused unless the guard, or
the `Introspection`, says `UNCHECKED`. What was answered is remembered for a short while, since a revoked token must
not live on in our memory; and the number of questions at once is limited, since any client can send garbage.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from jwtguard.core.bounded import make_room
from jwtguard.core.errors import InvalidTokenError, MalformedTokenError, UnavailableError
from jwtguard.core.events import log_fields
from jwtguard.core.flow import Flow, Steps, Wait, is_async
from jwtguard.core.forks import Lock
from jwtguard.core.tokens.claims_policy import Policy
from jwtguard.core.tokens.encoding import ClaimsSet, JOSEHeader, parse_object
from jwtguard.core.tokens.keys import SigningKey
from jwtguard.core.tokens.principal import ClaimsMapping
from jwtguard.core.tokens.sentinels import UncheckedType
from jwtguard.core.tokens.token_kind import TokenKind
from jwtguard.core.tokens.verifier import VerifiedToken
from jwtguard.core.validation import Problems
from jwtguard.key_sources.background import BackgroundFetch, BackgroundFetches
from jwtguard.key_sources.fetchers import as_fetcher, no_fetcher
from jwtguard.key_sources.http_client import (
    TIMEOUT,
    Fetcher,
    FetchError,
    FetchRequest,
    PlainHTTP,
    StatusError,
    check_url,
    fetching,
)
from jwtguard.trust.client_authentication import AuthenticationMethod, IntrospectionClient

if TYPE_CHECKING:
    from ssl import SSLContext

    from jwtguard.key_sources.httpx_fetcher import HTTPXClient

logger = logging.getLogger("jwtguard")

# RFC 6750 §2.1: b64token.
_OPAQUE = re.compile(r"[A-Za-z0-9._~+/-]+=*")
# What an endpoint may answer as active though it is no access token (RFC 7662 §2.2, RFC 8693 §3).
_OTHER_KINDS = frozenset({"refresh_token", "id_token", "refresh", "urn:ietf:params:oauth:token-type:refresh_token"})
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What the issuer said: the claims of an active token, or None. `until` is by the guard's clock."""

    claims: ClaimsSet | None
    until: float


class Introspection:
    """Introspection at `endpoint`, as a client of the issuer's (RFC 7662 §2.1).

    `authentication` is how the client proves who it is; each way takes what it needs, and refuses the rest:

    - `client_secret_basic`, `client_secret_post`: `client_secret`, in the Authorization header or in the form (RFC 6749
      §2.3.1).
    - `private_key_jwt`: `signing_key`, which signs an assertion of a minute for each question (RFC 7523 §2.2). Its
      audience is `assertion_audience`, by default `issuer`, else the endpoint.
    - `tls_client_auth`, `self_signed_tls_client_auth`: a client certificate, loaded into `tls`, or in the client that
      `fetcher` is (RFC 8705 §2).

    `issuer`, `audience`, `required_claims` and `claims` are the guard's where they
    are None; `kind` says what an answer must show besides, for example `TokenKind(values={"token_type": ["Bearer"]})`
    where refresh tokens are answered as active too. `lifetime`: how long an active token is remembered, at most until
    its `exp` (60 s; 0 for not at all); `negative_lifetime`: how long one that is not (10 s). `cache_size`: entries of
    each kind. `max_in_flight`: questions at once; more get 503. `fetcher`, `tls`, `timeout`, `allow_http_loopback` and
    `allow_http_hosts` are those of `RemoteJWKSet`. Raises `ConfigurationError` with all problems.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        client_id: str,
        client_secret: str | None = None,
        authentication: AuthenticationMethod = "client_secret_basic",
        signing_key: SigningKey | None = None,
        assertion_audience: str | None = None,
        issuer: str | UncheckedType | None = None,
        audience: str | Iterable[str] | UncheckedType | None = None,
        required_claims: Iterable[str] | None = None,
        claims: ClaimsMapping | None = None,
        kind: TokenKind | None = None,
        lifetime: timedelta = timedelta(seconds=60),
        negative_lifetime: timedelta = timedelta(seconds=10),
        cache_size: int = 1024,
        max_in_flight: int = 32,
        allow_http_loopback: bool = False,
        allow_http_hosts: Iterable[str] = (),
        fetcher: Fetcher | HTTPXClient | None = None,
        tls: SSLContext | None = None,
        timeout: timedelta = timedelta(seconds=TIMEOUT),
    ) -> None:
        problems = Problems()
        http = problems.of(
            lambda: PlainHTTP.of(allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts)
        )
        if http is not None:
            problems.of(lambda: check_url(endpoint, http, what="endpoint"))
        self._fetcher: Fetcher = problems.of(lambda: as_fetcher(fetcher, tls=tls)) or no_fetcher
        client = problems.of(
            lambda: IntrospectionClient.of(
                client_id=client_id,
                authentication=authentication,
                client_secret=client_secret,
                signing_key=signing_key,
                assertion_audience=assertion_audience,
                default_audience=issuer if isinstance(issuer, str) else endpoint,
                has_certificate=tls is not None or fetcher is not None,
            )
        )
        for name, number in (("cache_size", cache_size), ("max_in_flight", max_in_flight)):
            if type(number) is not int or number < 1:
                problems.append(f"{name} is a number, at least 1, found {number!r}")
        self._lifetime = problems.seconds("lifetime", lifetime, at_most=60)
        self._negative_lifetime = problems.seconds("negative_lifetime", negative_lifetime, at_most=60)
        self._timeout = problems.seconds("timeout", timeout, at_most=60)
        problems.raise_all()
        assert client is not None  # noqa: S101 - for the type checker: a missing part is a problem found
        self._endpoint = endpoint
        self._client = client
        self._policy = {"issuer": issuer, "audience": audience, "required_claims": required_claims, "claims": claims}
        self._kind = kind
        self._cache_size = cache_size
        self._max_in_flight = max_in_flight
        self._background_fetches = BackgroundFetches(
            is_async=is_async(self._fetcher), name=f"jwtguard introspection at {endpoint}"
        )
        self._lock = Lock("introspection")
        # Apart, so that garbage cannot push out the tokens of those who are logged in.
        self._active: dict[bytes, _Answer] = {}
        self._inactive: dict[bytes, _Answer] = {}
        self._under_way: dict[bytes, BackgroundFetch[_Answer]] = {}
        self.last_error: str | None = None
        """Why the latest question was not answered, or None if it was: for a health check."""

    def policy(self, defaults: Mapping[str, Any]) -> Policy | None:
        """What answers are held against: its own settings over `defaults`; None if both name no issuer."""
        own = {name: value for name, value in self._policy.items() if value is not None}
        merged = {**defaults, **own}
        if merged.get("issuer") is None:
            return None
        if self._kind is not None:
            merged["kind"] = self._kind
        return Policy(**merged)

    def verifying(
        self, text: str, policy_of: Callable[[Mapping[str, Any]], Policy], clock: Callable[[], float]
    ) -> Steps[VerifiedToken]:
        """The steps that verify an opaque token; raises `InvalidTokenError` or `UnavailableError`."""
        if not _OPAQUE.fullmatch(text):
            raise MalformedTokenError("form")
        sha256 = hashlib.sha256(text.encode("ascii")).digest()
        answer = self._active.get(sha256) or self._inactive.get(sha256)
        if answer is None or not clock() < answer.until:
            answer = yield from self._asking(text, sha256, clock)
        if answer.claims is None:
            raise InvalidTokenError("inactive")
        policy = policy_of(answer.claims)
        policy.check(answer.claims, clock())
        return VerifiedToken(header=JOSEHeader(), claims=answer.claims, sha256=sha256, policy=policy)

    def _asking(self, text: str, sha256: bytes, clock: Callable[[], float]) -> Steps[_Answer]:
        yield from self._background_fetches.preparing()
        with self._lock:
            self._under_way = {
                name: background_fetch
                for name, background_fetch in self._under_way.items()
                if background_fetch.is_under_way()
            }
            background_fetch = self._under_way.get(sha256)
            if background_fetch is None:
                if len(self._under_way) >= self._max_in_flight:
                    raise UnavailableError("introspection_busy", retry_after=1)
                background_fetch = self._under_way[sha256] = BackgroundFetch(self._timeout)
                self._background_fetches.start(background_fetch, lambda: Flow(self._ask(text, sha256, clock)))
        try:
            answer: _Answer = yield Wait(background_fetch.future, timeout=background_fetch.wait_seconds())
            return answer
        except (FetchError, TimeoutError, RuntimeError) as error:
            self.last_error = str(error) or "it did not answer in time"
        logger.warning(
            "introspection at %s: %s",
            self._endpoint,
            self.last_error,
            extra=log_fields("introspection_failed", source=self._endpoint),
        )
        raise UnavailableError("introspection")

    def _ask(self, text: str, sha256: bytes, clock: Callable[[], float]) -> Steps[_Answer]:
        try:
            response = yield from fetching(self._fetcher, self._request(text, clock()))
        except StatusError as error:
            if error.status != 401:
                raise
            # RFC 7662 §2.3: it means us, not the token.
            raise FetchError(f"{error}: it does not take our client_id and {self._client.credentials}") from None
        try:
            claims = parse_object(response.body)
        except MalformedTokenError:
            raise FetchError("the answer is not a JSON object") from None
        if not isinstance(claims.get("active"), bool):
            raise FetchError("the answer does not say whether the token is active (RFC 7662 §2.2)")
        self.last_error = None
        now = clock()
        if not claims["active"] or str(claims.get("token_type")).lower() in _OTHER_KINDS:
            answer = _Answer(claims=None, until=now + self._negative_lifetime)
            self._remember(self._inactive, sha256, answer)
            return answer
        expires = claims.get("exp")
        until = now + self._lifetime
        if isinstance(expires, int | float):
            until = min(until, expires)
        answer = _Answer(claims=ClaimsSet(claims), until=until)
        self._remember(self._active, sha256, answer)
        return answer

    def _remember(self, memory: dict[bytes, _Answer], sha256: bytes, answer: _Answer) -> None:
        with self._lock:
            for each in (self._active, self._inactive):
                each.pop(sha256, None)  # What was said before no longer holds.
            make_room(memory, self._cache_size)
            memory[sha256] = answer

    def _request(self, text: str, now: float) -> FetchRequest:
        from urllib.parse import urlencode  # noqa: PLC0415 - slow to import

        proof = self._client.proof(now)
        form = {"token": text, "token_type_hint": "access_token", **proof.form}
        return FetchRequest(
            url=self._endpoint,
            method="POST",
            headers={"Content-Type": _FORM, "Accept": "application/json", **proof.headers},
            body=urlencode(form).encode("ascii"),
            timeout=self._timeout,
        )

    def __repr__(self) -> str:
        return f"Introspection({self._endpoint!r})"
