"""What holds connections serves one event loop."""

from __future__ import annotations

import asyncio

import pytest

from jwtguard import ConfigurationError
from jwtguard.core.flow import OneLoop


def test_the_first_loop_is_the_one() -> None:
    """On the first loop nothing happens, however often; on another the error names both classes."""
    one = OneLoop("AsyncThing", sync_alternative="Thing")

    async def check() -> None:
        one.check()

    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(check())
        first.run(check())
        with pytest.raises(ConfigurationError, match=r"AsyncThing serves the event loop.*use Thing"):
            second.run(check())
        first.run(check())
