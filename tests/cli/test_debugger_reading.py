"""A token taken apart for showing, whatever is in it."""

from __future__ import annotations

import json

import pytest

from jwtguard.cli.debugger.editing import Draft, UnreadableError
from jwtguard.cli.debugger.reading import MAX_MEMBERS, MAX_SHOWN, MAX_VALUE, read_part, read_token, visible
from jwtguard.cli.vocabulary import (
    CLAIMS,
    HEADER,
    meaning_of_algorithm,
    meaning_of_claim,
    meaning_of_header,
)
from jwtguard.core.tokens.algorithms import ALGORITHMS
from jwtguard.core.tokens.encoding import encode_segment
from jwtguard.explanation.moments import DATES
from tests.core.keys import hs256
from tests.samples import NOW, token


def segment(text: str | bytes) -> str:
    """A part of a token that holds this."""
    return encode_segment(text.encode() if isinstance(text, str) else text)


def test_a_token_in_words() -> None:
    """Each part as text, each member with its meaning, each date as one."""
    reading = read_token(token(roles=["admin"]))

    assert json.loads(reading.header.text) == {"typ": "at+jwt", "alg": "HS256"}
    assert reading.algorithm == "HS256"
    algorithm = next(member for member in reading.header.members if member.name == "alg")
    assert algorithm.words == "HMAC with SHA-256: one shared secret. Who can check can also sign."
    shown = {member.name: member for member in reading.payload.members}
    assert (shown["sub"].value, shown["sub"].title, shown["sub"].time) == ("user-1", "Subject", None)
    assert (shown["iat"].value, shown["iat"].time) == (str(NOW), NOW)
    assert shown["roles"].value == '["admin"]'
    assert (reading.signature.size, reading.signature.problem) == (32, None)
    assert reading.signature.words == algorithm.words


@pytest.mark.parametrize("text", ["", ".", "..", "a", "....", "é.é.é", "\ud800", " ", "a.b.c.d.e", "\x00" * 10])
def test_whatever_comes_is_read(text: str) -> None:
    """Nothing that is no token makes reading it fail."""
    reading = read_token(text)

    assert reading.algorithm is None
    assert (reading.header.members, reading.payload.members) == ((), ())


@pytest.mark.parametrize(
    ("part", "problem", "text"),
    [
        ("", None, ""),
        ("e30", None, "{}"),
        ("e31", "no part ends like this", "{}"),  # A loose bit: another spelling of the same.
        ("e30=", "ends in padding", "{}"),
        ("e!0", "U+0021 (!)", "{"),
        ("a", "it was cut", ""),
        (segment("[]"), "no object", "[]"),
        (segment("hello"), "not JSON", "hello"),
        (segment('{"a": 1, "a": 2}'), "twice", '{"a": 1, "a": 2}'),
        (segment('{"exp": NaN}'), "NaN", '{"exp": NaN}'),
        (segment(b'{"a": "\xff"}'), "not UTF-8", '{"a": "\ufffd"}'),
        (segment(b"\xef\xbb\xbf{}"), "byte order mark", "\\ufeff{}"),
        (segment('{"a":' * 65 + "1" + "}" * 65), "64 levels", '{"a":' * 65 + "1" + "}" * 65),
        ("A" * (MAX_SHOWN + 1), "too long to be shown", ""),
    ],
)
def test_parts_that_cannot_be_read(part: str, problem: str | None, text: str) -> None:
    """What a guard would not read is shown as far as it goes, with the reason."""
    found = read_part(part, meaning_of_claim)

    assert found.text == text
    assert found.members == ()
    assert (found.problem is None) if problem is None else (problem in str(found.problem))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("admin\u202enimda", "admin\\u202enimda"),
        ("a\u200bb\u00adc", "a\\u200bb\\u00adc"),
        ("a\x1b[31m", "a\\u001b[31m"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("tag \U000e0041", "tag \\udb40\\udc41"),
        ("\ue000", "\\ue000"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("grüße 你好 שלום", "grüße 你好 שלום"),
        ("line\nline", "line\nline"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_cannot_be_seen_is_written_out(raw: str, shown: str) -> None:
    """Invisible characters and those that turn the direction around are escapes; all other letters are themselves."""
    assert visible(raw) == shown


def test_escapes_mean_the_same() -> None:
    """The text in the editor is the JSON that the token holds, so signing it again changes nothing."""
    claims = {"sub": "admin\u202e\u200b\U000e0041 é", "n": [1, 2.5, None, True, {"x": ""}]}
    part = read_part(segment(json.dumps(claims, ensure_ascii=False)), meaning_of_claim)

    assert json.loads(part.text) == claims
    assert "\u202e" not in part.text
    assert part.members[0].value == "admin\\u202e\\u200b\\udb40\\udc41 é"


def test_much_is_cut() -> None:
    """A thousand members, or one with a thousand words, are not all explained."""
    many = read_part(segment(json.dumps({f"c{number}": 1 for number in range(1000)})), meaning_of_claim)
    long = read_part(segment(json.dumps({"c": "x" * 5000})), meaning_of_claim)

    assert len(many.members) == MAX_MEMBERS
    assert len(long.members[0].value) == MAX_VALUE + 1


@pytest.mark.parametrize(
    ("value", "time"),
    [(0, 0), (NOW, NOW), (NOW + 0.5, NOW + 0.5), (-1, None), (10**30, None), (True, None), ("1", None), ([1], None)],
)
def test_dates(value: object, time: float | None) -> None:
    """A date is a number of seconds that a calendar has a day for."""
    part = read_part(segment(json.dumps({"exp": value})), meaning_of_claim)

    assert part.members[0].time == time


@pytest.mark.parametrize(
    ("part", "size", "problem"),
    [
        ("AAAA", 3, None),
        ("A", 0, "it was cut"),
        ("é", 0, "no character of base64url"),
        ("A" * (MAX_SHOWN + 1), 0, "too long"),
    ],
)
def test_signatures(part: str, size: int, problem: str | None) -> None:
    """How long a signature is, or why that cannot be said."""
    found = read_token(f"e30.e30.{part}").signature

    assert found.size == size
    assert (found.problem is None) if problem is None else (problem in str(found.problem))


def test_every_meaning_is_a_sentence() -> None:
    """The vocabulary is written for people."""
    for meaning in [*HEADER.values(), *CLAIMS.values()]:
        assert meaning.title[0].isupper()
        assert meaning.sentence.endswith(".")
    assert set(CLAIMS) >= set(DATES)


def test_unregistered_names() -> None:
    """A URL is a name of one's own; any other is unknown."""
    assert meaning_of_claim("https://acme.example/roles").title == "A claim of your own"
    assert meaning_of_claim("acme").title == meaning_of_header("acme").title == "Unregistered"


def test_every_algorithm_has_words() -> None:
    """Accepted, refused and unknown algorithms."""
    words = {name: meaning_of_algorithm(name) for name in ALGORITHMS}

    assert {name for name, said in words.items() if "does not take" in said} == set()
    assert {name for name, said in words.items() if "Who can check can also sign" in said} == {
        "HS256",
        "HS384",
        "HS512",
    }
    assert "Always refused" in meaning_of_algorithm("nOnE")
    assert "does not take" in meaning_of_algorithm("XX256") + meaning_of_algorithm("HS1")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": 1,}', "Line 1, column"),
        ('{\n  "a": x\n}', "Line 2, column 8"),
        ("", "Line 1, column 1"),
        ("[]", "no object: list"),
        ('"text"', "no object: str"),
        ('{"a": 1, "a": 2}', "the member 'a' twice"),
        ('{"a": NaN}', "NaN"),
        ('{"a": "\\ud800"}', "surrogate"),
        ('{"a": "\ud800"}', "not UTF-8"),
        ('{"a":' * 100 + "1" + "}" * 100, "64 levels"),
        ('{"a":' * 100_000, "64 levels"),
        ('{"a": ' + "1" * 5000 + "}", "number of 5000 characters"),
    ],
)
@pytest.mark.parametrize("part", ["header", "payload"])
def test_drafts_that_cannot_be_read(part: str, text: str, problem: str) -> None:
    """Who edits hears where it goes wrong."""
    texts = {"header": "{}", "payload": "{}", part: text}

    with pytest.raises(UnreadableError) as caught:
        Draft.read(texts["header"], texts["payload"])
    assert caught.value.part == part
    assert problem in caught.value.problem


def test_drafts() -> None:
    """A draft becomes a token, signed or with a foreign signature; `alg` and `kid` are the key's."""
    draft = Draft.read(' {"alg": "none", "kid": "x", "typ": "JWT"} ', '{"sub": "é", "nbf": 1}')

    assert draft.algorithm == "none"
    signed = read_token(draft.signed(hs256(kid="2026")))
    assert signed.header.value == {"alg": "HS256", "kid": "2026", "typ": "JWT"}
    assert signed.payload.value == {"sub": "é", "nbf": 1}
    kept = draft.with_signature("c2ln")
    assert kept.endswith(".c2ln")
    assert read_token(kept).header.value == {"alg": "none", "kid": "x", "typ": "JWT"}
    assert Draft.read('{"alg": 1}', "{}").algorithm is None
    assert draft.lasting(300, now=NOW + 0.9).payload == {"sub": "é", "iat": NOW, "exp": NOW + 300}
