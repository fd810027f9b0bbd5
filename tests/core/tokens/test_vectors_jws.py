"""Wycheproof's tokens and keys through `jws.verify`: every vector, and a reason for each that we judge otherwise."""

from __future__ import annotations

import json

import pytest

from jwtguard import LocalJWKSet, VerificationKey
from jwtguard.core.errors import JWTGuardError
from jwtguard.core.tokens import jws
from tests.core.vectors import Vector, wycheproof

# What the file says in another way than we do: (file, tcId) -> what we say, and why.
EMPTY_PAYLOAD = ("invalid", "an empty payload is no claims set, and no segment of a token may be empty")
ONE_ALGORITHM = ("invalid", "the key is for another algorithm than the token names: RFC 8725 §3.1")
NOT_BASE64URL = ("invalid", "a question mark is not in the alphabet: RFC 7515 §2")
SAME_AS_VALID = ("valid", "a slip in the file: the very text of tcId 357, which it calls valid")
ENCRYPTED = ("invalid", "a JWE is encrypted, not signed: this profile reads signed tokens only")
DEVIATIONS = {
    **{("json_web_signature", number): EMPTY_PAYLOAD for number in (259, 264, 268, 272, 320, 325)},
    **{("json_web_signature", number): ONE_ALGORITHM for number in (346, 347, 350, 351)},
    **{("json_web_signature", number): NOT_BASE64URL for number in (372, 373)},
    **{("json_web_signature", number): SAME_AS_VALID for number in (367, 370)},
    **{("json_web_crypto", number): ENCRYPTED for number in (50, 67)},
}
FILES = {"json_web_signature": 401, "json_web_key": 26, "json_web_crypto": 83}


VECTORS = [
    pytest.param(
        group,
        test,
        DEVIATIONS.get((name, test["tcId"]), (test["result"],))[0],
        id=f"{name}-{test['tcId']}-{test['comment']}",
    )
    for name in FILES
    for group, test in wycheproof(name)
]


def text_of(test: Vector) -> str:
    """The token; where the file holds a JSON serialization, its text."""
    token = test["jws"] if "jws" in test else test["jwe"]
    return token if isinstance(token, str) else json.dumps(token)


def outcome(jwk: Vector, text: str) -> str:
    """What we say of `text` under the key or the key set `jwk`."""
    try:
        jws.verify(text, LocalJWKSet(jwk) if "keys" in jwk else VerificationKey.from_jwk(jwk))
    except JWTGuardError:
        return "invalid"
    return "valid"


@pytest.mark.parametrize(("group", "test", "expected"), VECTORS)
def test_a_token_is_judged_as_wycheproof_judges_it(group: Vector, test: Vector, expected: str) -> None:
    """Signed tokens and keys are accepted or refused as the file says, but for the deviations named above."""
    jwk = group.get("public", group["private"])

    assert expected == outcome(jwk, text_of(test))


@pytest.mark.parametrize(("name", "count"), list(FILES.items()))
def test_no_token_is_left_out(name: str, count: int) -> None:
    """Each file holds as many vectors as when it was copied, so that none is lost on the way to the test above."""
    assert count == len(list(wycheproof(name)))


def test_each_deviation_is_one() -> None:
    """An entry among the deviations says something else than its file: there are no stale excuses."""
    results = {(name, test["tcId"]): test["result"] for name in FILES for _group, test in wycheproof(name)}

    assert [where for where, (expected, _reason) in DEVIATIONS.items() if expected == results[where]] == []


def test_the_slip_in_the_file_is_one() -> None:
    """The two tokens that the file calls invalid are the text of one that it calls valid."""
    texts = {test["tcId"]: test["jws"] for _group, test in wycheproof("json_web_signature")}

    assert {texts[357]} == {texts[367], texts[370]}


@pytest.mark.parametrize(
    "test",
    [pytest.param(test, id=f"{test['tcId']}-{test['comment']}") for _, test in wycheproof("json_web_encryption")],
)
def test_an_encrypted_token_is_refused(test: Vector) -> None:
    """A JWE, sound or broken, is refused whatever the key (RFC 7516 §9)."""
    key = VerificationKey.from_secret("not a secret, only an example!!!", algorithm="HS256")

    with pytest.raises(JWTGuardError):
        jws.verify(text_of(test), key)


def test_no_encrypted_token_is_left_out() -> None:
    """The file holds 139 of them."""
    assert len(list(wycheproof("json_web_encryption"))) == 139
