"""How introspection proves which client asks: a secret, a key (RFC 7523), or a certificate (RFC 8705)."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from jwtguard import ConfigurationError, Guard, Introspection, InvalidTokenError, SigningKey, UnavailableError
from jwtguard.core.tokens.jws import verify
from jwtguard.trust.client_authentication import Proof
from tests.core.keys import hs256, signing_key
from tests.key_sources.certificates import self_signed
from tests.key_sources.scripted import AUDIENCE, ISSUER, NOW, Clock, Fetcher, as_json, claims
from tests.key_sources.server import answer, serving

ENDPOINT = "https://issuer.example/introspect"
ACTIVE = as_json({**claims(exp=NOW + 3600), "active": True})
KEY = signing_key("ES256", "client-key")


def asked(text: str = "opaque", *, clock: Clock | None = None, **settings: Any) -> Fetcher:
    """The requests of a guard that asks about an opaque token."""
    fetcher = Fetcher(ACTIVE)
    arguments: dict[str, Any] = {"client_id": "orders-api", "fetcher": fetcher, **settings}
    introspection = Introspection(ENDPOINT, **arguments)
    guard = Guard(issuer=ISSUER, audience=AUDIENCE, introspection=introspection, clock=clock or Clock())
    guard.verify(text).run()
    return fetcher


def form(fetcher: Fetcher, number: int = 0) -> dict[str, str]:
    """The parameters of a request."""
    body = fetcher.requests[number].body
    assert body is not None
    return {name: values[0] for name, values in parse_qs(body.decode(), strict_parsing=True).items()}


@pytest.mark.parametrize(
    ("settings", "audience"),
    [
        ({}, ENDPOINT),
        ({"issuer": ISSUER}, ISSUER),
        ({"issuer": ISSUER, "assertion_audience": "https://acme.zitadel.cloud"}, "https://acme.zitadel.cloud"),
    ],
)
@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "PS384", "Ed25519"])
def test_an_assertion(settings: dict[str, Any], audience: str, algorithm: str) -> None:
    """RFC 7523 §2.2 and §3: signed by the client's key, for this server, of a minute, and no secret beside it."""
    key = signing_key(algorithm, "client-key")
    fetcher = asked(authentication="private_key_jwt", signing_key=key, **settings)
    found = form(fetcher)
    assertion = found.pop("client_assertion")
    assert found == {
        "token": "opaque",
        "token_type_hint": "access_token",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    assert "Authorization" not in fetcher.requests[0].headers
    signed = verify(assertion, key.verification_key)
    assert signed.header == {"typ": "JWT", "alg": algorithm, "kid": "client-key"}
    said = json.loads(signed.payload)
    assert len(said.pop("jti")) == 32
    assert said == {"iss": "orders-api", "sub": "orders-api", "aud": audience, "iat": NOW, "exp": NOW + 60}


def test_each_assertion_is_new() -> None:
    """With a `jti` of its own, by the clock of the guard."""
    clock, fetcher = Clock(), Fetcher(ACTIVE)
    introspection = Introspection(
        ENDPOINT, client_id="orders-api", authentication="private_key_jwt", signing_key=KEY, fetcher=fetcher
    )
    guard = Guard(issuer=ISSUER, audience=AUDIENCE, introspection=introspection, clock=clock)
    for text in ("one", "two"):
        guard.verify(text).run()
        clock.now += 100.5
    said = [json.loads(verify(form(fetcher, n)["client_assertion"], KEY.verification_key).payload) for n in (0, 1)]
    assert [each["iat"] for each in said] == [NOW, NOW + 100]
    assert said[0]["jti"] != said[1]["jti"]


def test_secrets_go_as_before() -> None:
    """In the header by default, or in the form."""
    basic = asked(client_secret="s3cret")
    assert basic.requests[0].headers["Authorization"].startswith("Basic ")
    assert "client_secret" not in form(basic)
    post = asked(client_secret="s3cret", authentication="client_secret_post")
    assert form(post)["client_secret"] == "s3cret"
    assert "Authorization" not in post.requests[0].headers


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of both the server and the client."""
    return self_signed(tmp_path / "both.pem")


@pytest.fixture
def server(certificate: Path) -> Iterator[Any]:
    """It takes clients with this certificate alone."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate)
    context.load_cert_chain(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    with serving(context) as made:
        made.behaviour = answer(ACTIVE)
        yield made


def with_certificate(certificate: Path) -> ssl.SSLContext:
    """A client that trusts the server, and shows its certificate."""
    context = ssl.create_default_context(cafile=certificate)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("authentication", ["tls_client_auth", "self_signed_tls_client_auth"])
@pytest.mark.parametrize("by", ["tls", "fetcher"])
def test_a_certificate(server: Any, certificate: Path, authentication: Any, by: str) -> None:
    """RFC 8705 §2: it is shown in the handshake, and the form names the client."""
    context = with_certificate(certificate)
    client = httpx.Client(verify=context, trust_env=False)
    given: dict[str, Any] = {"tls": context} if by == "tls" else {"fetcher": client}
    introspection = Introspection(server.origin, client_id="orders-api", authentication=authentication, **given)
    guard = Guard(issuer=ISSUER, audience=AUDIENCE, introspection=introspection, clock=Clock())
    assert guard.verify("opaque").run().claims["sub"] == "user-1"
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert body == b"token=opaque&token_type_hint=access_token&client_id=orders-api"
    assert b"authorization" not in head.lower()
    client.close()


def test_another_certificate(server: Any, certificate: Path, tmp_path: Path) -> None:
    """The server refuses the client, and no token is accepted."""
    context = ssl.create_default_context(cafile=certificate)
    context.load_cert_chain(self_signed(tmp_path / "other.pem"))
    introspection = Introspection(server.origin, client_id="orders-api", authentication="tls_client_auth", tls=context)
    guard = Guard(issuer=ISSUER, audience=AUDIENCE, introspection=introspection, clock=Clock())
    with pytest.raises(UnavailableError):
        guard.verify("opaque").run()
    assert server.count == 0


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"client_secret": "s"}, "client_id and client_secret"),
        ({"authentication": "private_key_jwt", "signing_key": KEY}, "client_id and client_assertion"),
        ({"authentication": "tls_client_auth"}, "client_id and certificate"),
    ],
)
def test_a_server_that_does_not_know_the_client(settings: dict[str, Any], named: str) -> None:
    """The log names what it did not take."""
    introspection = Introspection(ENDPOINT, client_id="a", fetcher=Fetcher(401), **settings)
    guard = Guard(issuer=ISSUER, audience=AUDIENCE, introspection=introspection)
    with pytest.raises(UnavailableError):
        guard.verify("opaque").run()
    assert str(introspection.last_error).endswith(f"it does not take our {named}")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "client_secret is a string that is not empty, for authentication='client_secret_basic'"),
    ({"authentication": "client_secret_post"}, "client_secret is a string"),
    ({"authentication": "private_key_jwt"}, r"signing_key is SigningKey.from_pem\(...\), .*found NoneType"),
    ({"authentication": "private_key_jwt", "signing_key": KEY.verification_key}, "found VerificationKey"),
    ({"authentication": "private_key_jwt", "signing_key": hs256("a")}, "a private key, of an asymmetric algorithm"),
    ({"authentication": "private_key_jwt", "signing_key": KEY, "client_secret": "s"}, "client_secret changes nothing"),
    ({"authentication": "private_key_jwt", "signing_key": KEY, "assertion_audience": ""}, "assertion_audience is the"),
    (
        {"client_secret": "s", "signing_key": KEY},
        "signing_key changes nothing with authentication='client_secret_basic'",
    ),
    ({"client_secret": "s", "assertion_audience": "x"}, "assertion_audience changes nothing"),
    ({"authentication": "tls_client_auth"}, "needs a client certificate: pass tls=context"),
    (
        {"authentication": "tls_client_auth", "client_secret": "s", "fetcher": Fetcher()},
        "client_secret changes nothing",
    ),
    ({"authentication": "client_secret_jwt", "client_secret": "s"}, "authentication is one of"),
    ({"authentication": None, "client_secret": "s"}, "authentication is one of"),
    ({"client_id": None, "client_secret": "s"}, "client_id is a string"),
]


@pytest.mark.parametrize(("settings", "message"), WRONG)
def test_wrong_setting(settings: dict[str, Any], message: str) -> None:
    """A setting that is missing, or that would change nothing, is an error."""
    arguments: dict[str, Any] = {"client_id": "a", **settings}
    with pytest.raises(ConfigurationError, match=message):
        Introspection(ENDPOINT, **arguments)


def test_nothing_secret_is_shown() -> None:
    """The reprs of client and proof show no secret."""
    introspection = Introspection(ENDPOINT, client_id="a", client_secret="hunter2")
    assert "hunter2" not in repr(introspection._client)
    assert repr(Proof(form={"client_secret": "hunter2"})) == "Proof()"


def test_a_jwt_is_never_asked_about() -> None:
    """A token in JWS form is judged by its signature; five parts are another form (RFC 7516 §9)."""
    fetcher = Fetcher(ACTIVE)
    introspection = Introspection(
        ENDPOINT, client_id="a", authentication="private_key_jwt", signing_key=KEY, fetcher=fetcher
    )
    guard = Guard(
        issuer=ISSUER, audience=AUDIENCE, keys=KEY.verification_key, introspection=introspection, clock=Clock()
    )
    with pytest.raises(InvalidTokenError):
        guard.verify("a.b.c").run()
    assert fetcher.count == 0
    guard.verify("a.b.c.d.e").run()
    assert fetcher.count == 1


def test_as_plain_data(tmp_path: Path, certificate: Path) -> None:
    """A key and a certificate from files."""
    pem = tmp_path / "client.pem"
    pem.write_bytes(KEY.to_private_pem())
    base: dict[str, Any] = {"endpoint": ENDPOINT, "client_id": "a"}

    def made(settings: dict[str, Any]) -> Introspection:
        config = {"issuer": ISSUER, "audience": AUDIENCE, "introspection": {**base, **settings}}
        found = Guard.from_config(config).introspection
        assert found is not None
        return found

    key = {"pem_file": str(pem), "algorithm": "ES256", "kid": "client-key"}
    by_key = made({"authentication": "private_key_jwt", "signing_key": key})
    assert by_key._client.signing_key is not None
    assert by_key._client.signing_key.verification_key.is_same_key(KEY.verification_key)
    given = made({"authentication": "private_key_jwt", "signing_key": KEY})
    assert given._client.signing_key is KEY
    files = {"certificate_file": str(certificate), "ca_file": str(certificate)}
    made({"authentication": "tls_client_auth", "tls": files})
    made({"authentication": "tls_client_auth", "tls": ssl.create_default_context()})
    made({"client_secret": "s", "tls": {"ca_file": str(certificate)}})
    for tls, message in [
        ({"certificate": "x"}, "unknown key 'certificate': did you mean 'certificate_file'"),
        ({"key_file": "x"}, "key_file goes with a certificate_file"),
        ({"certificate_file": str(tmp_path / "none.pem")}, "the files of tls cannot be read: No such file"),
        ({"certificate_file": str(pem)}, "the files of tls cannot be read"),
        ({"ca_file": 5.5}, "the files of tls cannot be read"),
    ]:
        with pytest.raises(ConfigurationError, match=message):
            made({"authentication": "tls_client_auth", "tls": tls})
    for broken, message in [
        ({"pem_file": str(pem)}, "algorithm is required"),
        ({**key, "alg": "x"}, "unknown key 'alg'"),
        ({**key, "pem_file": str(tmp_path / "none.pem")}, "cannot be read"),
    ]:
        with pytest.raises(ConfigurationError, match=message):
            made({"authentication": "private_key_jwt", "signing_key": broken})


def test_a_key_of_ones_own_making() -> None:
    """Any `SigningKey` will do, also without a kid."""
    key = SigningKey.generate("Ed448")
    assertion = form(asked(authentication="private_key_jwt", signing_key=key))["client_assertion"]
    assert "kid" not in verify(assertion, key.verification_key).header
