"""The verifier: key sources, several issuers, unforeseen errors, and no token in a log."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from jwtguard import ConfigurationError, UnavailableError
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.tokens.jwk_set import JWKSet
from jwtguard.core.tokens.jws import MAX_TOKEN_BYTES
from jwtguard.core.tokens.sentinels import UNCHECKED
from jwtguard.core.tokens.verifier import CACHE_SIZE, TokenVerifier
from tests.core.keys import hs256, signing_key
from tests.core.token_samples import ACCEPTED, CLAIMS, Clock, claims, compact, outcome, policy, verifier, verify

KEYS = JWKSet([hs256("a").verification_key])
TEXT = compact({"alg": "HS256", "kid": "a"})


@dataclass
class Keys:
    """A key source that says what it is told to say, and remembers what it was asked."""

    now: Any = None
    then: Any = None
    asked: list[str | None] = field(default_factory=list)

    def current(self) -> JWKSet | None:
        """The keys at hand."""
        if isinstance(self.now, Exception):
            raise self.now
        keys: JWKSet | None = self.now
        return keys

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        """The keys after another look."""
        return Flow(self._refreshed(kid))

    def _refreshed(self, kid: str | None) -> Steps[JWKSet]:
        self.asked.append(kid)
        if isinstance(self.then, Exception):
            raise self.then
        keys: JWKSet = self.then
        return keys
        yield


def test_what_comes_out_is_what_was_signed() -> None:
    """Header and claims as they stand in the token, and nothing of its text but a hash."""
    token = verify(TEXT, verifier(policy(KEYS)))

    assert (token.header, token.claims, len(token.sha256)) == ({"alg": "HS256", "kid": "a"}, CLAIMS, 32)
    assert token.sha256.hex() not in repr(token)
    assert TEXT not in repr(token)


def test_a_verified_token_has_a_principal() -> None:
    """A verified token holds one principal, the same at every read."""
    token = verify(compact())

    assert token.principal.subject == "user-1"
    assert token.principal is token.principal


@pytest.mark.parametrize(
    ("now", "then", "expected", "asked"),
    [
        pytest.param(KEYS, None, ACCEPTED, [], id="at hand: no second look"),
        pytest.param(JWKSet([]), KEYS, ACCEPTED, ["a"], id="unknown kid: found at the second look"),
        pytest.param(None, KEYS, ACCEPTED, ["a"], id="no keys: found at the second look"),
        pytest.param(JWKSet([]), JWKSet([]), "key", ["a"], id="unknown kid, then too"),
        pytest.param(None, JWKSet([]), "key", ["a"], id="no keys, then too"),
        pytest.param(JWKSet([hs256().verification_key]), None, ACCEPTED, [], id="a nameless key: no second look"),
        pytest.param(
            JWKSet([signing_key("ES256", "a").verification_key]), KEYS, "key", [], id="a kid for another algorithm"
        ),
        pytest.param(None, UnavailableError("keys"), "keys", ["a"], id="no keys, and none to be had"),
        pytest.param(JWKSet([]), UnavailableError("keys"), "keys", ["a"], id="unknown kid, and the issuer is down"),
    ],
)
def test_an_unknown_key_is_looked_for_once(now: Any, then: Any, expected: str, asked: list[str | None]) -> None:
    """The issuer may have changed its keys, but is asked only where that could help."""
    keys = Keys(now, then)

    assert (expected, asked) == (outcome(TEXT, verifier(policy(keys))), keys.asked)


def test_a_token_without_kid_causes_no_search() -> None:
    """A token without `kid` names no key to search for."""
    keys = Keys(JWKSet([]), KEYS)

    assert (outcome(compact(), verifier(policy(keys))), keys.asked) == ("key", [])


@pytest.mark.parametrize(
    ("now", "then"),
    [
        pytest.param(RuntimeError("no connection"), None, id="current raises"),
        pytest.param(None, OSError("no connection"), id="refreshed raises"),
        pytest.param(JWKSet([]), KeyError("no connection"), id="refreshed raises for an unknown kid"),
    ],
)
def test_a_broken_key_source_is_an_outage(now: Any, then: Any, caplog: pytest.LogCaptureFixture) -> None:
    """503, never 401, which would log users out; what it was is in the log, by its type."""
    with pytest.raises(UnavailableError) as caught:
        verify(TEXT, verifier(policy(Keys(now, then))))

    assert (caught.value.reason, caught.value.status, caught.value.__context__) == ("keys", 503, None)
    assert "from the key source" in caplog.text
    assert "no connection" not in caplog.text


def test_a_key_source_that_breaks_later_is_an_outage_too() -> None:
    """A token in the cache asks for the keys as well."""
    keys = Keys(KEYS)
    by = verifier(policy(keys))
    verify(TEXT, by)
    keys.now = RuntimeError()

    assert outcome(TEXT, by) == "keys"


@pytest.mark.parametrize(
    "keys",
    [Keys(now=ConfigurationError("use the sync class")), Keys(then=ConfigurationError("use the sync class"))],
    ids=["current", "refreshed"],
)
def test_an_error_of_ours_from_a_key_source_passes(keys: Keys) -> None:
    """A key source that says what is wrong is believed."""

    with pytest.raises(ConfigurationError, match="use the sync class"):
        verify(TEXT, verifier(policy(keys)))


# Several issuers

FIRST, SECOND = "https://first.example", "https://second.example"


def several() -> tuple[TokenVerifier, Keys, Keys]:
    """A verifier for two issuers, each with a key source of its own."""
    first, second = Keys(None, JWKSet([hs256().verification_key])), Keys(JWKSet([]), KEYS)
    by = verifier(policy(first, issuer=FIRST, audience="one"), policy(second, issuer=SECOND, audience="two"))
    return by, first, second


@pytest.mark.parametrize(
    ("payload", "kid", "expected", "asked"),
    [
        pytest.param(claims(iss=FIRST, aud="one"), "x", ACCEPTED, (1, 0), id="the first"),
        pytest.param(claims(iss=SECOND, aud="two"), "a", ACCEPTED, (0, 1), id="the second"),
        pytest.param(claims(iss=FIRST, aud="two"), "x", "aud", (1, 0), id="the audience of the other"),
        pytest.param(claims(iss=SECOND, aud="two"), "x", "key", (0, 1), id="no key of that issuer"),
        pytest.param(claims(iss="https://third.example"), "a", "iss", (0, 0), id="a stranger"),
        pytest.param(claims(iss=FIRST + "/", aud="one"), "a", "iss", (0, 0), id="a slash more"),
        pytest.param(claims(iss=None), "a", "iss", (0, 0), id="no issuer"),
        pytest.param({**CLAIMS, "iss": None}, "a", "iss", (0, 0), id="null"),
        pytest.param({**CLAIMS, "iss": [FIRST]}, "a", "iss", (0, 0), id="a list"),
        pytest.param({**CLAIMS, "iss": {}}, "a", "iss", (0, 0), id="an object"),
        pytest.param(b"[]", "a", "json", (0, 0), id="no object"),
        pytest.param(b'{"iss":"https://first.example","iss":"x"}', "a", "json", (0, 0), id="two issuers"),
        pytest.param(b'{"iss":"https://first.example","a":NaN}', "a", "json", (0, 0), id="no JSON"),
        pytest.param(
            b'{"iss":"https://first.example","a":' + b"[" * 64 + b"]" * 64 + b"}",
            "a",
            "json_depth",
            (0, 0),
            id="deep",
        ),
    ],
)
def test_the_issuer_settles_whose_key_is_asked(payload: Any, kid: str, expected: str, asked: tuple[int, int]) -> None:
    """Each token is judged by its own issuer's policy alone, and a stranger's causes no traffic."""
    by, first, second = several()

    found = outcome(compact({"alg": "HS256", "kid": kid}, payload), by)

    assert (expected, asked) == (found, (len(first.asked), len(second.asked)))


def test_a_payload_that_is_no_base64url_has_no_issuer() -> None:
    """A payload that is not base64url is refused before a key is looked for."""
    by, first, second = several()
    header, _payload, signature = TEXT.split(".")

    assert (outcome(f"{header}.e+.{signature}", by), first.asked, second.asked) == ("base64url", [], [])


def test_a_key_of_one_issuer_does_not_sign_for_another() -> None:
    """A key counts for its own issuer only, whatever its name."""
    ours, theirs = hs256("a"), hs256("a", secret="another secret, only an example!")
    by = verifier(policy(ours.verification_key, issuer=FIRST), policy(theirs.verification_key, issuer=SECOND))

    assert outcome(compact({"alg": "HS256", "kid": "a"}, claims(iss=FIRST), key=theirs), by) == "signature"


@pytest.mark.parametrize(
    "issuers", [(FIRST, FIRST), (FIRST, UNCHECKED), (UNCHECKED, UNCHECKED)], ids=["twice", "one unchecked", "both"]
)
def test_each_of_several_policies_has_its_issuer(issuers: tuple[Any, Any]) -> None:
    """Each policy has an issuer of its own, which selects the policy of a token."""
    with pytest.raises(ConfigurationError, match="each of several policies needs an issuer of its own"):
        verifier(*(policy(issuer=issuer) for issuer in issuers))


@pytest.mark.parametrize(
    ("limits", "problems"),
    [
        ({"max_token_bytes": 0}, 1),
        ({"max_token_bytes": -1}, 1),
        ({"max_token_bytes": None}, 1),
        ({"max_token_bytes": "8192"}, 1),
        ({"max_token_bytes": 8192.0}, 1),
        ({"max_token_bytes": True}, 1),
        ({"max_token_bytes": 65537}, 1),
        ({"cache_size": -1}, 1),
        ({"cache_size": None}, 1),
        ({"cache_size": 1.5}, 1),
        ({"cache_size": False}, 1),
        ({"max_token_bytes": 0, "cache_size": -1}, 2),
    ],
    ids=repr,
)
def test_a_limit_out_of_range_is_refused(limits: dict[str, Any], problems: int) -> None:
    """All that are wrong at once."""
    with pytest.raises(ConfigurationError) as caught:
        TokenVerifier([policy()], **limits)
    assert problems == len(caught.value.problems)


def test_the_limits_may_be_large() -> None:
    """The largest that is taken."""
    by = TokenVerifier([policy(KEYS)], max_token_bytes=65536, clock=Clock())

    assert outcome(TEXT, by) == ACCEPTED


def test_the_limits_may_be_small() -> None:
    """One byte, and no cache: of little use, and no mistake."""
    by = TokenVerifier([policy(KEYS)], max_token_bytes=1, cache_size=0)

    assert outcome("..", by) == "too_long"


def test_the_default_limits() -> None:
    """8192 bytes, 1024 tokens."""
    assert (MAX_TOKEN_BYTES, CACHE_SIZE) == (8192, 1024)


@pytest.mark.parametrize(("limit", "expected"), [(len(TEXT), ACCEPTED), (len(TEXT) - 1, "too_long")])
def test_the_limit_of_length_is_the_verifiers(limit: int, expected: str) -> None:
    """`max_token_bytes`, inclusive."""
    by = TokenVerifier([policy(KEYS)], max_token_bytes=limit, clock=Clock())

    assert expected == outcome(TEXT, by)
