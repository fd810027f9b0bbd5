"""One row of the conformance table, and the words that rows are written in.

>>> passes("a bearer token", "decorated", [bearer(GOOD)]).status
200

A case says what a client sees: the status, the exact challenge, the error of the problem body, and part of its detail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jwtguard.core.errors import NOT_GRANTED
from jwtguard.testing.conformance.adapter_sites import KEY, NOW, OTHER_KEY, issuer, site
from jwtguard.testing.conformance.raw_clients import RawRequest

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row. `subject`: the caller that the view saw, where it ran. `needs`: what an adapter must be able to do."""

    name: str
    site: str
    request: RawRequest
    status: int
    challenge: str | None = None
    error: str | None = None
    detail: str | None = None
    subject: str | None = None
    retry_after: str | None = None
    needs: frozenset[str] = frozenset()


ABSENT = 'Bearer realm="api"'
_INVALID = "The access token is malformed, expired, revoked or not valid for this resource."
INVALID = f'Bearer realm="api", error="invalid_token", error_description="{_INVALID}"'


def token(**changes: Any) -> str:  # noqa: ANN401 - what `TokenIssuer.access_token` takes
    """A token of the sites' issuer; `key` and `now` say who signed it, and when."""
    key, now = changes.pop("key", KEY), changes.pop("now", NOW)
    return issuer(key, now=now).access_token(changes.pop("subject", "user-1"), **changes)


def bearer(text: str, scheme: str = "Bearer") -> tuple[str, str]:
    """The `Authorization` field."""
    return "Authorization", f"{scheme} {text}"


GOOD = token()
ADMIN = token(roles=["admin"], scope=["reports:read", "reports:list"], auth_time=NOW - 60)
STALE = token(roles=["admin"], auth_time=NOW - 301)
EXPIRED = token(now=NOW - 400)
FORGED = token(key=OTHER_KEY).rsplit(".", 1)[0] + "." + GOOD.rsplit(".", 1)[1]
HOST = ("Host", "api.example")


def cookie(text: str, name: str = "__Host-access") -> tuple[str, str]:
    """The `Cookie` field."""
    return "Cookie", f"{name}={text}"


def csrf_token(name: str, text: str) -> str:
    """The CSRF token that a site's guard makes for a token."""
    guard = site(name).guard
    return guard.csrf_token(guard.verify(text).run())


def refused(name: str, at: str, headers: Headers, target: str = "/me", **more: Any) -> Case:  # noqa: ANN401
    """A case of 401 invalid_token, or what `more` says."""
    expected: dict[str, Any] = {"status": 401, "challenge": INVALID, "error": "invalid_token", **more}
    method, scheme = expected.pop("method", "GET"), expected.pop("scheme", "https")
    request = RawRequest(method=method, target=target, headers=[HOST, *headers], scheme=scheme)
    return Case(name=name, site=at, request=request, **expected)


def passes(name: str, at: str, headers: Headers, target: str = "/me", **more: Any) -> Case:  # noqa: ANN401
    """A case in which the view runs, for user-1 unless `subject` says otherwise."""
    expected: dict[str, Any] = {"status": 200, "subject": "user-1", **more}
    method, scheme = expected.pop("method", "GET"), expected.pop("scheme", "https")
    request = RawRequest(method=method, target=target, headers=[HOST, *headers], scheme=scheme)
    return Case(name=name, site=at, request=request, **expected)


def absent(name: str, at: str, headers: Headers = (), target: str = "/me", **more: Any) -> Case:  # noqa: ANN401
    """A case of 401 without an error code: no token, and one is needed."""
    return refused(name, at, headers, target, **{"challenge": ABSENT, "error": None, **more})


def ambiguous(name: str, at: str, headers: Headers, target: str = "/me") -> Case:
    """A case of 400 invalid_request."""
    return refused(name, at, headers, target, status=400, challenge=_STARTS_INVALID_REQUEST, error="invalid_request")


def unreadable(name: str, at: str, headers: Headers = (), target: str = "/me", **more: Any) -> Case:  # noqa: ANN401
    """A case of 400 for a path with more than one reading, which rules refuse without a challenge."""
    expected = {"status": 400, "challenge": None, "error": None, "detail": "more than one reading", **more}
    return refused(name, at, headers, target, **expected)


# Compared by its beginning: the description says which part of the request was ambiguous.
_STARTS_INVALID_REQUEST = 'Bearer realm="api", error="invalid_request", error_description="The '


def forbidden(name: str, at: str, text: str, target: str, missing: str, scope: str = "", **more: Any) -> Case:  # noqa: ANN401
    """A case of 403 insufficient_scope; `missing` is told only where the guard of the site explains refusals."""
    is_told = site(at).guard.explain_refusals
    description = "This needs …" if is_told else f'{NOT_GRANTED}"'
    challenge = f'Bearer realm="api", error="insufficient_scope", error_description="{description}'
    if scope:
        challenge += f'…scope="{scope}"' if is_told else f', scope="{scope}"'
    detail = missing if is_told else NOT_GRANTED
    expected = {"status": 403, "challenge": challenge, "error": "insufficient_scope", "detail": detail, **more}
    return refused(name, at, [bearer(text)], target, **expected)


def csrf_refused(name: str, at: str, headers: Headers, detail: str, **more: Any) -> Case:  # noqa: ANN401
    """A case of 403 that says which header was expected; `text` is the token in the cookie."""
    expected = {"status": 403, "challenge": None, "error": None, "detail": detail, "method": "POST", **more}
    text, target = expected.pop("text", GOOD), expected.pop("target", "/me")
    return refused(name, at, [cookie(text), *headers], target, **expected)
