"""One application behind uvicorn, for `http`: `python -m benchmarks.served FRAMEWORK NAME PORT KEY SERVER`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn

from benchmarks.tokens import Mint


def application(framework: str, name: str, mint: Mint) -> Any:
    """The application of that name; guards remember what they verified, as they do by default."""
    if framework == "Starlette":
        from benchmarks.sections import starlette

        made: dict[str, Callable[[], Any]] = {
            "bare": starlette.bare,
            "jwtguard": lambda: starlette.guarded(mint.guard()),
            "written by hand": lambda: starlette.by_hand(mint),
        }
        return made[name]()
    from benchmarks.sections import fastapi

    made = {
        "bare": fastapi.bare,
        "jwtguard": lambda: fastapi.guarded(mint.guard()),
        "written by hand": lambda: fastapi.by_hand(mint),
        "authx": lambda: fastapi.authx(mint),
    }
    return made[name]()


def main(framework: str, name: str, port: str, key: str, server: str) -> None:
    """Serve until interrupted; without a `server`, with all that makes uvicorn fast."""
    app = application(framework, name, Mint("RS256", Path(key).read_text(encoding="utf-8")))
    quick: dict[str, Any] = {"loop": "uvloop", "http": "httptools"}
    plain: dict[str, Any] = {"loop": "asyncio", "http": "h11"}
    uvicorn.run(app, port=int(port), log_level="error", access_log=False, **(plain if server else quick))


if __name__ == "__main__":
    main(*sys.argv[1:])
