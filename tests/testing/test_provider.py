"""The fake provider: what guards and clients find there, and how it fails."""

from __future__ import annotations

import base64
import json
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest

from jwtguard import ConfigurationError, Guard, InvalidTokenError, OpenIDProvider, SigningKey, UnavailableError
from jwtguard.providers import keycloak, oidc
from jwtguard.testing import FakeProvider, FrozenClock

AUDIENCE = "orders-api"


@pytest.fixture(scope="module")
def shared() -> Iterator[FakeProvider]:
    """One for the tests that only read."""
    with FakeProvider(path="/realms/acme", algorithm="ES256", metadata={"acr_values_supported": ["1"]}) as made:
        yield made


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider(algorithm="ES256") as made:
        yield made


def outcome(guard: Guard, text: str) -> str:
    """`accepted`, or why not."""
    try:
        guard.verify(text).run()
    except (InvalidTokenError, UnavailableError) as error:
        return error.reason
    return "accepted"


def trusting(provider: FakeProvider, clock: FrozenClock, timeout: float = 5) -> Guard:
    keys = OpenIDProvider(provider.issuer, allow_http_loopback=True, clock=clock, timeout=timedelta(seconds=timeout))
    return Guard(issuer=provider.issuer, audience=AUDIENCE, keys=keys, clock=clock)


def ask(url: str, form: dict[str, str] | None = None, method: str | None = None, **fields: str) -> tuple[int, Any]:
    """The status and the JSON of an answer."""
    data = None if form is None else urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(url, data=data, headers=fields, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        with error:
            body = error.read()
        return error.code, json.loads(body) if body else None


def test_presets_find_its_keys(shared: FakeProvider) -> None:
    """A guard that is made for a well-known provider takes its tokens, by discovery alone."""
    guard = Guard(issuers=[keycloak(shared.issuer, audience=AUDIENCE, allow_http_loopback=True)])
    caller = guard.verify(shared.token("alice", guard=guard, roles=["admin"])).run().principal
    assert (caller.subject, list(caller.roles), caller.issuer) == ("alice", ["admin"], shared.issuer)
    assert shared.issuer == f"{shared.origin}/realms/acme"


def test_rs256_unless_told_otherwise() -> None:
    """The default algorithm is RS256, and a test may choose another."""
    with FakeProvider() as plain:
        assert plain.signing_key.algorithm == "RS256"
        guard = Guard(issuers=[oidc(plain.issuer, audience="a", algorithms=["RS256"], allow_http_loopback=True)])
        assert outcome(guard, plain.token(audience="a")) == "accepted"


@pytest.mark.parametrize(
    "url",
    ["/realms/acme/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/realms/acme"],
)
def test_metadata(shared: FakeProvider, url: str) -> None:
    """Both metadata documents describe the provider, with the values that a test sets."""
    status, document = ask(shared.origin + url)
    assert (status, document["issuer"], document["acr_values_supported"]) == (200, shared.issuer, ["1"])
    assert document["token_endpoint"] == shared.token_endpoint
    status, keys = ask(document["jwks_uri"])
    assert [key["kid"] for key in keys["keys"]] == [shared.signing_key.kid]
    assert {key["use"] for key in keys["keys"]} == {"sig"}
    assert not {"d", "k", "p"} & set(keys["keys"][0])


def test_metadata_that_lies() -> None:
    """A provider that calls itself otherwise is not believed."""
    with FakeProvider(algorithm="ES256", metadata={"issuer": "https://evil.example"}) as lying:
        assert outcome(trusting(lying, FrozenClock()), lying.token(audience=AUDIENCE)) == "keys"


def test_a_guard_that_trusts_another_issuer(shared: FakeProvider) -> None:
    """A guard can only say what it expects of issuers that it knows."""
    guard = Guard(issuers=[keycloak("https://kc.example/realms/acme", audience=AUDIENCE)])
    with pytest.raises(ConfigurationError, match=r"trusts no issuer 'http://127\.0\.0\.1"):
        shared.token("alice", guard=guard)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"audience": [AUDIENCE, "other"]}, "accepted"),
        ({"audience": "other"}, "aud"),
        ({}, "missing_aud"),
        ({"audience": AUDIENCE, "expires_in": timedelta(minutes=-1)}, "expired"),
        ({"audience": AUDIENCE, "claims": {"sub": None}}, "missing_sub"),
        ({"audience": AUDIENCE, "typ": "JWT"}, "accepted"),
        ({"audience": AUDIENCE, "typ": "logout+jwt"}, "typ"),
        ({"audience": AUDIENCE, "key": SigningKey.generate("ES256", kid="other")}, "key"),
    ],
)
def test_tokens(shared: FakeProvider, settings: dict[str, Any], expected: str) -> None:
    """A test can have good ones and bad ones."""
    assert outcome(trusting(shared, FrozenClock()), shared.token(**settings)) == expected


def basic(user: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()}


@pytest.mark.parametrize(
    ("form", "fields", "status", "subject"),
    [
        ({"grant_type": "client_credentials"}, basic("web:secret"), 200, "web"),
        ({"grant_type": "client_credentials", "client_id": "web"}, {}, 200, "web"),
        ({"grant_type": "password", "username": "alice", "password": "x", "client_id": "web"}, {}, 200, "alice"),
        ({"grant_type": "password", "client_id": "web"}, {}, 400, "unsupported_grant_type"),
        ({"grant_type": "implicit", "username": "alice", "client_id": "web"}, {}, 400, "invalid_request"),
        ({"client_id": "web"}, {}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, {}, 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, {"Authorization": "Basic !"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, {"Authorization": "Bearer abc"}, 401, "invalid_client"),
    ],
)
def test_token_endpoint(
    shared: FakeProvider, form: dict[str, str], fields: dict[str, str], status: int, subject: str
) -> None:
    """Clients and users log in, and get what a guard accepts."""
    found, document = ask(shared.token_endpoint, {**form, "scope": "read write", "audience": AUDIENCE}, **fields)
    assert found == status
    if status != 200:
        assert document == {"error": subject}
        return
    assert (document["token_type"], document["expires_in"], document["scope"]) == ("Bearer", 300, "read write")
    caller = trusting(shared, FrozenClock()).verify(document["access_token"]).run().principal
    assert (caller.subject, sorted(caller.scopes), caller.claims["client_id"]) == (subject, ["read", "write"], "web")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/token", 405),
        ("POST", "/jwks", 405),
        ("GET", "/authorize", 404),
        ("GET", "/jwks?fresh=1", 200),
    ],
)
def test_nothing_else(provider: FakeProvider, method: str, path: str, status: int) -> None:
    """An unknown path is a 404 and a wrong method a 405; a query is ignored."""
    assert ask(provider.origin + path, method=method)[0] == status


def test_counting(provider: FakeProvider) -> None:
    """The provider counts its requests by path, in their order."""
    guard = trusting(provider, FrozenClock())
    assert (provider.count(), provider.requests) == (0, [])
    for _ in range(3):
        guard.verify(provider.token(audience=AUDIENCE)).run()
    ask(provider.token_endpoint, {"grant_type": "client_credentials", "client_id": "web"})
    assert provider.requests == ["GET /.well-known/openid-configuration", "GET /jwks", "POST /token"]
    assert [provider.count(name) for name in ("metadata", "jwks", "token")] == [1, 1, 1]
    assert provider.count() == 3


def test_rotation(provider: FakeProvider) -> None:
    """A new key is found by its first token; an old one that is withdrawn is refused once it is forgotten."""
    clock = FrozenClock()
    guard = trusting(provider, clock)
    old = provider.token(audience=AUDIENCE)
    assert outcome(guard, old) == "accepted"
    provider.rotate()
    assert outcome(guard, provider.token(audience=AUDIENCE)) == "accepted"
    assert (outcome(guard, old), provider.count("jwks")) == ("accepted", 2)
    clock.tick(11)
    key = provider.rotate(keep_old=False)
    assert provider.signing_key is key
    assert outcome(guard, provider.token(audience=AUDIENCE)) == "accepted"
    assert (outcome(guard, old), provider.count("jwks")) == ("key", 3)


@pytest.mark.parametrize("kind", ["refuse", "error", "hang", "garbage"])
def test_outage(provider: FakeProvider, kind: Any) -> None:
    """During an outage an unknown key is a 503 and a known key still serves; afterwards both serve."""
    clock = FrozenClock()
    guard = trusting(provider, clock, timeout=0.2)
    with provider.outage(kind):
        assert outcome(guard, provider.token(audience=AUDIENCE)) == "keys"
    clock.tick(11)
    known = provider.token(audience=AUDIENCE)
    assert outcome(guard, known) == "accepted"
    provider.rotate()
    with provider.outage(kind):
        assert (outcome(guard, known), outcome(guard, provider.token(audience=AUDIENCE))) == ("accepted", "keys")
    clock.tick(11)
    assert outcome(guard, provider.token(audience=AUDIENCE)) == "accepted"


def test_outages_without_a_connection_count_no_request(provider: FakeProvider) -> None:
    """A refused connection is no request."""
    with provider.outage("refuse"), pytest.raises(urllib.error.URLError, match="refused"):
        ask(provider.jwks_uri)
    assert provider.requests == []
    with provider.outage("refuse"), provider.outage("error"):
        pass
    assert ask(provider.jwks_uri)[0] == 200


def test_slow(provider: FakeProvider) -> None:
    """A late answer is the right one; who waits when the outage ends need not wait to its end."""
    with provider.outage("slow", delay=timedelta(milliseconds=1)):
        assert ask(provider.jwks_uri)[0] == 200
    statuses: list[int] = []
    waiting = threading.Thread(target=lambda: statuses.append(ask(provider.jwks_uri)[0]))
    with provider.outage("slow", delay=timedelta(seconds=60)):
        waiting.start()
        while provider.count() != 2:
            waiting.join(0.001)
    waiting.join(10)
    assert statuses == [200]


def test_who_hangs_is_let_go(provider: FakeProvider) -> None:
    """When the outage ends, the connection does, without an answer."""
    errors: list[Exception] = []

    def wait() -> None:
        try:
            ask(provider.jwks_uri)
        except Exception as error:
            errors.append(error)

    waiting = threading.Thread(target=wait)
    with provider.outage("hang"):
        waiting.start()
        while provider.count() != 1:
            waiting.join(0.001)
    waiting.join(10)
    assert [type(error).__name__ for error in errors] == ["RemoteDisconnected"]


def test_a_client_that_leaves(provider: FakeProvider) -> None:
    """A request that breaks off is none, and the provider serves on."""
    for part in (b"GET /jwks HT", b"POST /token HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"):
        with socket.create_connection(("127.0.0.1", int(provider.origin.rpartition(":")[2]))) as connection:
            connection.sendall(part)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(1) == b""
    assert ask(provider.jwks_uri)[0] == 200
    assert provider.count() == 1


def test_it_ends() -> None:
    """A closed provider does not answer; it can be closed during an outage, and twice."""
    with FakeProvider(algorithm="ES256") as provider:
        assert repr(provider) == f"FakeProvider({provider.issuer!r})"
    provider.close()
    with pytest.raises(urllib.error.URLError):
        ask(provider.jwks_uri)
    refusing = FakeProvider(algorithm="ES256")
    outage = refusing.outage("refuse")
    outage.__enter__()
    refusing.close()
    with pytest.raises(OSError, match="descriptor"):
        outage.__exit__(None, None, None)


def test_its_clock() -> None:
    """Tokens are as old as its clock says."""
    clock = FrozenClock(1_800_000_000)
    with FakeProvider(algorithm="ES256", clock=clock, token_lifetime=timedelta(hours=1), max_age=5) as provider:
        text = provider.token(audience=AUDIENCE)
        guard = trusting(provider, clock)
        assert guard.verify(text).run().claims["exp"] == 1_800_003_600
        keys = cast("OpenIDProvider", guard.keys)
        clock.tick(61)  # a lifetime under one minute is raised to one minute
        assert keys.stale
