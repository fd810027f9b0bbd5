"""Check token sources and audiences.

>>> from jwtguard import Guard, SigningKey, TokenQuery
>>> key = SigningKey.generate("HS256").verification_key
>>> guard = Guard(issuer="https://issuer.example", audience="a", keys=key, tokens_from=[TokenQuery()])
>>> [finding.code for finding in findings_of(guard)]
['query_tokens']
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from jwtguard.core.http.cookies import TokenCookie
from jwtguard.core.http.csrf import CSRF
from jwtguard.core.http.token_sources import TokenQuery, is_ambient
from jwtguard.core.tokens.sentinels import NO_ISSUER, UNCHECKED
from jwtguard.guard import Guard

Severity: TypeAlias = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""From bad to harmless. An error is a hole, or something that cannot work; a note states a choice."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is a stable word; the rest is for people."""

    severity: Severity
    code: str
    what: str
    why: str
    remedy: str


LONG_LEEWAY = 60.0
"""Seconds by which clocks that are set by the network never differ."""


def findings_of(guard: Guard) -> Iterator[Finding]:
    """What is insecure in how one guard takes tokens, as far as it alone tells."""
    cookies = [source for source in guard.tokens_from if isinstance(source, TokenCookie)]
    ambient = [source for source in guard.tokens_from if is_ambient(source)]
    if ambient and guard.csrf is UNCHECKED:
        place = "a cookie" if cookies else "a header that a gateway adds"
        yield Finding(
            "error",
            "csrf_unchecked",
            f"tokens travel in {place}, and csrf is unchecked: any site can act for a user who is logged in",
            why="A browser or a gateway adds the token to requests that other sites start.",
            remedy="leave csrf out, or set its trusted_origins",
        )
    for cookie in cookies:
        yield from _of_cookie(cookie)
    if any(isinstance(source, TokenQuery) for source in guard.tokens_from):
        yield Finding(
            "warning",
            "query_tokens",
            "tokens are read from the query string, which ends up in logs and browser histories (RFC 6750 §2.3)",
            why="A reader of such a log can act as the user until the token expires.",
            remedy="send them in the Authorization header",
        )
    if ambient:
        yield from _of_origins(guard)
    yield from _of_issuers(guard)
    metadata = guard.resource_metadata
    audiences = [policy.accepted_audiences for policy in guard.trust.policies]
    if metadata is not None and not any(names is None or metadata.resource in names for names in audiences):
        yield Finding(
            "note",
            "resource_no_audience",
            f"the resource {metadata.resource} is no audience of the guard",
            why="A client asks the authorization server for a token for this resource (RFC 8707 §2). A server that puts"
            " the resource into aud then issues tokens that the guard refuses.",
            remedy="add the resource to audience=[...], unless the authorization server names another audience",
        )


def _of_cookie(cookie: TokenCookie) -> Iterator[Finding]:
    if cookie.development:
        yield Finding(
            "warning",
            "cookie_development",
            f"the cookie {cookie.sent_name} has development=True: it is read on localhost only",
            why="It has neither Secure nor the prefix that keeps other hosts from setting it.",
            remedy="remove development=True in production",
        )
    if not cookie.secure and not cookie.development:
        yield Finding(
            "error",
            "cookie_insecure",
            f"the cookie {cookie.sent_name} has secure=False: over plain http an attacker can read it",
            why="An attacker on the network path can act as the user until the token expires.",
            remedy="remove secure=False, and use development=True on this machine",
        )
    if not cookie.http_only:
        yield Finding(
            "warning",
            "cookie_readable",
            f"the cookie {cookie.sent_name} has http_only=False: scripts of the page can read the token",
            why="One injected script carries the token away; without this it could only use it while the page is open.",
            remedy="remove http_only=False",
        )
    if cookie.domain is not None:
        yield Finding(
            "note",
            "cookie_domain",
            f"the cookie {cookie.sent_name} is sent to every host below {cookie.domain}",
            why="Any of them can read the token, and set another one.",
            remedy="leave domain out, and the name as __Host-…, unless another host needs it",
        )


def _of_origins(guard: Guard) -> Iterator[Finding]:
    origins = guard.csrf.trusted_origins if isinstance(guard.csrf, CSRF) else ()
    for origin in origins:
        if origin.startswith("http://") and not origin.startswith(("http://localhost", "http://127.", "http://[::1]")):
            yield Finding(
                "warning",
                "origin_insecure",
                f"csrf trusts {origin}: an attacker on the network can change its pages",
                why="A changed page acts with the user's token.",
                remedy="trust its https origin",
            )


def _of_issuers(guard: Guard) -> Iterator[Finding]:
    opaque = guard.trust.opaque_policy
    policies = guard.trust.policies if opaque is None else (*guard.trust.policies, opaque)
    for name in ("issuer", "audience"):
        # Tokens without an issuer name no audience either: what binds them is a key of their own, and the day they end.
        if any(getattr(policy, name) is UNCHECKED for policy in policies if policy.issuer is not NO_ISSUER):
            yield Finding(
                "warning",
                f"{name}_unchecked",
                f"the {name} of tokens is unchecked: a token that was meant for something else is accepted",
                why="A user's token for another service can be used here (RFC 8725 §3.9).",
                remedy=f"set {name} to what your tokens say",
            )
    leeway = max((policy.leeway.total_seconds() for policy in policies), default=0.0)
    if leeway > LONG_LEEWAY:
        yield Finding(
            "note",
            "leeway_long",
            f"the leeway is {leeway:g} s: tokens are accepted that long after they have expired",
            why="Clocks that are set by the network differ by less than a second.",
            remedy="leave leeway out (10 s), and set the clocks",
        )
