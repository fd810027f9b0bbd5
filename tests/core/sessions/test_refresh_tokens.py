"""Refresh tokens: what is read, what is refused although its signature holds, and that nothing is lost on the way."""

from __future__ import annotations

import hmac
import logging
from typing import Any

import pytest

from jwtguard import ConfigurationError, InvalidGrantError, SigningKey
from jwtguard.core.sessions import refresh_tokens
from jwtguard.core.sessions.refresh_tokens import RefreshToken, RefreshTokens
from tests.core.keys import signing_key
from tests.core.session_world import LEFT_OUT, REFRESH_KEY, claims_of, genuine
from tests.core.token_samples import AUDIENCE, ISSUER, NOW, compact

TOKENS = RefreshTokens(ISSUER, [REFRESH_KEY])
PLAIN = RefreshToken(subject="user-1", session_id="s1", generation=0, auth_time=NOW)


def outcome(text: Any, tokens: RefreshTokens = TOKENS, *, now: float = NOW, expired_too: bool = False) -> str:
    """`accepted`, or the reason for which `text` is refused."""
    try:
        tokens.read(text, now=now, expired_too=expired_too)
    except InvalidGrantError as error:
        return error.reason
    return "accepted"


@pytest.mark.parametrize(
    "token",
    [
        PLAIN,
        RefreshToken(subject="ü", session_id="s" * 64, generation=2**53 - 1, auth_time=0),
        RefreshToken(
            subject="user-1",
            session_id="s1",
            generation=7,
            auth_time=NOW,
            scope=("reports:read", "users:write"),
            claims={"tenant": "t1", "nested": {"a": [1, 2.5, None, True, "é"]}},
            remember=False,
        ),
        RefreshToken(subject="user-1", session_id="s1", generation=0, auth_time=NOW, scope=()),
    ],
)
def test_what_is_issued_is_read(token: RefreshToken) -> None:
    """Every member comes back as it was."""
    assert TOKENS.read(TOKENS.issue(token, now=NOW, lifetime=60), now=NOW) == token


def test_the_next_rotation_is_the_same_but_for_its_number() -> None:
    """Scope, claims and the time of login are copied from generation to generation."""
    token = RefreshToken(
        subject="user-1", session_id="s1", generation=3, auth_time=NOW, scope=("a",), claims={"b": 1}, remember=False
    )
    assert token.next_rotation().next_rotation() == RefreshToken(
        subject="user-1", session_id="s1", generation=5, auth_time=NOW, scope=("a",), claims={"b": 1}, remember=False
    )


def test_the_text() -> None:
    """A refresh token names its type, its issuer as the audience, a session and a generation."""
    text = TOKENS.issue(PLAIN, now=NOW + 0.5, lifetime=60)
    assert claims_of(text) == {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": "user-1",
        "sid": "s1",
        "gen": 0,
        "auth_time": NOW,
        "iat": NOW,
        "exp": NOW + 60,
    }


def each(reason: str, *values: Any) -> list[tuple[Any, str]]:
    return [(value, reason) for value in values]


BAD_MEMBERS: dict[str, list[tuple[Any, str]]] = {
    "iss": [(LEFT_OUT, "missing_iss"), ("https://other.example", "iss"), (ISSUER + "/", "iss"), (None, "iss")],
    "aud": [(LEFT_OUT, "missing_aud"), (AUDIENCE, "aud"), ([], "aud"), (None, "aud")],
    "sub": [(LEFT_OUT, "missing_sub"), ("", "sub"), (1, "sub"), ("a\x00", "sub"), ("x" * 256, "sub")],
    "sid": [(LEFT_OUT, "missing_sid"), *each("sid", "", 1, None, [], ["s1"], {}, True, "s" * 65, "a\x00b")],
    "gen": [(LEFT_OUT, "missing_gen"), *each("gen", -1, 2**53, 0.0, 1.5, "0", None, True, False, [], {}, 10**30)],
    "auth_time": [(LEFT_OUT, "missing_auth_time"), *each("auth_time", "1", None, True, [], {})],
    "exp": [(LEFT_OUT, "missing_exp"), (str(NOW + 60), "exp"), (None, "exp"), (True, "exp"), (NOW - 10, "expired")],
    "scope": each("scope", "reports:read", 1, {}, [1], ["a", None], True),
    "claims": each("claims", None, [], "a", 1),
    "remember": each("remember", None, 0, 1, "no", []),
    "nbf": [(NOW + 60, "not_yet_valid"), ("x", "nbf")],
    "cnf": [({"jkt": "x"}, "proof_of_possession"), (None, "proof_of_possession")],
}


@pytest.mark.parametrize(
    ("name", "value", "reason"), [(name, *pair) for name, pairs in BAD_MEMBERS.items() for pair in pairs]
)
def test_odd_members_of_a_genuine_token(name: str, value: Any, reason: str) -> None:
    """Content that jwtguard never writes is refused, also with a valid signature."""
    assert outcome(genuine(**{name: value})) == reason


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"iat": LEFT_OUT},
        {"iat": NOW + 3600},
        {"iat": "yesterday"},
        {"gen": 2**53 - 1},
        {"auth_time": NOW + 0.5},
        {"aud": [AUDIENCE, ISSUER]},
        {"exp": NOW - 9},
        {"unknown": 1},
    ],
)
def test_their_nearest_neighbours(changes: dict[str, Any]) -> None:
    """These are read. When a generation was made is never judged: another server's clock may be an hour ahead."""
    assert outcome(genuine(**changes)) == "accepted"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "form"),
        ("garbage", "form"),
        ("a.b.c.d.e", "encrypted"),
        ("x" * 8193, "too_long"),
        ("ä.b.c", "alphabet"),
        (None, "not_text"),
        (b"a.b.c", "not_text"),
        (genuine()[:-2], "base64url"),
        (genuine(key=signing_key("HS256", "r1")), "signature"),
        (genuine(key=signing_key("HS256", "r2")), "key"),
        (genuine(key=signing_key("HS512", "r1")), "key"),
        (genuine(key=signing_key("ES256", "r1")), "key"),
        (genuine(typ=None), "typ"),
        (genuine(typ="JWT"), "typ"),
        (genuine(typ="at+jwt"), "typ"),
        (compact({"alg": "none", "kid": "r1", "typ": "refresh+jwt"}), "key"),
    ],
)
def test_what_is_no_refresh_token(text: Any, reason: str) -> None:
    """Form, kind and key are checked before anything it says."""
    assert outcome(text) == reason


def test_the_kind_is_compared_without_case() -> None:
    """RFC 7515 §4.1.9."""
    assert outcome(genuine(typ="application/Refresh+JWT")) == "accepted"


@pytest.mark.parametrize(
    ("now", "expected"), [(NOW + 609, "accepted"), (NOW + 610, "expired"), (NOW - 1e6, "accepted")]
)
def test_expiry(now: float, expected: str) -> None:
    """The leeway is ten seconds, and a clock that was set back ends no session."""
    assert outcome(genuine(), now=now) == expected


@pytest.mark.parametrize("now", [NOW + 1e9, NOW - 1e9, 0])
def test_an_expired_one_still_names_its_session(now: float) -> None:
    """An expired refresh token still names its session, so that a logout can end it."""
    assert outcome(genuine(), now=now, expired_too=True) == "accepted"


@pytest.mark.parametrize("changes", [{"exp": "never"}, {"sid": ""}, {"iss": "https://other.example"}])
def test_expired_or_not_it_must_be_sound(changes: dict[str, Any]) -> None:
    """A logout forgives the expiry of a refresh token, and no other fault."""
    assert outcome(genuine(**changes), expired_too=True) != "accepted"


def test_several_keys() -> None:
    """The newest signs, the older ones still check, and one that was taken away no longer does."""
    old, new = REFRESH_KEY, SigningKey.generate("HS256", kid="r2")
    before = TOKENS.issue(PLAIN, now=NOW, lifetime=60)
    both = RefreshTokens(ISSUER, [old, new])
    after = both.issue(PLAIN, now=NOW, lifetime=60)
    assert [outcome(text, both) for text in (before, after)] == ["accepted", "accepted"]
    assert outcome(after) == "key", "the newest signs"
    assert outcome(before, RefreshTokens(ISSUER, [new])) == "key"


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ([], "shared secrets"),
        (None, "shared secrets"),
        (1, "shared secrets"),
        ("secret", "shared secrets"),
        ([REFRESH_KEY.verification_key], "shared secrets"),
        ([signing_key("ES256", "r1")], "shared secrets"),
        ([REFRESH_KEY, signing_key("RS256", "r2")], "shared secrets"),
        ([signing_key("HS256")], "kid"),
        ([REFRESH_KEY, SigningKey.generate("HS256", kid="r1")], "two different keys"),
    ],
)
def test_keys_that_will_not_do(keys: Any, problem: str) -> None:
    """Refused when they are handed over."""
    with pytest.raises(ConfigurationError, match=problem):
        RefreshTokens(ISSUER, keys)


def test_one_key_needs_no_list() -> None:
    """`refresh_keys` takes one key without a list."""
    assert outcome(genuine(), RefreshTokens(ISSUER, REFRESH_KEY)) == "accepted"  # type: ignore[arg-type]


@pytest.mark.parametrize("claims", [{"a": object()}, {"a": float("nan")}, {"a": {1, 2}}, {"a": "\ud800"}])
def test_claims_that_are_not_json(claims: dict[str, Any]) -> None:
    """Claims that JSON cannot hold are an error in the program, and are not quoted."""
    token = RefreshToken(subject="user-1", session_id="s1", generation=0, auth_time=NOW, claims=claims)
    with pytest.raises(ConfigurationError, match="claims must be JSON"):
        TOKENS.issue(token, now=NOW, lifetime=60)


def test_the_unforeseen_denies(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """An unforeseen exception becomes a refusal, and the log names it without its text."""

    def explode(_: bytes) -> dict[str, Any]:
        raise RecursionError("with a token in it")

    monkeypatch.setattr(refresh_tokens, "parse_object", explode)
    with caplog.at_level(logging.ERROR):
        assert outcome(genuine()) == "unforeseen"
    assert "RecursionError" in caplog.text
    assert "with a token" not in caplog.text


def test_stamps_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long it takes tells nothing about how much of a stamp is right: both go to `hmac.compare_digest`, whole."""
    compared: list[tuple[bytes, bytes]] = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return True

    monkeypatch.setattr(hmac, "compare_digest", compare_digest)
    first, second = (TOKENS.stamped(PLAIN, stamp).stamp for stamp in ("old hash", "new hash"))
    assert first is not None
    assert second is not None
    assert TOKENS.has_stamp(TOKENS.stamped(PLAIN, "old hash"), ["new hash"])
    assert compared == [(first.encode(), second.encode())]
