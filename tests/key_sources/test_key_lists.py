"""`keys=` as a list: keys at hand beside sources of keys, for the tokens of one issuer."""

from __future__ import annotations

from typing import Any

import pytest

from jwtguard import (
    ConfigurationError,
    Guard,
    InvalidTokenError,
    LocalJWKSet,
    RemoteJWKSet,
    SigningKey,
    TrustedIssuer,
    UnavailableError,
)
from jwtguard.core.tokens.jwk_set import JWKSet
from jwtguard.core.tokens.key_sources import KeySources
from jwtguard.health import health
from tests.core.keys import hs256, signing_key
from tests.key_sources.scripted import AUDIENCE, FIRST, ISSUER, SECOND, URL, Clock, Fetcher, jwks, token

LEGACY = hs256(secret="the secret of all these years!!!")
NAMED = hs256("legacy", secret="the secret of all these years!!!")
STRANGER = SigningKey.generate("ES256", kid="stranger")


class Site:
    """A guard whose keys are a list: a secret, and a set that is fetched."""

    def __init__(
        self, *more: Any, answer: Any = None, algorithms: list[str] | None = None, issuers: bool = False
    ) -> None:
        self.clock = Clock()
        self.fetcher = Fetcher(answer)
        self.remote = RemoteJWKSet(URL, fetcher=self.fetcher, algorithms=algorithms or ["ES256"], clock=self.clock)
        keys = [self.remote, LEGACY.verification_key, *more]
        if issuers:
            trusted = TrustedIssuer(issuer=ISSUER, audience=AUDIENCE, keys=keys)
            self.guard = Guard(issuers=[trusted], clock=self.clock)
        else:
            self.guard = Guard(issuer=ISSUER, audience=AUDIENCE, keys=keys, clock=self.clock)

    def outcome(self, text: str) -> str:
        """`accepted`, or why not."""
        try:
            self.guard.verify(text).run()
        except (InvalidTokenError, UnavailableError) as error:
            return f"{error.status} {error.reason}"
        return "accepted"


@pytest.mark.parametrize("issuers", [False, True])
def test_a_set_beside_a_legacy_secret(issuers: bool) -> None:
    """Tokens of both are accepted, and those of the secret fetch nothing."""
    site = Site(issuers=issuers)
    assert [site.outcome(token(key)) for key in (LEGACY, NAMED)] == ["accepted"] * 2
    assert site.fetcher.count == 0
    assert [site.outcome(token(key, jti="2")) for key in (FIRST, LEGACY)] == ["accepted"] * 2
    assert site.fetcher.count == 1


def test_no_public_key_is_a_secret() -> None:
    """A token whose HMAC is made with the bytes of a public key passes by no key (RFC 8725 §2.1)."""
    site = Site(answer=jwks(FIRST, signing_key("RS256", "rsa")), algorithms=["ES256", "RS256"])
    assert site.outcome(token(FIRST)) == "accepted"
    for key in (FIRST, signing_key("RS256", "rsa")):
        pem = key.verification_key.to_pem()
        for secret in (pem, pem.strip(), key.verification_key.material):
            forged = SigningKey(secret, algorithm="HS256", kid=key.kid)
            assert site.outcome(token(forged)) == "401 signature"
    assert site.fetcher.count == 1


@pytest.mark.parametrize(
    ("key", "expected", "count"),
    [
        (LEGACY, "accepted", 0),
        (hs256(secret="another secret, only an example!"), "401 signature", 0),
        (signing_key("ES384", "first"), "401 alg", 0),
        (signing_key("RS256", "first"), "401 alg", 0),
        (FIRST, "503 keys", 1),
        (STRANGER, "503 keys", 1),
    ],
)
def test_only_a_source_that_could_hold_the_key_is_asked(key: SigningKey, expected: str, count: int) -> None:
    """The provider is down: 503 for tokens whose key could be there, and for no others."""
    site = Site(answer=OSError("down"))
    assert (site.outcome(token(key)), site.fetcher.count) == (expected, count)


def test_a_local_key_of_the_same_algorithm_never_waits() -> None:
    """A token that a local key verifies never waits; another token does."""
    old = SigningKey.generate("ES256", kid="old")
    site = Site(old.verification_key, answer=OSError("down"))
    assert [site.outcome(token(old)), site.fetcher.count] == ["accepted", 0]
    assert [site.outcome(token(FIRST)), site.fetcher.count] == ["503 keys", 1]
    site.fetcher.answer = jwks(FIRST)
    site.clock.now += 10
    assert [site.outcome(token(FIRST)), site.outcome(token(old, jti="2"))] == ["accepted"] * 2


def test_a_nameless_local_key_hides_no_fetched_one() -> None:
    """Its signature does not hold, and the next source is asked."""
    nameless = SigningKey.generate("ES256")
    site = Site(nameless.verification_key)
    assert [site.outcome(token(nameless)), site.fetcher.count] == ["accepted", 0]
    assert [site.outcome(token(FIRST)), site.fetcher.count] == ["accepted", 1]
    assert site.outcome(token(STRANGER)) == "401 signature"


def test_two_sources() -> None:
    """Each is asked in order; one that is down does not hide what the other has."""
    second = Fetcher(jwks(SECOND))
    other = RemoteJWKSet("https://other.example/jwks", fetcher=second, clock=Clock())
    site = Site(other, answer=OSError("down"))
    assert [site.outcome(token(SECOND)), second.count] == ["accepted", 1]
    assert site.outcome(token(SECOND, jti="2")) == "accepted"
    assert site.outcome(token(STRANGER)) == "503 keys"
    site.fetcher.answer = jwks(FIRST)
    site.clock.now += 10
    assert [site.outcome(token(FIRST)), site.outcome(token(STRANGER))] == ["accepted", "401 key"]


def test_the_cache_goes_by_the_source_of_the_key() -> None:
    """A token of the secret outlives the fetched keys; one of theirs does not."""
    site = Site()
    site.outcome(token(FIRST))
    site.outcome(token(LEGACY))
    site.fetcher.answer = OSError("down")
    site.clock.now += 86400
    assert [site.outcome(token(LEGACY)), site.outcome(token(FIRST))] == ["accepted", "503 keys"]


def test_sources_are_shown_one_by_one() -> None:
    """For prefetch, health and the doctor."""
    site = Site(LocalJWKSet({"keys": [SECOND.verification_key.to_jwk()]}))
    loose, local, remote = site.guard.trust.key_sources
    assert isinstance(loose, JWKSet)
    assert isinstance(local, LocalJWKSet)
    assert remote is site.remote
    site.guard.prefetch().run()
    assert [part.status for part in health(site.guard).run().parts] == ["ok"] * 3
    assert repr(site.guard.keys) == f"KeySources([{loose!r}, {local!r}, {remote!r}])"


def test_as_one_source() -> None:
    """A list of sources shows the keys at hand of all; a refresh asks each."""
    site = Site(answer=OSError("down"))
    keys = site.guard.keys
    assert isinstance(keys, KeySources)
    assert keys.algorithms == ("ES256", "HS256")
    assert [key.algorithm for key in keys.current() or ()] == ["HS256"]
    assert len(keys.refreshed("first").run()) == 1
    site.fetcher.answer = jwks(FIRST)
    site.clock.now += 10
    assert [key.algorithm for key in keys.refreshed("first").run()] == ["HS256", "ES256"]
    remote = RemoteJWKSet(URL, fetcher=Fetcher(OSError("down")))
    alone = KeySources([remote, remote])
    assert alone.current() is None
    with pytest.raises(UnavailableError):
        alone.refreshed(None).run()


def test_a_source_that_does_not_say_its_algorithms(tmp_path: Any) -> None:
    """A source without `algorithms` is asked about any token."""
    from jwtguard import SigningKeys

    ours = SigningKeys(tmp_path / "keys", algorithm="ES384")
    site = Site(ours)
    assert isinstance(site.guard.keys, KeySources)
    assert site.guard.keys.algorithms is None
    assert site.outcome(token(ours.signing_key)) == "accepted"
    assert site.outcome(token(signing_key("ES512", "x"))) == "401 key"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([RemoteJWKSet(URL), FIRST], "write key.verification_key"),
        ([RemoteJWKSet(URL), None], "keys is required"),
        ([RemoteJWKSet(URL), "https://issuer.example"], "keys is required"),
        ([RemoteJWKSet(URL), RemoteJWKSet], "keys is required"),
        ([RemoteJWKSet(URL), JWKSet([])], "keys is required"),
        ([RemoteJWKSet(URL), [FIRST.verification_key]], "keys is required"),
        (
            [LEGACY.verification_key, hs256(secret="x" * 32).verification_key],
            "keys for HS256 have no kid",
        ),
    ],
)
def test_a_list_of_something_else(keys: Any, message: str) -> None:
    """A slip in the list is a slip in the settings."""
    with pytest.raises(ConfigurationError, match=message):
        Guard(issuer=ISSUER, audience=AUDIENCE, keys=keys)


def test_a_list_of_one_source_is_that_source() -> None:
    """A list of one source behaves as that source."""
    remote = RemoteJWKSet(URL)
    assert Guard(issuer=ISSUER, audience=AUDIENCE, keys=[remote]).keys is remote


def test_as_plain_data() -> None:
    """A list of mappings, each as `keys` takes it."""
    keys = [{"jwks_url": URL, "algorithms": ["ES256"]}, {"openid": True}, {"secret": "x" * 32}]
    settings: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "keys": keys}
    for guard in (Guard.from_config(settings), Guard.from_config({"issuers": [settings]})):
        assert [getattr(source, "address", None) for source in guard.trust.key_sources] == [None, URL, ISSUER]
    with pytest.raises(ConfigurationError, match="keys: exactly one of secret"):
        Guard.from_config({**settings, "keys": [{"jwks_url": URL}, {}]})
    with pytest.raises(ConfigurationError, match="keys: issuer must be https"):
        Guard.from_config({**settings, "issuer": "http://issuer.example"})
