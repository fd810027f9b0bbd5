"""The table that every adapter is held to: which request to which site gets which answer.

>>> len(CASES) > 60
True
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from jwtguard.core.errors import NOT_GRANTED
from jwtguard.testing.conformance.adapter_case import (
    ABSENT,
    ADMIN,
    EXPIRED,
    FORGED,
    GOOD,
    HOST,
    STALE,
    Case,
    Headers,
    absent,
    ambiguous,
    bearer,
    cookie,
    csrf_refused,
    csrf_token,
    forbidden,
    passes,
    refused,
    token,
    unreadable,
)
from jwtguard.testing.conformance.adapter_sites import NOW, OTHER_KEY
from jwtguard.testing.conformance.raw_clients import RawRequest

_MEGABYTE = 1_000_000


def _reading(at: str) -> Iterable[Case]:
    """Where the token stands in the request."""
    yield passes("a bearer token", at, [bearer(GOOD)])
    yield passes("the scheme without case", at, [bearer(GOOD, "bEARER")])
    yield passes("more than one space", at, [bearer(f"  {GOOD}")])
    yield passes("space around the field", at, [("Authorization", f" \tBearer {GOOD} \t")])
    yield absent("no token", at)
    yield absent("an empty field", at, [("Authorization", "")])
    yield absent("another scheme", at, [bearer(GOOD, "Basic")])
    yield absent("another scheme with commas", at, [("Authorization", 'Digest username="a", realm="Bearer"')])
    yield absent("another scheme twice", at, [bearer("YTpi", "Basic"), bearer("YTpi", "Basic")])
    yield absent("another scheme, and only the word", at, [("Authorization", "Basic YTpi, Bearer")])
    yield absent("a bare token", at, [("Authorization", GOOD)])
    yield absent("a scheme that only starts like it", at, [bearer(GOOD, "BearerX")])
    yield absent("a cookie without a source", at, [cookie(GOOD)])
    yield absent("a query without a source", at, target=f"/me?access_token={GOOD}")
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
    yield refused("a megabyte", at, [bearer("a" * _MEGABYTE)])
    yield refused("a megabyte of dots", at, [bearer("." * _MEGABYTE)])
    yield absent("a megabyte of another scheme", at, [bearer("a" * _MEGABYTE, "Basic")])
    yield ambiguous("a megabyte of commas", at, [bearer("," * _MEGABYTE)])
    yield ambiguous("two fields", at, [bearer(GOOD), bearer(GOOD)])
    yield ambiguous("one field with two tokens", at, [bearer(f"{GOOD},{GOOD}")])
    yield ambiguous("a second bearer behind another scheme", at, [("Authorization", f"Basic YTpi, Bearer {GOOD}")])
    yield ambiguous("a DPoP credential behind another scheme", at, [("Authorization", f"Basic YTpi, DPoP {GOOD}")])
    yield ambiguous("another scheme in a second field", at, [bearer(GOOD), ("Authorization", "Basic YTpi")])
    yield ambiguous("another scheme in the first field", at, [("Authorization", "Basic YTpi"), bearer(GOOD)])
    yield ambiguous("an empty field and another", at, [("Authorization", ""), bearer(GOOD)])
    yield ambiguous("a comma and nothing behind it", at, [bearer(f"{GOOD},")])
    yield passes("a place of the route's own", at, [("X-Token", GOOD)], "/gateway")
    yield absent("a route with a place of its own reads no other", at, [bearer(GOOD)], "/gateway")
    yield passes("a broken token elsewhere is not looked at", at, [("X-Token", GOOD), bearer(EXPIRED)], "/gateway")
    yield absent("an empty named header", at, [("X-Token", " ")], "/gateway")
    yield refused("a scheme in a named header", at, [("X-Token", f"Bearer {GOOD}")], "/gateway")
    yield refused("a megabyte in a named header", at, [("X-Token", "a" * _MEGABYTE)], "/gateway")
    yield ambiguous("a named header twice", at, [("X-Token", GOOD), ("X-Token", GOOD)], "/gateway")
    yield ambiguous("a named header with a comma", at, [("X-Token", f"{GOOD},b")], "/gateway")
    proxied = "X-Forwarded-Authorization"
    yield passes("a header with a scheme", at, [(proxied, f"bEARER  {GOOD}")], "/proxy")
    yield absent("another scheme in a header with a scheme", at, [(proxied, f"Basic {GOOD}")], "/proxy")
    yield absent("a bare token in a header with a scheme", at, [(proxied, GOOD)], "/proxy")
    yield refused("no credential in a header with a scheme", at, [(proxied, "Bearer")], "/proxy")
    yield ambiguous("a header with a scheme twice", at, [(proxied, f"Bearer {GOOD}")] * 2, "/proxy")
    yield passes("a query where it is asked for", at, [], f"/query?access_token={GOOD}")
    yield absent("an empty query", at, [], "/query?access_token=&other=1")
    yield absent("a query of nearly the name", at, [], f"/query?xaccess_token={GOOD}")
    yield refused("a megabyte in the query", at, [], "/query?access_token=" + "a" * _MEGABYTE)
    yield refused("a megabyte of escapes in the query", at, [], "/query?access_token=" + "%61" * (_MEGABYTE // 3))
    yield ambiguous("a query twice", at, [], f"/query?access_token={GOOD}&access_token={GOOD}")


_ANY_CASE = frozenset({"methods in any case"})


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
    latest = token(roles=["admin"], auth_time=NOW - 300)
    yield passes("a login just fresh enough", at, [bearer(latest)], "/fresh")
    yield refused("a login without a time", at, [bearer(token(roles=["admin"]))], "/fresh", **relogin)
    ahead = token(roles=["admin"], auth_time=NOW + 301)
    yield refused("a login yet to come", at, [bearer(ahead)], "/fresh", **relogin)
    yield forbidden("stale, and no new login would help", at, GOOD, "/fresh", "has_role('admin')")
    yield forbidden("a predicate that says no", at, GOOD, "/never", "predicate(")
    yield forbidden("a predicate that raises", at, GOOD, "/raises", "predicate(")
    refusal: dict[str, Any] = {"status": 403, "challenge": None, "error": None}
    yield refused("denied with a valid token", at, [bearer(ADMIN)], "/denied", **refusal)
    yield refused("denied without a token", at, [], "/denied", **refusal)
    yield refused("denied with a broken token", at, [bearer(EXPIRED)], "/denied", **refusal)
    yield passes("optional, with a token", at, [bearer(GOOD)], "/optional")
    yield passes("optional, without", at, [], "/optional", subject=None)
    yield refused("optional, with a broken one", at, [bearer(EXPIRED)], "/optional")
    yield refused("optional, with no credential", at, [("Authorization", "Bearer")], "/optional")
    yield ambiguous("optional, with two", at, [bearer(GOOD), bearer(GOOD)], "/optional")
    yield passes("optional, with another scheme", at, [bearer(GOOD, "Basic")], "/optional", subject=None)
    yield passes("lenient, without", at, [], "/lenient", subject=None)
    yield passes("lenient, with a token", at, [bearer(GOOD)], "/lenient")
    yield passes("lenient, with a broken one", at, [bearer(EXPIRED)], "/lenient", subject=None)
    yield passes("lenient, with two", at, [bearer(GOOD), bearer(GOOD)], "/lenient", subject=None)
    yield passes("public reads no token", at, [bearer(EXPIRED)], "/public", subject=None)
    yield passes("public has no principal", at, [bearer(GOOD)], "/public", subject=None)
    yield passes("public does not mind two", at, [bearer(GOOD), bearer(GOOD)], "/public", subject=None)
    yield passes("the other guard's own caller", at, [bearer(token(key=OTHER_KEY))], "/other")
    yield refused("the other guard takes no caller of the first", at, [bearer(GOOD)], "/other")
    yield absent("a HEAD request is refused without a body", at, method="HEAD")
    yield forbidden("a HEAD request without the role", at, GOOD, "/admin", "", method="HEAD")
    yield passes("a HEAD request with a token", at, [bearer(GOOD)], method="HEAD")
    yield passes("a method in lower case", at, [bearer(GOOD)], method="get", needs=_ANY_CASE)
    yield absent("a method in lower case, without a token", at, method="post", needs=_ANY_CASE)
    yield passes("a POST with a bearer token", at, [bearer(GOOD)], method="POST")


def _explained() -> Iterable[Case]:
    """Refusals that name what was required, and a name that no header can hold."""
    for at in ("explained", "decorated"):
        yield forbidden("no role, explained", at, GOOD, "/admin", "This needs has_role('admin').")
        one, both = token(scope=["reports:read"]), "reports:read reports:list"
        yield forbidden("one scope of two, explained", at, one, "/reports", "missing: has_scope('reports:list')", both)
        # RFC 6750 §3: neither quotes nor other characters than ASCII. The body is JSON, and holds any.
        plain = f'Bearer realm="api", error="insufficient_scope", error_description="{NOT_GRANTED}", scope="audit:read"'
        yield forbidden("a role that no header can hold", at, GOOD, "/auditor", 'prüfer "intern"', challenge=plain)


def _middleware() -> Iterable[Case]:
    """A middleware without rules refuses nothing by itself; reading the principal raises the refusal."""
    for at in ("middleware", "middleware async"):
        yield passes("a view without a decorator knows the caller", at, [bearer(GOOD)], "/plain")
        yield absent("reading the principal without a token", at, target="/plain")
        yield refused("reading the principal with a broken token", at, [bearer(EXPIRED)], "/plain")
        yield ambiguous("reading the principal with two tokens", at, [bearer(GOOD), bearer(GOOD)], "/plain")
    at = "two middlewares"
    yield passes("each guard its own: the first", at, [bearer(GOOD)])
    yield passes("each guard its own: the other", at, [bearer(token(key=OTHER_KEY))], "/other")
    yield refused("no guard takes the other's caller", at, [bearer(token(key=OTHER_KEY))])
    yield refused("nor the other way round", at, [bearer(GOOD)], "/other")
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
    yield forbidden("an exact rule covers nothing below", at, GOOD, "/admin/help/more", "has_role('admin')")
    yield absent("the case of a path counts", at, target="/PUBLIC")
    yield absent("what follows a semicolon is part of the path", at, target="/public;a=b")
    yield forbidden("an escaped letter is that letter", at, GOOD, "/%61dmin/users", "has_role('admin')")
    yield forbidden("an escaped slash is a slash", at, GOOD, "/admin%2Fusers", "has_role('admin')")
    yield passes("the query is no part of the path", at, [], "/public?/admin/", subject=None)
    yield absent("a path that no route has", at, target="/nowhere")
    yield refused("a broken token on a path that no route has", at, [bearer(EXPIRED)], "/nowhere")
    yield passes("a rule for GET", at, [], "/items", subject=None)
    yield passes("a rule for GET covers HEAD", at, [], "/items", subject=None, method="HEAD")
    yield passes("a rule for GET, asked in lower case", at, [], "/items", subject=None, method="get", needs=_ANY_CASE)
    yield forbidden("a rule for POST", at, GOOD, "/items", "has_role('admin')", method="POST")
    yield forbidden("a rule for POST, asked in lower case", at, GOOD, "/items", "has_role('admin')", method="post")
    yield forbidden("a rule covers its path with a slash", at, GOOD, "/items/", "has_role('admin')", method="POST")
    yield passes("a rule for POST, with the role", at, [bearer(ADMIN)], "/items", method="POST")
    yield absent("a HEAD request is refused without a body", at, target="/unnamed", method="HEAD")
    yield absent("a method that no rule names", at, target="/items", method="DELETE")
    yield forbidden("rule and decorator must both pass: the rule", at, GOOD, "/both", "has_role('admin')")
    only_role = token(roles=["admin"])
    yield forbidden("rule and decorator: the decorator", at, only_role, "/both", "has_scope", "reports:read")
    yield passes("rule and decorator pass", at, [bearer(ADMIN)], "/both")
    yield absent("a decorator behind a public rule", at, target="/public/inner")
    yield passes("a decorator behind a public rule, with a token", at, [bearer(GOOD)], "/public/inner")
    for path in _AMBIGUOUS:
        yield unreadable(f"the ambiguous path {path!r}", at, target=path)
    for path in ("/docs/../admin", "//public", "/admin/users%0a", "/denied%0a", "/public%ff"):
        yield unreadable(f"the ambiguous path {path!r} with a token", at, [bearer(ADMIN)], path)
        yield unreadable(f"the ambiguous path {path!r} with a broken token", at, [bearer(EXPIRED)], path)
    yield unreadable("an ambiguous path, asked by HEAD", at, target="/public%0a", method="HEAD")
    yield unreadable("an ambiguous path, asked by POST", at, [bearer(ADMIN)], "/items//", method="POST")
    yield from _double_slashes()
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
    yield absent("a preflight that nothing answers", at, asks, "/nowhere", method="OPTIONS")
    yield unreadable("a preflight for an ambiguous path", at, asks, "/public//", method="OPTIONS")
    yield unreadable(
        "a preflight for an ambiguous path that something answers", "preflight", asks, "//public", method="OPTIONS"
    )
    yield absent("a preflight is OPTIONS", at, asks, "/unnamed", method="POST")
    preflight = refused("a preflight that something answers", "preflight", asks, "/unnamed", method="OPTIONS")
    yield replace(preflight, status=200, challenge=None, error=None, needs=frozenset({"preflight"}))


_MOUNTING = frozenset({"mounting"})
_AMBIGUOUS = (
    "/docs/../admin",
    "/docs/./intro",
    "/docs/..",
    "/docs/%2e%2e/admin",
    "/docs%2f..%2fadmin",
    "/docs/.%2e/admin",
    "/public/.",
    "/..",
    "//docs/intro",
    "/docs//intro",
    "/docs/%2fintro",
    "//public",
    "///public",
    "/public//",
    "//optional",
    "//lenient",
    "//admin/users",
    "//denied",
    "/docs/%5cintro",
    "/docs\\intro",
    "/docs/..\\admin",
    "/docs/%00",
    "/public%00",
    "/public%09",
    "/public%0a",
    "/public%0a/",
    "/%0apublic",
    "/pub%0alic",
    "/public%0d",
    "/public%1f",
    "/public%7f",
    "/public%c2%80",
    "/public%c2%85",
    "/public%c2%9f",
    "/public%ff",
    "/public%c0%af",
    "/public%c3",
    "/%e0%80%afpublic",
    "/public%ed%a0%80",
    "/denied%0a",
    "/admin/users%0a",
    "/unnamed%0a",
    "/nowhere%0a",
    "public",
    "admin/users",
    "*",
    "https://api.example/public",
)


def _double_slashes() -> Iterable[Case]:
    """Where two slashes in a row are allowed, the rule of each reading must pass; routers differ in what they serve."""
    at = "double slashes"
    refusal: dict[str, Any] = {"status": 403, "challenge": None, "error": None}
    yield absent("slashes at the start: no rule names the path as it is", at, target="//public")
    yield refused("slashes at the start of a denied path", at, [bearer(ADMIN)], "//denied", **refusal)
    yield forbidden("slashes at the start of a path that needs a role", at, GOOD, "//admin/users", "has_role('admin')")
    yield forbidden("slashes inside a path that needs a role", at, GOOD, "/docs//internal", "has_role('admin')")
    yield absent("slashes inside, without a token", at, target="/docs//internal")
    yield refused("slashes at the end of a denied path", at, [bearer(ADMIN)], "/denied//", **refusal)
    yield unreadable("allowed slashes allow no dots", at, target="/docs//../admin")
    yield unreadable("allowed slashes allow no control characters", at, target="//public%0a")
    yield unreadable("allowed slashes need one at the start", at, target="docs//intro")


_NO_CSRF = frozenset({"no csrf of its own"})
_CSRF_REFUSED: dict[str, Any] = {"status": 403, "challenge": None, "error": None, "detail": "Origin header"}
_NO_ORIGIN: dict[str, Any] = {**_CSRF_REFUSED, "detail": "Origin or Sec-Fetch-Site"}


def _cookies() -> Iterable[Case]:
    own, same = ("Origin", "https://api.example"), ("Sec-Fetch-Site", "same-origin")
    for at in ("cookies", "cookies middleware"):
        yield passes("a cookie", at, [cookie(GOOD)])
        yield passes("a cookie among others", at, [("Cookie", f"a=1; __Host-access={GOOD}; b=2")])
        yield passes("cookies in several fields", at, [("Cookie", "a=1"), cookie(GOOD)])
        yield passes("space around a cookie", at, [("Cookie", f"a=1;\t__Host-access = {GOOD} ;b=2")])
        yield passes("a comma in another cookie", at, [("Cookie", f"a=1,2; __Host-access={GOOD}; b=3,4")])
        yield passes("a cookie beside another scheme", at, [bearer("YTpi", "Basic"), cookie(GOOD)])
        yield passes("a cookie beside an empty field", at, [("Authorization", ""), cookie(GOOD)])
        yield absent("an empty cookie", at, [cookie("")])
        yield absent("a cookie with nothing in its quotes", at, [cookie('""')])
        yield absent("a cookie without a value", at, [("Cookie", "__Host-access")])
        yield absent("the case of a cookie's name counts", at, [cookie(GOOD, "__host-access")])
        yield absent("a cookie's name in another's value", at, [("Cookie", f"a=__Host-access={GOOD}")])
        yield refused("a megabyte in a cookie", at, [cookie("a" * _MEGABYTE)])
        yield absent("a megabyte of other cookies", at, [("Cookie", "a=1; " * (_MEGABYTE // 5))])
        yield ambiguous("a megabyte of our cookies", at, [("Cookie", "__Host-access=a;" * (_MEGABYTE // 16))])
        yield absent("a cookie of nearly the name", at, [cookie(GOOD, "x__Host-access")])
        yield refused("a quoted cookie is not unquoted", at, [cookie(f'"{GOOD}"')])
        yield ambiguous("a cookie twice", at, [("Cookie", f"__Host-access={GOOD}; __Host-access={GOOD}")])
        yield ambiguous("a cookie in two fields", at, [cookie(GOOD), cookie(GOOD)])
        yield ambiguous("a cookie twice, once empty", at, [("Cookie", f"__Host-access=; __Host-access={GOOD}")])
        yield ambiguous("a cookie behind a comma", at, [("Cookie", f"a=1,__Host-access={GOOD}")])
        yield ambiguous("a cookie before a comma", at, [("Cookie", f"__Host-access={GOOD},b=2")])
        yield ambiguous(
            "a cookie on both sides of a comma", at, [("Cookie", f"a=1, __Host-access=b; __Host-access={GOOD}")]
        )
        yield ambiguous("a header and a cookie", at, [bearer(GOOD), cookie(GOOD)])
        yield ambiguous("a header and another user's cookie", at, [bearer(GOOD), cookie(token(subject="user-2"))])
        yield passes("a POST from our own page", at, [cookie(GOOD), own, same], method="POST")
        yield passes("a POST of the same origin without Origin", at, [cookie(GOOD), same], method="POST")
        public = ("Origin", "https://shop.example")
        yield passes("a POST behind a proxy that rewrites Host", at, [cookie(GOOD), public, same], method="POST")
        yield csrf_refused("no Sec-Fetch-Site behind a proxy that rewrites Host", at, [public], "forward Host")
        by_hand = ("Sec-Fetch-Site", "none")
        yield passes("a POST that no page sent", at, [cookie(GOOD), by_hand], method="POST")
        spelled = ("Origin", "https://API.example:443")
        yield passes("a POST from our own page, spelled out", at, [cookie(GOOD), spelled], method="POST")
        plain = ("Origin", "http://api.example")
        yield passes("a POST over plain http", at, [cookie(GOOD), plain], method="POST", scheme="http")
        yield passes("a POST behind a proxy that ends TLS", at, [cookie(GOOD), own], method="POST", scheme="http")
        trusted = [cookie(GOOD), ("Origin", "https://app.example"), ("Sec-Fetch-Site", "cross-site")]
        yield passes("a POST from a trusted origin", at, trusted, method="POST")
        evil = [("Origin", "https://evil.example")]
        yield csrf_refused("a POST from elsewhere", at, evil, "Origin header")
        yield csrf_refused("a POST from another port", at, [("Origin", "https://api.example:8443")], "Origin header")
        yield csrf_refused("a POST from the same host by plain http", at, [plain], "Origin header")
        yield csrf_refused(
            "a POST from a host that ends like ours", at, [("Origin", "https://evilapi.example")], "Origin"
        )
        yield csrf_refused("a POST from null", at, [("Origin", "null")], "Origin header")
        yield csrf_refused("a POST from nowhere", at, [("Origin", "")], "Origin header")
        yield csrf_refused("an origin with a path", at, [("Origin", "https://api.example/")], "Origin header")
        yield csrf_refused("our origin, across sites", at, [own, ("Sec-Fetch-Site", "cross-site")], "Sec-Fetch-Site")
        yield csrf_refused("two sites", at, [own, same, same], "Sec-Fetch-Site")
        yield csrf_refused("two origins of our own page", at, [own, own, same], "Origin header")
        yield csrf_refused("a POST across sites", at, [("Sec-Fetch-Site", "cross-site")], "Sec-Fetch-Site")
        yield csrf_refused("a POST from a sibling site", at, [("Sec-Fetch-Site", "same-site")], "Sec-Fetch-Site")
        yield csrf_refused("two origins", at, [own, own], "Origin header")
        yield csrf_refused("neither header, no CSRF token", at, [], "X-CSRF-Token header is needed")
        yield csrf_refused("a CSRF token that is not ASCII", at, [("X-CSRF-Token", "é")], "X-CSRF-Token")
        theirs = csrf_token(at, token(subject="user-2"))
        yield csrf_refused("another user's CSRF token", at, [("X-CSRF-Token", theirs)], "X-CSRF-Token")
        fits = csrf_token(at, GOOD)
        yield csrf_refused("a CSRF token twice", at, [("X-CSRF-Token", fits), ("X-CSRF-Token", fits)], "X-CSRF-Token")
        yield csrf_refused("a CSRF token saves no foreign origin", at, [*evil, ("X-CSRF-Token", fits)], "Origin header")
        yield csrf_refused("a foreign page is told nothing of roles", at, evil, "Origin header", target="/admin")
        yield csrf_refused("a method that is only like GET", at, evil, "Origin header", method="get", needs=_ANY_CASE)
        yield refused("a broken token is told before CSRF", at, [cookie(EXPIRED), *evil], method="POST")
        yield passes("a GET from elsewhere", at, [cookie(GOOD), *evil])
        yield passes("a HEAD from elsewhere", at, [cookie(GOOD), *evil], method="HEAD")
        yield passes("a named header needs no CSRF check", at, [("X-Token", GOOD), *evil], "/gateway", method="POST")
        yield passes("a bearer token from elsewhere", at, [bearer(GOOD), *evil], method="POST")
        yield passes("neither header, a CSRF token", at, [cookie(GOOD), ("X-CSRF-Token", fits)], method="POST")
        yield passes("a bearer POST needs no CSRF check", at, [bearer(GOOD)], method="POST")
        yield csrf_refused("optional, with a failed CSRF check", at, evil, "Origin header", target="/optional")
        passed: dict[str, Any] = {"method": "POST", "subject": None, "needs": _NO_CSRF}
        yield passes(
            "a cookie that fails CSRF gives no principal on a lenient route",
            at,
            [cookie(GOOD), *evil],
            "/lenient",
            **passed,
        )
        yield passes("a public POST", at, [cookie(GOOD), *evil], "/public", **passed)
        yield passes("an optional POST without a token", at, evil, "/optional", **passed)
        yield passes("a POST by query", at, evil, f"/query?access_token={GOOD}", method="POST", needs=_NO_CSRF)
        gateway = ("X-Forwarded-Authorization", f"Bearer {GOOD}")
        yield passes("a gateway's header, for our own page", at, [gateway, own], "/proxy", method="POST")
        yield passes("a gateway's header, read only", at, [gateway, *evil], "/proxy")
        yield refused(
            "a gateway's header, for another site", at, [gateway, *evil], "/proxy", method="POST", **_CSRF_REFUSED
        )
    at, evil = "proxy", [("Origin", "https://evil.example")]
    yield passes("a gateway's Authorization", at, [bearer(GOOD)])
    yield passes("a gateway's Authorization, for our own page", at, [bearer(GOOD), same], method="POST")
    yield refused(
        "a gateway's Authorization, for another site", at, [bearer(GOOD), *evil], method="POST", **_CSRF_REFUSED
    )
    yield refused("a gateway's Authorization, unknown from where", at, [bearer(GOOD)], method="POST", **_NO_ORIGIN)
    unprotected = "proxy middleware"
    yield passes("a gateway's header, unchecked", unprotected, [bearer(GOOD), *evil], method="POST", needs=_NO_CSRF)
    at, fits = "cookies with token", csrf_token("cookies with token", GOOD)
    yield passes("the token on top", at, [cookie(GOOD), own, ("X-CSRF-Token", fits)], method="POST")
    yield csrf_refused("the token on top is missing", at, [own], "X-CSRF-Token header is needed")
    yield csrf_refused("the token on top does not fit", at, [own, ("X-CSRF-Token", "wrong")], "does not fit")
    yield passes("csrf unchecked", "cookies unchecked", [cookie(GOOD), *evil], method="POST", needs=_NO_CSRF)
    at = "cookies without secret"
    yield passes("our own page", at, [cookie(GOOD), own], method="POST")
    yield csrf_refused("neither header, and no secret for CSRF tokens", at, [], "Origin or Sec-Fetch-Site")


def _others() -> Iterable[Case]:
    yield from _unavailable("out of reach")
    bug: dict[str, Any] = {"status": 503, "challenge": None, "error": None, "retry_after": "5"}
    yield refused("a key source with a bug", "broken", [bearer(GOOD)], **bug)
    challenge = 'Bearer realm="orders"'
    yield absent("the realm", "realm", challenge=challenge)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheCase:
    """One row of what caches are told: the header fields that `Vary` names, and whether `Cache-Control` is private."""

    name: str
    site: str
    request: RawRequest
    status: int
    vary: tuple[str, ...] = ()
    is_private: bool = False
    needs: frozenset[str] = frozenset()


def _caching() -> Iterable[CacheCase]:
    def told(
        name: str,
        at: str,
        status: int,
        vary: Iterable[str] = (),
        headers: Headers = (),
        target: str = "/me",
        **more: Any,  # noqa: ANN401 - what a case has besides
    ) -> CacheCase:
        request = RawRequest(method=more.pop("method", "GET"), target=target, headers=[HOST, *headers])
        return CacheCase(name=name, site=at, request=request, status=status, vary=tuple(vary), **more)

    header, both = ("Authorization",), ("Authorization", "Cookie")
    for at in ("decorated", "decorated async", "middleware", "middleware async"):
        yield told("admitted", at, 200, header, [bearer(GOOD)])
        yield told("HEAD", at, 200, header, [bearer(GOOD)], method="HEAD")
        yield told("anonymous", at, 200, header, target="/optional")
        yield told("lenient with a broken token", at, 200, header, [bearer(EXPIRED)], "/lenient")
        yield told("without a token", at, 401, header)
        yield told("an expired token", at, 401, header, [bearer(EXPIRED)])
        yield told("two tokens", at, 400, header, [bearer(GOOD), bearer(GOOD)])
        yield told("without the role", at, 403, header, [bearer(GOOD)], "/admin")
    # Behind a middleware these differ: whether it has looked before the view did is up to the framework.
    for at in ("decorated", "decorated async"):
        yield told("a header of another name", at, 200, ("X-Token",), [("X-Token", GOOD)], "/gateway")
        yield told("a header of another name, without", at, 401, ("X-Token",), target="/gateway")
        yield told("a token in the query", at, 200, target=f"/query?access_token={GOOD}", is_private=True)
        yield told("a broken token in the query", at, 401, target=f"/query?access_token={EXPIRED}")
        yield told("public", at, 200, (), [bearer(GOOD)], "/public")
        yield told("denied", at, 403, (), [bearer(GOOD)], "/denied")
    for at in ("cookies", "cookies middleware"):
        yield told("a cookie", at, 200, both, [cookie(GOOD)])
        yield told("a header where a cookie may stand", at, 200, both, [bearer(GOOD)])
        yield told("anonymous, with a place for a cookie", at, 200, both, target="/optional")
        yield told("without a cookie", at, 401, both)
        yield told("a header and a cookie", at, 400, both, [bearer(GOOD), cookie(GOOD)])
        evil = ("Origin", "https://evil.example")
        yield told("a cookie from elsewhere", at, 403, both, [cookie(GOOD), evil], method="POST")
    yield told("the caller is read in the view", "middleware", 200, header, [bearer(GOOD)], "/plain")
    yield told("the caller is missed in the view", "middleware", 401, header, target="/plain")
    at = "rules"
    yield told("a rule", at, 200, header, [bearer(GOOD)], "/unnamed")
    yield told("a rule, without", at, 401, header, target="/unnamed")
    yield told("an optional rule, without", at, 200, header, target="/optional")
    yield told("a rule that is not passed", at, 403, header, [bearer(GOOD)], "/admin")
    yield told("a public rule", at, 200, (), [bearer(GOOD)], "/public")
    yield told("a denied rule", at, 403, (), [bearer(GOOD)], "/denied")
    yield told("a decorator behind a public rule", at, 200, header, [bearer(GOOD)], "/public/inner")
    yield told("a page that no route has", at, 404, header, [bearer(GOOD)], "/nowhere")
    yield told("an ambiguous path", at, 400, (), [bearer(GOOD)], "//unnamed")
    yield told("two guards", "two middlewares", 200, header, [bearer(GOOD)])
    yield told("keys out of reach", "out of reach", 503, header, [bearer(GOOD)])


CACHE_CASES: tuple[CacheCase, ...] = tuple(_caching())

CASES: tuple[Case, ...] = (
    *(case for at in ("decorated", "middleware") for table in (_reading, _deciding) for case in table(at)),
    *(case for at in ("decorated async", "middleware async") for case in _deciding(at)),
    *_explained(),
    *_middleware(),
    *_rules(),
    *_cookies(),
    *_others(),
)
