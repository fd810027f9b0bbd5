"""Providers: whether they can be reached, whether their keys are usable, and whether their clock is ours.

>>> list(check_providers(DoctorContext(asks_network=False)))
[]
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from jwtguard.core.errors import InvalidTokenError, JWTGuardError
from jwtguard.doctor.bounded_call import answer_of
from jwtguard.doctor.context import DoctorContext
from jwtguard.guard import Guard
from jwtguard.guard_checks import Finding
from jwtguard.key_sources.cached import FetchedKeys

NOTABLE_SKEW = 5.0
"""Seconds: a `Date` is in whole ones, and an answer takes time."""


def check_providers(context: DoctorContext) -> Iterator[Finding]:
    """Fetch the keys of each provider, as the first token would."""
    for guard in context.guards if context.asks_network else ():
        for source in guard.trust.key_sources:
            if isinstance(source, FetchedKeys):
                yield from _of_provider(source, guard)


def _of_provider(source: FetchedKeys, guard: Guard) -> Iterator[Finding]:
    try:
        answer_of(source.prefetch)
    except (JWTGuardError, TimeoutError) as error:
        yield Finding(
            "error",
            "provider_unreachable",
            f"no keys could be had from {source.address}: {source.last_error or error}",
            why="Every token is answered with 503 until they can.",
            remedy="open the address from this machine: is it right, does a proxy or firewall stand in the way?",
        )
    yield from _of_skipped(source)
    yield from _of_clock(source, guard)


def _of_skipped(source: FetchedKeys) -> Iterator[Finding]:
    for key in source.skipped:
        yield Finding(
            "note" if key.is_excluded else "warning",
            "key_skipped",
            f"a key of {source.address} is not used, though it could sign tokens: {key}",
            why="Tokens that are signed with it are refused.",
            remedy="name its algorithm in algorithms=, if tokens of it are to be accepted"
            if key.is_excluded
            else "ask the provider for a key that jwtguard can use, if it signs tokens with this one",
        )


def _of_clock(source: FetchedKeys, guard: Guard) -> Iterator[Finding]:
    skew = source.clock_skew
    if skew is None or abs(skew) <= NOTABLE_SKEW:
        return
    leeway = min(policy.leeway.total_seconds() for policy in guard.trust.policies if source in policy.key_sources)
    is_covered = abs(skew) <= leeway
    yield Finding(
        "warning" if is_covered else "error",
        "clock_skew",
        f"the clock of {source.address} is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's",
        why=f"The leeway of {leeway:g} s still covers it."
        if is_covered
        else f"The leeway is {leeway:g} s: good tokens are refused as not yet valid, or expired ones accepted.",
        remedy="set this machine's clock (chrony, systemd-timesyncd); a larger leeway is the second best",
    )


def check_introspection(context: DoctorContext) -> Iterator[Finding]:
    """Introspect a token that was never issued: the answer must be that it is not active."""
    for guard in context.guards if context.asks_network else ():
        if guard.introspection is None:
            continue
        problem: str | None = None
        try:
            answer_of(lambda guard=guard: guard.verify(secrets.token_urlsafe(32)))  # type: ignore[misc]
        except InvalidTokenError:
            continue
        except (JWTGuardError, TimeoutError) as error:
            problem = guard.introspection.last_error or str(error)
        yield Finding(
            "error",
            "introspection_unreachable",
            f"{guard.introspection!r} does not answer"
            + (" as it should: it takes a made-up token for active" if problem is None else f": {problem}"),
            why="Every opaque token is answered with 503, or anything is let in.",
            remedy="check the address, and whether client_id and client_secret are those of a client registered there",
        )
