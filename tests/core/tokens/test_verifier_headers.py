"""The memory of a verifier for headers whose signature held."""

from __future__ import annotations

from typing import Any

import pytest

from jwtguard.core.tokens import jws
from jwtguard.core.tokens import verifier as verification
from tests.core.keys import hs256
from tests.core.token_samples import NOW, claims, compact, outcome, verifier, verify

TEXT = compact()


@pytest.fixture
def headers_read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The header segments that were parsed, one for each time."""
    found: list[bytes] = []
    original = jws.read_header

    def counting(segment: bytes, types: frozenset[str]) -> Any:
        found.append(segment)
        return original(segment, types)

    monkeypatch.setattr(verification, "read_header", counting)
    return found


def test_a_header_is_read_once(headers_read: list[bytes]) -> None:
    """Tokens of one issuer share it."""
    by = verifier()
    for name in ("a", "b", "c"):
        verify(compact(payload=claims(jti=name)), by)

    assert len(headers_read) == 1


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        pytest.param(compact(key=hs256(secret="x" * 32)), 2, id="a forged token"),
        pytest.param(compact(payload=claims(exp=NOW - 10)), 1, id="an expired one"),
        pytest.param(compact(payload=b"[]"), 1, id="one without claims"),
    ],
)
def test_a_header_is_remembered_once_a_signature_held(first: str, expected: int, headers_read: list[bytes]) -> None:
    """A header is cached only after a signature held, so a client without a key fills no memory."""
    by = verifier()
    outcome(first, by)
    verify(TEXT, by)

    assert expected == len(headers_read)


def test_a_remembered_header_excuses_nothing_else() -> None:
    """Form, signature and claims are looked at as ever."""
    by = verifier()
    verify(TEXT, by)
    header, payload, signature = TEXT.split(".")

    assert {
        "no signature": outcome(f"{header}.{payload}", by),
        "an empty signature": outcome(f"{header}.{payload}.", by),
        "an empty payload": outcome(f"{header}..{signature}", by),
        "padding": outcome(f"{header}.{payload}.{signature}=", by),
        "another payload": outcome(f"{header}.{payload}A.{signature}", by),
        "a fourth segment": outcome(f"{TEXT}.x", by),
        "nothing else": outcome(header, by),
    } == {
        "no signature": "form",
        "an empty signature": "form",
        "an empty payload": "form",
        "padding": "base64url",
        "another payload": "signature",
        "a fourth segment": "form",
        "nothing else": "form",
    }


def header_of(length: int) -> bytes:
    """A header whose segment has so many characters."""
    frame = b'{"alg":"HS256","x":""}'
    size = length * 3 // 4
    return frame[:-2] + b"x" * (size - len(frame)) + frame[-2:]


@pytest.mark.parametrize(("length", "expected"), [(1024, 1), (1026, 2)])
def test_a_long_header_is_not_remembered(length: int, expected: int, headers_read: list[bytes]) -> None:
    """At most 1 KiB of each."""
    by = verifier()
    for name in ("a", "b"):
        verify(compact(header_of(length), claims(jti=name)), by)

    assert (length, expected) == (len(headers_read[0]), len(headers_read))


def test_the_memory_for_headers_is_bounded(headers_read: list[bytes]) -> None:
    """256 of them: the oldest makes room for one more."""
    by = verifier(cache_size=0)
    texts = [compact({"alg": "HS256", "kid": str(number)}) for number in range(257)]
    for text in texts[:256]:
        verify(text, by)
    verify(texts[0], by)
    remembered = len(headers_read)
    verify(texts[256], by)
    verify(texts[0], by)

    assert (remembered, len(headers_read)) == (256, 258)
