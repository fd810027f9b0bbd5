"""Which rule covers a request, and that finding it does not take longer with more rules."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from jwtguard import (
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
from jwtguard.core.rules import _AMBIGUOUS, is_ambiguous
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
        ("/a%2Fb", "/a/b", False),
        ("/a b", "/a b", True),
        ("/caf\xe9", "/caf\xe9", True),
    ],
)
def test_coverage(rule: str, path: str, covered: bool) -> None:
    """What a rule covers, and what it does not."""
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
    """What no rule names needs the default."""
    assert Rules([Rule("/x", B)], default=default).requirement("GET", "/y") == default


def test_default_is_authenticated() -> None:
    """Without rules and default, a token is needed."""
    assert Rules([]).requirement("GET", "/") == authenticated


AMBIGUOUS = [
    "//",
    "//a",
    "/a//b",
    "/a//",
    "/a/./b",
    "/a/.",
    "/./a",
    "/a/../b",
    "/a/..",
    "/..",
    "/a\\b",
    "/a\x00",
    "/a\n",
    "/a\x1f",
    "/a\x7f",
    "/a\x85",
    "a",
    "*",
    "http://a/b",
]


@pytest.mark.parametrize(
    "default", [authenticated, denied, has_role("a"), public, optional, optional_lenient], ids=repr
)
def test_the_same_everywhere(default: Requirement) -> None:
    """Without a rule no path need be looked at, unless an ambiguous one needs more than the default."""
    rules = Rules([], default=default)
    needed = {rules.requirement("GET", path) for path in ("/", "/y", *AMBIGUOUS)}
    assert needed == ({default} if rules.everywhere is not None else {default, authenticated})
    assert rules.everywhere in {default, None}
    assert Rules([Rule("/x", public)], default=default).everywhere is None


@pytest.mark.parametrize("path", AMBIGUOUS)
@pytest.mark.parametrize("open_to_all", [public, optional, optional_lenient], ids=repr)
def test_ambiguous_paths(path: str, open_to_all: Requirement) -> None:
    """Where nobody can say which route it is in the end, nothing that admits anybody applies."""
    assert is_ambiguous(path)
    assert Rules([Rule("/", open_to_all)]).requirement("GET", path) == authenticated
    assert Rules([], default=open_to_all).requirement("GET", path) == authenticated


@pytest.mark.parametrize("path", AMBIGUOUS)
@pytest.mark.parametrize("closed", [denied, authenticated, has_role("a")], ids=repr)
def test_ambiguous_paths_of_closed_rules(path: str, closed: Requirement) -> None:
    """A rule that asks for something goes on asking for it."""
    assert Rules([Rule("/", closed)]).requirement("GET", path) == closed
    assert Rules([], default=closed).requirement("GET", path) == closed


@pytest.mark.parametrize(
    "path",
    ["", "/", "/a", "/a/", "/a.b", "/.a", "/a/.b", "/...", "/a/...", "/a/b..", "/..a", "/a%2e%2e/b", "/\xe4 \xa0"],
)
def test_plain_paths(path: str) -> None:
    """Dots inside a segment, and any other character, are nothing special."""
    assert not is_ambiguous(path)
    assert Rules([Rule("/", public)]).requirement("GET", path) == public


@pytest.mark.parametrize("path", ["//admin", "///admin", "//admin/x", "admin/x", "admin"])
def test_leading_slashes(path: str) -> None:
    """Werkzeug's router takes leading slashes for one, so a closed rule must cover them."""
    assert Rules([Rule("/admin/", A), Rule("/", public)]).requirement("GET", path) == A
    assert Rules([Rule("/admin", A)], default=public).requirement("GET", "//admin") == A


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
    """Nobody opens a door after the guard was made."""
    with pytest.raises(AttributeError):
        PRECEDENCE.default = public


def test_repr() -> None:
    """Rules read as they were written."""
    expected = "Rules([Rule(path='/a', requirement=has_role('a'), methods=None)], default=authenticated)"
    assert repr(Rules([Rule("/a", A)])) == expected


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


def test_what_is_seen_at_a_glance_is_never_ambiguous() -> None:
    """The quick look takes no path that the close one would refuse: all paths of up to six of these characters."""
    close_look = _AMBIGUOUS.search
    for length in range(7):
        for characters in itertools.product("/a.\\\n", repeat=length):
            path = "".join(characters)
            assert is_ambiguous(path) == (close_look(path) is not None), repr(path)
