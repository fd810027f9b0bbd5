"""For every reason that a guard can have, a guard and a token that it refuses for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from jwtguard import (
    UNCHECKED,
    ClaimsMapping,
    Guard,
    Introspection,
    RemoteJWKSet,
    Rule,
    Rules,
    SessionRevocation,
    TrustedIssuer,
    UnavailableError,
    denied,
    fresh,
    has_role,
)
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.tokens.jwk_set import JWKSet
from jwtguard.core.tokens.token_kind import TokenKind
from jwtguard.explanation import Route
from jwtguard.key_sources.http_client import FetchError, FetchRequest, FetchResponse
from jwtguard.migration import tokens_without_issuer
from jwtguard.stores.memory import MemoryStore
from tests.core.keys import hs256, signing_key
from tests.core.token_samples import AUDIENCE, ISSUER, NOW, Clock, claims, compact

GOOD = compact()


def guard(**changes: Any) -> Guard:
    """A guard that takes `GOOD`, with some arguments changed."""
    arguments: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "keys": hs256().verification_key,
        "clock": Clock(),
    }
    arguments |= changes
    return Guard(**{name: value for name, value in arguments.items() if value is not None})


def trusting(**changes: Any) -> Guard:
    """A guard with one trusted issuer, that has these settings."""
    arguments: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "keys": hs256().verification_key} | changes
    return Guard(issuers=[TrustedIssuer(**arguments)], clock=Clock())


def kind(**settings: Any) -> Guard:
    """A guard that asks for one kind of token."""
    return trusting(kind=TokenKind(**settings))


def of(**changes: Any) -> str:
    """A token with these claims."""
    return compact(payload=claims(**changes))


def unreachable(request: FetchRequest) -> FetchResponse:
    """A provider that is away."""
    raise FetchError(f"{request.url} is away")


def says(body: bytes) -> Callable[[FetchRequest], FetchResponse]:
    """A provider that answers this."""
    return lambda request: FetchResponse(status=200, body=body)


def introspecting(fetcher: Callable[[FetchRequest], FetchResponse]) -> Guard:
    """A guard that takes opaque tokens too."""
    endpoint = "https://issuer.example/introspect"
    made = Introspection(endpoint, client_id="api", client_secret="a secret", fetcher=fetcher)
    return guard(introspection=made)


class Busy(Introspection):
    """An introspection with too many questions under way."""

    def verifying(self, text: str, policy_of: Any, clock: Any) -> Steps[Any]:
        raise UnavailableError("introspection_busy")
        yield


class Broken(JWKSet):
    """Keys that raise an unforeseen exception, other than a key source's."""

    def candidates(self, kid: str | None, algorithm: str) -> Any:
        raise ZeroDivisionError


class BrokenStore(MemoryStore):
    """A store that is away."""

    def find(self, session_id: str, *, now: float) -> Any:
        raise OSError("away")


class FetchedSet:
    """A source of keys that has to be asked first, and then has them."""

    algorithms: tuple[str, ...] | None = None

    def __init__(self) -> None:
        self._keys: JWKSet | None = None

    def current(self) -> JWKSet | None:
        return self._keys

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        def steps() -> Steps[JWKSet]:
            self._keys = JWKSet([hs256().verification_key])
            return self._keys
            yield

        return Flow(steps())


@dataclass(frozen=True)
class World:
    """A guard, a token, a route perhaps; refused at `step`."""

    guard: Guard
    text: Any
    step: int
    route: Route | None = None


_RULES = Rules(
    [
        Rule("/admin/", has_role("admin")),
        Rule("/fresh", fresh(max_age=60)),
        Rule("/strong", fresh(acr="gold")),
        Rule("/never", denied),
    ]
)
_TENANT = "https://login.example/{tenantid}/v2.0"
_SEVERAL = Guard(
    issuers=[
        TrustedIssuer(issuer=name, audience="a", keys=hs256().verification_key)
        for name in ("https://one.example", "https://two.example")
    ],
    clock=Clock(),
)
_OLD = tokens_without_issuer(hs256().verification_key, until=datetime(2030, 1, 1, tzinfo=UTC))


def _moving(**changes: Any) -> Guard:
    """A guard that takes tokens without an issuer beside those of its own."""
    return Guard(
        issuers=[
            TrustedIssuer(issuer="https://one.example", audience="a", keys=hs256().verification_key),
            replace(_OLD, **changes),
        ],
        clock=Clock(),
    )


_PUBLIC = compact(key=signing_key("ES256"))
_DEEP = b"[" * 70 + b"]" * 70

WORLDS: list[tuple[str, World]] = [
    ("not_text", World(guard(), b"bytes", 1)),
    ("too_long", World(guard(), "a" * 8193, 1)),
    ("alphabet", World(guard(), f"“{GOOD}”", 1)),
    ("form", World(guard(), "garbage", 2)),
    ("form", World(guard(), "a..c", 2)),
    ("form", World(guard(), "a.b.c.d.e.f.g.h", 2)),
    ("encrypted", World(guard(), "a.b.c.d.e", 2)),
    ("base64url", World(guard(), f"{GOOD}=", 2)),
    ("json", World(guard(), compact(b"no json"), 3)),
    ("json", World(guard(), compact(payload=b"no json"), 7)),
    ("json_depth", World(guard(), compact(b'{"alg":"HS256","x":' + _DEEP + b"}"), 3)),
    ("json_depth", World(guard(), compact(payload=b'{"x":' + _DEEP + b"}"), 7)),
    ("header_extension", World(guard(), compact({"alg": "HS256", "crit": ["exp"]}), 4)),
    ("alg", World(guard(), compact({"alg": 1}), 4)),
    ("alg", World(trusting(algorithms=["HS512"]), GOOD, 5)),
    ("kid", World(guard(), compact({"alg": "HS256", "kid": 1}), 4)),
    ("kid", World(guard(), compact({"alg": "HS256", "kid": "k" * 257}), 4)),
    ("typ", World(guard(), compact({"alg": "HS256", "typ": "refresh+jwt"}), 4)),
    ("typ", World(kind(types=["at+jwt"]), compact({"alg": "HS256", "typ": "JWT"}), 4)),
    ("key", World(guard(keys=hs256("a").verification_key), compact({"alg": "HS256", "kid": "b"}), 5)),
    ("keys", World(guard(keys=RemoteJWKSet("https://issuer.example/jwks", fetcher=unreachable)), _PUBLIC, 5)),
    ("signature", World(guard(), compact(key=hs256(secret="another secret, but an example!!")), 6)),
    ("missing_sub", World(guard(), of(sub=None), 7)),
    ("missing_iat", World(guard(max_token_age=timedelta(hours=1)), GOOD, 7)),
    ("iss", World(guard(), of(iss="https://evil.example"), 7)),
    ("iss", World(guard(keys=FetchedSet()), of(iss="https://evil.example"), 5)),
    ("iss", World(_SEVERAL, GOOD, 5)),
    ("aud", World(guard(), of(aud="https://other.example"), 7)),
    ("aud", World(guard(audience=UNCHECKED), of(aud=1), 7)),
    ("trust_domain", World(trusting(issuer="spiffe://prod.example"), of(iss=None), 7)),
    ("trust_domain", World(trusting(issuer="spiffe://prod.example"), of(sub="spiffe://evil.example/a"), 7)),
    (
        "tenant",
        World(trusting(issuer=_TENANT, tenants=["acme"]), of(iss=_TENANT.format(tenantid="acme"), tid="b"), 7),
    ),
    ("kind", World(kind(some_of=["scope"]), GOOD, 7)),
    ("kind_token_use", World(kind(values={"token_use": ["access"]}), of(token_use="id"), 7)),
    ("kind_type", World(kind(not_values={"type": ["refresh"]}), of(type="refresh"), 7)),
    ("kind_nonce", World(kind(without=["nonce"]), of(nonce="n"), 7)),
    ("kind_client", World(kind(client_claims=["azp"]), GOOD, 7)),
    ("client", World(kind(client_claims=["azp"], clients=["web"]), of(azp="evil"), 7)),
    ("sub", World(guard(), of(sub=""), 7)),
    ("jti", World(guard(), of(jti=1), 7)),
    ("act", World(guard(), of(act={"sub": 7}), 7)),
    ("exp", World(guard(), of(exp=NOW * 1000), 7)),
    ("nbf", World(guard(), of(nbf="soon"), 7)),
    ("iat", World(guard(), of(iat=True), 7)),
    ("auth_time", World(trusting(past_claims=["auth_time"]), of(auth_time=NOW + 600), 7)),
    ("expired", World(guard(), of(exp=NOW - 60), 7)),
    ("too_old", World(guard(max_token_age=timedelta(hours=1)), of(iat=NOW - 7200), 7)),
    ("retired", World(trusting(until=datetime(2023, 11, 14, tzinfo=UTC)), GOOD, 7)),
    ("retired", World(_moving(until=datetime(2023, 11, 14, tzinfo=UTC)), of(iss=None), 7)),
    ("iss", World(_moving(), of(iss="https://evil.example"), 5)),
    ("iss", World(Guard(issuers=[_OLD], clock=Clock()), GOOD, 7)),
    ("sub", World(_moving(claims=ClaimsMapping(subject=("user", "id"))), of(iss=None), 7)),
    ("sub", World(_moving(claims=ClaimsMapping(subject=[("oid",), ("user", "id")])), of(iss=None), 7)),
    ("not_yet_valid", World(guard(), of(nbf=NOW + 60), 7)),
    ("proof_of_possession", World(guard(), of(cnf={"jkt": "x"}), 8)),
    ("proof_of_possession", World(guard(), of(cnf=1), 8)),
    ("inactive", World(introspecting(says(b'{"active": false}')), "opaque", 2)),
    ("introspection", World(introspecting(unreachable), "opaque", 2)),
    (
        "introspection_busy",
        World(guard(introspection=Busy("https://issuer.example/i", client_id="a", client_secret="b")), "opaque", 2),
    ),
    ("revoked", World(guard(revocation=SessionRevocation(MemoryStore())), of(sid="s"), 10)),
    ("no_session", World(guard(revocation=SessionRevocation(MemoryStore())), GOOD, 10)),
    ("store", World(guard(revocation=SessionRevocation(BrokenStore())), of(sid="s"), 10)),
    ("insufficient_scope", World(guard(rules=_RULES), GOOD, 11, Route(method="GET", path="/admin/x"))),
    ("stale_login", World(guard(rules=_RULES), GOOD, 11, Route(method="GET", path="/fresh"))),
    ("weak_login", World(guard(rules=_RULES), GOOD, 11, Route(method="GET", path="/strong"))),
    ("ambiguous_path", World(guard(rules=_RULES), GOOD, 11, Route(method="GET", path="/fresh//x"))),
    ("denied", World(guard(rules=_RULES), GOOD, 11, Route(method="GET", path="/never"))),
    ("unforeseen", World(guard(keys=Broken([hs256().verification_key])), GOOD, 5)),
]
"""By the reason. What no token can cause is in `NOT_BY_A_TOKEN`."""

NOT_BY_A_TOKEN = {"csrf_site", "csrf_origin", "csrf_headers", "csrf_token_missing", "csrf_token", "missing_token"}
"""These are a request's: an explanation is asked about a token alone."""
