"""Times, faults of parts, and what is shown of a token."""

from __future__ import annotations

import pytest

from jwtguard import Guard
from jwtguard.core.tokens.encoding import encode_segment
from jwtguard.core.tokens.jwk_set import JWKSet
from jwtguard.explanation import explain
from jwtguard.explanation.faults import json_fault, named, part_fault
from jwtguard.explanation.moments import distance, moment, span
from jwtguard.explanation.token_context import MAX_SHOWN, TokenContext
from tests.core.keys import signing_key
from tests.core.token_samples import NOW, compact
from tests.explanation.worlds import GOOD, guard, kind, of


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (1, "1 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "61 s"),
        (120, "2 min"),
        (3600, "1 h"),
        (-7201, "2 h"),
        (86400, "1 day"),
        (200000, "2 days"),
    ],
)
def test_span(seconds: float, words: str) -> None:
    """In the largest unit that fits twice."""
    assert span(seconds) == words


@pytest.mark.parametrize(("then", "words"), [(0, "now"), (0.5, "now"), (240, "in 4 min"), (-240, "4 min ago")])
def test_distance(then: float, words: str) -> None:
    """Ahead or ago."""
    assert distance(NOW + then, NOW) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (NOW, "2023-11-14 22:13:20 UTC (now)"),
        (0, "1970-01-01 00:00:00 UTC (19675 days ago)"),
        (253402300799, "9999-12-31 23:59:59 UTC (in 2913221 days)"),
        (NOW * 1000, "1700000000000 (no date: milliseconds?)"),
        (10**30, f"{10**30} (no date)"),
        (-1, "-1 (no date)"),
        ("soon", '"soon" (no number)'),
        (True, "true (no number)"),
        (None, "null (no number)"),
    ],
)
def test_moment(value: object, words: str) -> None:
    """A date, or why it is none."""
    assert moment(value, now=NOW) == words


@pytest.mark.parametrize(
    ("segment", "words"),
    [
        ("e30", None),
        ("e30=", "padding"),
        ("e3+0", "base64 and not base64url"),
        ("e3 0", "white space"),
        ("e3é0", "U+00E9 (é)"),
        ("e3\x000", "U+0000,"),
        ("e3000", "it was cut"),
        ("e31", "it was altered"),
    ],
)
def test_part_fault(segment: str, words: str | None) -> None:
    """Each way in which a part is no base64url has its words."""
    fault = part_fault(segment)

    assert fault is None if words is None else words in (fault or "")


def test_a_space_is_named_by_its_number_alone() -> None:
    """Invisible text is not shown."""
    assert named("\u00a0") == "U+00A0"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{}", None),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a": "\xff"}', "byte 7 cannot be read"),
        (b'{"a": 1, "a": 2}', "'a' twice"),
        (b'{"a": NaN}', "NaN, which is no JSON"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"1" * 41 + b"}", "41 characters"),
        (b"no json", "at character 0, expecting value"),
        (b"[1]", "no object: list"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"a":' + b"[" * 70 + b"]" * 70 + b"}", "64 levels"),
    ],
)
def test_json_fault(data: bytes, words: str | None) -> None:
    """Each way in which a part is no strict JSON object has its words."""
    fault = json_fault(data)

    assert fault is None if words is None else words in (fault or "")


def test_long_values_are_cut() -> None:
    """A claim of a page is shown by its beginning."""
    assert len(TokenContext.of(guard(), of(sub="x" * 1000)).shown("sub")) < MAX_SHOWN + 10


def test_many_keys_are_counted() -> None:
    """Of a large set the first few are named."""
    keys = JWKSet(signing_key("ES256", str(number)).verification_key for number in range(10))
    step = explain(guard(keys=keys), compact({"alg": "ES256", "kid": "x"})).run().steps[4]

    assert '"7", ES256; 2 more' in step.expected


@pytest.mark.parametrize(
    ("asked", "text", "expected"),
    [
        (kind(values={"use": ["a", "b"]}), GOOD, 'use is "a" or "b"'),
        (kind(not_values={"use": ["a", "b"]}), of(use="a"), 'use is none of "a" and "b"'),
        (kind(client_claims=["azp"], clients=["a", "b"]), of(azp="c"), 'a client in azp: "a" or "b"'),
        (kind(client_claims=["azp", "cid"]), GOOD, "a client in azp or cid"),
    ],
)
def test_a_kind_is_told(asked: Guard, text: str, expected: str) -> None:
    """What an access token must show stands there as it was written."""
    failed = explain(asked, text).run().failed

    assert failed is not None
    assert failed.expected == expected


def test_alone_a_token_is_read_without_a_guard() -> None:
    """For a tool that has no guard yet."""
    context = TokenContext.alone(GOOD, now=NOW)

    assert (context.member("alg"), context.claim("sub"), context.key) == ("HS256", "user-1", None)
    assert TokenContext.alone("garbage", now=NOW).header is None
    assert TokenContext.alone(f"{encode_segment(b'1')}.a.b", now=NOW).member("alg") is None
