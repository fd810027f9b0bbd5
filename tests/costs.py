"""What a piece of code costs, as counts of work: JSON parses, decoded segments, hashes, prepared keys, locks.

Counts are the same on every machine and every day. Function calls and bytecodes are not counted: they pin how the code
is written, and not what it does.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

_PREPARATIONS = ("prepare_key", "from_jwk", "load_pem", "load_der", "load_ssh", "public_numbers", "public_bytes")


@dataclass(frozen=True, kw_only=True)
class Work:
    """What must not be done twice."""

    json: int = 0
    """JSON texts parsed."""
    base64: int = 0
    """Segments decoded."""
    sha256: int = 0
    """SHA-256s begun, those inside an HMAC not counted."""
    keys: int = 0
    """Keys made ready for their algorithm."""
    locks: int = 0
    """Locks taken."""


class Counter:
    """Counts while a function runs: `counted = Counter(function)`."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._json = self._base64 = self._sha256 = self._keys = self._locks = 0
        before, ours = sys.getprofile(), threading.get_ident()
        sys.setprofile(lambda *event: self._count(*event) if threading.get_ident() == ours else None)
        try:
            function()
        finally:
            sys.setprofile(before)

    @property
    def work(self) -> Work:
        """What was done that must not be done twice."""
        return Work(json=self._json, base64=self._base64, sha256=self._sha256, keys=self._keys, locks=self._locks)

    def _count(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            name = frame.f_code.co_qualname
            # The profiler does not see the parser in C, so the function that calls it is counted.
            self._json += name == "JSONDecoder.raw_decode"
        elif event == "c_call":
            name = argument.__qualname__
            self._base64 += name == "a2b_base64"
            self._sha256 += name in {"openssl_sha256", "sha256"}
            self._locks += name.endswith(("lock.acquire", "Lock.acquire", "lock.__enter__"))
        else:
            return
        self._keys += any(part in name for part in _PREPARATIONS)
