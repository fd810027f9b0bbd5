"""Before a route is timed it must show that it guards: a fast contender that lets everybody in would win every table.

>>> prove("open", lambda token: (200, b"user-0"), good="good", bad={"no token": None}, subject="user-0")
Traceback (most recent call last):
  ...
benchmarks.proof.UnguardedError: open: admits a request with no token
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.tokens import Mint, spoilt

Ask = Callable[[str | None], tuple[int, bytes]]
"""Sends one request with this token, or none, and gives the status and the body."""


class UnguardedError(Exception):
    """A contender that admits what it must refuse, or refuses what it must admit: timing it would mean nothing."""


def prove(name: str, ask: Ask, *, good: str, bad: Mapping[str, str | None], subject: str) -> None:
    """Raise `UnguardedError` unless `good` is admitted as `subject` and each of `bad` is refused with 401, 403 or 422.

    422 is what some peers answer to a bad token; only the refusal counts here.
    """
    status, body = ask(good)
    if status != 200 or subject.encode() not in body:
        raise UnguardedError(f"{name}: answers a good token with {status} {body[:80]!r}")
    for what, token in bad.items():
        status, body = ask(token)
        if status == 200 or subject.encode() in body:
            raise UnguardedError(f"{name}: admits a request with {what}")
        if status not in {401, 403, 422}:
            raise UnguardedError(f"{name}: answers {what} with {status}, which is no refusal but a fault")


def prove_guarded(name: str, ask: Ask, mint: Mint) -> None:
    """`prove` with the four requests that every protected route is asked."""
    good = mint.token(0)
    bad = {"no token": None, "a changed signature": spoilt(good), "an expired token": mint.expired()}
    prove(name, ask, good=good, bad=bad, subject="user-0")


def prove_verifier(name: str, verify: Callable[[str], object], mint: Mint) -> None:
    """The same for a function that raises for a token which it refuses."""

    def ask(token: str | None) -> tuple[int, bytes]:
        try:
            return 200, repr(verify(token or "")).encode()
        except Exception as error:  # noqa: BLE001 - each library has errors of its own, and each means a refusal
            return 401, type(error).__name__.encode()

    prove_guarded(name, ask, mint)
