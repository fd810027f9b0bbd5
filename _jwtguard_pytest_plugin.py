"""The pytest plugin of jwtguard: fixtures for the tests of applications that it guards. See docs/testing.md.

It stands outside the package, and imports it only where a fixture is used: pytest loads its plugins at the start of
every run in an environment that has them, also of those that have nothing to do with tokens.

No fixture here depends on one with a short name, so that a project may have its own `token_for` or `frozen_clock`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from jwtguard import Guard
    from jwtguard.testing.authenticated import Authenticated
    from jwtguard.testing.clock import FrozenClock
    from jwtguard.testing.provider import FakeProvider
    from jwtguard.testing.tokens import TokenFor


@pytest.fixture
def jwtguard_guard() -> Guard:
    """The guard that the other fixtures make tokens for: one with a throw-away key. Override it with your own."""
    from jwtguard.testing.tokens import throwaway_guard

    return throwaway_guard()


@pytest.fixture
def jwtguard_tokens(jwtguard_guard: Guard) -> Iterator[TokenFor]:
    """`token_for`, for fixtures of your own to build on."""
    from jwtguard.testing.tokens import tokens_for

    with tokens_for(jwtguard_guard) as made:
        yield made


@pytest.fixture
def token_for(jwtguard_tokens: TokenFor) -> TokenFor:
    """Makes access tokens that the guard accepts: `token_for("alice", roles=["admin"])`."""
    return jwtguard_tokens


@pytest.fixture
def authenticated(jwtguard_tokens: TokenFor) -> Iterator[Authenticated]:
    """Logs test clients in: `authenticated(client, "alice", roles=["admin"], via="cookie")`."""
    from jwtguard.testing.authenticated import Authenticated

    with Authenticated(jwtguard_tokens) as log_in:
        yield log_in


@pytest.fixture
def frozen_clock(jwtguard_tokens: TokenFor) -> Iterator[FrozenClock]:
    """A clock that stands still until `.tick(...)` or `.move_to(...)`; the guard goes by it, and what it takes over."""
    from jwtguard.testing.clock import FrozenClock

    with FrozenClock() as clock:
        clock.take_over(jwtguard_tokens.guard)
        yield clock


@pytest.fixture
def fake_provider() -> Iterator[FakeProvider]:
    """An OpenID provider on this machine: `.issuer`, `.token(...)`, `.rotate()`, `.outage(...)`, `.count(...)`."""
    from jwtguard.testing.provider import FakeProvider

    with FakeProvider() as provider:
        yield provider
