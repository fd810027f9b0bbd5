"""One request before one guard: who sent it, and may they pass?"""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from jwtguard import (
    CSRF,
    UNCHECKED,
    AuthorizationHeader,
    ConfigurationError,
    Guard,
    InvalidRequestError,
    InvalidTokenError,
    JWKSet,
    JWTGuardError,
    MissingTokenError,
    Principal,
    Requirement,
    Rule,
    Rules,
    TokenCookie,
    TokenHeader,
    TokenQuery,
    TokenSubprotocol,
    UnavailableError,
    authenticated,
    denied,
    has_role,
    optional,
    optional_lenient,
    public,
)
from jwtguard.admission import Admission
from jwtguard.authentication import Authentication
from jwtguard.core.flow import Call, Flow, Steps
from jwtguard.core.http.response import HTTPRequest
from jwtguard.core.tokens.jws import sign
from tests.samples import AUDIENCE, ISSUER, KEY, NOW, asgi, forged, guard, handshake, issuer, token, verified

COOKIE = TokenCookie("access")
PLACES = [AuthorizationHeader(), COOKIE]
ADMIN = has_role("admin")


class Unreachable:
    """A key source whose network is down."""

    def current(self) -> JWKSet | None:
        """No keys at hand."""
        return None

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        """And none to be had."""
        return Flow(self._steps())

    def _steps(self) -> Steps[JWKSet]:
        raise UnavailableError("keys")
        yield


def bearer(text: str) -> tuple[str, str]:
    """The field that carries a token."""
    return ("Authorization", f"Bearer {text}")


def cookie(text: str) -> tuple[str, str]:
    """The cookie that carries a token."""
    return ("Cookie", f"access={text}")


GOOD = token(roles=["admin"])
EXPIRED = issuer(clock=lambda: NOW - 3600).access_token("user-1")
EVIL = ("Origin", "https://evil.example")
REQUESTS: dict[str, HTTPRequest] = {
    "absent": asgi(),
    "other scheme": asgi([("Authorization", "Basic YTpi")]),
    "admin": asgi([bearer(GOOD)]),
    "editor": asgi([bearer(token(roles=["editor"]))]),
    "cookie": asgi([cookie(GOOD)]),
    "forged": asgi([bearer(forged())]),
    "expired": asgi([bearer(EXPIRED)]),
    "malformed": asgi([("Authorization", "Bearer")]),
    "too long": asgi([bearer("a" * 1_000_000)]),
    "two places": asgi([bearer(GOOD), cookie(GOOD)]),
    "two fields": asgi([bearer(GOOD), bearer(GOOD)]),
    "cookie twice": asgi([cookie(GOOD), cookie(GOOD)]),
    "csrf": asgi([cookie(GOOD), EVIL], method="POST"),
    "unavailable": asgi([bearer(GOOD)]),
}
MODES = [authenticated, public, optional, optional_lenient, denied, ADMIN]
MISSING, INVALID, TWO = "401", "401 invalid_token", "400 invalid_request"
FORBIDDEN, LACKING, DOWN = "403", "403 insufficient_scope", "503"
# For each request what becomes of it, in the order of MODES. None: it passes, without a caller.
OUTCOMES: dict[str, list[str | None]] = {
    "absent": [MISSING, None, None, None, FORBIDDEN, MISSING],
    "other scheme": [MISSING, None, None, None, FORBIDDEN, MISSING],
    "admin": ["user-1", None, "user-1", "user-1", FORBIDDEN, "user-1"],
    "editor": ["user-1", None, "user-1", "user-1", FORBIDDEN, LACKING],
    "cookie": ["user-1", None, "user-1", "user-1", FORBIDDEN, "user-1"],
    "forged": [INVALID, None, INVALID, None, FORBIDDEN, INVALID],
    "expired": [INVALID, None, INVALID, None, FORBIDDEN, INVALID],
    "malformed": [INVALID, None, INVALID, None, FORBIDDEN, INVALID],
    "too long": [INVALID, None, INVALID, None, FORBIDDEN, INVALID],
    "two places": [TWO, None, TWO, None, FORBIDDEN, TWO],
    "two fields": [TWO, None, TWO, None, FORBIDDEN, TWO],
    "cookie twice": [TWO, None, TWO, None, FORBIDDEN, TWO],
    "csrf": [FORBIDDEN, None, FORBIDDEN, None, FORBIDDEN, FORBIDDEN],
    "unavailable": [DOWN, None, DOWN, DOWN, FORBIDDEN, DOWN],
}
TABLE = [
    pytest.param(name, mode, outcome, id=f"{name}-{mode!r}")
    for name, outcomes in OUTCOMES.items()
    for mode, outcome in zip(MODES, outcomes, strict=True)
]


def guard_for(name: str, **changes: Any) -> Guard:
    """The guard before which the request of that name is tried."""
    keys = Unreachable() if name == "unavailable" else KEY.verification_key
    return guard(keys=keys, tokens_from=PLACES, **changes)


def _said(act: Callable[[], Principal | None]) -> str | None:
    try:
        caller = act()
    except JWTGuardError as error:
        return f"{error.status} {error.error}" if error.error else str(error.status)
    return None if caller is None else caller.subject


@pytest.mark.parametrize(("name", "mode", "expected"), TABLE)
def test_every_mode(name: str, mode: Requirement, expected: str | None) -> None:
    """A decorator alone, one behind a middleware, a middleware with rules, and async code decide alike."""
    request, deciding = REQUESTS[name], guard_for(name)
    with_rules = guard_for(name, rules=Rules([], default=mode))

    async def awaited() -> Admission:
        return await deciding.admit(request, mode)

    def behind_middleware() -> Principal | None:
        kept = deciding.enter(request).run()
        assert isinstance(kept, Authentication)
        return deciding.admit(request, mode, kept=kept).run().require()

    assert {
        "admit": _said(lambda: deciding.admit(request, mode).run().principal),
        "await": _said(lambda: asyncio.run(awaited()).principal),
        "kept": _said(behind_middleware),
        "rules": _said(lambda: with_rules.enter(request).run().require()),
        "authorize": _said(lambda: deciding.authorize(deciding.authenticate(request).run(), mode)),
    } == dict.fromkeys(["admit", "await", "kept", "rules", "authorize"], expected)


def test_authorizing_without_a_principal() -> None:
    """An authentication that says nothing at all is no caller."""
    with pytest.raises(MissingTokenError):
        guard().authorize(Authentication(), authenticated)


@pytest.mark.parametrize("mode", [public, denied])
def test_no_token_is_read(mode: Requirement) -> None:
    """`public` and `denied` do not look at the request."""

    def values(name: str) -> list[str]:
        raise AssertionError(name)

    request = HTTPRequest(method="GET", path="/", values=values)
    assert _said(lambda: guard().admit(request, mode).run().principal) == (None if mode is public else "403")


def test_public_keeps_nothing_for_others() -> None:
    """A public rule stores no result for a decorator, which authenticates by itself."""
    deciding = guard(rules=Rules([], default=public))
    entry = deciding.enter(asgi([bearer(GOOD)])).run()
    assert (entry.require(), entry.authentication) == (None, None)


def test_rules_see_method_and_path() -> None:
    """The rule that counts is the one for the request's own method and path."""
    deciding = guard(rules=Rules([Rule("/a", public), Rule("/a", ADMIN, methods=["POST"])]))

    def said(request: HTTPRequest) -> str | None:
        return _said(lambda: deciding.enter(request).run().require())

    assert said(asgi(path="/a")) is None
    assert said(asgi(path="/a", method="POST")) == MISSING
    assert said(asgi(path="/b")) == MISSING


def test_tokens_from_of_a_route() -> None:
    """A route with its own places reads the request again, whatever was kept, and looks nowhere else."""
    deciding = guard()
    own = (TokenHeader("X-Token", from_proxy=False),)
    kept = deciding.authenticate(asgi([bearer(GOOD)])).run()
    assert kept.principal is not None

    def said(request: HTTPRequest) -> str | None:
        return _said(lambda: deciding.admit(request, authenticated, kept=kept, tokens_from=own).run().principal)

    assert said(asgi([bearer(GOOD)])) == MISSING
    assert said(asgi([bearer(GOOD), ("X-Token", token("user-2"))])) == "user-2"
    assert deciding.authenticate(asgi([("X-Token", GOOD)]), tokens_from=own).run().principal is not None


@pytest.mark.parametrize(
    ("changes", "request_", "expected"),
    [
        ({}, asgi([bearer(GOOD)]), True),
        ({}, asgi([cookie(GOOD)]), True),
        ({}, asgi([cookie(GOOD), ("Origin", "https://api.example"), ("Host", "api.example")], method="POST"), True),
        ({"csrf": UNCHECKED}, asgi([cookie(GOOD)]), False),
        ({"csrf": UNCHECKED}, asgi([bearer(GOOD)]), True),
        ({"tokens_from": [TokenHeader("X-Token", from_proxy=False)]}, asgi([("X-Token", GOOD)]), True),
        ({"tokens_from": [TokenQuery()]}, asgi(query_string=f"access_token={GOOD}".encode()), False),
        ({}, asgi(), False),
        ({}, asgi([bearer(forged())]), False),
        ({}, asgi([cookie(GOOD), EVIL], method="POST"), False),
    ],
)
def test_what_proves_the_origin(changes: dict[str, Any], request_: HTTPRequest, expected: bool) -> None:
    """A header that no other site can set, or a cookie that passed its check: then a framework need not check too."""
    deciding = guard(**{"tokens_from": PLACES} | changes)
    assert deciding.proves_origin(deciding.authenticate(request_).run()) is expected
    assert deciding.proves_origin(deciding.admit(request_, optional_lenient).run()) is expected
    assert deciding.proves_origin(deciding.admit(request_, public).run()) is False


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([bearer(GOOD)], "user-1"),
        ([bearer(GOOD), EVIL], "user-1"),
        ([("Sec-WebSocket-Protocol", f"bearer, {GOOD}"), EVIL], "user-1"),
        ([cookie(GOOD)], FORBIDDEN),
        ([cookie(GOOD), EVIL], FORBIDDEN),
        ([cookie(GOOD), ("Host", "api.example"), ("Origin", "http://api.example")], "user-1"),
    ],
)
@pytest.mark.parametrize("csrf", [None, UNCHECKED, CSRF(secret="x" * 32, require_token=True)], ids=repr)
def test_handshakes(csrf: Any, fields: list[tuple[str, str]], expected: str) -> None:
    """A websocket handshake with a cookie needs its own Origin, whatever `csrf` says; one with a header does not."""
    deciding = guard(tokens_from=[*PLACES, TokenSubprotocol()], csrf=csrf)
    assert _said(lambda: deciding.admit(handshake(fields), authenticated).run().principal) == expected


def test_source_of_a_token() -> None:
    """The result says where the token stood, and holds it verified."""
    found = guard(tokens_from=PLACES).authenticate(asgi([cookie(GOOD)])).run()
    assert found.token is not None
    assert (found.source, found.token.claims["sub"], found.authentication) == (COOKIE, "user-1", found)


@pytest.mark.parametrize("name", ["absent", "forged", "two places", "csrf", "unavailable"])
def test_errors_raised_again_do_not_grow(name: str) -> None:
    """A kept error may be raised many times, each time with a traceback of its own."""
    found = guard_for(name).authenticate(REQUESTS[name]).run()
    assert found.error is not None
    assert found.error.__traceback__ is None

    def frames() -> int:
        with pytest.raises(JWTGuardError) as raised:
            found.require()
        return len(traceback.extract_tb(raised.value.__traceback__))

    assert [frames() for _ in range(5)] == [frames()] * 5


class AsyncKeys(Unreachable):
    """A key source that can only be asked on a loop."""

    def _steps(self) -> Steps[JWKSet]:
        async def fetch() -> JWKSet:
            return JWKSet([KEY.verification_key])

        keys: JWKSet = yield Call(fetch, sync_alternative="SyncKeys")
        return keys


@pytest.mark.parametrize("mode", [authenticated, optional_lenient])
def test_wrong_program_is_not_the_callers_fault(mode: Requirement) -> None:
    """A configuration error met during a request is raised at once, not kept as a refusal; on a loop all is well."""
    deciding, request = guard(keys=AsyncKeys()), asgi([bearer(GOOD)])
    with pytest.raises(ConfigurationError, match="use SyncKeys"):
        deciding.admit(request, mode).run()

    async def awaited() -> Admission:
        return await deciding.admit(request, mode)

    assert asyncio.run(awaited()).principal is not None


verifying = guard()
verified_token = verifying.verify(GOOD).run()


def test_verify() -> None:
    """`verify` gives header and claims of a good token, from sync and async code."""

    async def awaited() -> Any:
        return await deciding.verify(GOOD)

    deciding = guard()
    token_ = deciding.verify(GOOD).run()
    assert (token_.header.type, token_.claims["roles"], asyncio.run(awaited())) == ("at+jwt", ["admin"], token_)


@pytest.mark.parametrize(
    "text",
    ["", "a.b.c", forged(), EXPIRED, GOOD + "A", "ä", 5, None, b"a.b.c"],
    ids=["empty", "no token", "forged", "expired", "longer", "non-ASCII", "int", "None", "bytes"],
)
def test_verify_refuses(text: Any) -> None:
    """Any other value is an invalid token."""
    with pytest.raises(InvalidTokenError):
        guard().verify(text).run()


def test_principal_of() -> None:
    """A verified token is mapped to its caller, also by a guard that did not verify it."""
    expected = Principal(
        subject="user-1",
        issuer=ISSUER,
        roles=frozenset({"admin"}),
        claims=verified_token.claims,
        expires_at=NOW + 300,
        client_id="web",
    )
    assert [guard().principal_of(verified_token), verifying.principal_of(verified_token)] == [expected, expected]


def test_expires_at() -> None:
    """A token ceases to be accepted at `exp` plus leeway, or never."""
    assert guard().expires_at(verified_token) == NOW + 310
    eternal = guard(required_claims=["sub"])
    text = sign(json.dumps({"iss": ISSUER, "aud": AUDIENCE, "sub": "user-1"}).encode(), KEY)
    assert eternal.expires_at(eternal.verify(text).run()) is None


def test_csrf_cookie() -> None:
    """The CSRF token comes in a cookie that scripts can read; deleting repeats its attributes."""
    deciding = guard(csrf=CSRF(secret="x" * 32), tokens_from=[COOKIE])
    session = verified(session_id="s-1")
    value = deciding.csrf_token(session)
    assert deciding.csrf_cookie(session) == f"__Host-csrf={value}; Path=/; Secure; SameSite=Lax"
    assert deciding.clear_csrf_cookie() == "__Host-csrf=; Path=/; Max-Age=0; Secure; SameSite=Lax"


def test_csrf_cookie_in_development() -> None:
    """Beside a development cookie it is one too."""
    deciding = guard(csrf=CSRF(secret="x" * 32), tokens_from=[TokenCookie(development=True)])
    assert deciding.clear_csrf_cookie() == "csrf=; Path=/; Max-Age=0; SameSite=Lax"


@pytest.mark.parametrize("csrf", [None, UNCHECKED, CSRF()], ids=repr)
def test_csrf_token_needs_a_secret(csrf: Any) -> None:
    """Without a secret there is no CSRF token."""
    with pytest.raises(ConfigurationError, match=r"CSRF\(secret=...\)"):
        guard(csrf=csrf).csrf_token(verified_token)


def test_answer() -> None:
    """The guard's answer names its realm, and has no body for HEAD."""
    answer = guard(realm="orders").answer(InvalidRequestError("two_tokens", "Send one."), asgi(method="HEAD"))
    assert answer.headers[0][1].startswith('Bearer realm="orders", error="invalid_request"')
    assert answer.body == b""


class Fetched:
    """A key source that has to fetch its keys, each time."""

    def current(self) -> JWKSet | None:
        """No keys at hand."""
        return None

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        """They come from elsewhere."""
        return Flow(self._steps())

    def _steps(self) -> Steps[JWKSet]:
        keys: JWKSet = yield Call(lambda: JWKSet([KEY.verification_key]))
        return keys


@pytest.mark.parametrize(
    ("fields", "expected"),
    [([("Sec-Fetch-Site", "same-origin")], "user-1"), ([EVIL], "403")],
    ids=["our own page", "another's"],
)
def test_a_cookie_whose_key_must_be_fetched(fields: list[tuple[str, str]], expected: str) -> None:
    """Another site's request is refused after the wait, too."""
    deciding = guard(keys=Fetched(), tokens_from=[COOKIE])
    request = asgi([cookie(GOOD), *fields], method="POST")

    admitted = _said(lambda: deciding.admit(request, authenticated).run().principal)
    assert (admitted.subject if isinstance(admitted, Principal) else admitted) == expected


@pytest.mark.parametrize("fields", [[], [bearer(EXPIRED)]], ids=["no token", "an expired one"])
def test_who_is_calling_cannot_be_renewed(fields: list[tuple[str, str]]) -> None:
    """An error there is kept for the first read of the principal; a ConfigurationError is raised at once."""
    told: list[str] = []
    deciding = guard(on_event=lambda event: told.append(event.reason))

    def failing(error: JWTGuardError) -> Steps[Authentication | None]:
        raise error
        yield

    kept = deciding.authenticate(asgi(fields), renew=lambda *_: failing(UnavailableError("store"))).run()
    assert (kept.error is not None and kept.error.reason, told) == ("store", ["store"])
    with pytest.raises(ConfigurationError, match="set up wrongly"):
        deciding.authenticate(asgi(fields), renew=lambda *_: failing(ConfigurationError("set up wrongly"))).run()


def test_an_error_outweighs_a_principal() -> None:
    """An admission with an error admits no principal."""
    by = guard()
    known = by.authenticate(REQUESTS["admin"]).run()

    for mode in (authenticated, ADMIN, optional):
        with pytest.raises(InvalidTokenError):
            by.authorize(known._replace(error=InvalidTokenError("expired")), mode)


def test_a_kept_error_does_not_grow() -> None:
    """A kept error is raised at every `requires` with a fresh traceback."""
    by = guard()
    kept = by.authenticate(REQUESTS["forged"]).run()
    depths = set()
    for _ in range(3):
        with pytest.raises(InvalidTokenError) as refused:
            by.authorize(kept, authenticated)
        depths.add(len(traceback.extract_tb(refused.value.__traceback__)))

    assert len(depths) == 1


def test_a_user_who_is_gone_is_not_admitted() -> None:
    """Where no middleware has looked, the user of an accepted token is looked up before the requirement is checked."""
    by, request = guard(), asgi([("Authorization", f"Bearer {token()}")])

    def no_user(_: Authentication) -> Steps[Authentication]:
        yield from ()
        return Authentication(error=InvalidTokenError("user"))

    with pytest.raises(InvalidTokenError) as refused:
        by.admit(request, authenticated, find_user=no_user).run()
    assert refused.value.reason == "user"
