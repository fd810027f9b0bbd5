"""Secrets that people think up, and those that were made at random."""

from __future__ import annotations

import base64
import random
import string

import pytest

from jwtguard import SigningKey
from jwtguard.core.tokens.secret_strength import looks_thought_up
from tests.core.session_world import World

RANDOM = random.Random(7)


@pytest.mark.parametrize(
    "secret",
    [
        b"password" * 8,
        b"PassWord-PassWord-PassWord-PassWord",
        b"a" * 64,
        b"ab" * 32,
        b"zyxwvutsrq" * 4,
        b"k3J!x9#" * 6,
        b"k3J!x9#Lp0" * 5 + b"k3J",
        bytes(range(32)),
        bytes(range(255, 191, -1)),
        bytes(range(0, 256, 4)),
        b"abcdefghijklmnopqrstuvwxyz012345",
        b"this is my super secret jwt key!!",
        b"correct-horse-admin-staple-9xk2p",
        b"0123456789abcdefghij0123456789xy",
        b"deadbeefdeadbeef0f1e2d3c4b5a6978",
        b"",
    ],
    ids=repr,
)
def test_thought_up(secret: bytes) -> None:
    """Words, repetitions, runs and few different bytes."""
    assert looks_thought_up(secret)


def test_made_at_random() -> None:
    """Random bytes of each length, as they are and in the ways in which they are written."""
    for length in (32, 48, 64):
        for _ in range(300):
            secret = RANDOM.randbytes(length)
            assert not looks_thought_up(secret)
            assert not looks_thought_up(secret.hex().encode())
            assert not looks_thought_up(base64.b64encode(secret))
        assert not looks_thought_up(RANDOM.randbytes(16) * (length // 16)), "128 random bits, written twice"
    letters = "".join(RANDOM.choices(string.ascii_lowercase, k=40))
    assert not looks_thought_up(letters.encode())


def test_the_keys_of_refresh_tokens() -> None:
    """They can be judged as those of access tokens, and say nothing of the secret."""
    weak = SigningKey.from_secret("password" * 8, algorithm="HS256", kid="r1")
    strong = SigningKey.generate("HS512", kid="r2")
    keys = World().made(refresh_keys=[weak, strong]).refresh_keys
    assert [(key.kid, key.is_guessable) for key in keys] == [("r1", True), ("r2", False)]
    assert "password" not in repr(keys)
