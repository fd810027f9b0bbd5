"""Tokens that other libraries issued (see `issue_tokens.py`), on a guard that has moved on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jwtguard import (
    ClaimsMapping,
    ConfigurationError,
    CSRFError,
    Guard,
    InvalidTokenError,
    RemoteJWKSet,
    SessionRevocation,
    SigningKey,
    TokenCookie,
    TokenIssuer,
    TokenKind,
    TrustedIssuer,
    VerificationKey,
    authenticated,
    fresh,
    has_role,
)
from jwtguard.core.tokens.jws import sign
from jwtguard.key_sources.http_client import FetchRequest, FetchResponse
from jwtguard.migration import authx, fastapi_jwt_auth, flask_jwt_extended, simplejwt, tokens_without_issuer
from jwtguard.stores.memory import MemoryStore
from jwtguard.testing import FrozenClock, throwaway_guard, tokens_for
from jwtguard.trust.introspection import Introspection
from tests.samples import AUDIENCE, ISSUER, KEY, NOW, asgi, issuer, token

DATA: dict[str, Any] = json.loads((Path(__file__).parent / "tokens.json").read_text(encoding="utf-8"))
SECRET, TOKENS = DATA["secret"], DATA["tokens"]
UNTIL = datetime(2027, 3, 1, tzinfo=UTC)
NEW = TrustedIssuer(issuer=ISSUER, audience=AUDIENCE, keys=KEY.verification_key)
OLD = {"issuer": "https://old.example", "audience": "old-api"}

Reader = Callable[..., TrustedIssuer]
READERS: dict[str, Reader] = {
    "flask_jwt_extended": flask_jwt_extended,
    "simplejwt": simplejwt,
    "authx": authx,
    "fastapi_jwt_auth": fastapi_jwt_auth,
}


def guard_with(*issuers: TrustedIssuer, clock: Any = lambda: float(NOW), **settings: Any) -> Guard:
    """A guard that takes its own tokens, and those of old."""
    return Guard(issuers=[NEW, *issuers], clock=clock, **settings)


def reader(library: str, **settings: Any) -> TrustedIssuer:
    """The reader of this library's tokens."""
    return READERS[library](settings.pop("key", SECRET), until=UNTIL, **settings)


def outcome(guard: Guard, text: str) -> str:
    """`accepted`, or why not."""
    try:
        guard.verify(text).run()
    except InvalidTokenError as error:
        return error.reason
    return "accepted"


# Library, token, settings, who is calling, with which roles and scopes.
ACCEPTED: list[tuple[str, str, dict[str, Any], str, set[str], set[str]]] = [
    ("flask_jwt_extended", "access", {}, "alice", {"admin"}, set()),
    ("flask_jwt_extended", "access, in a cookie", {}, "alice", set(), set()),
    ("flask_jwt_extended", "access, number", {}, "17", set(), set()),
    ("flask_jwt_extended", "access, another claim", {"identity_claim": "identity"}, "alice", set(), set()),
    ("flask_jwt_extended", "access, issuer and audience", OLD, "alice", set(), set()),
    (
        "flask_jwt_extended",
        "access, ES256",
        {"key": DATA["public_key"], "algorithm": "ES256"},
        "alice",
        set(),
        set(),
    ),
    ("simplejwt", "access", {}, "17", {"admin"}, set()),
    ("simplejwt", "access, number", {}, "17", set(), set()),
    ("simplejwt", "access, issuer and audience", OLD, "17", set(), set()),
    ("authx", "access", {}, "alice", {"admin"}, {"read", "admin:*"}),
    ("authx", "access", {"claims": ClaimsMapping(roles=[("groups",)])}, "alice", set(), set()),
    ("fastapi_jwt_auth", "access", {}, "alice", {"admin"}, set()),
    ("fastapi_jwt_auth", "access, in a cookie", {}, "alice", set(), set()),
    ("fastapi_jwt_auth", "access, number", {}, "17", set(), set()),
    ("flask_jwt_extended", "refresh", {"use": "refresh"}, "alice", set(), set()),
    ("simplejwt", "refresh", {"use": "refresh"}, "17", set(), set()),
    ("authx", "refresh", {"use": "refresh"}, "alice", set(), set()),
    ("fastapi_jwt_auth", "refresh", {"use": "refresh"}, "alice", set(), set()),
]


@pytest.mark.parametrize(("library", "name", "settings", "subject", "roles", "scopes"), ACCEPTED)
def test_accepted(
    library: str, name: str, settings: dict[str, Any], subject: str, roles: set[str], scopes: set[str]
) -> None:
    """A token of the old library passes beside new tokens, and names its subject."""
    guard = guard_with(reader(library, **settings))
    caller = guard.verify(TOKENS[library][name]).run().principal
    assert caller.subject == subject
    assert (set(caller.roles), set(caller.scopes)) == (roles, scopes)
    assert outcome(guard, token()) == "accepted"


REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("flask_jwt_extended", "refresh", {}, "kind_type"),
    ("simplejwt", "refresh", {}, "kind_token_type"),
    ("simplejwt", "sliding", {}, "kind_token_type"),
    ("authx", "refresh", {}, "kind_type"),
    ("fastapi_jwt_auth", "refresh", {}, "kind_type"),
    ("flask_jwt_extended", "access", {"use": "refresh"}, "kind_type"),
    ("flask_jwt_extended", "access, endless", {}, "missing_exp"),
    ("flask_jwt_extended", "access, another claim", {}, "sub"),
    ("flask_jwt_extended", "access", {"identity_claim": "identity"}, "sub"),
    ("flask_jwt_extended", "access, issuer and audience", {}, "iss"),
    ("flask_jwt_extended", "access", OLD, "iss"),
    ("flask_jwt_extended", "access, issuer and audience", {**OLD, "audience": "other"}, "aud"),
    ("flask_jwt_extended", "access, ES256", {}, "alg"),
    ("flask_jwt_extended", "access", {"key": "another secret, as long as it must be"}, "signature"),
    ("simplejwt", "access", {"token_type_claim": "type"}, "kind_type"),
]


@pytest.mark.parametrize(("library", "name", "settings", "reason"), REFUSED)
def test_refused(library: str, name: str, settings: dict[str, Any], reason: str) -> None:
    """Another kind of token, another key, or none of what the settings say."""
    assert outcome(guard_with(reader(library, **settings)), TOKENS[library][name]) == reason


@pytest.mark.parametrize("library", READERS)
def test_until(library: str) -> None:
    """On the given day it is over, to the second, also for a token that was accepted a moment ago."""
    clock = FrozenClock(UNTIL)
    guard = guard_with(reader(library), clock=clock)
    clock.tick(-0.5)
    assert outcome(guard, TOKENS[library]["access"]) == "accepted"
    clock.tick(0.5)
    assert outcome(guard, TOKENS[library]["access"]) == "retired"
    clock.tick(timedelta(days=1))
    assert outcome(guard, TOKENS[library]["access"]) == "retired"
    assert outcome(guard, issuer(clock=clock).access_token("user-1")) == "accepted"


def test_expired_before_that() -> None:
    """A token's own end counts before that day."""
    clock = FrozenClock(datetime(2037, 1, 1, tzinfo=UTC))
    late = replace(reader("simplejwt"), until=datetime(2040, 1, 1, tzinfo=UTC))
    assert outcome(guard_with(late, clock=clock), TOKENS["simplejwt"]["access"]) == "expired"
    aged = replace(late, max_token_age=timedelta(days=1))
    clock.move_to(NOW)
    assert outcome(guard_with(aged, clock=clock), TOKENS["simplejwt"]["access"]) == "too_old"


LEGACY = SigningKey.from_secret(SECRET, algorithm="HS256")
CLAIMS = {"exp": NOW + 60, "sub": "mallory", "type": "access"}


def forged(key: SigningKey, **claims: Any) -> str:
    return sign(json.dumps({**CLAIMS, **claims}).encode(), key)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (forged(LEGACY), "accepted"),
        (forged(LEGACY, iss=ISSUER, aud=AUDIENCE), "signature"),
        (forged(LEGACY, iss=""), "iss"),
        (forged(LEGACY, iss=None), "iss"),
        (forged(LEGACY, iss=["x"]), "iss"),
        (forged(LEGACY, iss="NO_ISSUER"), "iss"),
        (forged(KEY), "signature"),
        (forged(KEY, iss=ISSUER), "missing_aud"),
        (forged(SigningKey.from_secret(SECRET, algorithm="HS256", kid="any")), "accepted"),
    ],
)
def test_neither_key_opens_the_other_door(text: str, reason: str) -> None:
    """The old key signs no token of the new issuer, and the new one none of the old."""
    assert outcome(guard_with(reader("flask_jwt_extended")), text) == reason


def test_tokens_without_an_end() -> None:
    """Tokens without `exp` pass only if that is configured, and end on the given day."""
    clock = FrozenClock(NOW)
    guard = guard_with(replace(reader("flask_jwt_extended"), required_claims=[]), clock=clock)
    assert outcome(guard, TOKENS["flask_jwt_extended"]["access, endless"]) == "accepted"
    clock.move_to(UNTIL)
    assert outcome(guard, TOKENS["flask_jwt_extended"]["access, endless"]) == "retired"


def test_alone() -> None:
    """A guard may take old tokens only, and then too none that names an issuer."""
    alone = Guard(issuers=[reader("flask_jwt_extended")], clock=lambda: NOW)
    assert [outcome(alone, forged(LEGACY)), outcome(alone, forged(LEGACY, iss=ISSUER))] == ["accepted", "iss"]
    assert repr(alone) == "Guard(issuers=[NO_ISSUER])"


def test_tokens_without_issuer_stay_refused_elsewhere() -> None:
    """A guard that names its issuers, patterns of tenants among them, takes no token without one."""
    tenants = TrustedIssuer(
        issuer="https://login.example/{tenantid}/", tenants=["acme"], audience="a", keys=KEY.verification_key
    )
    assert outcome(guard_with(tenants), forged(KEY)) == "iss"


def test_only_one_reader_for_tokens_without_an_issuer() -> None:
    """Two issuers that both fit a token without `iss` are a ConfigurationError."""
    with pytest.raises(ConfigurationError, match="each of several policies needs an issuer of its own"):
        guard_with(reader("flask_jwt_extended"), reader("simplejwt"))
    assert guard_with(reader("flask_jwt_extended"), reader("simplejwt", **OLD)).issuers


def test_what_the_guard_asks_of_new_tokens() -> None:
    """Claims that only the new tokens have are asked of them alone, and rights stand where each has them."""
    strict = guard_with(
        reader("flask_jwt_extended"), required_claims=["exp", "sid"], claims=ClaimsMapping(roles=[("groups",)])
    )
    assert outcome(strict, token()) == "missing_sid"
    caller = strict.verify(TOKENS["flask_jwt_extended"]["access"]).run().principal
    assert caller.roles == {"admin"}


def test_requirements() -> None:
    """Roles are asked as ever; how old a login is, an old token cannot say, so it is too old."""
    guard = guard_with(reader("flask_jwt_extended"))
    request = asgi([("Authorization", f"Bearer {TOKENS['flask_jwt_extended']['access']}")])
    assert guard.admit(request, has_role("admin")).run().require() is not None
    with pytest.raises(Exception, match="log in again"):
        guard.admit(request, fresh(max_age=3600)).run()


def test_cookie() -> None:
    """A cookie of the old library is read beside the header, with our protection against other sites."""
    guard = guard_with(reader("flask_jwt_extended", cookie="access_token_cookie"))
    assert TokenCookie("access_token_cookie") in guard.tokens_from
    fields = [("Cookie", f"access_token_cookie={TOKENS['flask_jwt_extended']['access, in a cookie']}")]
    own = ("Sec-Fetch-Site", "same-origin")
    admitted = guard.admit(asgi([*fields, own], method="POST"), authenticated).run().require()
    assert admitted is not None
    assert admitted.subject == "alice"
    with pytest.raises(CSRFError):
        guard.admit(asgi([*fields, ("Sec-Fetch-Site", "cross-site")], method="POST"), authenticated).run()


def test_revocation() -> None:
    """Old tokens have no session: revocation that names the new issuer leaves them alone, else it refuses them."""
    text = TOKENS["authx"]["access"]
    named = SessionRevocation(MemoryStore(), issuers=[ISSUER])
    assert outcome(guard_with(reader("authx"), revocation=named), text) == "accepted"
    assert outcome(guard_with(reader("authx"), revocation=SessionRevocation(MemoryStore())), text) == "no_session"


def test_opaque_tokens_are_not_taken_for_old_ones() -> None:
    """An introspection answer without an issuer is refused."""

    def fetch(request: FetchRequest) -> FetchResponse:
        said = {"active": True, "type": "access", "sub": "mallory", "exp": NOW + 60}
        return FetchResponse(status=200, body=json.dumps(said).encode())

    asked = Introspection("https://login.example/introspect", client_id="a", client_secret="b", fetcher=fetch)
    guard = guard_with(reader("flask_jwt_extended"), introspection=asked)
    assert outcome(guard, "opaque") == "iss"


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (LEGACY.verification_key, "HS256"),
        ([LEGACY.verification_key], "HS256"),
        (SECRET.encode(), "HS256"),
        (VerificationKey.from_pem(DATA["public_key"], algorithm="ES256"), "ES256"),
    ],
)
def test_keys(key: Any, algorithm: str) -> None:
    """A secret or a PEM as it stood in the old settings, or whatever a guard takes."""
    name = "access" if algorithm == "HS256" else "access, ES256"
    made = reader("flask_jwt_extended", key=key, algorithm=algorithm)
    assert outcome(guard_with(made), TOKENS["flask_jwt_extended"][name]) == "accepted"


def test_a_key_set_by_address() -> None:
    """simplejwt's JWK_URL."""
    keys = RemoteJWKSet("https://old.example/jwks.json", algorithms=["ES256"])
    assert reader("simplejwt", key=keys, algorithm="ES256").key_source is keys


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: flask_jwt_extended("short", until=UNTIL), "needs at least 32"),
        (lambda: simplejwt(SECRET, until=datetime(2027, 1, 1)), "until is the moment"),  # noqa: DTZ001
        (lambda: authx(SECRET, until="2027-01-01"), "until is the moment"),  # type: ignore[arg-type]
        (lambda: authx(SECRET, until=UNTIL, use="Access"), 'use is "access" or "refresh"'),  # type: ignore[arg-type]
        (lambda: authx(SECRET, until=UNTIL, algorithm="none"), "algorithm"),
        (lambda: replace(reader("authx"), keys=None), "keys is required"),
        (lambda: replace(reader("authx"), tenants=["a"]), "tenants needs an issuer"),
        (lambda: tokens_without_issuer(SECRET, until=UNTIL, subject=()), "a path in ClaimsMapping"),
    ],
)
def test_mistakes(make: Callable[[], object], message: str) -> None:
    """A wrong argument is a ConfigurationError when the reader is made."""
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_the_end_cannot_be_left_out() -> None:
    """The last day is required, and tokens end with it."""
    untyped: Any = flask_jwt_extended
    with pytest.raises(TypeError, match="until"):
        untyped(SECRET)


def test_code_of_one_s_own() -> None:
    """Tokens of hand-written code, with a subject inside another claim and roles of their own."""
    made = tokens_without_issuer(
        SECRET,
        until=UNTIL,
        subject=("user", "id"),
        kind=TokenKind(values={"purpose": ["api"]}),
        claims=ClaimsMapping(roles=[("user", "groups")]),
    )
    guard = guard_with(made)
    text = sign(json.dumps({"exp": NOW + 9, "purpose": "api", "user": {"id": 3, "groups": ["a"]}}).encode(), LEGACY)
    caller = guard.verify(text).run().principal
    assert (caller.subject, list(caller.roles), caller.issuer) == ("3", ["a"], None)


def test_tokens_for_tests() -> None:
    """A test of an application that moves over gets tokens of the new issuer, and of the old by asking."""
    from jwtguard.core.tokens.sentinels import NO_ISSUER

    guard = throwaway_guard(issuers=[NEW, reader("simplejwt")], clock=lambda: float(NOW))
    with tokens_for(guard) as token_for:
        assert guard.verify(token_for("alice")).run().principal.issuer == ISSUER
        old = guard.verify(token_for("17", roles=["admin"], issuer=NO_ISSUER)).run()
    assert (old.principal.subject, old.principal.issuer, old.claims["token_type"]) == ("17", None, "access")
    assert "sub" not in old.claims


def test_a_new_issuer_may_share_nothing() -> None:
    """The new tokens of the same program are told from the old by their issuer alone."""
    made = TokenIssuer(issuer=ISSUER, audience=AUDIENCE, client_id="web", signing_keys=[LEGACY], clock=lambda: NOW)
    assert outcome(guard_with(reader("flask_jwt_extended")), made.access_token("alice")) == "signature"
