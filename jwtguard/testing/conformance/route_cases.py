"""Single requests to the ready-made routes that are refused, or answered without any state: one table for all adapters.

>>> len(ROUTE_CASES) > 30
True
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jwtguard.testing.conformance.adapter_case import ABSENT, EXPIRED, bearer
from jwtguard.testing.conformance.browser import ELSEWHERE, OTHER_PORT

JSON = ("Content-Type", "application/json")
FORM = ("Content-Type", "application/x-www-form-urlencoded")


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteCase:
    """One row. `origin`: what a browser adds, as a rule for our own page; `asked`: how often passwords were checked.

    `allow`: the methods that the Allow field names. `detail`: text in the problem. `framework`: the router of the
    framework may answer by itself, in its own format.
    """

    name: str
    site: str
    path: str
    status: int
    method: str = "POST"
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = ()
    origin: Sequence[tuple[str, str]] | None = None
    error: str | None = None
    challenge: str | None = None
    retry_after: str | None = None
    allow: str | None = None
    detail: str = ""
    framework: bool = False
    asked: int = 0


def login(name: str, body: bytes, status: int, *, at: str = "bearer", **more: Any) -> RouteCase:  # noqa: ANN401
    """A case of POST login."""
    return RouteCase(name=name, site=at, path="/auth/login", body=body, status=status, **{"headers": [JSON], **more})


ALICE = b'{"username": "alice", "password": "wonderland"}'
ALICE_FORM = b"username=alice&password=wonderland"
ALICE_IN_PARTS = (
    b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\nalice\r\n'
    b'--x\r\nContent-Disposition: form-data; name="password"\r\n\r\nwonderland\r\n--x--\r\n'
)


def _json(members: dict[str, str]) -> bytes:
    """JSON of members that hold finished escapes."""
    return ("{" + ", ".join(f'"{name}": "{value}"' for name, value in members.items()) + "}").encode("ascii")


def _logins() -> Iterator[RouteCase]:
    refused: dict[str, Any] = {"challenge": ABSENT, "asked": 1}
    yield login("the right password", ALICE, 200, asked=1)
    yield login("a form", ALICE_FORM, 200, headers=[FORM], asked=1)
    yield login("an expired token in the header", ALICE, 200, headers=[JSON, bearer(EXPIRED)], asked=1)
    yield login("a wrong password", b'{"username": "alice", "password": "guess"}', 401, **refused)
    yield login("an unknown user", b'{"username": "unknown", "password": "guess"}', 401, **refused)
    yield login("a user who may not log in", b'{"username": "mallory", "password": "malice"}', 401, **refused)
    down = b'{"username": "alice", "password": "broken"}'
    yield login("the password check is down", down, 503, asked=1, retry_after="5")
    yield login("too many attempts", b'{"username": "eager", "password": "x"}', 429, retry_after="30")
    bad: dict[str, Any] = {"error": "invalid_request"}
    yield login("no body", b"", 400, **bad)
    yield login("no password", b'{"username": "alice"}', 400, **bad)
    yield login("an empty password", b'{"username": "alice", "password": ""}', 400, **bad)
    yield login("a password that is no string", b'{"username": "alice", "password": 1}', 400, **bad)
    yield login("a list", b"[]", 400, **bad)
    yield login("broken JSON", b'{"username"', 400, **bad)
    yield login("a member twice", b'{"username": "a", "username": "b", "password": "x"}', 400, **bad)
    yield login("UTF-16", ALICE.decode().encode("utf-16"), 400, **bad)
    yield login("a field twice", b"username=a&username=b&password=x", 400, headers=[FORM], **bad)
    yield login("a form that is no UTF-8", b"username=%ff&password=x", 400, headers=[FORM], **bad)
    remember = b'{"username": "alice", "password": "wonderland", "remember": "perhaps"}'
    yield login("remember is neither", remember, 400, **bad)
    multipart = [("Content-Type", "multipart/form-data; boundary=x")]
    yield login("a form in parts", ALICE_IN_PARTS, 200, headers=multipart, asked=1)
    yield login("a form in parts that are cut off", ALICE_IN_PARTS[:-9], 400, headers=multipart, **bad)
    for name, body in (("JSON", ALICE), ("JSON in one field", b"%7B%22username%22%3A%22alice%22%7D=")):
        sent: dict[str, Any] = {"headers": [FORM], "detail": "send Content-Type: application/json", **bad}
        yield login(f"{name} that says it is a form", body, 400, **sent)
    for name, text in (
        ("NUL", "\\u0000"),
        ("a lone surrogate", "\\ud800"),
        ("a pair the wrong way round", "\\udc00\\ud800"),
    ):
        for member in ("username", "password"):
            wrong = ALICE.replace(b"alice" if member == "username" else b"wonderland", text.encode("ascii"))
            yield login(f"{name} in the {member}", wrong, 401, **refused)
            more = {"username": "alice", "password": "wonderland"}
            more[member] += text
            yield login(f"{name} at the end of the {member}", _json(more), 401, **refused)
    yield login("NUL in a form", ALICE_FORM + b"%00", 401, headers=[FORM], **refused)
    yield login("another media type", ALICE, 415, headers=[("Content-Type", "text/plain")])
    yield login("no media type", ALICE, 415, headers=[])
    yield login("a body too large", ALICE + b" " * 100, 413, at="bearer, short body")
    yield login("a body just large enough", ALICE + b" " * (100 - len(ALICE)), 200, at="bearer, short body", asked=1)
    yield login("a bearer client from another site", ALICE, 200, origin=ELSEWHERE, asked=1)


def _origins() -> Iterator[RouteCase]:
    """Login CSRF: a request that may set or clear cookies must show its origin."""
    for at in ("cookies", "cookies, csrf token", "refresh cookie", "silent renewal"):
        yield login("from our own page", ALICE, 200, at=at, asked=1)
        rewritten = (("Origin", "https://shop.example"), ("Sec-Fetch-Site", "same-origin"))
        yield login("behind a proxy that rewrites Host", ALICE, 200, at=at, origin=rewritten, asked=1)
        yield login("a form of our own page", ALICE_FORM, 200, at=at, headers=[FORM], asked=1)
        yield login("JSON from no browser", ALICE, 200, at=at, origin=[], asked=1)
        yield login("a form from no browser", ALICE_FORM, 403, at=at, headers=[FORM], origin=[])
        for path in ("/auth/login", "/auth/refresh", "/auth/logout"):
            more: dict[str, Any] = {"site": at, "path": path, "status": 403, "body": ALICE_FORM, "headers": [FORM]}
            yield RouteCase(name=f"{path} by a form of another site", origin=ELSEWHERE, **more)
            yield RouteCase(name=f"{path} by a form of another port", origin=OTHER_PORT, **more)
            twice = [("Origin", "https://api.example")] * 2
            yield RouteCase(name=f"{path} with two origins", origin=twice, **more)
            yield RouteCase(name=f"{path} by a page without origin", origin=[("Origin", "null")], **more)
            with_json = {**more, "headers": [JSON], "body": ALICE}
            yield RouteCase(name=f"{path} by JSON of another site", origin=ELSEWHERE, **with_json)


def _others() -> Iterator[RouteCase]:
    bad: dict[str, Any] = {"status": 400, "headers": [JSON]}
    for at in ("bearer", "cookies", "refresh cookie", "silent renewal"):
        yield RouteCase(name="refresh without a token", site=at, path="/auth/refresh", error="invalid_request", **bad)
    garbage: dict[str, Any] = {"site": "bearer", "body": b'{"refresh_token": "a.b.c"}', "headers": [JSON]}
    yield RouteCase(name="refresh with garbage", path="/auth/refresh", status=400, error="invalid_grant", **garbage)
    yield RouteCase(name="logout with garbage", path="/auth/logout", status=204, **garbage)
    yield RouteCase(name="logout without a token", site="bearer", path="/auth/logout", error="invalid_request", **bad)
    for at in ("cookies", "refresh cookie"):
        yield RouteCase(name="logout without a cookie", site=at, path="/auth/logout", status=204)
    grant = b'{"refresh_token": "a.b.c", "grant_type": "password"}'
    yield RouteCase(
        name="another grant", site="bearer", path="/auth/refresh", body=grant, error="invalid_request", **bad
    )
    for at in (
        "bearer",
        "bearer, decorators only",
        "cookies",
        "cookies, rules",
        "cookies, lax rules",
        "refresh cookie",
        "silent renewal",
    ):
        absent: dict[str, Any] = {"site": at, "status": 401, "challenge": ABSENT}
        yield RouteCase(name="sessions without a token", path="/auth/sessions", method="GET", **absent)
        yield RouteCase(name="a session without a token", path="/auth/sessions/x", method="DELETE", **absent)
        yield RouteCase(name="logout of all without a token", path="/auth/logout-all", **absent)
    for at in ("cookies, rules", "refresh cookie, rules", "silent renewal, rules"):
        for path in ("/auth/login/extra", "/auth/other", "/auth", "/auth/logout/x", "/auth/sessions/"):
            name = f"{path} is no exempt route"
            yield RouteCase(name=name, site=at, path=path, method="GET", status=401, challenge=ABSENT)


def _missed() -> Iterator[RouteCase]:
    """Clients that have a route almost right need no token: they are told what is wrong."""
    for at in ("cookies, rules", "refresh cookie, rules", "silent renewal, rules"):
        for path in ("/auth/login", "/auth/refresh", "/auth/logout"):
            for method in ("GET", "PUT", "DELETE"):
                name = f"{method} {path}"
                yield RouteCase(name=name, site=at, path=path, method=method, status=405, allow="POST", framework=True)
            for method in ("GET", "POST"):
                yield RouteCase(
                    name=f"{method} {path}/", site=at, path=f"{path}/", method=method, status=404, framework=True
                )
        keys = "/auth/.well-known/jwks.json"
        yield RouteCase(name="POST keys", site=at, path=keys, status=405, allow="GET, HEAD", framework=True)
        yield RouteCase(name="GET keys/", site=at, path=f"{keys}/", method="GET", status=404, framework=True)


ROUTE_CASES: tuple[RouteCase, ...] = (*_logins(), *_origins(), *_others(), *_missed())
