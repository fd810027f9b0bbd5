"""Keys that a provider publishes and that cannot be used: who is told, and that encryption keys are no news."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from jwtguard import FetchResponse, Guard, OpenIDProvider, RemoteJWKSet, TrustedIssuer, UnavailableError, X509Keys
from jwtguard.doctor.provider import check_providers
from jwtguard.explanation import explain
from jwtguard.health import health
from jwtguard.key_sources.cached import FetchedKeys
from tests.core.certificates import certificate
from tests.core.keys import signing_key
from tests.doctor.contexts import codes, context
from tests.key_sources.scripted import AUDIENCE, FIRST, ISSUER, SECOND, URL, Clock, Fetcher, as_json, jwks, token

EC = SECOND.verification_key.to_jwk() | {"kid": "other"}
RSA = signing_key("RS256", "other").verification_key.to_jwk()
WEAK = {"kty": "RSA", "alg": "RS256", "n": "4" * 171, "e": "AQAB", "kid": "other"}
# An entry, and the end of what is said of it.
TOLD: dict[str, tuple[dict[str, Any], str]] = {
    "weak": (WEAK, "kid 'other': the RSA key has 1024 bits"),
    "weak, use null": ({**WEAK, "use": None, "key_ops": None}, "kid 'other': the RSA key has 1024 bits"),
    "weak, no name": ({**WEAK, "kid": ""}, "no kid: the RSA key has 1024 bits"),
    "small exponent": ({**RSA, "e": "Aw"}, "exponent is 3"),
    "unknown algorithm": ({"kty": "AKP", "alg": "ML-DSA-44", "kid": "other", "pub": "A"}, "its alg 'ML-DSA-44' is not"),
    "unknown curve": ({**EC, "crv": "secp256k1", "alg": "ES256K"}, "its alg 'ES256K' is not supported"),
    "unknown curve without alg": ({**EC, "crv": "secp256k1", "alg": None}, "kty 'EC', crv 'secp256k1'"),
    "unknown type": ({"kty": "AKP", "kid": "other"}, "kid 'other': keys of its type are not supported: kty 'AKP'"),
    "no type": ({"kid": "other"}, "kid 'other': keys of its type are not supported: kty None"),
    "alg of another type": ({**EC, "alg": "RS256"}, "a key of type 'EC' does not fit the algorithm RS256"),
    "alg none": ({**EC, "alg": "none"}, "its alg 'none' is not supported"),
    "alg is a list": ({**EC, "alg": ["ES256"]}, "its alg ['ES256'] is not supported"),
    "private": ({**SECOND.to_private_jwk(), "kid": "other"}, "the JWK is a private key"),
    "a shared secret": ({"kty": "oct", "k": "A" * 43, "alg": "HS256", "kid": "other"}, "it is a shared secret"),
    "use of a workload": ({**EC, "use": "jwt-svid"}, "its use is 'jwt-svid', and a key for tokens has 'sig'"),
    "another use": ({**EC, "use": "SIG"}, "its use is 'SIG'"),
    "operations": ({**EC, "key_ops": ["sign"]}, "its key_ops does not contain 'verify'"),
    "operations that are no list": ({**EC, "key_ops": "verify"}, "its key_ops does not contain 'verify'"),
    "kid is a number": ({**EC, "kid": 7}, "kid 7: kid must be None or a string"),
    "kid is long": ({**EC, "kid": "k" * 257}, f"kid '{'k' * 64}': kid must be None or a string"),
    "broken": ({**EC, "x": "A" * 43}, "kid 'other': the members of this EC JWK are not a key"),
}
SILENT: dict[str, Any] = {
    "for encryption": {**EC, "use": "enc"},
    "for certificates": {**EC, "use": "x509-svid"},
    "an encryption algorithm": {
        **signing_key("RS256", "other").verification_key.to_jwk(),
        "use": None,
        "alg": "RSA-OAEP",
    },
    "key agreement": {"kty": "OKP", "crv": "X25519", "x": "A" * 43, "kid": "other"},
    "operations of encryption": {**EC, "key_ops": ["encrypt", "wrapKey"]},
    "operations of derivation": {**EC, "use": None, "key_ops": ["deriveBits"]},
    "null": None,
    "text": "key",
}


class Site:
    """A guard whose provider publishes a good key beside others."""

    def __init__(self, *entries: Any, keys: FetchedKeys | None = None, **settings: Any) -> None:
        self.clock = Clock()
        self.fetcher = Fetcher(jwks(FIRST, *entries))
        self.keys = RemoteJWKSet(URL, fetcher=self.fetcher, clock=self.clock, **settings) if keys is None else keys
        self.guard = Guard(issuer=ISSUER, audience=AUDIENCE, keys=self.keys, clock=self.clock)

    def fetch(self) -> None:
        """Have the keys fetched, anew if they are old."""
        self.keys.prefetch().run()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What is said of keys, and how."""
    return [record.getMessage() for record in caplog.records if record.jwtguard_event == "keys_skipped"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("entry", "said"), TOLD.values(), ids=TOLD)
def test_a_key_that_could_have_signed_is_told(
    entry: dict[str, Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In the log, by health, by the doctor and in explanations; the good key serves."""
    site = Site(entry)
    site.guard.verify(token()).run()
    (message,) = warnings(caplog)
    assert message.startswith(f"keys of {URL}: not used, though it could sign tokens: ")
    assert said in message
    found = health(site.guard).run()
    (part,) = found.parts
    assert (found.status, part.problem) == ("degraded", message.removeprefix(f"keys of {URL}: "))
    (finding,) = check_providers(context(guards=[site.guard], asks_network=True))
    assert (finding.severity, finding.code) == ("warning", "key_skipped")
    assert said in finding.what
    step = explain(site.guard, token()).run().steps[4]
    assert said in step.expected


@pytest.mark.parametrize("entry", SILENT.values(), ids=SILENT)
def test_another_key_is_no_news(entry: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A skipped entry that could not have signed a token causes no warning."""
    site = Site(entry)
    site.guard.verify(token()).run()
    assert (warnings(caplog), site.keys.skipped, health(site.guard).run().status) == ([], (), "ok")


@pytest.mark.parametrize("algorithms", [["ES256"], ["ES256", "EdDSA"]])
def test_an_algorithm_that_was_left_out_is_a_note(algorithms: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """The list says so on purpose: it is told, and nothing is degraded."""
    rsa = signing_key("RS256", "rsa").verification_key.to_jwk()
    site = Site(rsa, {**rsa, "alg": None, "kid": "any"}, algorithms=algorithms)
    site.guard.verify(token()).run()
    names = ", ".join(algorithms)
    (message,) = warnings(caplog)
    assert message.endswith(
        f"kid 'rsa': its alg 'RS256' is not among the algorithms {names}; kid 'any': its type fits none of the"
        f" algorithms {names}"
    )
    assert health(site.guard).run().status == "ok"
    assert codes(check_providers(context(guards=[site.guard], asks_network=True))) == [("note", "key_skipped")] * 2


def test_one_warning_a_document(caplog: pytest.LogCaptureFixture) -> None:
    """A document causes one WARNING for all its entries and fetches; another document causes another."""
    site = Site(*[{**WEAK, "kid": f"weak-{number}"} for number in range(8)])
    for _ in range(3):
        site.fetch()
        site.clock.now += 600
    (message,) = warnings(caplog)
    assert message.count("1024 bits") == 5
    assert message.endswith("; 3 more")
    site.fetcher.answer = jwks(FIRST, WEAK)
    site.fetch()
    site.clock.now += 600
    site.fetcher.answer = jwks(FIRST)
    site.fetch()
    assert (len(warnings(caplog)), site.keys.skipped) == (2, ())


def test_an_outage_comes_before_what_is_skipped() -> None:
    """Health tells the failure of the latest fetch."""
    site = Site(WEAK)
    site.fetch()
    site.fetcher.answer = OSError("down")
    site.clock.now += 600
    with pytest.raises(UnavailableError):
        site.fetch()
    assert "OSError: down" in str(health(site.guard).run().parts[0].problem)


def test_by_discovery(caplog: pytest.LogCaptureFixture) -> None:
    """The same through metadata, for one of several issuers."""
    metadata = as_json({"issuer": ISSUER, "jwks_uri": URL})
    answers = {f"{ISSUER}/.well-known/openid-configuration": metadata, URL: jwks(FIRST, WEAK)}
    provider = OpenIDProvider(ISSUER, fetcher=Fetcher(answers), clock=Clock())
    guard = Guard(issuers=[TrustedIssuer(issuer=ISSUER, audience=AUDIENCE, keys=provider)], clock=Clock())
    assert "1024 bits" in explain(guard, token()).run().steps[4].expected
    assert len(warnings(caplog)) == 1


def test_certificates(caplog: pytest.LogCaptureFixture) -> None:
    """A certificate that cannot be used is told like a key."""
    pem = certificate("RS256", Encoding.PEM).decode()
    fetcher = Fetcher(as_json({"good": pem, "of another type": certificate("ES256", Encoding.PEM).decode(), "n\n": 7}))
    keys = X509Keys(URL, fetcher=fetcher, clock=Clock())
    keys.prefetch().run()
    assert [key.kid for key in keys.skipped] == ["'of another type'", r"'n\n'"]
    assert r"kid 'n\n': it is no certificate" in warnings(caplog)[0]


def test_the_remedy_names_the_key() -> None:
    """A token that is signed with such a key is refused, and the explanation says why."""
    site = Site({**WEAK, "kid": "other"})
    site.fetch()
    other = signing_key("RS256", "other")
    explanation = explain(site.guard, token(other)).run()
    assert explanation.reason == "key"
    assert explanation.failed is not None
    assert explanation.failed.remedy.startswith(
        "The issuer publishes a key with kid 'other': the RSA key has 1024 bits"
    )


# Text from elsewhere.

HOSTILE = "\x1b[2J\r\nforged: line\u202e" + "x" * 300


@pytest.mark.parametrize(
    "entry",
    [
        {**WEAK, "kid": HOSTILE},
        {**EC, "alg": HOSTILE},
        {**EC, "use": HOSTILE},
        {**EC, "crv": HOSTILE, "alg": None},
        {**EC, "kty": HOSTILE, "alg": None},
        {**EC, "alg": [HOSTILE]},
        {**EC, "kid": [HOSTILE]},
    ],
    ids=["kid", "alg", "use", "crv", "kty", "a list", "a list for a kid"],
)
def test_text_of_a_provider_is_escaped_and_cut(entry: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """Nothing in a document makes a line of its own in a log, or a long one."""
    site = Site(entry)
    site.fetch()
    assert is_harmless(*warnings(caplog))
    site.fetcher.answer = jwks(entry)
    site.clock.now += 600
    with pytest.raises(UnavailableError):
        site.fetch()
    assert is_harmless(str(site.keys.last_error), *[record.getMessage() for record in caplog.records])


def is_harmless(*texts: str) -> bool:
    """Whether each is one line of plain characters, with no long run from elsewhere."""
    return bool(texts) and all(text.isprintable() and "\u202e" not in text and "x" * 65 not in text for text in texts)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": HOSTILE, "jwks_uri": URL},
        {"issuer": [HOSTILE], "jwks_uri": URL},
        {"issuer": ISSUER, "jwks_uri": HOSTILE},
        {"issuer": ISSUER, "jwks_uri": [HOSTILE]},
        {"issuer": ISSUER, "jwks_uri": "http://issuer.example/" + "x" * 300},
        {"issuer": ISSUER, "jwks_uri": "https://issuer.example/" + "x" * 300},
    ],
    ids=["issuer", "issuer is a list", "jwks_uri", "jwks_uri is a list", "a long http address", "a long address"],
)
def test_text_of_metadata_is_escaped_and_cut(metadata: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """The address of the keys is text from elsewhere, too."""
    answers: dict[str, Any] = {f"{ISSUER}/.well-known/openid-configuration": as_json(metadata)}
    provider = OpenIDProvider(ISSUER, fetcher=Fetcher(answers), clock=Clock())
    with pytest.raises(UnavailableError):
        provider.prefetch().run()
    assert is_harmless(str(provider.last_error), *[record.getMessage() for record in caplog.records])


@pytest.mark.parametrize("error", [ValueError(HOSTILE), OSError(HOSTILE), RuntimeError([HOSTILE])])
def test_text_of_an_error_is_escaped_and_cut(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """A library may quote what it received."""
    keys = RemoteJWKSet(URL, fetcher=Fetcher(error), clock=Clock())
    with caplog.at_level(logging.DEBUG), pytest.raises(UnavailableError):
        keys.prefetch().run()
    assert is_harmless(str(keys.last_error), *[record.getMessage() for record in caplog.records])


def test_a_document_that_is_compressed_and_does_not_say_so() -> None:
    """A compressed document without Content-Encoding is an error that names the compression."""
    keys = RemoteJWKSet(URL, fetcher=Fetcher(FetchResponse(status=200, body=b"\x1f\x8b\x08\x00")), clock=Clock())
    with pytest.raises(UnavailableError):
        keys.prefetch().run()
    assert str(keys.last_error).endswith("is not a JSON object: it looks compressed, and has no Content-Encoding")
