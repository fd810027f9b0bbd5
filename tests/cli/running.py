"""Running the command as a user would, in this process; keys and tokens for it."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from click.testing import CliRunner, Result

from jwtguard import SigningKey, TokenIssuer
from jwtguard.cli import main
from tests.core.keys import SECRET, signing_key

ISSUER, AUDIENCE = "https://issuer.example", "https://api.example"
ENVIRONMENT = {"SECRET": SECRET, "COLUMNS": None, "NO_COLOR": None}
KEY = signing_key("ES256")


def run(*arguments: object, typed: str | bytes | None = None, env: dict[str, str | None] | None = None) -> Result:
    """What the command answers; an error that it did not foresee fails the test."""
    runner = CliRunner(env={**ENVIRONMENT, **(env or {})})
    return runner.invoke(main, [str(each) for each in arguments], input=typed, catch_exceptions=False)


def token(
    key: SigningKey = KEY, *, ago: float = 0, lifetime: timedelta = timedelta(minutes=5), **arguments: Any
) -> str:
    """An access token for a reader of the real clock, issued some seconds `ago`."""
    issuer = TokenIssuer(
        issuer=ISSUER,
        audience=AUDIENCE,
        client_id="web",
        signing_keys=[key],
        # Some are made when a file of tests is read, long before its tests run.
        access_token_lifetime=lifetime,
        clock=lambda: time.time() - ago,
    )
    return issuer.access_token("user-1", **arguments)
