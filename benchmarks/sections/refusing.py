"""Refusing beside accepting: a broken token must not cost more than a valid one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import ModuleType

from django.core.handlers.wsgi import WSGIHandler
from django.urls import clear_url_caches, path

from benchmarks.callables import ASGIClient, WSGIClient
from benchmarks.measuring import Batch, Findings, Pace, interleaved, repeat
from benchmarks.sections import django as django_section
from benchmarks.sections import fastapi, flask, starlette
from benchmarks.tokens import ALGORITHMS, Mint, spoilt
from jwtguard import Guard, InvalidTokenError

_WEB_ALGORITHMS = ("HS256", "RS256")
_MEGABYTE = 1_000_000


def measure(pace: Pace) -> Findings:
    """`guard.verify` for every algorithm; then whole requests through each adapter. The cache is off."""
    findings, loop = Findings(), asyncio.new_event_loop()
    for algorithm in ALGORITHMS:
        mint = Mint(algorithm)
        guard = mint.guard(cache_size=0)
        batches = {name: _verifying(guard, name, text) for name, text in _requests(mint).items()}
        findings.series += interleaved(f"verify, {algorithm}", batches, pace)
    # Some of the libraries imported here add a handler, and then Django writes a line for each refusal.
    logging.getLogger().handlers.clear()
    urls = ModuleType("urls")
    django_section.configure(urls)
    for algorithm in _WEB_ALGORITHMS:
        mint = Mint(algorithm)
        for name, client in _clients(mint.guard(cache_size=0), urls, loop).items():
            batches = {"accepted": client.batch([mint.token()])}
            for what, text in _requests(mint).items():
                status, _ = client.ask(text)
                if (status == 200) is not (what == "accepted"):
                    raise AssertionError(f"{name} answers {what} with {status}")
                batches[what] = client.batch([text])
            findings.series += interleaved(f"{name}, {algorithm}", batches, pace)
    loop.close()
    return findings


def _requests(mint: Mint) -> dict[str, str]:
    good = mint.token()
    return {
        "accepted": good,
        "bad signature": spoilt(good),
        "expired": mint.expired(),
        "garbage": "garbage",
        "1 MB": "A" * _MEGABYTE,
    }


def _verifying(guard: Guard, name: str, text: str) -> Batch:
    if name == "accepted":
        return repeat(lambda: guard.verify(text).run())
    return repeat(_refused(guard, text))


def _refused(guard: Guard, text: str) -> Callable[[], None]:
    def verify() -> None:
        try:
            guard.verify(text).run()
        except InvalidTokenError:
            return
        raise AssertionError("a bad token was accepted")

    return verify


def _clients(guard: Guard, urls: ModuleType, loop: asyncio.AbstractEventLoop) -> dict[str, WSGIClient | ASGIClient]:
    from jwtguard.django import DjangoGuard

    clear_url_caches()
    vars(urls)["urlpatterns"] = [path("", DjangoGuard(guard).requires()(django_section.ours))]
    return {
        "Flask": WSGIClient(flask.guarded(guard)),
        "FastAPI": ASGIClient(fastapi.guarded(guard), loop=loop),
        "Starlette": ASGIClient(starlette.guarded(guard), loop=loop),
        "Django": WSGIClient(WSGIHandler(), "/"),
    }
