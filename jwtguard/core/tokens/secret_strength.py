"""Whether a shared secret looks guessable, so that who has one token can find it by trying.

>>> import secrets
>>> looks_thought_up(b"password" * 8), looks_thought_up(secrets.token_bytes(32))
(True, False)

No look at a secret can prove that it is random. These tests find what people write in its place, and hardly ever a
secret that was made at random: by `secrets.token_bytes`, or written in hexadecimal or base64.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter

_LITTLE_VARIETY = 10
"""Different bytes: of 32 random ones, written in hexadecimal, hardly ever fewer than 13 are."""
_SHORTEST_UNIT = 16
"""Bytes that may be repeated: 128 random bits are enough, however often they are written."""
# Words of five letters and more: 32 random bytes in base64 hold one of them once in a million times.
_WORDS = re.compile(
    rb"secret|passw|change.?me|example|jwtguard|django-insecure|insecure|qwerty|123456|abcdef|admin|letmein|default"
    rb"|develop|testing|welcome|deadbeef|cafebabe",
    re.IGNORECASE,
)


def looks_thought_up(secret: bytes) -> bool:
    """Whether `secret` has few different bytes, repeats a short text, counts up or down, or holds a common word."""
    return (
        len(set(secret)) < _LITTLE_VARIETY
        or any(_repeats(secret, length) for length in range(1, min(_SHORTEST_UNIT, len(secret) // 2 + 1)))
        or _counts(secret)
        or _WORDS.search(secret) is not None
    )


def _repeats(secret: bytes, length: int) -> bool:
    """Whether it is its first `length` bytes again and again, the last time perhaps cut."""
    return secret[length:] == secret[:-length]


def _counts(secret: bytes) -> bool:
    """Whether most bytes differ from the one before by the same number, as in `bytes(range(32))`."""
    steps = Counter((second - first) % 256 for first, second in itertools.pairwise(secret))
    return bool(steps) and max(steps.values()) > len(secret) // 2
