"""Properties: no request raises anything but our own errors, and what is clever agrees with what is plain."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jwtguard import (
    CSRF,
    AmbiguousPathError,
    AuthorizationHeader,
    InsufficientScopeError,
    JWTGuardError,
    Principal,
    Requirement,
    Rule,
    Rules,
    TokenCookie,
    TokenHeader,
    TokenQuery,
    TokenSubprotocol,
    authenticated,
    has_permission,
    has_role,
    has_scope,
    optional_lenient,
    public,
)
from jwtguard.core.access.rights import Rights
from jwtguard.core.access.rules import is_ambiguous
from jwtguard.core.http.response import HTTPRequest
from jwtguard.core.http.token_sources import TokenSource
from tests.samples import asgi, guard, handshake, token, wsgi

# No deadline: on a busy machine a slow example says nothing.
examples = settings(deadline=None, max_examples=150)

GOOD = token(roles=["admin"])
GUARD = guard(
    tokens_from=[
        AuthorizationHeader(),
        TokenCookie("access"),
        TokenHeader("X-Token", from_proxy=False),
        TokenQuery(),
        TokenSubprotocol(),
    ],
    csrf=CSRF(trusted_origins=["https://app.example"], secret="x" * 32),
    rules=Rules([Rule("/", authenticated), Rule("/public/", public), Rule("/maybe/", optional_lenient)]),
)
NAMES = [
    "Authorization",
    "Cookie",
    "X-Token",
    "Origin",
    "Host",
    "Sec-Fetch-Site",
    "X-CSRF-Token",
    "Sec-WebSocket-Protocol",
]
# Whatever fits into a field (latin-1), and pieces that mean something in one.
pieces = st.sampled_from(
    [
        *["Bearer ", "bearer", "Basic ", ",", ", ", ";", "; ", "=", "access=", "access", "\t", " ", '"', "%", "&"],
        *["access_token=", "https://", "app.example", "api.example", ":443", "null", "same-origin", "none", "[::1]"],
        GOOD,
        "a.b.c",
    ]
)
texts = st.lists(pieces | st.text(st.characters(max_codepoint=255), max_size=8), max_size=8).map("".join)
fields = st.lists(st.tuples(st.sampled_from(NAMES), texts), max_size=6)
methods = st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "DELETE", "post", ""]) | st.text(max_size=4)
segments = st.sampled_from(["", "a", "b", "ab", ".", "..", "public", "maybe", "A", "\x00", "\\"])
paths = st.lists(segments, max_size=5).map(lambda parts: "/" + "/".join(parts)) | st.text(max_size=10)


def _passes(request: HTTPRequest) -> None:
    """Go the whole way with a request; anything but our own errors, and an answer for them, fails the test."""
    try:
        GUARD.enter(request).run().require()
    except JWTGuardError as error:
        answer = GUARD.answer(error, request)
        assert answer.status in {400, 401, 403}
        for name, value in answer.headers:
            assert (name + value).isascii()
            assert (name + value).isprintable()


@given(fields, methods, paths, texts)
@examples
def test_no_request_breaks_a_guard(sent: list[tuple[str, str]], method: str, path: str, query: str) -> None:
    """Every request from an ASGI or a WSGI server is admitted, or answered with 400, 401 or 403."""
    _passes(asgi(sent, method=method, path=path, query_string=query.encode("latin-1")))
    _passes(wsgi(sent, method=method, path=path.encode().decode("latin-1"), QUERY_STRING=query))
    _passes(handshake(sent, path=path))


def _read(source: TokenSource, request: HTTPRequest) -> tuple[str | None, str | None]:
    try:
        return source.read(request), None
    except JWTGuardError as error:
        return None, error.reason


@given(st.lists(texts, max_size=3))
@example(["Bearer a", "Basic b"])
@example(["Basic b", " Bearer a"])
@examples
def test_folding_changes_nothing(values: list[str]) -> None:
    """Fields that a WSGI server folded are read as those that an ASGI server left apart."""
    for name, source in (("Authorization", AuthorizationHeader()), ("Cookie", TokenCookie("access"))):
        sent = [(name, value) for value in values]
        assert _read(source, asgi(sent)) == _read(source, wsgi(sent))


def _plain_cookies(text: str) -> list[str]:
    pairs = [pair.partition("=") for pair in text.split(";")]
    return [value.strip(" \t") for name, sign, value in pairs if sign and name.strip(" \t") == "access"]


@given(texts.filter(lambda text: "," not in text))
@example("access=a; access=a")
@example("x=1;;access =a")
@examples
def test_cookies_as_a_plain_reader_reads_them(text: str) -> None:
    """Searching gives what splitting, trimming and comparing gives."""
    values = _plain_cookies(text)
    expected = (None, "repeated_cookie") if len(values) > 1 else (values[0] or None if values else None, None)
    assert _read(TokenCookie("access"), asgi([("Cookie", text)])) == expected


@given(texts.filter(lambda text: "%" not in text))
@example("access_token=a;access_token=b")
@examples
def test_queries_as_a_plain_reader_reads_them(text: str) -> None:
    """Searching gives what splitting and comparing gives."""
    pairs = [pair.partition("=") for pair in text.replace(";", "&").split("&")]
    values = [value for name, sign, value in pairs if sign and name == "access_token"]
    expected = (None, "repeated_query") if len(values) > 1 else (values[0] or None if values else None, None)
    assert _read(TokenQuery(), asgi(query_string=text.encode("latin-1"))) == expected


Model = frozenset[str]
leaves = st.sampled_from(
    [
        (make(name), f"{kind}:{name}")
        for kind, make in (("r", has_role), ("s", has_scope), ("p", has_permission))
        for name in "ab"
    ]
)


def _combine(pair: tuple[Any, Any, bool]) -> tuple[Requirement, Any]:
    (left, left_model), (right, right_model), both = pair
    return (left & right if both else left | right), (left_model, right_model, both)


requirements = st.recursive(leaves, lambda inner: st.tuples(inner, inner, st.booleans()).map(_combine), max_leaves=8)


def _true(model: Any, rights: Model) -> bool:
    if isinstance(model, str):
        return model in rights
    left, right, both = model
    values = _true(left, rights), _true(right, rights)
    return all(values) if both else any(values)


@given(requirements, st.frozensets(st.sampled_from([f"{kind}:{name}" for kind in "rsp" for name in "ab"])))
@examples
def test_requirements_are_boolean(made: tuple[Requirement, Any], rights: Model) -> None:
    """`&` and `|` over names are and and or over booleans; a refusal names what is missing."""
    requirement, model = made
    named = {kind: frozenset(right[2:] for right in rights if right[0] == kind) for kind in "rsp"}
    caller = Principal(subject="user-1", roles=named["r"], scopes=named["s"], permissions=named["p"])
    missing: tuple[str, ...] = ()
    try:
        requirement.check(caller, Rights(), now=0)
    except InsufficientScopeError as error:
        missing = error.missing
    assert bool(missing) is not _true(model, rights)


rule_paths = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=3).map(lambda parts: "/" + "/".join(parts))
rule_keys = st.tuples(
    st.tuples(rule_paths, st.booleans()).map(lambda made: made[0].rstrip("/") + "/" if made[1] else made[0]),
    st.sampled_from([None, "GET", "HEAD", "POST"]),
)


def _plain_match(keys: list[tuple[str, str | None]], method: str, path: str) -> int | None:
    """Look at every rule, and take the one that says most."""
    best, found = None, None
    bare = path.removesuffix("/")
    for number, (rule, rule_method) in enumerate(keys):
        is_prefix = rule.endswith("/")
        covered = (bare + "/").startswith(rule) if is_prefix else bare == rule
        methods_of = {"GET": {"GET", "HEAD"}}.get(rule_method or "", {rule_method})
        if covered and (rule_method is None or method in methods_of):
            rank = (not is_prefix, len(rule), rule_method is not None, rule_method == method)
            if best is None or rank > best:
                best, found = rank, number
    return found


@given(
    st.lists(rule_keys, unique=True, max_size=10),
    st.sampled_from(["GET", "HEAD", "POST", "PUT"]),
    st.tuples(rule_paths, st.booleans()).map(lambda made: made[0] + "/" * made[1]),
)
@examples
def test_rules_as_a_plain_matcher_matches(keys: list[tuple[str, str | None]], method: str, path: str) -> None:
    """The index finds the rule that looking at every rule finds."""
    rules = Rules(
        [
            Rule(rule, has_role(str(number)), methods=None if rule_method is None else [rule_method])
            for number, (rule, rule_method) in enumerate(keys)
        ]
    )
    if not is_ambiguous(path):
        found = _plain_match(keys, method, path)
        assert rules.requirement(method, path) == (authenticated if found is None else has_role(str(found)))


@given(paths, methods)
@examples
def test_ambiguous_paths_are_refused(path: str, method: str) -> None:
    """Exactly the ambiguous paths are refused."""
    rules = Rules([Rule("/", public)], default=public)
    if is_ambiguous(path):
        with pytest.raises(AmbiguousPathError):
            rules.requirement(method, path)
    else:
        assert rules.requirement(method, path) == public
