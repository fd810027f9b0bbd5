"""Tokens for tests: whatever a guard is set up for, it takes them, and only while it is told to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jwtguard import (
    UNCHECKED,
    ClaimPath,
    ClaimsMapping,
    ConfigurationError,
    Guard,
    InvalidTokenError,
    JWKSet,
    SessionRevocation,
    SigningKey,
    TokenIssuer,
    TrustedIssuer,
    UnavailableError,
    VerificationKey,
    has_role,
)
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.sessions.store_protocol import NewSession
from jwtguard.providers import (
    auth0,
    clerk,
    cognito,
    entra,
    firebase,
    google,
    keycloak,
    oidc,
    okta,
    supabase,
)
from jwtguard.stores.memory import MemoryStore
from jwtguard.testing import TokenFor, throwaway_guard, tokens_for
from jwtguard.testing.conformance.adapter_sites import OutOfReach
from jwtguard.testing.tokens import throwaway_key
from jwtguard.trust.trusted_issuer import TrustedIssuer as Issuer
from tests.samples import AUDIENCE, ISSUER, KEY, NOW, asgi, clock, guard, issuer, token


def outcome(of: Guard, text: str) -> str:
    """`accepted`, or why not."""
    try:
        of.verify(text).run()
    except (InvalidTokenError, UnavailableError) as error:
        return error.reason
    return "accepted"


PRESETS: dict[str, Callable[[], Issuer]] = {
    "oidc": lambda: oidc("https://login.example", audience="orders"),
    "oidc, RFC 9068": lambda: oidc("https://login.example", audience="orders", access_token_types=["at+jwt"]),
    "keycloak": lambda: keycloak("https://kc.example/realms/acme", audience="orders", authorized_parties=["web"]),
    "auth0": lambda: auth0("acme.eu.auth0.com", audience=["orders", "bills"]),
    "entra": lambda: entra("11111111-1111-1111-1111-111111111111", audience="orders"),
    "entra, version 1": lambda: entra(["acme", "other"], audience="orders", version=1),
    "entra, every tenant": lambda: entra(UNCHECKED, audience="orders"),
    "cognito": lambda: cognito("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x", client_id="web"),
    "okta": lambda: okta("https://acme.okta.com/oauth2/default"),
    "google": lambda: google(client_id="web", hosted_domain="acme.example"),
    "firebase": lambda: firebase("demo-proj", tenant="acme"),
    "supabase": lambda: supabase("https://abc.supabase.co"),
    "clerk": lambda: clerk("https://clerk.example.com", authorized_parties=["https://app.example"]),
    "clerk, any party": lambda: clerk("https://clerk.example.com", authorized_parties=UNCHECKED),
    "typ: JWT": lambda: TrustedIssuer(
        issuer="https://one.example",
        audience="orders",
        kind=oidc("https://a.example", audience="a", access_token_types=["jwt"]).kind,
    ),
    "HS512": lambda: TrustedIssuer(
        issuer="https://one.example", audience="orders", keys=KEY.verification_key, algorithms=["HS512"]
    ),
    "Ed448": lambda: TrustedIssuer(issuer="https://one.example", audience="orders", algorithms=["Ed448"]),
    "RS384": lambda: TrustedIssuer(issuer="https://one.example", audience="orders", algorithms=["RS384", "PS384"]),
}


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_preset(preset: Callable[[], Issuer]) -> None:
    """Whichever provider a guard trusts, a token for tests says what that provider would, and nothing is fetched."""
    trusting = Guard(issuers=[preset()])
    with tokens_for(trusting) as token_for:
        caller = trusting.verify(token_for("alice", roles=["editor", "author"])).run().principal
        assert (caller.subject, sorted(caller.roles)) == ("alice", ["author", "editor"])
        assert trusting.verify(token_for(scope=["read", "write"])).run().principal.scopes == {"read", "write"}


def test_rights() -> None:
    """Roles, scopes and permissions stand where the guard looks for them."""
    mapped = guard(
        claims=ClaimsMapping(
            roles=[("realm", "roles"), ("more",)],
            scopes=[("scp",)],
            permissions=[ClaimPath(("permission",), single_string=True)],
        )
    )
    with tokens_for(mapped) as token_for:
        text = token_for("alice", roles={"b", "a"}, scope=["read", "write"], permissions=iter(["delete"]))
        claims = mapped.verify(text).run().claims
    assert claims["realm"] == {"roles": ["a", "b"]}
    assert (claims["scp"], claims["permission"]) == ("read write", ["delete"])


def test_rights_in_other_shapes() -> None:
    """An object whose keys are the names, objects in a list, and a subject that may stand in several claims."""
    mapped = guard(
        claims=ClaimsMapping(
            subject=[("name", "id"), ("sub",)],
            roles=[ClaimPath(("grants",), keys=True)],
            permissions=[ClaimPath(("permissions",), member="key")],
        )
    )
    with tokens_for(mapped) as token_for:
        caller = mapped.verify(token_for("alice", roles=["a", "b"], permissions=["delete"])).run().principal
    assert caller.subject == "alice"
    assert caller.roles == {"a", "b"}
    assert caller.permissions == {"delete"}
    assert caller.claims["name"] == {"id": "alice"}


def test_the_guard_is_as_before_when_the_block_ends() -> None:
    """A token for tests is worth nothing outside; what was accepted before is accepted throughout."""
    own, real = guard(), token()
    with tokens_for(own) as token_for:
        text = token_for()
        assert (outcome(own, text), outcome(own, real)) == ("accepted", "accepted")
    assert (outcome(own, text), outcome(own, real)) == ("key", "accepted")
    assert outcome(guard(), text) == "key"


def test_the_guard_is_as_before_when_the_block_fails() -> None:
    """An exception ends it as well."""
    own = guard()
    made: list[str] = []

    def fail() -> None:
        with tokens_for(own) as token_for:
            made.append(token_for())
            raise RuntimeError("test")

    with pytest.raises(RuntimeError, match="test"):
        fail()
    assert outcome(own, made[0]) == "key"


def test_only_the_guard_that_was_named_accepts_them() -> None:
    """Another guard of the program, with the same settings, does not."""
    own, other = guard(), guard()
    with tokens_for(own) as token_for:
        assert outcome(other, token_for()) == "key"


@pytest.mark.parametrize("kid", [None, "real"])
def test_keys_are_found_as_before(kid: str | None) -> None:
    """With and without names, the keys that were there check what they checked."""
    key = SigningKey.generate("ES256", kid=kid)
    own = guard(keys=key.verification_key)
    with tokens_for(own):
        assert outcome(own, issuer(signing_keys=[key]).access_token("user-1")) == "accepted"
        stranger = SigningKey.generate("ES256", kid=kid)
        assert outcome(own, issuer(signing_keys=[stranger]).access_token("user-1")) == "signature"


def test_the_key_for_tests_has_one_algorithm() -> None:
    """Naming the throw-away key is not enough: its algorithm must be right, too."""
    own = guard()
    with tokens_for(own):
        forged = SigningKey.generate("HS256", kid=_key_of(own).kid)
        assert outcome(own, issuer(signing_keys=[forged]).access_token("user-1")) == "signature"


def _key_of(own: Guard) -> VerificationKey:
    with tokens_for(own):
        keys = own.trust.policies[0].keys.current()
        assert keys is not None
        return list(keys)[-1]


def test_keys_out_of_reach() -> None:
    """Tokens for tests need no provider; others still do."""
    remote = guard(keys=OutOfReach())
    with tokens_for(remote) as token_for:
        assert outcome(remote, token_for()) == "accepted"
        named = issuer(signing_keys=[SigningKey.generate("ES256", kid="unknown")])
        assert outcome(remote, named.access_token("user-1")) == "keys"


def test_keys_that_arrive() -> None:
    """Keys that are fetched meanwhile count from then on, and tokens for tests go on being accepted."""
    key = SigningKey.generate("ES256", kid="fetched")

    class Fetching:
        found: JWKSet | None = None

        def current(self) -> JWKSet | None:
            return self.found

        def refreshed(self, kid: str | None) -> Flow[JWKSet]:
            return Flow(self._steps())

        def _steps(self) -> Steps[JWKSet]:
            self.found = JWKSet([key.verification_key])
            return self.found
            yield

    remote = guard(keys=Fetching())
    with tokens_for(remote) as token_for:
        text = token_for()
        assert outcome(remote, text) == "accepted"
        assert outcome(remote, issuer(signing_keys=[key]).access_token("user-1")) == "accepted"
        assert outcome(remote, text) == "accepted"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"expires_in": timedelta(seconds=-11)}, "expired"),
        ({"expires_in": timedelta(seconds=1)}, "accepted"),
        ({"claims": {"aud": "another"}}, "aud"),
        ({"claims": {"sub": None}}, "missing_sub"),
        ({"claims": {"iss": "https://evil.example"}}, "iss"),
        ({"claims": {"cnf": {}}}, "proof_of_possession"),
        ({"claims": {}}, "accepted"),
    ],
)
def test_tokens_that_must_be_refused(settings: dict[str, Any], expected: str) -> None:
    """A test can have any token it likes, wrong ones included."""
    own = guard()
    with tokens_for(own) as token_for:
        assert outcome(own, token_for("alice", **settings)) == expected


def test_several_issuers() -> None:
    """The first issuer is meant unless another is named, by its own name or by one that follows its template."""
    acme = entra(["acme"], audience="orders")
    both = Guard(issuers=[keycloak("https://kc.example/realms/acme", audience="orders"), acme])
    with tokens_for(both) as token_for:
        names = [
            both.verify(token_for(issuer=name)).run().principal.issuer
            for name in (None, "https://login.microsoftonline.com/acme/v2.0")
        ]
        assert names == ["https://kc.example/realms/acme", "https://login.microsoftonline.com/acme/v2.0"]
        with pytest.raises(ConfigurationError, match=r"trusts no issuer 'x': write one of 'https://kc.example"):
            token_for(issuer="x")


def test_unchecked_issuer_and_audience() -> None:
    """Where issuer and audience are UNCHECKED, any values pass."""
    lax = guard(issuer=UNCHECKED, audience=UNCHECKED)
    with tokens_for(lax) as token_for:
        assert "aud" not in lax.verify(token_for()).run().claims


def test_a_claim_that_only_the_project_knows() -> None:
    """A setting that cannot be inferred is a ConfigurationError at once, not a refusal later in the test."""
    strict = guard(required_claims=["exp", "sub", "org"])
    with tokens_for(strict) as token_for:
        with pytest.raises(ConfigurationError, match=r"refuse this token \(missing_org; .*claims=\{"):
            token_for("alice")
        assert outcome(strict, token_for("alice", claims={"org": "acme"})) == "accepted"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"roles": "admin"}, r'roles is a list: write roles=\["admin"\]'),
        ({"scope": 1}, "scope is a list"),
    ],
)
def test_mistakes(settings: dict[str, Any], message: str) -> None:
    """A role without brackets would be five roles of one letter."""
    with tokens_for(guard()) as token_for, pytest.raises(ConfigurationError, match=message):
        token_for("alice", **settings)


def test_a_guard_that_reads_no_roles() -> None:
    """A right that the guard looks for nowhere cannot be given."""
    without = guard(claims=ClaimsMapping(roles=[]))
    with tokens_for(without) as token_for, pytest.raises(ConfigurationError, match=r"nowhere in a token .* for roles"):
        token_for("alice", roles=["admin"])


def test_no_guard() -> None:
    """An adapter is no guard, and the error says what it was given."""
    wrong: Any = object()
    with pytest.raises(ConfigurationError, match="tokens_for needs a guard"), tokens_for(wrong):
        pass


class Revoking:
    """A guard with revocation, and the store behind it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.guard = guard(revocation=SessionRevocation(self.store, max_staleness=timedelta(0)))

    def start(self, session_id: str) -> None:
        session = NewSession(
            session_id=session_id, issuer=ISSUER, subject="alice", idle_lifetime=60, absolute_lifetime=60
        )
        self.store.create(session, now=NOW)


def test_revocation() -> None:
    """A token that names no session is taken; one that does is asked about."""
    revoking = Revoking()
    revoking.start("s1")
    with tokens_for(revoking.guard) as token_for:
        assert outcome(revoking.guard, token_for("alice")) == "accepted"
        text = token_for("alice", session_id="s1")
        assert outcome(revoking.guard, text) == "accepted"
        assert outcome(revoking.guard, token_for("alice", session_id="s2")) == "revoked"
        assert outcome(revoking.guard, token()) == "no_session"
        revoking.store.revoke("s1", now=NOW)
        assert outcome(revoking.guard, text) == "revoked"


def test_revocation_of_open_connections() -> None:
    """The same holds where a connection stays open."""
    revoking = Revoking()
    with tokens_for(revoking.guard) as token_for:
        without = revoking.guard.verify(token_for("alice")).run()
        assert revoking.guard.rechecking(without).run() == float("inf")
        revoking.start("s1")
        named = revoking.guard.verify(token_for("alice", session_id="s1")).run()
        assert revoking.guard.rechecking(named).run() < 2
        revoking.store.revoke("s1", now=NOW)


def test_requirements() -> None:
    """A guard that is asked as adapters ask it admits the caller by role."""
    own = guard(role_hierarchy={"admin": {"editor"}})
    with tokens_for(own) as token_for:
        request = asgi([("Authorization", f"Bearer {token_for('alice', roles=['admin'])}")])
        admitted = own.admit(request, has_role("editor")).run().require()
    assert admitted is not None
    assert admitted.subject == "alice"


def test_throwaway_guard() -> None:
    """A guard of one's own for tests takes what `Guard` takes, and a token from a cookie besides."""
    plain = throwaway_guard(realm="tests")
    assert [type(place).__name__ for place in plain.tokens_from] == ["AuthorizationHeader", "TokenCookie"]
    several = throwaway_guard(issuers=[TrustedIssuer(issuer=ISSUER, audience=AUDIENCE, keys=KEY.verification_key)])
    assert several.issuer is None
    with tokens_for(several) as token_for:
        assert isinstance(token_for, TokenFor)
        assert outcome(several, token_for()) == "accepted"


def test_keys_are_thrown_away() -> None:
    """One key for an algorithm in a process, with a random name."""
    key = throwaway_key("ES256")
    assert throwaway_key("ES256") is key
    assert len(str(key.kid)) > 20
    own = TokenIssuer(issuer=ISSUER, audience=AUDIENCE, client_id="web", signing_keys=[KEY], clock=clock)
    assert outcome(throwaway_guard(clock=clock), own.access_token("user-1")) != "accepted"
