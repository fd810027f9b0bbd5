"""What a guard is made of: every setting shows, every mistake is named, and nothing changes afterwards."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jwtguard import (
    CSRF,
    UNCHECKED,
    AuthorizationHeader,
    ClaimsMapping,
    ConfigurationError,
    FetchResponse,
    Guard,
    Introspection,
    JWKSet,
    JWTGuardError,
    LocalJWKSet,
    ResourceMetadata,
    Rule,
    Rules,
    SessionRevocation,
    SigningKey,
    TokenCookie,
    TokenHeader,
    TrustedIssuer,
    authenticated,
    has_permission,
    has_role,
    public,
)
from jwtguard.core.http.response import HTTPRequest
from jwtguard.core.tokens.jws import sign
from jwtguard.request_auth import check_guard
from jwtguard.stores.memory import MemoryStore
from tests.samples import AUDIENCE, ISSUER, KEY, NOW, asgi, guard, issuer, token

OTHER_KEY = SigningKey.generate("ES256", kid="other")
CLAIMS: dict[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "exp": NOW + 300, "iat": NOW}


def signed(key: SigningKey = KEY, **changes: object) -> str:
    """A token whose claims are these; None leaves one out."""
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    return sign(json.dumps(claims).encode(), key)


def _outcome(tried: Guard, text: str) -> str:
    try:
        tried.verify(text).run()
    except JWTGuardError as error:
        return error.reason
    return "accepted"


def _status(tried: Guard, request: HTTPRequest, requirement: Any = authenticated) -> int:
    try:
        tried.admit(request, requirement).run()
    except JWTGuardError as error:
        return error.status
    return 200


def _bearer(text: str) -> HTTPRequest:
    return asgi([("Authorization", f"Bearer {text}")])


def _cached(tried: Guard) -> bool:
    text = token()
    return tried.verify(text).run() is tried.verify(text).run()


TRUSTED = TrustedIssuer(issuer="https://other.example", audience=AUDIENCE, keys=KEY.verification_key)
ANSWER = b'{"active": true, "iss": "%s", "aud": "%s", "sub": "a", "exp": 1800000001}' % (
    ISSUER.encode(),
    AUDIENCE.encode(),
)
ASKING = Introspection(
    "https://issuer.example/introspect",
    client_id="a",
    client_secret="b",
    fetcher=lambda request: FetchResponse(status=200, body=ANSWER),
)
POST = asgi([("Cookie", f"access={token()}"), ("Origin", "https://app.example")], method="POST")
EVENTS: list[object] = []

# Each setting, a value for it, what to look at, and what is seen without and with it.
SETTINGS: list[tuple[str, Any, Callable[[Guard], object], object, object]] = [
    ("issuer", "https://other.example", lambda g: _outcome(g, signed()), "accepted", "iss"),
    ("issuer", UNCHECKED, lambda g: _outcome(g, signed(iss=None)), "missing_iss", "accepted"),
    ("audience", "https://other.example", lambda g: _outcome(g, signed()), "accepted", "aud"),
    ("audience", ["https://other.example", AUDIENCE], lambda g: _outcome(g, signed(aud="x")), "aud", "aud"),
    ("audience", UNCHECKED, lambda g: _outcome(g, signed(aud="x")), "aud", "accepted"),
    ("keys", OTHER_KEY.verification_key, lambda g: _outcome(g, signed(OTHER_KEY)), "key", "accepted"),
    ("keys", [KEY.verification_key, OTHER_KEY.verification_key], lambda g: len(list(g.keys.current())), 1, 2),  # type: ignore[arg-type,union-attr]
    ("issuers", [TRUSTED], lambda g: _outcome(g, signed(iss="https://other.example")), "iss", "accepted"),
    ("introspection", ASKING, lambda g: _outcome(g, "opaque"), "form", "accepted"),
    (
        "tokens_from",
        [TokenHeader("X-Token", from_proxy=False)],
        lambda g: _status(g, asgi([("X-Token", token())])),
        401,
        200,
    ),
    ("leeway", timedelta(0), lambda g: _outcome(g, signed(exp=NOW - 5)), "accepted", "expired"),
    ("leeway", timedelta(seconds=300), lambda g: _outcome(g, signed(exp=NOW - 299)), "expired", "accepted"),
    ("required_claims", ["nbf"], lambda g: _outcome(g, signed()), "accepted", "missing_nbf"),
    ("required_claims", [], lambda g: _outcome(g, signed(exp=None, sub=None)), "missing_exp", "accepted"),
    ("max_token_bytes", 100, lambda g: _outcome(g, signed()), "accepted", "too_long"),
    ("max_token_age", timedelta(0), lambda g: _outcome(g, signed(iat=NOW - 60)), "accepted", "too_old"),
    ("cache_size", 0, _cached, True, False),
    (
        "claims",
        ClaimsMapping(roles=[("groups",)]),
        lambda g: _status(g, _bearer(signed(groups=["admin"])), has_role("admin")),
        403,
        200,
    ),
    (
        "role_hierarchy",
        {"admin": {"editor"}},
        lambda g: _status(g, _bearer(token(roles=["admin"])), has_role("editor")),
        403,
        200,
    ),
    (
        "role_permissions",
        {"admin": {"users.delete"}},
        lambda g: _status(g, _bearer(token(roles=["admin"])), has_permission("users.delete")),
        403,
        200,
    ),
    ("revocation", SessionRevocation(MemoryStore()), lambda g: _outcome(g, signed()), "accepted", "no_session"),
    (
        "explain_refusals",
        True,
        lambda g: "has_role('admin')" in _detail(g, _bearer(token()), has_role("admin")),
        False,
        True,
    ),
    ("rules", Rules([Rule("/", public)]), lambda g: g.enter(asgi()).run().authentication is None, False, True),
    ("csrf", UNCHECKED, lambda g: _status(_with_cookies(g), POST), 403, 200),
    ("csrf", CSRF(trusted_origins=["https://app.example"]), lambda g: _status(_with_cookies(g), POST), 403, 200),
    (
        "realm",
        "orders",
        lambda g: g.answer(_error()).headers[0][1].split(",")[0],
        'Bearer realm="api"',
        'Bearer realm="orders"',
    ),
    (
        "resource_metadata",
        ResourceMetadata(resource="https://api.example"),
        lambda g: "resource_metadata=" in g.answer(_error()).headers[0][1],
        False,
        True,
    ),
    ("problem_body", lambda error: ("text/plain", b"no"), lambda g: g.answer(_error()).body == b"no", False, True),
    ("on_event", EVENTS.append, lambda g: (_outcome(g, "x"), len(EVENTS)), ("form", 0), ("form", 1)),
    ("clock", lambda: NOW + 3600.0, lambda g: _outcome(g, signed()), "accepted", "expired"),
]


def _detail(tried: Guard, request: HTTPRequest, requirement: Any) -> str:
    with pytest.raises(JWTGuardError) as refused:
        tried.admit(request, requirement).run()
    return refused.value.detail


def _with_cookies(tried: Guard) -> Guard:
    return guard(tokens_from=[TokenCookie("access")], csrf=tried.csrf)


def _error() -> JWTGuardError:
    with pytest.raises(JWTGuardError) as refused:
        guard().verify("x").run()
    return refused.value


@pytest.mark.parametrize(("setting", "value", "look", "without", "with_it"), SETTINGS)
def test_every_setting_shows(
    setting: str, value: Any, look: Callable[[Guard], object], without: object, with_it: object
) -> None:
    """A setting changes something that can be seen."""
    instead = {"issuer": None, "audience": None, "keys": None} if setting == "issuers" else {}
    assert (look(guard()), look(guard(**instead, **{setting: value}))) == (without, with_it)


def test_no_setting_is_left_out() -> None:
    """The table above holds every argument of `Guard`."""
    assert {row[0] for row in SETTINGS} == set(inspect.signature(Guard).parameters)


def test_several_audiences() -> None:
    """A token for any of several audiences is accepted."""
    several = guard(audience=["https://other.example", AUDIENCE])
    assert [_outcome(several, signed(aud=aud)) for aud in (AUDIENCE, "https://other.example", "x")] == [
        "accepted",
        "accepted",
        "aud",
    ]


@pytest.mark.parametrize(
    "keys",
    [
        KEY.verification_key,
        [KEY.verification_key],
        (KEY.verification_key, OTHER_KEY.verification_key),
        issuer().verification_keys,
    ],
)
def test_keys(keys: Any) -> None:
    """A key, several, or a set of them."""
    assert _outcome(guard(keys=keys), token()) == "accepted"


def test_keys_of_a_document() -> None:
    """A local JWK Set is one too."""
    other = issuer(signing_keys=[OTHER_KEY])
    assert _outcome(guard(keys=LocalJWKSet(other.jwks())), other.access_token("user-1")) == "accepted"


class Empty(LocalJWKSet):
    """A key source that counts as false while it has no keys yet."""

    def __init__(self) -> None:
        super().__init__(issuer(signing_keys=[OTHER_KEY]).jwks())

    def __bool__(self) -> bool:
        return False


def test_key_source_that_counts_as_false() -> None:
    """A key source is taken as it is, whatever its truth."""
    source = Empty()
    assert guard(keys=source).keys is source


WRONG: list[tuple[str, Any, str]] = [
    ("issuer", "", "issuer is required"),
    ("issuer", None, "issuer is required"),
    ("audience", "", "audience is required"),
    ("audience", [], "audience is required"),
    ("keys", UNCHECKED, "cannot be unchecked"),
    ("keys", None, "keys is required"),
    ("keys", [], "keys is required"),
    ("keys", "secret", "found str"),
    ("keys", {"keys": []}, "found dict"),
    ("keys", KEY, "write key.verification_key"),
    ("keys", [KEY], "write key.verification_key"),
    ("keys", [KEY.verification_key, "secret"], "found list"),
    ("keys", LocalJWKSet, "found type"),
    ("keys", JWKSet([]), "found JWKSet"),
    ("issuers", [], "issuers is a list"),
    ("introspection", "https://issuer.example/introspect", "found str"),
    ("revocation", MemoryStore(), "revocation is SessionRevocation"),
    ("tokens_from", [], "tokens_from holds"),
    ("tokens_from", AuthorizationHeader(), "tokens_from is a list"),
    ("leeway", 10, "leeway is a timedelta"),
    ("leeway", timedelta(seconds=301), "at most 300"),
    ("leeway", timedelta(seconds=-1), "at least 0"),
    ("leeway", None, "leeway is a timedelta"),
    ("required_claims", "exp", "required_claims is a list"),
    ("required_claims", 5, "required_claims is a list"),
    ("max_token_bytes", 0, "max_token_bytes is a number"),
    ("max_token_bytes", "8192", "max_token_bytes is a number"),
    ("max_token_age", 60, "max_token_age is a timedelta"),
    ("cache_size", -1, "cache_size is a number"),
    ("cache_size", None, "cache_size is a number"),
    ("claims", {"roles": []}, "claims is a ClaimsMapping"),
    ("role_hierarchy", [], "role_hierarchy maps"),
    ("role_hierarchy", {"a": {"a"}}, "cycle"),
    ("role_permissions", "admin", "role_permissions maps"),
    ("rules", [Rule("/", public)], r"rules is Rules\("),
    ("csrf", False, r"csrf is CSRF\("),
    ("csrf", True, r"csrf is CSRF\("),
    ("explain_refusals", "yes", "explain_refusals is True or False"),
    ("realm", 'a"b', "realm is printable"),
    ("resource_metadata", "https://api.example", r"resource_metadata is ResourceMetadata\("),
    ("problem_body", None, "problem_body is a function"),
    ("on_event", "print", "on_event is a function"),
    ("clock", None, "clock is a function"),
    ("clock", 5, "clock is a function"),
]


@pytest.mark.parametrize(("setting", "value", "message"), WRONG)
def test_settings_that_are_none(setting: str, value: Any, message: str) -> None:
    """A wrong setting is a configuration error, when the guard is made, that names it."""
    with pytest.raises(ConfigurationError, match=message):
        guard(**{setting: value})


def test_async_on_event() -> None:
    """A coroutine function is no listener, because it would not be awaited."""

    async def listen(event: object) -> None:
        raise AssertionError

    with pytest.raises(ConfigurationError, match="on_event is a function that is not async"):
        guard(on_event=listen)


def test_all_problems_at_once() -> None:
    """One error reports one problem for each wrong setting."""
    wrong = {setting: value for setting, value, _ in WRONG}
    del wrong["issuers"]  # The other form, which does without three of these.
    with pytest.raises(ConfigurationError) as refused:
        Guard(**wrong)
    assert len(refused.value.problems) == len(wrong) == len(inspect.signature(Guard).parameters) - 1


@pytest.mark.parametrize("missing", ["issuer", "audience", "keys"])
def test_required_settings(missing: str) -> None:
    """Issuer, audience and keys are required; UNCHECKED must be written."""
    arguments: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "keys": KEY.verification_key}
    del arguments[missing]
    with pytest.raises(ConfigurationError, match=f"{missing} is required"):
        Guard(**arguments)


def test_guard_is_read_only() -> None:
    """Nothing of a guard changes once it is made."""
    made = guard()
    for name in ("issuer", "keys", "csrf", "rules", "_verifier", "new"):
        with pytest.raises(AttributeError, match="cannot assign to field"):
            setattr(made, name, None)
    with pytest.raises(AttributeError, match="cannot delete field"):
        delattr(made, "issuer")


def test_guard_shows_what_it_was_made_of() -> None:
    """An adapter, or a check, can read what stands in the guard; a repr names no secret."""
    made = guard(tokens_from=[TokenCookie("access")])
    assert (made.issuer, made.audience, made.tokens_from, made.rules, made.csrf, made.clock()) == (
        ISSUER,
        AUDIENCE,
        (TokenCookie("access"),),
        None,
        CSRF(),
        NOW,
    )
    expected = (
        "Guard(issuer='https://issuer.example', audience='https://api.example',"
        " keys=JWKSet([VerificationKey(algorithm='HS256', kid=None)]))"
    )
    assert repr(made) == expected


def test_two_guards_are_two() -> None:
    """Guards are compared by what they are, not by what they say."""
    assert guard() != guard()


MARKER = "a marker that must stay hidden!!!"
PEM_MARKER = f"-----BEGIN PRIVATE KEY-----\n{MARKER}\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    "make",
    [
        lambda: guard(csrf=MARKER),
        lambda: guard(csrf={"secret": MARKER}),
        lambda: guard(keys=MARKER),
        lambda: guard(keys={"secret": MARKER}),
        lambda: Guard.from_config([MARKER]),  # type: ignore[arg-type]
        lambda: Guard.from_config({"issuer": "i", "audience": "a", "csrf": MARKER, "keys": {"secret": MARKER}}),
        lambda: Guard.from_config(
            {"issuer": "i", "audience": "a", "keys": {"pem_file": PEM_MARKER, "algorithm": "ES256"}}
        ),
        lambda: Guard.from_config({"issuer": "i", "audience": "a", "keys": {"jwks_file": f'{{"k": "{MARKER}"}}'}}),
        lambda: Guard.from_env({"JWTGUARD_PEM_FILE": PEM_MARKER, "JWTGUARD_ALGORITHM": "ES256"}),
        lambda: check_guard({"keys": {"secret": MARKER}}, "FlaskGuard"),
    ],
)
def test_no_mistake_prints_a_secret(make: Callable[[], object]) -> None:
    """Errors of a configuration go to logs: what stands where a secret may stand is told by its type alone."""
    with pytest.raises(ConfigurationError) as refused:
        make()
    assert "marker" not in str(refused.value)
