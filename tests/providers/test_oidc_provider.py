"""oidc-provider: its tokens are let in by all applications, and what is not an access token for us is not."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from jwtguard import UNCHECKED, Guard, Introspection, OpenIDProvider, RemoteJWKSet
from jwtguard.providers import oidc
from tests.providers.apps import statuses
from tests.providers.conftest import Provider

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]
API = "https://api.example"


def resource(name: str) -> str:
    """The name of an API; the provider signs its tokens with the algorithm that stands at the end."""
    return f"{API}/{name}"


def fetched(provider: Provider, client: tuple[str, str], **form: str) -> dict[str, Any]:
    """The answer of the token endpoint."""
    with httpx.Client(trust_env=False) as http:
        answer = http.post(f"{provider.origin}/token", auth=client, data=form)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def machine_token(provider: Provider, name: str, scope: str = "read") -> str:
    """An access token for one of our APIs, by client credentials."""
    form = {"grant_type": "client_credentials", "resource": resource(name), "scope": scope}
    return str(fetched(provider, ("machine", "a secret"), **form)["access_token"])


def guard(provider: Provider, *names: str, **settings: Any) -> Guard:
    """A guard that takes tokens for these APIs."""
    issuer = oidc(provider.origin, audience=[resource(name) for name in names], allow_http_loopback=True)
    return Guard(issuers=[issuer], **settings)


def test_every_algorithm(oidc_provider: Provider) -> None:
    """Keys without `alg` serve each algorithm that fits their type; one key set, RFC 9068 tokens."""
    everything = guard(oidc_provider, *ALGORITHMS)
    tokens = {name: machine_token(oidc_provider, name) for name in ALGORITHMS}
    assert {name: statuses(everything, token) for name, token in tokens.items()} == {name: {200} for name in ALGORITHMS}
    strict = oidc(
        oidc_provider.origin,
        audience=[resource(name) for name in ALGORITHMS],
        access_token_types=["at+jwt"],
        algorithms=["ES256"],
        allow_http_loopback=True,
    )
    only = Guard(issuers=[strict])
    assert {name: statuses(only, token) for name, token in tokens.items()} == {
        name: {200} if name == "ES256" else {401} for name in ALGORITHMS
    }


def test_wrong_tokens(oidc_provider: Provider) -> None:
    """Another audience, another issuer, another scope, a spoiled signature."""
    token = machine_token(oidc_provider, "ES256")
    other = Guard(
        issuer="https://issuer.example",
        audience=resource("ES256"),
        keys=RemoteJWKSet(f"{oidc_provider.origin}/jwks", allow_http_loopback=True),
    )
    right = guard(oidc_provider, "ES256")
    writing = machine_token(oidc_provider, "ES256", scope="write")
    head, payload, signature = token.split(".")
    spoiled = f"{head}.{payload}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    assert [
        statuses(right, token),
        statuses(guard(oidc_provider, "RS256"), token),
        statuses(other, token),
        statuses(right, writing),
        statuses(right, spoiled),
    ] == [{200}, {401}, {401}, {403}, {401}]


def test_refresh_and_id_token(oidc_provider: Provider) -> None:
    """Each refresh gives an access token that passes; its ID and refresh tokens are refused."""
    right = guard(oidc_provider, "RS256")
    refresh_token = oidc_provider.tell("login", account="alice", resource=resource("RS256"))
    for _ in range(2):
        answer = fetched(
            oidc_provider, ("web", "another secret"), grant_type="refresh_token", refresh_token=refresh_token
        )
        principal = right.principal_of(right.verify(answer["access_token"]).run())
        assert (principal.subject, set(principal.scopes)) == ("alice", {"read"})
        assert statuses(right, answer["access_token"]) == {200}
        for_web = oidc(oidc_provider.origin, audience=["web", resource("RS256")], allow_http_loopback=True)
        assert statuses(Guard(issuers=[for_web]), answer["id_token"]) == {401}
        assert statuses(right, answer["refresh_token"]) == {401}
        refresh_token = answer["refresh_token"]


def test_rotation(oidc_provider: Provider) -> None:
    """New keys are found by the first token that they signed; old ones leave with the set."""
    right = guard(oidc_provider, "ES256", "RS256")
    old = machine_token(oidc_provider, "ES256")
    assert statuses(right, old) == {200}
    oidc_provider.tell("rotate", keep=True)
    new = machine_token(oidc_provider, "ES256")
    assert [statuses(right, new), statuses(right, old)] == [{200}, {200}]
    oidc_provider.tell("rotate", keep=False)
    later = guard(oidc_provider, "ES256")
    assert [statuses(later, old), statuses(later, new), statuses(later, machine_token(oidc_provider, "ES256"))] == [
        {401},
        {401},
        {200},
    ]


def introspection(provider: Provider, **settings: Any) -> Introspection:
    """Introspection as the client that is our API."""
    arguments: dict[str, Any] = {
        "client_id": "orders-api",
        "client_secret": "a/secret: with+signs",
        "allow_http_loopback": True,
    }
    return Introspection(f"{provider.origin}/token/introspection", **arguments | settings)


def test_introspection(oidc_provider: Provider) -> None:
    """Opaque tokens beside JWTs on one route; revoked and invented ones are refused."""
    right = guard(oidc_provider, "opaque", "ES256", introspection=introspection(oidc_provider))
    web = ("web", "another secret")
    login = oidc_provider.tell("login", account="alice", resource=resource("opaque"))
    answer = fetched(oidc_provider, web, grant_type="refresh_token", refresh_token=login)
    opaque = answer["access_token"]
    assert "." not in opaque
    assert [statuses(right, opaque), statuses(right, machine_token(oidc_provider, "ES256"))] == [{200}, {200}]
    # Without a user there is no `sub`: only a guard that does not ask for one takes such a token.
    machine = machine_token(oidc_provider, "opaque")
    lenient = introspection(oidc_provider, required_claims=["exp", "iss", "aud"])
    single: dict[str, Any] = {"issuer": oidc_provider.origin, "audience": resource("opaque")}
    with_audience = Guard(**single, introspection=lenient)
    assert [statuses(right, machine), statuses(with_audience, machine)] == [{401}, {200}]
    # A refresh token is answered as active too, without an audience.
    assert statuses(right, answer["refresh_token"]) == {401}
    with httpx.Client(trust_env=False) as http:
        http.post(f"{oidc_provider.origin}/token/revocation", auth=web, data={"token": opaque}).raise_for_status()
    fresh = guard(oidc_provider, "opaque", introspection=introspection(oidc_provider))
    assert [statuses(fresh, opaque), statuses(fresh, "invented")] == [{401}, {401}]


@pytest.mark.parametrize("authentication", ["client_secret_basic", "client_secret_post"])
def test_introspection_as_a_stranger(oidc_provider: Provider, authentication: str) -> None:
    """Our own wrong secret is no fault of the caller: 503."""
    stranger = introspection(oidc_provider, client_secret="wrong", authentication=authentication)
    assert statuses(guard(oidc_provider, "opaque", introspection=stranger), "some-token") == {503}
    assert "answered 401" in str(stranger.last_error)


def test_metadata_of_another(oidc_provider: Provider) -> None:
    """The provider's own name must be the configured one, to the letter."""
    keys = OpenIDProvider(
        f"{oidc_provider.origin}/",
        metadata_url=f"{oidc_provider.origin}/.well-known/openid-configuration",
        allow_http_loopback=True,
    )
    wrong = Guard(issuer=oidc_provider.origin, audience=UNCHECKED, keys=keys)
    assert statuses(wrong, machine_token(oidc_provider, "ES256")) == {503}
    assert "metadata" in str(keys.last_error)


def test_plain_guard_in_a_few_lines(oidc_provider: Provider) -> None:
    """Without a preset."""
    keys = OpenIDProvider(oidc_provider.origin, algorithms=["PS256"], allow_http_loopback=True)
    plain = Guard(issuer=oidc_provider.origin, audience=resource("PS256"), keys=keys)
    token = plain.verify(machine_token(oidc_provider, "PS256")).run()
    assert plain.principal_of(token).scopes == {"read"}
