"""Cost against sizes and numbers: is it flat, or linear, or worse?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.measuring import Batch, Findings, Pace, interleaved, repeat
from benchmarks.tokens import AUDIENCE, ISSUER, Mint, claims_of
from jwtguard import Guard, HTTPRequest, Rule, Rules, TrustedIssuer, VerificationKey, has_role

_ROOM = 65536
"""Bytes that a token may have where a thousand roles are in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """Something that grows. `points` are its values, `batch` makes what is timed at one."""

    name: str
    unit: str
    points: Sequence[int]
    batch: Callable[[int], Batch]


def measure(pace: Pace) -> Findings:
    """Each dimension as a group, each of its points as a contender."""
    mint, findings = Mint("HS256"), Findings()
    for dimension in dimensions(mint):
        batches = {str(point): dimension.batch(point) for point in dimension.points}
        findings.series += interleaved(dimension.name, batches, pace)
        findings.facts[dimension.name] = dimension.unit
    return findings


def dimensions(mint: Mint) -> Sequence[Dimension]:
    """What grows; HS256 everywhere, since a dear signature would hide the rest."""
    many = (1, 10, 100, 1000)
    return (
        Dimension(
            name="bytes of the token, one long claim",
            unit="KB",
            points=(300, 1000, 2000, 4000, 8000),
            batch=lambda size: _verifying(mint.guard(cache_size=0), _sized(mint, size, in_one=True)),
        ),
        Dimension(
            name="bytes of the token, many short strings",
            unit="KB",
            points=(300, 1000, 2000, 4000, 8000),
            batch=lambda size: _verifying(mint.guard(cache_size=0), _sized(mint, size, in_one=False)),
        ),
        Dimension(name="keys of the issuer", unit="key", points=(1, 3, 10, 30, 100), batch=lambda n: _keys(mint, n)),
        Dimension(name="trusted issuers", unit="issuer", points=(1, 3, 10, 30, 100), batch=lambda n: _issuers(mint, n)),
        Dimension(name="rules", unit="rule", points=many, batch=lambda n: _rules(mint, n)),
        Dimension(name="segments of the path", unit="segment", points=(1, 10, 100, 1000), batch=_segments(mint)),
        Dimension(name="roles in the token", unit="role", points=many, batch=lambda n: _roles(mint, n)),
        Dimension(name="roles in the hierarchy", unit="role", points=many, batch=lambda n: _hierarchy(mint, n)),
    )


def _verifying(guard: Guard, text: str) -> Batch:
    return repeat(lambda: guard.verify(text).run())


def _sized(mint: Mint, size: int, *, in_one: bool) -> str:
    """A token of about so many bytes: as few claims as a guard asks for, and ballast."""
    needed = {name: value for name, value in claims_of(0).items() if name in {"iss", "sub", "aud", "exp"}}
    ballast = 0
    while True:
        text = mint.sign({**needed, "ballast": "x" * ballast if in_one else ["word"] * (ballast // 7)})
        if len(text) >= size:
            return text
        ballast += max(7, (size - len(text)) * 3 // 4)


def _keys(mint: Mint, count: int) -> Batch:
    others = [
        VerificationKey.from_secret(f"secret number {number:020}", algorithm="HS256", kid=f"k{number}")
        for number in range(count - 1)
    ]
    guard = Guard(issuer=ISSUER, audience=AUDIENCE, keys=[*others, mint.verification_key], cache_size=0)
    return _verifying(guard, mint.token())


def _issuers(mint: Mint, count: int) -> Batch:
    named = [f"https://{number}.example" for number in range(count - 1)]
    issuers = [TrustedIssuer(issuer=name, audience=AUDIENCE, keys=mint.verification_key) for name in [*named, ISSUER]]
    return _verifying(Guard(issuers=issuers, cache_size=0), mint.token())


def _rules(mint: Mint, count: int) -> Batch:
    rules = [Rule(f"/area/{number}/", has_role("user")) for number in range(count)]
    return _entering(mint.guard(rules=Rules(rules)), mint.token(), f"/area/{count - 1}/page")


def _segments(mint: Mint) -> Callable[[int], Batch]:
    guard = mint.guard(rules=Rules([Rule(f"/area/{number}/", has_role("user")) for number in range(100)]))
    return lambda count: _entering(guard, mint.token(), "/area/7" + "/x" * count)


def _roles(mint: Mint, count: int) -> Batch:
    guard = mint.guard(cache_size=0, max_token_bytes=_ROOM, rules=Rules([], default=has_role(f"r{count - 1}")))
    return _entering(guard, mint.token(roles=[f"r{number}" for number in range(count)]), "/")


def _hierarchy(mint: Mint, count: int) -> Batch:
    below = {f"r{number}": {f"r{number + 1}"} for number in range(count)}
    guard = mint.guard(rules=Rules([], default=has_role(f"r{count}")), role_hierarchy=below)
    return _entering(guard, mint.token(roles=["r0"]), "/")


def _entering(guard: Guard, text: str, path: str) -> Batch:
    """What a middleware does, rules and all."""
    headers = [(b"host", b"testserver"), (b"authorization", b"Bearer " + text.encode())]
    request = HTTPRequest.from_asgi({"type": "http", "method": "GET", "path": path, "headers": headers})
    assert guard.enter(request).run().principal is not None
    return repeat(lambda: guard.enter(request).run())
