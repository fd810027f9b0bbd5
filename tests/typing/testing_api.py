"""What users write in their tests, for the type checkers to read: never run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import assert_type

import httpx
from django.test import AsyncClient, Client
from flask import Flask
from flask.testing import FlaskClient

from jwtguard import Guard, SigningKey, TokenHeader
from jwtguard.testing import Authenticated, FakeProvider, FrozenClock, TokenFor, throwaway_guard, tokens_for


def test_tokens(token_for: TokenFor) -> None:
    assert_type(token_for("alice"), str)
    assert_type(token_for.guard, Guard)
    token_for("alice", roles=["admin"], scope={"read"}, expires_in=timedelta(minutes=-1), claims={"org": 1})
    token_for("alice", role=["admin"])  # type: ignore[call-arg]
    token_for("alice", expires_in=5)  # type: ignore[arg-type]


def test_clients(authenticated: Authenticated) -> None:
    assert_type(authenticated(Client(), "alice"), Client)
    assert_type(authenticated(AsyncClient(), "alice", via="cookie", csrf=False), AsyncClient)
    assert_type(authenticated(Flask(__name__).test_client(), roles=["admin"]), FlaskClient)
    assert_type(authenticated(httpx.Client(), via=TokenHeader("X-Token", from_proxy=False)), httpx.Client)
    authenticated(httpx.Client(), via="body")  # type: ignore[arg-type]
    authenticated(httpx.Client(), role="admin")  # type: ignore[call-arg]


def test_clock(frozen_clock: FrozenClock, guard: Guard) -> None:
    assert_type(frozen_clock(), float)
    frozen_clock.tick(timedelta(minutes=5))
    frozen_clock.tick(5)
    frozen_clock.move_to(datetime(2030, 1, 1, tzinfo=UTC))
    frozen_clock.take_over(guard)
    frozen_clock.take_over("guard")  # type: ignore[arg-type]
    throwaway_guard(clock=frozen_clock)


def test_provider(fake_provider: FakeProvider) -> None:
    assert_type(fake_provider.issuer, str)
    assert_type(fake_provider.rotate(), SigningKey)
    assert_type(fake_provider.token("alice", audience="orders-api", roles=["admin"]), str)
    with fake_provider.outage("slow", delay=timedelta(seconds=1)):
        assert_type(fake_provider.count("jwks"), int)
    fake_provider.outage("fire")  # type: ignore[arg-type]
    with tokens_for(throwaway_guard()) as token_for, FakeProvider(algorithm="ES256"):
        assert_type(token_for, TokenFor)
