"""The table that every adapter is held to: which request to which site gets which answer.

>>> len(CASES) > 60
True

A case says what a client sees: the status, the exact challenge, the error of the problem body, and part of its detail.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jwtguard.testing.clients import RawRequest
from jwtguard.testing.sites import KEY, NOW, OTHER_KEY, issuer, site

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
    method = expected.pop("method", "GET")
    request = RawRequest(method=method, target=target, headers=[HOST, *headers])
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


# Compared by its beginning: the description says which part of the request was ambiguous.
_STARTS_INVALID_REQUEST = 'Bearer realm="api", error="invalid_request", error_description="The '


def forbidden(name: str, at: str, text: str, target: str, missing: str, scope: str = "", **more: Any) -> Case:  # noqa: ANN401
    """A case of 403 insufficient_scope, which names what is missing."""
    start = 'Bearer realm="api", error="insufficient_scope", error_description="This needs '
    challenge = f'{start}…scope="{scope}"' if scope else f"{start}…"
    expected = {"status": 403, "challenge": challenge, "error": "insufficient_scope", "detail": missing, **more}
    return refused(name, at, [bearer(text)], target, **expected)


def csrf_refused(name: str, at: str, headers: Headers, detail: str, **more: Any) -> Case:  # noqa: ANN401
    """A case of 403 that says which header was expected."""
    expected = {"status": 403, "challenge": None, "error": None, "detail": detail, "method": "POST", **more}
    return refused(name, at, [cookie(GOOD), *headers], "/me", **expected)


def _reading(at: str) -> Iterable[Case]:
    """Where the token stands in the request."""
    yield passes("a bearer token", at, [bearer(GOOD)])
    yield passes("the scheme without case", at, [bearer(GOOD, "bEARER")])
    yield passes("more than one space", at, [bearer(f"  {GOOD}")])
    yield absent("no token", at)
    yield absent("an empty field", at, [("Authorization", "")])
    yield absent("another scheme", at, [bearer(GOOD, "Basic")])
    yield absent("a bare token", at, [("Authorization", GOOD)])
    yield absent("a scheme that only starts like it", at, [bearer(GOOD, "BearerX")])
    yield absent("a cookie nobody asked for", at, [cookie(GOOD)])
    yield absent("a query nobody asked for", at, target=f"/me?access_token={GOOD}")
    yield refused("no credential", at, [("Authorization", "Bearer")])
    yield refused("a tab for a space", at, [("Authorization", f"Bearer\t{GOOD}")])
    yield refused("two words", at, [bearer(f"{GOOD} {GOOD}")])
    yield refused("not a token", at, [bearer("garbage")])
    yield refused("not ASCII", at, [bearer("é.é.é")])
    yield refused("an encrypted token", at, [bearer("a.b.c.d.e")])
    yield refused("an expired token", at, [bearer(EXPIRED)])
    yield refused("a forged token", at, [bearer(FORGED)])
    yield refused("another issuer's token", at, [bearer(token(key=OTHER_KEY))])
    yield refused("far too long", at, [bearer("a" * 100_000)])
    yield ambiguous("two fields", at, [bearer(GOOD), bearer(GOOD)])
    yield ambiguous("one field with two tokens", at, [bearer(f"{GOOD},{GOOD}")])
    yield ambiguous("a second bearer behind another scheme", at, [("Authorization", f"Basic YTpi, Bearer {GOOD}")])
    yield ambiguous("another scheme in a second field", at, [bearer(GOOD), ("Authorization", "Basic YTpi")])
    yield passes("a place of the route's own", at, [("X-Token", GOOD)], "/gateway")
    yield absent("a route with a place of its own reads no other", at, [bearer(GOOD)], "/gateway")
    yield ambiguous("a named header twice", at, [("X-Token", GOOD), ("X-Token", GOOD)], "/gateway")
    yield passes("a query where it is asked for", at, [], f"/query?access_token={GOOD}")
    yield ambiguous("a query twice", at, [], f"/query?access_token={GOOD}&access_token={GOOD}")


def _deciding(at: str) -> Iterable[Case]:
    """What requirements make of the caller."""
    yield passes("the role", at, [bearer(ADMIN)], "/admin")
    yield forbidden("no role", at, GOOD, "/admin", "has_role('admin')")
    yield forbidden("a role is no part of another", at, token(roles=["administrator"]), "/admin", "has_role('admin')")
    yield passes("a role through the hierarchy", at, [bearer(ADMIN)], "/editor")
    yield passes("a permission through a role", at, [bearer(ADMIN)], "/delete")
    yield forbidden("no permission", at, GOOD, "/delete", "has_permission('users.delete')")
    yield passes("both scopes", at, [bearer(ADMIN)], "/reports")
    one, both = token(scope=["reports:read"]), "reports:read reports:list"
    yield forbidden("one scope of two", at, one, "/reports", "missing: has_scope('reports:list')", both)
    yield passes("one of two ways", at, [bearer(one)], "/either")
    yield forbidden("neither of two ways", at, GOOD, "/either", "has_role('admin'), has_scope", "reports:read")
    yield passes("a fresh login", at, [bearer(ADMIN)], "/fresh")
    stale = 'Bearer realm="api", error="insufficient_user_authentication", error_description="A login…max_age="300"'
    relogin = {"challenge": stale, "error": "insufficient_user_authentication"}
    yield refused("a stale login", at, [bearer(STALE)], "/fresh", **relogin)
    yield forbidden("stale, and no new login would help", at, GOOD, "/fresh", "has_role('admin')")
    yield forbidden("a predicate that says no", at, GOOD, "/never", "predicate(")
    yield forbidden("a predicate that raises", at, GOOD, "/raises", "predicate(")
    nobody: dict[str, Any] = {"status": 403, "challenge": None, "error": None}
    yield refused("denied to everybody", at, [bearer(ADMIN)], "/denied", **nobody)
    yield refused("denied without a token", at, [], "/denied", **nobody)
    yield passes("optional, with a token", at, [bearer(GOOD)], "/optional")
    yield passes("optional, without", at, [], "/optional", subject=None)
    yield refused("optional, with a broken one", at, [bearer(EXPIRED)], "/optional")
    yield passes("lenient, with a token", at, [bearer(GOOD)], "/lenient")
    yield passes("lenient, with a broken one", at, [bearer(EXPIRED)], "/lenient", subject=None)
    yield passes("lenient, with two", at, [bearer(GOOD), bearer(GOOD)], "/lenient", subject=None)
    yield passes("public reads no token", at, [bearer(EXPIRED)], "/public", subject=None)
    yield passes("the other guard's own caller", at, [bearer(token(key=OTHER_KEY))], "/other")
    yield refused("the other guard takes no caller of the first", at, [bearer(GOOD)], "/other")
    yield absent("a HEAD request is refused without a body", at, method="HEAD")
    yield passes("a POST with a bearer token", at, [bearer(GOOD)], method="POST")


def _middleware() -> Iterable[Case]:
    """A middleware without rules refuses nothing by itself; whoever reads the principal gets the refusal."""
    for at in ("middleware", "middleware async"):
        yield passes("a view without a decorator knows the caller", at, [bearer(GOOD)], "/plain")
        yield absent("reading the principal without a token", at, target="/plain")
        yield refused("reading the principal with a broken token", at, [bearer(EXPIRED)], "/plain")
    at = "two middlewares"
    yield passes("each guard its own: the first", at, [bearer(GOOD)])
    yield passes("each guard its own: the other", at, [bearer(token(key=OTHER_KEY))], "/other")
    yield refused("no guard takes the other's caller", at, [bearer(token(key=OTHER_KEY))])
    at = "out of reach middleware"
    yield from _unavailable(at)


def _unavailable(at: str) -> Iterable[Case]:
    down: dict[str, Any] = {"status": 503, "challenge": None, "error": None, "retry_after": "7"}
    yield refused("keys out of reach", at, [bearer(GOOD)], **down)
    yield refused("keys out of reach, optional", at, [bearer(GOOD)], "/optional", **down)
    yield refused("keys out of reach, lenient", at, [bearer(GOOD)], "/lenient", **down)
    yield refused("garbage needs no keys", at, [bearer("a.b.c")])
    yield passes("public needs no keys", at, [bearer(GOOD)], "/public", subject=None)


def _rules() -> Iterable[Case]:
    at = "rules"
    yield absent("what no rule names needs a token", at, target="/unnamed")
    yield passes("what no rule names, with a token", at, [bearer(GOOD)], "/unnamed")
    yield passes("a public rule", at, [], "/public", subject=None)
    yield passes("a public rule reads no token", at, [bearer(EXPIRED)], "/public", subject=None)
    yield passes("an optional rule, without", at, [], "/optional", subject=None)
    yield passes("an optional rule, with a token", at, [bearer(GOOD)], "/optional")
    yield refused("an optional rule, with a broken one", at, [bearer(EXPIRED)], "/optional")
    yield passes("a lenient rule, with a broken one", at, [bearer(EXPIRED)], "/lenient", subject=None)
    yield refused("a denied rule", at, [bearer(ADMIN)], "/denied", status=403, challenge=None, error=None)
    yield passes("a prefix covers what is below", at, [], "/docs/intro", subject=None)
    yield passes("a prefix covers itself", at, [], "/docs", subject=None)
    yield absent("a prefix ends at a slash", at, target="/docs-internal")
    yield absent("exact beats prefix", at, target="/docs/internal")
    yield forbidden("a role by rule", at, GOOD, "/admin/users", "has_role('admin')")
    yield passes("a role by rule, given", at, [bearer(ADMIN)], "/admin/users")
    yield forbidden("a prefix covers the path without the slash", at, GOOD, "/admin", "has_role('admin')")
    yield passes("a public exception below a prefix", at, [], "/admin/help", subject=None)
    yield passes("a rule for GET", at, [], "/items", subject=None)
    yield passes("a rule for GET covers HEAD", at, [], "/items", subject=None, method="HEAD")
    yield forbidden("a rule for POST", at, GOOD, "/items", "has_role('admin')", method="POST")
    yield absent("a method that no rule names", at, target="/items", method="DELETE")
    yield forbidden("rule and decorator must both pass: the rule", at, GOOD, "/both", "has_role('admin')")
    only_role = token(roles=["admin"])
    yield forbidden("rule and decorator: the decorator", at, only_role, "/both", "has_scope", "reports:read")
    yield passes("rule and decorator pass", at, [bearer(ADMIN)], "/both")
    yield absent("a decorator behind a public rule", at, target="/public/inner")
    yield passes("a decorator behind a public rule, with a token", at, [bearer(GOOD)], "/public/inner")
    for path in ("/docs/../admin", "/docs/./intro", "//docs/intro", "/docs//intro", "/docs/%5cintro", "/docs/%00"):
        yield absent(f"no public rule for the ambiguous path {path}", at, target=path)
    yield forbidden("two leading slashes are no way round", at, GOOD, "//admin/users", "has_role('admin')")
    mounted = replace(passes("", at, [], "/public").request, root_path="/mounted")
    yield Case(name="a mounted application", site=at, request=mounted, status=200, subject=None, needs=_MOUNTING)
    confused = replace(mounted, root_path="/docs", target="/unnamed")
    yield Case(
        name="the mount is no part of the path",
        site=at,
        request=confused,
        status=401,
        challenge=ABSENT,
        needs=_MOUNTING,
    )
    asks = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "POST")]
    yield absent("OPTIONS that is no preflight", at, asks[:1], "/unnamed", method="OPTIONS")
    preflight = refused("a preflight that something answers", "preflight", asks, "/unnamed", method="OPTIONS")
    yield replace(preflight, status=200, challenge=None, error=None, needs=frozenset({"preflight"}))


_MOUNTING = frozenset({"mounting"})


def _cookies() -> Iterable[Case]:
    own, same = ("Origin", "https://api.example"), ("Sec-Fetch-Site", "same-origin")
    for at in ("cookies", "cookies middleware"):
        yield passes("a cookie", at, [cookie(GOOD)])
        yield passes("a cookie among others", at, [("Cookie", f"a=1; __Host-access={GOOD}; b=2")])
        yield passes("cookies in several fields", at, [("Cookie", "a=1"), cookie(GOOD)])
        yield absent("an empty cookie", at, [cookie("")])
        yield absent("a cookie of nearly the name", at, [cookie(GOOD, "x__Host-access")])
        yield refused("a quoted cookie is not unquoted", at, [cookie(f'"{GOOD}"')])
        yield ambiguous("a cookie twice", at, [("Cookie", f"__Host-access={GOOD}; __Host-access={GOOD}")])
        yield ambiguous("a cookie behind a comma", at, [("Cookie", f"a=1,__Host-access={GOOD}")])
        yield ambiguous("a header and a cookie", at, [bearer(GOOD), cookie(GOOD)])
        yield passes("a POST from our own page", at, [cookie(GOOD), own, same], method="POST")
        yield passes("a POST of the same origin without Origin", at, [cookie(GOOD), same], method="POST")
        trusted = [cookie(GOOD), ("Origin", "https://app.example"), ("Sec-Fetch-Site", "cross-site")]
        yield passes("a POST from a trusted origin", at, trusted, method="POST")
        yield csrf_refused("a POST from elsewhere", at, [("Origin", "https://evil.example")], "Origin header")
        yield csrf_refused("a POST from another port", at, [("Origin", "https://api.example:8443")], "Origin header")
        yield csrf_refused("a POST from null", at, [("Origin", "null")], "Origin header")
        yield csrf_refused("a POST across sites", at, [("Sec-Fetch-Site", "cross-site")], "Sec-Fetch-Site")
        yield csrf_refused("a POST from a sibling site", at, [("Sec-Fetch-Site", "same-site")], "Sec-Fetch-Site")
        yield csrf_refused("two origins", at, [own, own], "Origin header")
        yield csrf_refused("neither header, no CSRF token", at, [], "X-CSRF-Token header is needed")
        yield csrf_refused("a CSRF token that is not ASCII", at, [("X-CSRF-Token", "é")], "X-CSRF-Token")
        fits = csrf_token(at, GOOD)
        yield passes("neither header, a CSRF token", at, [cookie(GOOD), ("X-CSRF-Token", fits)], method="POST")
        yield passes("a bearer POST needs no CSRF check", at, [bearer(GOOD)], method="POST")
        lenient = [cookie(GOOD), ("Origin", "https://evil.example")]
        yield csrf_refused("optional, with a failed CSRF check", at, lenient[1:], "Origin header")
        yield passes(
            "a cookie that fails CSRF is nobody on a lenient route",
            at,
            lenient,
            "/lenient",
            method="POST",
            subject=None,
            needs=frozenset({"no csrf of its own"}),
        )
    at, fits = "cookies with token", csrf_token("cookies with token", GOOD)
    yield passes("the token on top", at, [cookie(GOOD), own, ("X-CSRF-Token", fits)], method="POST")
    yield csrf_refused("the token on top is missing", at, [own], "X-CSRF-Token header is needed")
    evil = [cookie(GOOD), ("Origin", "https://evil.example")]
    no_csrf = frozenset({"no csrf of its own"})
    yield passes("csrf unchecked", "cookies unchecked", evil, method="POST", needs=no_csrf)


def _others() -> Iterable[Case]:
    yield from _unavailable("out of reach")
    bug: dict[str, Any] = {"status": 503, "challenge": None, "error": None, "retry_after": "5"}
    yield refused("a key source with a bug", "broken", [bearer(GOOD)], **bug)
    challenge = 'Bearer realm="orders"'
    yield absent("the realm", "realm", challenge=challenge)


CASES: tuple[Case, ...] = (
    *(case for at in ("decorated", "middleware") for table in (_reading, _deciding) for case in table(at)),
    *(case for at in ("decorated async", "middleware async") for case in _deciding(at)),
    *_middleware(),
    *_rules(),
    *_cookies(),
    *_others(),
)
