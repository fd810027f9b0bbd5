"""Which rule covers a request, and that finding it does not take longer with more rules."""

from __future__ import annotations

from typing import Any

import pytest

from jwtguard import (
    AmbiguousPathError,
    ConfigurationError,
    Requirement,
    Rule,
    Rules,
    authenticated,
    denied,
    has_role,
    optional,
    optional_lenient,
    public,
)
from jwtguard.core.access.rules import is_ambiguous
from tests.samples import calls_made

A, B, C = has_role("a"), has_role("b"), has_role("c")


@pytest.mark.parametrize(
    ("rule", "path", "covered"),
    [
        # Exact: itself, with or without a slash.
        ("/a", "/a", True),
        ("/a", "/a/", True),
        ("/a", "/a/b", False),
        ("/a", "/ab", False),
        ("/a", "/A", False),
        ("/a", "/", False),
        ("/a", "", False),
        ("/a/b", "/a/b", True),
        ("/a/b", "/a/b/", True),
        ("/a/b", "/a", False),
        # Prefix: all below, and the same path without the slash.
        ("/docs/", "/docs", True),
        ("/docs/", "/docs/", True),
        ("/docs/", "/docs/x", True),
        ("/docs/", "/docs/x/y/z", True),
        ("/docs/", "/docs-internal", False),
        ("/docs/", "/docs-internal/x", False),
        ("/docs/", "/docsx", False),
        ("/docs/", "/doc", False),
        ("/docs/", "/x/docs/", False),
        ("/docs/", "/Docs/x", False),
        ("/a/b/", "/a/b", True),
        ("/a/b/", "/a/bc/d", False),
        ("/a/b/", "/a", False),
        # The front page alone.
        ("", "/", True),
        ("", "", True),
        ("", "/a", False),
        # The root covers everything.
        ("/", "/", True),
        ("/", "", True),
        ("/", "/a", True),
        ("/", "/a/b/c", True),
        ("/", "/" + "x/" * 1000, True),
        # What looks like an escape or a pattern is taken literally.
        ("/a.b", "/axb", False),
        ("/a b", "/a b", True),
        ("/caf\xe9", "/caf\xe9", True),
    ],
)
def test_coverage(rule: str, path: str, covered: bool) -> None:
    """A rule covers the paths that its pattern states, and no others."""
    assert (Rules([Rule(rule, A)]).requirement("GET", path) == A) is covered


PRECEDENCE = Rules(
    [
        Rule("/", has_role("root")),
        Rule("/api/", has_role("api")),
        Rule("/api/users/", has_role("users")),
        Rule("/api/users/", has_role("users-write"), methods=["POST", "PUT"]),
        Rule("/api/users/me", has_role("me")),
        Rule("/api/users/me", has_role("me-delete"), methods=["DELETE"]),
        Rule("/api/only", has_role("only-get"), methods=["GET"]),
        Rule("/api/users", has_role("users-exact"), methods=["PATCH"]),
        Rule("/long/", has_role("long"), methods=["GET"]),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/x", "root"),
        ("GET", "/api", "api"),
        ("GET", "/api/x", "api"),
        ("GET", "/apix", "root"),
        ("GET", "/api/users", "users"),
        ("GET", "/api/users/7", "users"),
        ("GET", "/api/users/7/8/9", "users"),
        # With methods beats without.
        ("POST", "/api/users/7", "users-write"),
        ("PUT", "/api/users", "users-write"),
        ("DELETE", "/api/users/7", "users"),
        # Exact beats prefix, also where the prefix has methods.
        ("GET", "/api/users/me", "me"),
        ("POST", "/api/users/me", "me"),
        ("DELETE", "/api/users/me/", "me-delete"),
        ("PATCH", "/api/users", "users-exact"),
        ("PATCH", "/api/users/", "users-exact"),
        # A rule for other methods does not cover: the next one does.
        ("GET", "/api/only", "only-get"),
        ("POST", "/api/only", "api"),
        ("POST", "/long/x", "root"),
        # GET covers HEAD, and methods are compared without case.
        ("HEAD", "/api/only", "only-get"),
        ("get", "/api/only", "only-get"),
        ("Head", "/api/only", "only-get"),
        ("post", "/api/users/7", "users-write"),
        ("OPTIONS", "/api/only", "api"),
    ],
)
def test_precedence(method: str, path: str, role: str) -> None:
    """Exact beats prefix, longer beats shorter, with methods beats without."""
    assert PRECEDENCE.requirement(method, path) == has_role(role)


def test_order_does_not_matter() -> None:
    """Rules mean the same in any order."""
    backwards = Rules(reversed(PRECEDENCE.rules))
    for method in ("GET", "POST", "DELETE", "PATCH"):
        for path in ("/x", "/api", "/api/users", "/api/users/me", "/api/only", "/long/x"):
            assert backwards.requirement(method, path) == PRECEDENCE.requirement(method, path)


def test_head_of_its_own() -> None:
    """A rule that names HEAD goes before the one for GET, whichever comes first."""
    rules = [Rule("/a", A, methods=["GET"]), Rule("/a", B, methods=["HEAD"])]
    for ordered in (rules, rules[::-1]):
        assert Rules(ordered).requirement("HEAD", "/a") == B


def test_head_beside_all_methods() -> None:
    """GET covers HEAD before the rule without methods does."""
    rules = Rules([Rule("/a", A, methods=["GET"]), Rule("/a", B)])
    assert (rules.requirement("HEAD", "/a"), rules.requirement("POST", "/a")) == (A, B)


@pytest.mark.parametrize("default", [authenticated, public, optional, denied, has_role("a")], ids=repr)
def test_default(default: Requirement) -> None:
    """A path that no rule names needs the default requirement."""
    assert Rules([Rule("/x", B)], default=default).requirement("GET", "/y") == default


def test_default_is_authenticated() -> None:
    """Without rules and default, a token is needed."""
    assert Rules([]).requirement("GET", "/") == authenticated


CONTROL = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
AMBIGUOUS = [
    "//",
    "//a",
    "/a//b",
    "/a//",
    "/a///b",
    "/a/./b",
    "/a/.",
    "/./a",
    "/a/../b",
    "/a/..",
    "/..",
    "/../",
    "/a\\b",
    "/\\",
    "a",
    ".",
    "*",
    "http://a/b",
    "/a\ufffd",
    "/\udcff",
    *(f"/{character}a" for character in CONTROL),
    *(f"/a{character}a" for character in CONTROL),
    *(f"/a{character}" for character in CONTROL),
]
MODES = [public, optional, optional_lenient, authenticated, denied, has_role("a")]


@pytest.mark.parametrize("requirement", MODES, ids=repr)
def test_ambiguous_paths(requirement: Requirement) -> None:
    """A path with more than one reading is refused, whatever the rules say, also where there is none."""
    for rules in (
        Rules([Rule("/", requirement)]),
        Rules([], default=requirement),
        Rules([Rule("/a", requirement)], default=requirement),
    ):
        for path in AMBIGUOUS:
            assert rules.is_ambiguous(path), path
            with pytest.raises(AmbiguousPathError):
                rules.requirement("GET", path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/a",
        "/a/",
        "/a.b",
        "/.a",
        "/a/.b",
        "/...",
        "/a/...",
        "/a/b..",
        "/..a",
        "/a/.well-known/b",
        "/a%2e%2e/b",
        "/a;b=c/d",
        "/a:b@c!$&'()*+,=~",
        "/a b",
        "/\xe4 \xa0",
        "/a\u2028\u2029\u200b\u3000",
        "/\uff41\u0301\U0001f600",
    ],
)
def test_plain_paths(path: str) -> None:
    """Dots inside a segment, and any other character, are nothing special; an empty path is the front page."""
    assert not is_ambiguous(path)
    assert Rules([Rule("/", public)]).requirement("GET", path) == public


def test_characters_beside_the_refused_ones() -> None:
    """Exactly the listed characters make a path ambiguous."""
    refused = {code for code in range(0x110000) if is_ambiguous(f"/a{chr(code)}a")}
    assert refused == {*range(0x20), *range(0x7F, 0xA0), ord("\\"), 0xFFFD, *range(0xD800, 0xE000)}


LAX = Rules(
    [
        Rule("/static/", public),
        Rule("/static/private/", denied),
        Rule("/static/team/", has_role("a")),
        Rule("/static/team/lead/", has_role("b")),
        Rule("/open/", optional),
        Rule("/open/lenient/", optional_lenient),
        Rule("/open/lenient/secret", authenticated),
        Rule("/admin/", has_role("a")),
        Rule("/admin/x/y", public),
    ],
    default=authenticated,
    allow_double_slash=True,
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/static//x", public),
        ("/static//private/x", denied),
        ("/static/private//x", denied),
        ("/static///private/x", denied),
        ("//static/private/x", denied),
        ("/static//team/x", has_role("a")),
        ("/static/team//lead/x", has_role("a") & has_role("b")),
        ("/static/team/lead//x", has_role("b")),
        # The rule for the path as it is, the default, asks for a token.
        ("//static/x", authenticated),
        ("//open/x", authenticated),
        ("/open//x", optional),
        ("/open//lenient/x", optional),
        ("/open/lenient//x", optional_lenient),
        ("/open/lenient//secret", authenticated),
        ("//admin/x", has_role("a")),
        ("//elsewhere", authenticated),
        # As Werkzeug reads it, /admin/x//y, where the rule of the prefix holds.
        ("//admin/x//y", has_role("a")),
        ("/admin/x//y", has_role("a")),
        ("/static//", public),
        ("/static/private//", denied),
        ("//", authenticated),
    ],
)
def test_double_slashes_that_are_allowed(path: str, expected: Requirement) -> None:
    """Every reading of the slashes must pass: the strictest mode, and the tests of all."""
    assert LAX.requirement("GET", path) == expected


def test_double_slashes_do_not_allow_the_rest() -> None:
    """Two slashes allow nothing else that is ambiguous, and change nothing for a plain path."""
    for path in AMBIGUOUS:
        is_plain_otherwise = set(path) <= {"/", "a", "b"} and path.startswith("/")
        assert LAX.is_ambiguous(path) != is_plain_otherwise, path
    for path in ("/a//../b", "/a//.", "//\\", "/a//\n", "///..", "a//b", "/a/.//b"):
        with pytest.raises(AmbiguousPathError):
            LAX.requirement("GET", path)
    assert LAX.requirement("GET", "/static/private/x") == denied
    assert LAX.requirement("GET", "/static/x") == public


@pytest.mark.parametrize("found", [None, 1, "yes"])
def test_allow_double_slash_is_a_bool(found: Any) -> None:
    """Anything else is a slip."""
    with pytest.raises(ConfigurationError, match="allow_double_slash is True or False"):
        Rules([], allow_double_slash=found)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([Rule("/a", A), Rule("/a", B)], "two rules name '/a' for all methods"),
        ([Rule("/a/", A), Rule("/a/", A)], "two rules name '/a/' for all methods"),
        ([Rule("/a", A, methods=["GET"]), Rule("/a", B, methods=["get"])], "two rules name '/a' for GET"),
        ([Rule("/a", A, methods=["GET", "POST"]), Rule("/a", B, methods=["PUT", "POST"])], "for POST"),
        (["/a"], "Rules holds a list of Rule"),
        ([("/a", A)], "Rules holds a list of Rule"),
        (Rule("/a", A), "Rules holds a list of Rule"),
        ("/a", "Rules holds a list of Rule"),
        (None, "Rules holds a list of Rule"),
    ],
)
def test_rules_that_are_none(rules: Any, message: str) -> None:
    """Two equal rules, and what is no list of rules, are configuration errors."""
    with pytest.raises(ConfigurationError, match=message):
        Rules(rules)


def test_all_problems_of_rules_at_once() -> None:
    """Everything wrong with a set of rules is said in one error."""
    with pytest.raises(ConfigurationError) as refused:
        Rules([Rule("/a", A), Rule("/a", B), "/b"], default="public")  # type: ignore[arg-type, list-item]
    assert len(refused.value.problems) == 3


@pytest.mark.parametrize(
    ("rules"),
    [
        [Rule("/a", A), Rule("/a/", B)],
        [Rule("/a", A), Rule("/a", B, methods=["GET"])],
        [Rule("/a", A, methods=["GET"]), Rule("/a", B, methods=["HEAD"])],
        [Rule("/a", A), Rule("/b", A)],
    ],
)
def test_rules_that_are_different(rules: list[Rule]) -> None:
    """Rules of which one has precedence are not equal."""
    assert Rules(rules).rules == tuple(rules)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a", A), "starts with a slash"),
        ((None, A), "starts with a slash"),
        ((b"/a", A), "starts with a slash"),
        (("//", A), "is plain"),
        (("/a//b", A), "is plain"),
        (("/a/../b", A), "is plain"),
        (("/a/*", A), "a path that ends in '/' covers all below it"),
        (("/a?b", A), "is plain"),
        (("/a#b", A), "is plain"),
        (("/a\\b", A), "is plain"),
        (("/a\n", A), "is plain"),
        (("/caf%C3%A9", A), "not percent-encoded: write '/caf\xe9'"),
        (("/a%2fb", A), "not percent-encoded: write '/a/b'"),
        (("/a", "admin"), r"has_role\('admin'\)"),
        (("/a", None), "a requirement is"),
    ],
)
def test_rule_that_is_none(arguments: tuple[Any, Any], message: str) -> None:
    """A path that could not be matched, and what is no requirement, are configuration errors."""
    with pytest.raises(ConfigurationError, match=message):
        Rule(*arguments)


@pytest.mark.parametrize("methods", [[], "GET", ["GET", "get"], ["GET POST"], [""], [None], ["GET", 5], 5, b"GET"])
def test_methods_that_are_none(methods: Any) -> None:
    """Methods are a list of different names."""
    with pytest.raises(ConfigurationError, match=r"write methods=\['GET'\]"):
        Rule("/a", A, methods=methods)


def test_all_problems_of_a_rule_at_once() -> None:
    """Path, requirement and methods are all looked at."""
    with pytest.raises(ConfigurationError) as refused:
        Rule("a", "admin", methods="GET")  # type: ignore[arg-type]
    assert len(refused.value.problems) == 3


def test_rules_are_read_only() -> None:
    """Rules cannot be changed after the guard was made."""
    with pytest.raises(AttributeError):
        PRECEDENCE.default = public  # type: ignore[misc]


def test_repr() -> None:
    """Rules read as they were written."""
    expected = "Rules([Rule(path='/a', requirement=has_role('a'), methods=None)], default=authenticated)"
    assert repr(Rules([Rule("/a", A)])) == expected
    assert repr(Rules([], allow_double_slash=True)) == "Rules([], default=authenticated, allow_double_slash=True)"


def _many(count: int) -> Rules:
    names = [f"/api/{number:03}/" for number in range(count)]
    return Rules([*(Rule(name + "x", A) for name in names), *(Rule(name, B) for name in names)])


@pytest.mark.parametrize("path", ["/", "/api/007/x", "/api/007/y/z", "/nothing/at/all"])
def test_matching_does_not_look_at_every_rule(path: str) -> None:
    """The look-ups depend on the path, not on the number of rules."""
    few, many = _many(10), _many(1000)
    assert calls_made(lambda: many.requirement("GET", path)) == calls_made(lambda: few.requirement("GET", path))


def test_matching_does_not_walk_a_long_path() -> None:
    """A path of thousands of segments costs no more than the longest rule."""
    rules = _many(10)
    short, long = "/other/at", "/other/at" + "/x" * 10_000
    assert calls_made(lambda: rules.requirement("GET", long)) <= calls_made(lambda: rules.requirement("GET", short)) + 5


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/admin/x", "/admin/"),
        ("get", "/admin/help/", "/admin/help"),
        ("POST", "/admin/help", "/admin/"),
        ("GET", "/elsewhere", None),
    ],
)
def test_the_rule_itself(method: str, path: str, expected: str | None) -> None:
    """Tools may ask which rule covers a request; where the default does, it is none."""
    rules = Rules([Rule("/admin/", has_role("admin")), Rule("/admin/help", public, methods=["GET"])], default=public)
    found = rules.rule(method, path)
    assert (None if found is None else found.path) == expected
