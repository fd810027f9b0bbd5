"""Several issuers on one guard, each on its own terms; tenants; kinds of token; and all of it as plain data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jwtguard import (
    UNCHECKED,
    AuthorizationHeader,
    ClaimsMapping,
    ConfigurationError,
    Guard,
    Introspection,
    InvalidTokenError,
    JWKSet,
    OpenIDProvider,
    RemoteJWKSet,
    TokenHeader,
    TokenKind,
    TrustedIssuer,
    UnavailableError,
)
from jwtguard.core.tokens.claims_policy import Policy
from jwtguard.core.tokens.jws import sign
from jwtguard.core.tokens.tenants import TenantPattern
from tests.core.keys import hs256, signing_key
from tests.key_sources.scripted import (
    AUDIENCE,
    FIRST,
    ISSUER,
    NOW,
    SECOND,
    URL,
    Clock,
    Fetcher,
    as_json,
    claims,
    jwks,
    token,
)

TWO = "https://two.example"
ONE_ISSUER = TrustedIssuer(issuer=ISSUER, audience=AUDIENCE, keys=FIRST.verification_key)
TWO_ISSUER = TrustedIssuer(
    issuer=TWO,
    audience="two",
    keys=[SECOND.verification_key],
    algorithms=["ES256"],
    claims=ClaimsMapping(roles=[("groups",)]),
)


def guard(*issuers: TrustedIssuer, **settings: Any) -> Guard:
    """A guard that trusts these."""
    return Guard(issuers=issuers, clock=Clock(), **settings)


def outcome(tried: Guard, text: str) -> str:
    """`accepted`, or why not."""
    try:
        tried.verify(text).run()
    except (InvalidTokenError, UnavailableError) as error:
        return error.reason
    return "accepted"


# The key, the changes, and the outcome.
BOUND: list[tuple[Any, dict[str, Any], str]] = [
    (FIRST, {}, "accepted"),
    (SECOND, {"iss": TWO, "aud": "two"}, "accepted"),
    (SECOND, {}, "key"),
    (FIRST, {"iss": TWO, "aud": "two"}, "key"),
    (FIRST, {"aud": "two"}, "aud"),
    (SECOND, {"iss": TWO}, "aud"),
    (SECOND, {"iss": "https://three.example"}, "iss"),
    (SECOND, {"iss": f"{TWO}/", "aud": "two"}, "iss"),
    (SECOND, {"iss": [TWO], "aud": "two"}, "iss"),
    (SECOND, {"iss": None, "aud": "two"}, "iss"),
    (signing_key("ES384", "second"), {"iss": TWO, "aud": "two"}, "alg"),
]


@pytest.mark.parametrize(("key", "changes", "expected"), BOUND)
def test_each_is_bound_to_its_own(key: Any, changes: dict[str, Any], expected: str) -> None:
    """Keys, audience and type of one issuer do not count for another."""
    assert outcome(guard(ONE_ISSUER, TWO_ISSUER), token(key, **changes)) == expected


def test_each_has_its_mapping() -> None:
    """Each issuer has its claims mapping, or the guard's."""
    tried = guard(ONE_ISSUER, TWO_ISSUER, claims=ClaimsMapping(roles=[("teams",)]))
    rights: dict[str, Any] = {"teams": ["a"], "groups": ["b"], "roles": ["c"]}
    texts = [token(**rights), token(SECOND, iss=TWO, aud="two", **rights)]
    assert [set(tried.principal_of(tried.verify(text).run()).roles) for text in texts] == [{"a"}, {"b"}]


# A setting of the guard, the same of an issuer, changes to the token, and the outcome with the first and with both.
SETTINGS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any], str, str]] = [
    ({"leeway": timedelta(0)}, {"leeway": timedelta(seconds=60)}, {"exp": NOW - 30}, "expired", "accepted"),
    ({"required_claims": ["jti"]}, {"required_claims": ["exp"]}, {}, "missing_jti", "accepted"),
    (
        {"max_token_age": timedelta(seconds=1)},
        {"max_token_age": timedelta(hours=1)},
        {"iat": NOW - 60},
        "too_old",
        "accepted",
    ),
]


@pytest.mark.parametrize(("general", "own", "changes", "with_general", "with_own"), SETTINGS)
def test_own_settings_come_first(
    general: dict[str, Any], own: dict[str, Any], changes: dict[str, Any], with_general: str, with_own: str
) -> None:
    """The guard's hold where an issuer has none."""
    trusted = [
        TrustedIssuer(issuer=ISSUER, audience=AUDIENCE, keys=FIRST.verification_key, **settings)
        for settings in ({}, own)
    ]
    assert [outcome(guard(each, **general), token(**changes)) for each in trusted] == [with_general, with_own]


def test_nothing_is_fetched_for_strangers() -> None:
    """With one issuer in the list or with several."""
    fetchers = [Fetcher(jwks(FIRST)), Fetcher(jwks(SECOND))]
    issuers = [
        TrustedIssuer(issuer=name, audience=AUDIENCE, keys=RemoteJWKSet(URL, fetcher=fetcher, clock=Clock()))
        for name, fetcher in zip((ISSUER, TWO), fetchers, strict=True)
    ]
    for tried in (guard(*issuers), guard(issuers[0])):
        assert outcome(tried, token(iss="https://evil.example")) == "iss"
    assert [fetcher.count for fetcher in fetchers] == [0, 0]
    assert outcome(guard(*issuers), token(SECOND, iss=TWO)) == "accepted"
    assert [fetcher.count for fetcher in fetchers] == [0, 1]


def test_an_outage_of_one_is_not_the_other_s() -> None:
    """Each has its own source of keys."""
    down = TrustedIssuer(issuer=TWO, audience=AUDIENCE, keys=RemoteJWKSet(URL, fetcher=Fetcher(500)))
    tried = guard(ONE_ISSUER, down)
    assert [outcome(tried, token()), outcome(tried, token(iss=TWO))] == ["accepted", "keys"]
    with pytest.raises(UnavailableError):
        tried.prefetch().run()


def test_prefetching_asks_every_issuer() -> None:
    """The first that is down leaves no other's keys unfetched."""
    fetchers = [Fetcher(500), Fetcher(jwks(SECOND)), Fetcher(500)]
    names = (ISSUER, TWO, "https://three.example")
    issuers = [
        TrustedIssuer(issuer=name, audience=AUDIENCE, keys=RemoteJWKSet(URL, fetcher=fetcher))
        for name, fetcher in zip(names, fetchers, strict=True)
    ]
    with pytest.raises(UnavailableError):
        guard(*issuers).prefetch().run()
    assert [fetcher.count for fetcher in fetchers] == [1, 1, 1]


def test_what_a_guard_shows() -> None:
    """With several issuers `issuer`, `audience` and `keys` are not a single value."""
    tried = guard(ONE_ISSUER, TWO_ISSUER)
    assert (tried.issuer, tried.audience, tried.keys, tried.issuers) == (None, None, None, (ONE_ISSUER, TWO_ISSUER))
    assert repr(tried) == f"Guard(issuers=['{ISSUER}', '{TWO}'])"
    assert isinstance(TWO_ISSUER.key_source, JWKSet)


def test_default_source_of_keys() -> None:
    """The issuer is asked for its metadata, for the algorithms that were named."""
    source = TrustedIssuer(issuer=ISSUER, audience=AUDIENCE, algorithms=["PS256"]).key_source
    assert isinstance(source, OpenIDProvider)
    assert (source.issuer, source.algorithms) == (ISSUER, ("PS256",))


def test_aliases() -> None:
    """Two spellings of one issuer."""
    trusted = TrustedIssuer(issuer=ISSUER, aliases=["issuer.example"], audience=AUDIENCE, keys=FIRST.verification_key)
    tried = guard(trusted)
    names = [ISSUER, "issuer.example", "example"]
    assert [outcome(tried, token(iss=name)) for name in names] == ["accepted", "accepted", "iss"]


PATTERN = "https://login.example/{tenantid}/v2.0"
# The tenants on the list, `iss`, `tid`, and the outcome.
TENANTS: list[tuple[Any, str, Any, str]] = [
    (["acme"], "https://login.example/acme/v2.0", "acme", "accepted"),
    (["acme", "beta"], "https://login.example/beta/v2.0", "beta", "accepted"),
    (UNCHECKED, "https://login.example/any-tenant/v2.0", "any-tenant", "accepted"),
    (["acme"], "https://login.example/evil/v2.0", "evil", "iss"),
    (["acme"], "https://login.example/evil/v2.0", "acme", "iss"),
    (["acme"], "https://login.example/acme/v2.0", "evil", "tenant"),
    (["acme"], "https://login.example/acme/v2.0", None, "tenant"),
    (["acme"], "https://login.example/acme/v2.0", ["acme"], "tenant"),
    (["acme"], PATTERN, "{tenantid}", "iss"),
    (UNCHECKED, PATTERN, "{tenantid}", "iss"),
    (UNCHECKED, "https://login.example//v2.0", "", "iss"),
    (UNCHECKED, "https://login.example/a/b/v2.0", "a/b", "iss"),
    (UNCHECKED, "https://login.example/../v2.0", "..", "iss"),
    (UNCHECKED, "https://login.example/acme/v2.0/", "acme", "iss"),
    (UNCHECKED, "https://login.example/acme/v2.0\n", "acme", "iss"),
    (UNCHECKED, "xhttps://login.example/acme/v2.0", "acme", "iss"),
    (UNCHECKED, "https://loginXexample/acme/v2.0", "acme", "iss"),
    (UNCHECKED, "https://login.example/äcme/v2.0", "äcme", "iss"),
    (UNCHECKED, f"https://login.example/{'a' * 129}/v2.0", "a" * 129, "iss"),
]


@pytest.mark.parametrize(("tenants", "issuer", "tid", "expected"), TENANTS)
def test_tenants(tenants: Any, issuer: str, tid: Any, expected: str) -> None:
    """Nothing that the token says widens the pattern."""
    trusted = TrustedIssuer(issuer=PATTERN, tenants=tenants, audience=AUDIENCE, keys=FIRST.verification_key)
    text = token(iss=issuer, **({} if tid is None else {"tid": tid}))
    for tried in (guard(trusted), guard(trusted, TWO_ISSUER)):
        assert outcome(tried, text) == expected


def test_exact_issuer_comes_before_a_pattern() -> None:
    """A tenant may have terms of its own."""
    pattern = TrustedIssuer(issuer=PATTERN, tenants=UNCHECKED, audience="all", keys=FIRST.verification_key)
    acme = TrustedIssuer(issuer="https://login.example/acme/v2.0", audience="acme", keys=FIRST.verification_key)
    tried = guard(pattern, acme)
    texts = [token(iss=f"https://login.example/{name}/v2.0", tid=name, aud=name) for name in ("acme", "beta")]
    assert [outcome(tried, text) for text in texts] == ["accepted", "aud"]


def test_pattern_needs_an_issuer() -> None:
    """A token without one has no tenant."""
    with pytest.raises(InvalidTokenError):
        TenantPattern(PATTERN, tenants=["a"]).check({"tid": "a"})


WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: Guard(), "issuer is required"),
    (lambda: Guard(issuers=[]), "issuers is a list, not empty"),
    (lambda: Guard(issuers=ONE_ISSUER), "issuers is a list, not empty"),  # type: ignore[arg-type]
    (lambda: Guard(issuers=[ISSUER]), "issuers is a list, not empty"),  # type: ignore[list-item]
    (lambda: Guard(issuers=[ONE_ISSUER, ONE_ISSUER]), "needs an issuer of its own"),
    (lambda: Guard(issuer=ISSUER, issuers=[ONE_ISSUER]), r"pass either issuers=\[...\] or .* not issuer too"),
    (
        lambda: Guard(audience=AUDIENCE, keys=FIRST.verification_key, issuers=[ONE_ISSUER]),
        "not audience, keys too",
    ),
    (lambda: Guard(issuer=ISSUER, audience=AUDIENCE), "keys is required and cannot be unchecked"),
    (lambda: Guard(issuer=ISSUER, audience=AUDIENCE, keys=UNCHECKED), "cannot be unchecked"),  # type: ignore[arg-type]
    (
        lambda: Guard(issuer=ISSUER, audience=AUDIENCE, introspection="https://x"),  # type: ignore[arg-type]
        r"introspection is Introspection\(",
    ),
    (lambda: TrustedIssuer(issuer=UNCHECKED, audience="a"), "each issuer needs its name"),  # type: ignore[arg-type]
    (lambda: TrustedIssuer(issuer="", audience="a"), "each issuer needs its name"),
    (lambda: TrustedIssuer(issuer=ISSUER, audience=None), "audience is required"),  # type: ignore[arg-type]
    (lambda: TrustedIssuer(issuer=ISSUER, audience="a", algorithms=["none"]), "issuer 'https.*not supported"),
    (lambda: TrustedIssuer(issuer=ISSUER, audience="a", algorithms="RS256"), "algorithms is a list"),
    (lambda: TrustedIssuer(issuer=ISSUER, audience="a", keys=5), "keys is required"),  # type: ignore[arg-type]
    (lambda: TrustedIssuer(issuer=ISSUER, audience="a", kind=5), "kind is a TokenKind"),  # type: ignore[arg-type]
    (lambda: TrustedIssuer(issuer=ISSUER, audience="a", tokens_from=[]), "tokens_from holds"),
    (lambda: TrustedIssuer(issuer=ISSUER, audience="a", tenants=["a"]), "tenants needs an issuer with"),
    (lambda: TrustedIssuer(issuer=PATTERN, audience="a", tenants=["a"]), "keys is required where the issuer is no"),
    (
        lambda: TrustedIssuer(issuer=PATTERN, audience="a", keys=FIRST.verification_key),
        "tenants is needed for an issuer with",
    ),
    (lambda: TenantPattern("https://x.example/a", tenants=["a"]), "holds one {tenantid}"),
    (lambda: TenantPattern("https://x.example/{a}/{b}", tenants=["a"]), "holds one {tenantid}"),
    (lambda: TenantPattern("https://{tenantid}.example/", tenants=["a"]), "behind a slash"),
    (lambda: TenantPattern("{tenantid}", tenants=["a"]), "behind a slash"),
    (lambda: TenantPattern("https://x.example/{tenantid}", tenants=[]), "at least one"),
    (lambda: TenantPattern("https://x.example/{tenantid}", tenants=["a/b"]), "at least one"),
    (lambda: TenantPattern("https://x.example/{tenantid}", tenants="acme"), "pass the list of tenants"),
    (lambda: TokenKind(values={"a": "b"}), "values maps claims to lists"),
    (lambda: TokenKind(not_values=["a"]), "not_values maps claims to lists"),  # type: ignore[arg-type]
    (lambda: TokenKind(values={(): ["b"]}), "values maps claims to lists"),
    (lambda: TokenKind(without="nonce"), "without is a list of strings"),
    (lambda: TokenKind(types=["JWE"]), "types are among at"),
    (lambda: TokenKind(clients=["a"]), "clients needs client_claims"),
    (lambda: TokenKind(clients=[], client_claims=["azp"]), "clients needs client_claims"),
]


@pytest.mark.parametrize(("make", "message"), WRONG)
def test_wrong_configuration(make: Callable[[], object], message: str) -> None:
    """A wrong setting is a ConfigurationError that says what to write."""
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_all_problems_at_once() -> None:
    """As everywhere."""
    with pytest.raises(ConfigurationError) as refused:
        Guard(issuer=ISSUER, issuers=[], introspection=5, realm='"', leeway=5)  # type: ignore[arg-type]
    assert len(refused.value.problems) == 4


def test_policy_with_wrong_algorithms() -> None:
    """By itself, too."""
    with pytest.raises(ConfigurationError, match="not supported"):
        Policy(issuer=ISSUER, audience=AUDIENCE, keys=JWKSet([]), algorithms=["none"])


# As plain data.

KEYS = {"secret": "not a secret, only an example!!!", "algorithm": "HS256"}
SECRET_KEY = hs256()


def plain(**changes: Any) -> dict[str, Any]:
    """A token that the guards below should take."""
    return claims(exp=NOW + 10**9, **changes)


CONFIGURED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"issuers": [{"issuer": ISSUER, "audience": AUDIENCE, "keys": KEYS}]}, {}, "accepted"),
    ({"issuers": [{"issuer": ISSUER, "audience": {"unchecked": True}, "keys": KEYS}]}, {"aud": "x"}, "accepted"),
    ({"issuers": [ONE_ISSUER, {"issuer": TWO, "audience": AUDIENCE, "keys": KEYS}]}, {"iss": TWO}, "accepted"),
    (
        {"issuers": [{"issuer": ISSUER, "audience": AUDIENCE, "keys": KEYS, "kind": {"without": ["nonce"]}}]},
        {"nonce": "n"},
        "kind_nonce",
    ),
    (
        {"issuers": [{"preset": "keycloak", "issuer": ISSUER, "audience": AUDIENCE, "keys": KEYS}]},
        {"typ": "Bearer", "azp": "web"},
        "accepted",
    ),
    (
        {"issuers": [{"preset": "keycloak", "issuer": ISSUER, "audience": AUDIENCE, "keys": KEYS}]},
        {"typ": "ID", "azp": "web"},
        "kind_typ",
    ),
]


@pytest.mark.parametrize(("config", "changes", "expected"), CONFIGURED)
def test_issuers_as_plain_data(config: dict[str, Any], changes: dict[str, Any], expected: str) -> None:
    """A mapping says the same as the objects."""
    assert outcome(Guard.from_config(config), sign(as_json(plain(**changes)), SECRET_KEY)) == expected


def test_mapping_of_claims_as_plain_data() -> None:
    """In an issuer as in the guard."""
    issuer = {"issuer": ISSUER, "audience": AUDIENCE, "keys": KEYS, "claims": {"roles": [["groups"]]}}
    tried = Guard.from_config({"issuers": [issuer]})
    verified = tried.verify(sign(as_json(plain(groups=["a"])), SECRET_KEY)).run()
    assert tried.principal_of(verified).roles == {"a"}


def source(**keys: Any) -> Any:
    """The source of keys of a guard from plain data."""
    return Guard.from_config({"issuer": ISSUER, "audience": AUDIENCE, "keys": keys}).keys


def test_sources_as_plain_data() -> None:
    """An address, or the issuer's own metadata."""
    remote = source(jwks_url=URL, algorithms=["RS256"])
    assert (repr(remote), remote.algorithms) == (f"RemoteJWKSet({URL!r})", ("RS256",))
    found = source(openid=True, algorithms=["ES256"])
    assert (repr(found), found.algorithms) == (f"OpenIDProvider({ISSUER!r})", ("ES256",))
    loopback = source(jwks_url="http://127.0.0.1/jwks", allow_http_loopback=True)
    assert repr(loopback) == "RemoteJWKSet('http://127.0.0.1/jwks')"
    issuer = {"issuer": "http://127.0.0.1", "audience": "a", "keys": {"openid": True, "allow_http_loopback": True}}
    (trusted,) = Guard.from_config({"issuers": [issuer]}).issuers
    assert repr(trusted.key_source) == "OpenIDProvider('http://127.0.0.1')"


def test_sources_from_the_environment() -> None:
    """The same by variables."""
    base = {"JWTGUARD_ISSUER": "http://127.0.0.1:8080", "JWTGUARD_AUDIENCE": AUDIENCE}
    found = Guard.from_env({**base, "JWTGUARD_OPENID": "1", "JWTGUARD_ALLOW_HTTP_LOOPBACK": "1"}).keys
    assert repr(found) == "OpenIDProvider('http://127.0.0.1:8080')"
    variables = {**base, "JWTGUARD_JWKS_URL": URL, "JWTGUARD_ALGORITHM": "RS256, ES256"}
    remote = Guard.from_env(variables).keys
    assert isinstance(remote, RemoteJWKSet)
    assert remote.algorithms == ("RS256", "ES256")
    with pytest.raises(ConfigurationError, match="ALLOW_HTTP_LOOPBACK is 1, or not set"):
        Guard.from_env({**variables, "JWTGUARD_ALLOW_HTTP_LOOPBACK": "yes"})


def test_introspection_as_plain_data() -> None:
    """Introspection as plain data needs no keys."""
    asking = {
        "endpoint": "https://issuer.example/introspect",
        "client_id": "a",
        "client_secret": "b",
        "audience": {"unchecked": True},
        "lifetime": 5,
        "kind": {"values": {"token_type": ["Bearer"]}},
        "fetcher": Fetcher(as_json({"active": True, "iss": ISSUER, "sub": "a", "exp": NOW + 10**9})),
    }
    tried = Guard.from_config({"issuer": ISSUER, "audience": AUDIENCE, "introspection": asking})
    assert outcome(tried, "opaque") == "kind_token_type"
    ready = Introspection("https://issuer.example/introspect", client_id="a", client_secret="b")
    assert Guard.from_config({"issuer": ISSUER, "audience": "a", "introspection": ready}).introspection is ready


WRONG_DATA: list[tuple[dict[str, Any], str]] = [
    ({"issuers": "https://x"}, r"issuers: write a list, as in \[{\"preset\": \"keycloak\""),
    ({"issuers": [{"preset": "keyclock"}]}, "issuers: unknown preset 'keyclock': did you mean 'keycloak'"),
    ({"issuers": [{"issuer": ISSUER}]}, "issuers: audience is required in"),
    ({"issuers": [{"issuer": ISSUER, "audience": "a", "key": 1}]}, "unknown key 'key': did you mean 'keys'"),
    ({"issuers": [{"issuer": ISSUER, "audience": "a"}], "leeway": 999}, "leeway must be at least 0"),
    ({"issuers": [ONE_ISSUER], "relm": "x"}, "unknown key 'relm'"),
    ({"issuers": [ONE_ISSUER], "relm": "x", "leeway": 999}, "leeway must be at least 0"),
    ({"issuer": ISSUER, "audience": "a", "keys": {"openid": False}}, 'keys: write {"openid": true}'),
    ({"issuer": ISSUER, "audience": "a", "keys": {"openid": True, "algorithms": ["x"]}}, "keys: algorithm 'x'"),
    ({"issuer": {"unchecked": True}, "audience": "a", "keys": {"openid": True}}, "keys: issuer is an absolute https"),
    ({"issuer": ISSUER, "audience": "a", "keys": {"jwks_url": "x"}}, "keys: url is an absolute https address"),
    ({"issuer": ISSUER, "audience": "a", "introspection": {}}, "introspection: endpoint is required in"),
    ({"audience": "a", "introspection": {}}, "issuer is required: write"),
]


@pytest.mark.parametrize(("config", "message"), WRONG_DATA)
def test_wrong_plain_data(config: dict[str, Any], message: str) -> None:
    """Wrong plain data is an error that names the key and what to write."""
    with pytest.raises(ConfigurationError, match=message):
        Guard.from_config(config)


def test_secrets_stay_out_of_messages() -> None:
    """A setting that is missing is named without quoting the others."""
    with pytest.raises(ConfigurationError) as refused:
        Guard.from_config({"issuer": ISSUER, "audience": "a", "introspection": {"client_secret": "s3cret"}})
    assert "s3cret" not in str(refused.value)


def test_where_tokens_travel() -> None:
    """All places of all issuers, in order."""
    header = TokenHeader("X-Token", from_proxy=False)
    first = TrustedIssuer(issuer=ISSUER, audience="a", keys=FIRST.verification_key, tokens_from=[header])
    assert guard(first, TWO_ISSUER).tokens_from == (header, AuthorizationHeader())
