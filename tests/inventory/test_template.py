"""Path templates: which paths they stand for, as far as rules distinguish them."""

from __future__ import annotations

import pytest

from jwtguard.inventory.template import Parameter, PathTemplate

SEGMENT, NUMBER, REST = Parameter("{s}", "[^/]+"), Parameter("{n}", "[0-9]+"), Parameter("{rest}", ".*")

BELOW = [
    # template, prefix, a path of it that begins with the prefix
    (["/users/", SEGMENT], "/", "/users/~"),
    (["/users/", SEGMENT], "/users/", "/users/~"),
    (["/users/", SEGMENT], "/users/me/", None),
    (["/users/", SEGMENT, "/posts"], "/users/me/", "/users/me/posts"),
    (["/users/", NUMBER, "/posts"], "/users/me/", None),
    (["/users/", NUMBER, "/posts"], "/users/7/", "/users/7/posts"),
    (["/", SEGMENT, "/edit"], "/admin/", "/admin/edit"),
    (["/", SEGMENT, "/", SEGMENT], "/admin/", "/admin/~"),
    (["/files/", REST], "/files/secret/", "/files/secret/~"),
    (["/files/", REST, "/raw"], "/files/secret/", "/files/secret/~/raw"),
    (["/docs"], "/docs/", None),
    (["/docs-internal"], "/docs/", None),
    (["/other"], "/users/", None),
    ([SEGMENT], "/users/", None),
    (["/", NUMBER, "x"], "/7y/", None),
    (["/", Parameter("{p}", "[a-z]+/"), "end"], "/ab/", "/ab/end"),
    (["/", REST, "x", REST], "/ax/b/", "/ax/b/~x~"),
    ([Parameter("{pair}", "[a-z]/[a-z]"), "/end"], "a/b/", "a/b/end"),
]


@pytest.mark.parametrize(("parts", "prefix", "path"), BELOW)
def test_a_path_below_a_prefix(parts: list[str | Parameter], prefix: str, path: str | None) -> None:
    """A path of the template that begins with the prefix, or none if there is none."""
    assert PathTemplate(parts).below(prefix, filler="~") == path


def test_a_prefix_of_nothing() -> None:
    """What is at its end begins with nothing more."""
    assert PathTemplate([]).below("/", filler="~") is None
    assert PathTemplate([]).below("", filler="~") == ""


def test_plain_and_joined() -> None:
    """A template without parameters stands for one path; two of them in a row are one."""
    assert PathTemplate(["/a", "", "/b"]).is_plain
    joined = PathTemplate(["/a"]) + PathTemplate(["/", SEGMENT])
    assert (joined.text, joined.is_plain, joined.filled("x")) == ("/a/{s}", False, "/a/x")
    assert (joined.equals("/a/x"), joined.equals("/a/x/y"), joined.equals("/a/\n")) == (True, False, True)
