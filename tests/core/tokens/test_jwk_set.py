"""Step 5: which key of a set may check which token; and local sets, of which nothing is skipped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from jwtguard import ConfigurationError, LocalJWKSet, SigningKey, VerificationKey
from jwtguard.core.tokens.algorithms import candidate_algorithms
from jwtguard.core.tokens.jwk_set import FetchedJWKSet, JWKSet, KeySource
from tests.core.keys import RSA_JWK, hs256, verification_key
from tests.core.vectors import public

HS, HS_A = hs256().verification_key, hs256("a").verification_key
HS_OTHER = hs256(secret="another secret, only an example!").verification_key
ES, ES_A, ES_B = (verification_key("ES256", kid) for kid in (None, "a", "b"))
RS_A, PS_A = verification_key("RS256", "a"), verification_key("PS256", "a")
ED, ED448, ED_A = verification_key("Ed25519"), verification_key("Ed448"), verification_key("EdDSA", "a")
ED448_A = verification_key("Ed448", "a")


@pytest.mark.parametrize(
    ("keys", "kid", "algorithm", "expected"),
    [
        # The key with exactly this kid.
        pytest.param([ES_A, ES_B], "a", "ES256", ES_A, id="by kid"),
        pytest.param([ES_A, ES_B], "b", "ES256", ES_B, id="by kid, the second"),
        pytest.param([ES_A, ES_B], "c", "ES256", None, id="unknown kid"),
        pytest.param([ES_A], "A", "ES256", None, id="kid in other letters"),
        pytest.param([ES_A], "a ", "ES256", None, id="kid with a space"),
        pytest.param([ES_A], "a", "ES384", None, id="kid of a key for another alg"),
        pytest.param([ES_A, HS_A], "a", "HS256", HS_A, id="kid of two keys, the second fits"),
        pytest.param([ES_A, HS], "a", "HS256", HS, id="kid of a key for another alg, and a nameless key fits"),
        pytest.param([RS_A, PS_A], "a", "RS256", RS_A, id="one key for two algs, the first"),
        pytest.param([RS_A, PS_A], "a", "PS256", PS_A, id="one key for two algs, the second"),
        pytest.param([RS_A, PS_A], "a", "RS384", None, id="one key for two algs, and a third alg"),
        # Else, among keys loaded without a kid, the only one that fits alg.
        pytest.param([HS], "any", "HS256", HS, id="a nameless key, any kid"),
        pytest.param([HS], None, "HS256", HS, id="a nameless key, no kid"),
        pytest.param([HS], "any", "HS512", None, id="a nameless key, another alg"),
        pytest.param([HS], "any", "none", None, id="a nameless key, alg none"),
        pytest.param([HS, ES], "any", "ES256", ES, id="two nameless keys, one fits"),
        pytest.param([HS, HS_A], "other", "HS256", HS, id="a nameless key beside a named one, unknown kid"),
        pytest.param([HS_A, HS_OTHER], None, "HS256", HS_OTHER, id="a nameless key beside a named one, no kid"),
        # Else, if the token has no kid, the only key of the set that fits alg.
        pytest.param([ES_A], None, "ES256", ES_A, id="no kid, one key"),
        pytest.param([ES_B, RS_A], None, "RS256", RS_A, id="no kid, one key fits"),
        pytest.param([ES_A, ES_B], None, "ES256", None, id="no kid, two keys fit"),
        pytest.param([ES_A], None, "ES512", None, id="no kid, none fits"),
        pytest.param([], None, "ES256", None, id="no kid, no keys"),
        pytest.param([], "a", "ES256", None, id="kid, no keys"),
        # Edwards keys answer to two names, RFC 9864.
        pytest.param([ED], None, "Ed25519", ED, id="its own name"),
        pytest.param([ED], None, "EdDSA", ED, id="the name of RFC 8037"),
        pytest.param([ED], None, "Ed448", None, id="the name of the other curve"),
        pytest.param([ED, ED448], None, "Ed448", ED448, id="two curves, its own name"),
        pytest.param([ED, ED448], None, "EdDSA", None, id="two curves, the common name"),
        pytest.param([ED_A, ED448], "a", "EdDSA", ED_A, id="two curves, the common name and a kid"),
    ],
)
def test_the_key_for_a_token(
    keys: list[VerificationKey], kid: str | None, algorithm: str, expected: VerificationKey | None
) -> None:
    """One key or none: where two would do, neither does (RFC 7515 §6, RFC 8725 §3.1)."""
    assert JWKSet(keys).candidates(kid, algorithm) == (() if expected is None else (expected,))


def another(algorithm: str, kid: str | None = None) -> VerificationKey:
    """A key that no other is."""
    return SigningKey.generate(algorithm, kid=kid).verification_key


ES_A2, ES_OLD = another("ES256", "a"), another("ES256")
NAMED_COPY = VerificationKey.from_jwk({**ES_A.to_jwk(), "kid": "copy"})
BLANK_COPY = VerificationKey.from_jwk({**ES_A.to_jwk(), "kid": ""})
FIVE = [another("ES256") for _ in range(5)]


@pytest.mark.parametrize(
    ("keys", "kid", "algorithm", "expected"),
    [
        pytest.param([ES_A, ES_A2], "a", "ES256", [ES_A, ES_A2], id="two of one kid"),
        pytest.param([ES_A2, ES_A], "a", "ES256", [ES_A2, ES_A], id="in the order of the document"),
        pytest.param([ES_A, ES_A], "a", "ES256", [ES_A], id="one key twice"),
        pytest.param([ES_A, RS_A, PS_A, HS_A], "a", "PS256", [PS_A], id="four types of one kid"),
        pytest.param([ES_A, BLANK_COPY], "a", "ES256", [ES_A], id="a blank copy, by its kid"),
        pytest.param([ES_A, BLANK_COPY], None, "ES256", [BLANK_COPY], id="a blank copy, without a kid"),
        pytest.param([ES_A, BLANK_COPY], "new", "ES256", [BLANK_COPY], id="a blank copy, by another kid"),
        pytest.param([ES_A, NAMED_COPY], None, "ES256", [ES_A], id="one key of two names, without a kid"),
        pytest.param([ES_A, NAMED_COPY], "copy", "ES256", [NAMED_COPY], id="one key of two names, by the second"),
        pytest.param([ES, ES_OLD, RS_A], None, "ES256", [ES, ES_OLD], id="two without a kid"),
        pytest.param([ES_A, ES_B, RS_A], None, "ES256", [ES_A, ES_B], id="two names, without a kid"),
        pytest.param([ES_A, ES_A2], "b", "ES256", [], id="two of another kid"),
        pytest.param([ED_A, ED448_A], "a", "EdDSA", [ED_A, ED448_A], id="two curves of one name"),
        pytest.param(FIVE[:4], None, "ES256", FIVE[:4], id="four"),
        pytest.param([*FIVE[:4], *FIVE[:4], RS_A], None, "ES256", FIVE[:4], id="four, each twice, and another type"),
        pytest.param(FIVE, None, "ES256", [], id="five"),
    ],
)
def test_the_keys_of_a_fetched_set(
    keys: list[VerificationKey], kid: str | None, algorithm: str, expected: list[VerificationKey]
) -> None:
    """A provider may have up to four that fit: their signature tells which is meant."""
    assert FetchedJWKSet(keys).candidates(kid, algorithm) == tuple(expected)


def test_too_many_keys_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """One WARNING for a set, however many tokens come."""
    keys = FetchedJWKSet(FIVE, address="https://issuer.example/jwks")
    for _ in range(3):
        assert keys.candidates(None, "ES256") == ()
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith(
        "keys of https://issuer.example/jwks: 5 keys fit a token for ES256, and at most 4 are tried"
    )


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ([ES_A, ES_A2], "two different keys for ES256 have the kid 'a'"),
        ([HS, HS_OTHER], "two different keys for HS256 have no kid"),
        ([ED_A, another("Ed25519", "a")], "two different keys for (EdDSA|Ed25519) have the kid 'a'"),
    ],
)
def test_two_different_keys_cannot_share_name_and_algorithm(keys: list[VerificationKey], problem: str) -> None:
    """A local set with two different keys for one `kid` and `alg` is refused."""
    with pytest.raises(ConfigurationError, match=problem):
        JWKSet(keys)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([ES_A, RS_A], [RS_A, ES_A], True),
        ([ES_A, ES_A], [ES_A], True),
        ([ES_A], [ES_A2], False),
        ([ES_A], [NAMED_COPY], False),
        ([RS_A], [PS_A], False),
        ([ES_A], [ES_A, ES_B], False),
        ([ES_A, ES_B], [ES_A, ES_A2], False),
    ],
)
def test_sets_of_the_same_keys(one: list[VerificationKey], other: list[VerificationKey], expected: bool) -> None:
    """The order says nothing; a name, an algorithm and a key do."""
    assert FetchedJWKSet(one).holds_same_keys(FetchedJWKSet(other)) is expected


def test_kinds_may_be_mixed_in_code() -> None:
    """Each key names its algorithm, and a migration from one kind to the other needs both."""
    assert len(JWKSet([HS, ES])) == 2


@pytest.mark.parametrize("key", [None, "secret", hs256(), {"kty": "oct"}], ids=["None", "str", "SigningKey", "dict"])
def test_a_set_holds_verification_keys(key: Any) -> None:
    """Anything else is refused at once, not when the first token comes."""
    with pytest.raises(ConfigurationError, match="a set of keys holds VerificationKey objects"):
        JWKSet([ES, key])


def test_a_set_is_a_key_source_that_never_changes() -> None:
    """A set is a key source that is at hand and stays the same."""
    keys = JWKSet([ES_A])

    assert isinstance(keys, KeySource)
    assert (keys, keys) == (keys.current(), keys.refreshed("unknown").run())


def test_a_set_is_a_collection() -> None:
    """A set knows its kids and gives its keys in order."""
    keys = JWKSet([ES_A, ES_B, HS])

    assert ("a" in keys, "c" in keys, None in keys) == (True, False, False)
    assert list(keys) == [ES_A, ES_B, HS]


def test_a_set_shows_no_key_material() -> None:
    """The repr has algorithms and kids."""
    assert repr(JWKSet([HS_A])) == "JWKSet([VerificationKey(algorithm='HS256', kid='a')])"


RSA_PUBLIC = {**public(RSA_JWK), "kid": "rsa"}
OCT = {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U", "alg": "HS256", "kid": "oct"}
EC, EC_B, OKP = ES_A.to_jwk(), ES_B.to_jwk(), verification_key("Ed25519", "okp").to_jwk()


def without_alg(jwk: Mapping[str, Any]) -> dict[str, Any]:
    """The key without its `alg`."""
    return {name: value for name, value in jwk.items() if name != "alg"}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param({"keys": [EC]}, {"a": "ES256"}, id="one key"),
        pytest.param({"keys": (EC, EC_B)}, {"a": "ES256", "b": "ES256"}, id="a tuple"),
        pytest.param({"keys": [OCT]}, {"oct": "HS256"}, id="a secret"),
        pytest.param({"keys": [EC, OKP], "more": 1}, {"a": "ES256", "okp": "Ed25519"}, id="other members"),
        pytest.param({"keys": [without_alg(EC), without_alg(OKP)]}, {"a": "ES256", "okp": "EdDSA"}, id="no alg"),
        pytest.param({"keys": [{**EC, "alg": None, "use": None}]}, {"a": "ES256"}, id="null members"),
        pytest.param({"keys": [EC, EC]}, {"a": "ES256"}, id="one key twice"),
        pytest.param({"keys": [{**EC, "kid": ""}]}, {None: "ES256"}, id="an empty kid"),
    ],
)
def test_a_local_set_is_loaded(document: Mapping[str, Any], expected: dict[str | None, str]) -> None:
    """RFC 7517 §5: each key under its name, for its algorithm."""
    assert expected == {key.kid: key.algorithm for key in LocalJWKSet(document)}


def test_one_kid_for_several_algorithms_in_a_local_set() -> None:
    """Keys of different types, and one key for two algorithms."""
    rsa = [{**RSA_PUBLIC, "kid": "a", "alg": alg} for alg in ("RS256", "RS512")]
    keys = LocalJWKSet({"keys": [EC, *rsa]})
    names = ["ES256", "RS256", "RS512"]

    assert [keys.candidates("a", name)[0].algorithm for name in names] == names


@pytest.mark.parametrize(
    ("jwk", "algorithms", "expected"),
    [
        ({**RSA_PUBLIC, "alg": None}, ["PS256"], "PS256"),
        (RSA_PUBLIC, ["PS256"], "PS256"),
        (RSA_PUBLIC, ["ES256", "RS512", "HS256"], "RS512"),
        (without_alg(OCT), ["HS256", "RS256"], "HS256"),
        (without_alg(EC), ["ES384", "ES256"], "ES256"),
        (without_alg(OKP), ["Ed25519", "Ed448"], "Ed25519"),
        (without_alg(OKP), ["EdDSA", "ES256"], "EdDSA"),
        (EC, ["ES256"], "ES256"),
    ],
)
def test_the_allow_list_settles_what_a_key_leaves_open(
    jwk: Mapping[str, Any], algorithms: list[str], expected: str
) -> None:
    """A key without `alg` gets the one its type and `algorithms` leave."""
    assert [expected] == [key.algorithm for key in LocalJWKSet({"keys": [jwk]}, algorithms=algorithms)]


WRONG_DOCUMENTS: list[Any] = [
    *(None, 1, "{}", [], [EC]),
    *({}, {"keys": []}, {"keys": {}}, {"keys": None}, {"keys": "RSA"}),
]


@pytest.mark.parametrize(
    ("document", "algorithms", "problem"),
    [
        *(
            pytest.param(document, None, 'a JWK Set is {"keys"', id=f"document {n}")
            for n, document in enumerate(WRONG_DOCUMENTS)
        ),
        pytest.param({"keys": [None]}, None, "key 1 of the JWK Set: a JWK is an object", id="an entry that is null"),
        pytest.param({"keys": [EC, "x"]}, None, "key 2 of the JWK Set: a JWK is an object", id="an entry that is text"),
        pytest.param({"keys": [None]}, ["ES256"], "key 1 of the JWK Set: a JWK is an object", id="null, allow-list"),
        pytest.param({"keys": [RSA_PUBLIC]}, None, "it has no alg", id="no alg and no allow-list"),
        pytest.param({"keys": [RSA_PUBLIC]}, ["RS256", "PS256"], "found: RS256, PS256", id="two fit"),
        pytest.param({"keys": [RSA_PUBLIC]}, ["ES256"], "found: none", id="none fits"),
        pytest.param({"keys": [without_alg(EC)]}, ["ES384"], "found: none", id="another curve"),
        pytest.param({"keys": [without_alg(OKP)]}, ["EdDSA", "Ed25519"], "found: EdDSA, Ed25519", id="both names fit"),
        pytest.param({"keys": [{"kty": []}]}, ["ES256"], "found: none", id="a kty that is a list"),
        pytest.param({"keys": [{"kty": "EC", "crv": []}]}, ["ES256"], "found: none", id="a crv that is a list"),
        pytest.param({"keys": [EC]}, ["ES384"], "its alg is 'ES256', and algorithms= allows", id="alg not allowed"),
        pytest.param({"keys": [{**EC, "alg": []}]}, ["ES384"], "its alg is ", id="alg is a list"),
        pytest.param({"keys": [EC]}, "ES256", "algorithms is a list of names", id="an allow-list that is text"),
        pytest.param({"keys": [EC]}, 1, "algorithms is a list of names", id="an allow-list that is a number"),
        pytest.param({"keys": [EC]}, ["ES256", "none"], "algorithm 'none' is not supported", id="none allowed"),
        pytest.param({"keys": [EC]}, [["ES256"]], "is not supported", id="a list within the allow-list"),
        pytest.param({"keys": [EC, OCT]}, None, "mixes shared secrets and public keys", id="both kinds"),
        pytest.param(
            {"keys": [EC, {**EC_B, "kid": "a"}]},
            None,
            "the JWK Set: two different keys for ES256 have the kid 'a'",
            id="one kid for two keys",
        ),
        pytest.param(
            {"keys": [{**EC, "kid": None}, {**EC_B, "kid": ""}]},
            None,
            "the JWK Set: two different keys for ES256 have no kid",
            id="two keys without a kid",
        ),
        pytest.param({"keys": [EC, {**OKP, "kid": 7}]}, None, "key 2 of the JWK Set: kid must be", id="a kid of 7"),
        pytest.param({"keys": [EC, {**OKP, "use": "enc"}]}, None, "key 2 of the JWK Set: its use", id="for encryption"),
    ],
)
def test_a_local_set_is_refused(document: Any, algorithms: Any, problem: str) -> None:
    """Nothing is skipped: what we were handed is meant to work as a whole."""
    with pytest.raises(ConfigurationError) as caught:
        LocalJWKSet(document, algorithms=algorithms)
    assert problem in str(caught.value)


def test_all_problems_of_a_local_set_are_told_at_once() -> None:
    """Three wrong things are three problems."""
    with pytest.raises(ConfigurationError) as caught:
        LocalJWKSet({"keys": [EC, {**EC_B, "kid": "a"}, OCT, RSA_PUBLIC]})

    assert [problem[:40] for problem in caught.value.problems] == [
        "key 4 of the JWK Set: it has no alg: say",
        "the JWK Set mixes shared secrets and pub",
        "the JWK Set: two different keys for ES25",
    ]


@pytest.mark.parametrize(
    ("jwk", "expected"),
    [
        ({"kty": "RSA"}, ("RS256", "PS512")),
        ({"kty": "RSA", "crv": "P-256"}, ("RS256", "PS512")),
        ({"kty": "oct"}, ("HS384",)),
        ({"kty": "EC", "crv": "P-256"}, ("ES256",)),
        ({"kty": "EC", "crv": "Ed25519"}, ()),
        ({"kty": "OKP", "crv": "P-256"}, ()),
        ({"kty": "EC"}, ()),
        ({"kty": "EC", "crv": "secp256k1"}, ()),
        ({"kty": "OKP", "crv": "Ed25519"}, ("EdDSA", "Ed25519")),
        ({"kty": "OKP", "crv": "Ed448"}, ("EdDSA", "Ed448")),
        ({"kty": "OKP", "crv": "X25519"}, ()),
        ({"kty": "AKP"}, ()),
        ({}, ()),
    ],
)
def test_the_algorithms_a_key_could_be_for(jwk: Mapping[str, Any], expected: tuple[str, ...]) -> None:
    """The candidate algorithms are those of an allow-list that fit type and curve."""
    allowed = ["RS256", "PS512", "HS384", "ES256", "EdDSA", "Ed25519", "Ed448"]

    assert expected == candidate_algorithms(jwk, allowed)
