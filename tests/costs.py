"""What something costs, in counts: they are the same on every machine and every day, as seconds are not.

Calls are counted of jwtguard's own functions only (a generator counts each time it goes on), so no release of a
framework changes them. What is parsed, decoded, hashed or prepared is counted whoever asks for it.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import jwtguard

PACKAGE = str(Path(jwtguard.__file__).parent)
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
        self.calls = 0
        """Calls of functions of jwtguard."""
        self._json = self._base64 = self._sha256 = self._keys = self._locks = 0
        self.names: list[str] = []
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
            if frame.f_code.co_filename.startswith(PACKAGE):
                self.calls += 1
                self.names.append(name)
            # The parser in C, which ours asks, is no function that a profiler hears of.
            self._json += name in {"parse_object_as", "JSONDecoder.raw_decode"}
        elif event == "c_call":
            name = argument.__qualname__
            self._base64 += name == "a2b_base64"
            self._sha256 += name in {"openssl_sha256", "sha256"}
            self._locks += name.endswith(("lock.acquire", "Lock.acquire", "lock.__enter__"))
        else:
            return
        self._keys += any(part in name for part in _PREPARATIONS)


if sys.version_info >= (3, 12):
    # Not with a trace function, which at times hears of no instruction once a profiler or coverage has come between.
    _TOOL = 4  # One that the interpreter keeps for nobody.

    def opcodes(function: Callable[[], object]) -> int:
        """How many bytecode instructions jwtguard's own code takes, so that a loop shows that calls nothing."""
        count, ours, monitoring = 0, threading.get_ident(), sys.monitoring

        def instruction(code: CodeType, offset: int) -> None:
            nonlocal count
            count += code.co_filename.startswith(PACKAGE) and threading.get_ident() == ours

        monitoring.use_tool_id(_TOOL, "jwtguard's tests")
        try:
            monitoring.register_callback(_TOOL, monitoring.events.INSTRUCTION, instruction)
            monitoring.set_events(_TOOL, monitoring.events.INSTRUCTION)
            function()
        finally:
            monitoring.set_events(_TOOL, 0)
            monitoring.register_callback(_TOOL, monitoring.events.INSTRUCTION, None)
            monitoring.free_tool_id(_TOOL)
        return count

else:

    def opcodes(function: Callable[[], object]) -> int:
        """How many bytecode instructions jwtguard's own code takes, so that a loop shows that calls nothing."""
        count = 0

        def trace(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal count
            if not frame.f_code.co_filename.startswith(PACKAGE):
                return None
            frame.f_trace_opcodes = True
            count += event == "opcode"
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            function()
        finally:
            sys.settrace(before)
        return count


def left_to_collector(function: Callable[[], object]) -> list[object]:
    """What of ours no reference counts free after `function`: it lies in cycles, until the garbage collector comes."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        function()
        gc.collect()
        return [found for found in gc.garbage if (type(found).__module__ or "").partition(".")[0] == "jwtguard"]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
