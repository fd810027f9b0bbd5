"""Bodies are read strictly, and nothing of them is repeated in an error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jwtguard import HTTPRequest, JWTGuardError
from jwtguard.endpoints.bodies import FORM, JSON, boolean_parameter, media_type, read_parameters, required_parameter


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["application/json"], JSON),
        (["Application/JSON ; charset=utf-8"], JSON),
        ([], ""),
        (["application/json", "text/plain"], ""),
        (["application/json, text/plain"], "application/json, text/plain"),
    ],
)
def test_media_type(fields: list[str], expected: str) -> None:
    """The type alone; two fields are none."""
    assert media_type(HTTPRequest(method="POST", path="/", values=lambda name: fields)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (False, False),
        ("on", True),
        ("TRUE", True),
        ("1", True),
        ("0", False),
        ("", False),
        ("off", False),
    ],
)
def test_booleans(value: object, expected: bool) -> None:
    """JSON has its own; forms have words."""
    assert boolean_parameter({"remember": value}, "remember", default=not expected) is expected


@pytest.mark.parametrize("value", [1, None, "maybe", []])
def test_no_booleans(value: object) -> None:
    """Anything else is refused, not guessed at."""
    with pytest.raises(JWTGuardError, match="remember must be true or false"):
        boolean_parameter({"remember": value}, "remember", default=True)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"password": "secret-1', JSON),
        (b'{"password": "secret-1", "password": "secret-1"}', JSON),
        (b"password=secret-1&password=secret-1", FORM),
        (b"password=secret-1%ff", FORM),
        (b"password=secret-1", "text/plain"),
        (b"a=1&" * 101 + b"password=secret-1", FORM),
    ],
)
def test_nothing_is_repeated(body: bytes, kind: str) -> None:
    """No part of the body stands in an error or in its chain."""
    with pytest.raises(JWTGuardError) as refused:
        read_parameters(body, kind, limit=1000)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None
    assert "secret-1" not in f"{refused.value!r} {refused.value.detail}"


def test_parameters_are_text() -> None:
    """A password that looks like a number in a form is text; in JSON it must be written as text."""
    assert required_parameter(read_parameters(b"password=1", FORM, limit=100), "password") == "1"
    wrong: Any = read_parameters(b'{"password": ["1"]}', JSON, limit=100)
    with pytest.raises(JWTGuardError, match="password must be a string"):
        required_parameter(wrong, "password")


@pytest.mark.parametrize("text", ["\ud800", "\x00", "a\udfffb", "\ufeff", "\u2028", "\U0001f98a"], ids=ascii)
def test_any_text_in_json(text: str) -> None:
    """Every text that JSON can spell is passed on unchanged."""
    body = json.dumps({"username": text}).encode()
    assert read_parameters(body, JSON, limit=100) == {"username": text}


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"1",
        b"null",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "b": 2}}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": 1} x',
        b'{"a": ' + b"[" * 50_000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: ascii(body[:20]),
)
def test_what_is_no_json_object(body: bytes) -> None:
    """Strict UTF-8 without BOM, no duplicate members at any depth, no NaN."""
    with pytest.raises(JWTGuardError, match="not a JSON object") as refused:
        read_parameters(body, JSON, limit=100_000)
    assert refused.value.__context__ is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"username": "ada", "password": "a&b=c"}',
        b' \n{"username": "ada"}',
        b'{"username": "ada"',
        b"%7B%22username%22%3A+%22ada%22%7D=",
        b"%7B%22username%22%3A+%22ada%22%7D",
        b"{}",
    ],
)
def test_json_that_says_it_is_a_form(body: bytes) -> None:
    """As `curl -d` sends it: the answer says which Content-Type to send."""
    with pytest.raises(JWTGuardError, match="send Content-Type: application/json") as refused:
        read_parameters(body, FORM, limit=1000)
    assert (refused.value.status, refused.value.reason) == (400, "json_as_form")
    assert "ada" not in str(refused.value)


PARTS = "multipart/form-data; boundary=x"


def part(name: bytes, value: bytes, *more: bytes) -> bytes:
    """One field of a form in parts."""
    head = b"\r\n".join((b"--x", b'Content-Disposition: form-data; name="' + name + b'"', *more))
    return head + b"\r\n\r\n" + value + b"\r\n"


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (PARTS, part(b"a", b"1") + part(b"b", b"2") + b"--x--\r\n", {"a": "1", "b": "2"}),
        (PARTS, b"preamble\r\n" + part(b"a", b"1") + b"--x--\r\nepilogue", {"a": "1"}),
        ('Multipart/Form-Data; charset=utf-8; boundary="x"', part(b"a", b"1") + b"--x--", {"a": "1"}),
        (PARTS, part(b"a", "Zoë 🦊".encode()) + b"--x--\r\n", {"a": "Zoë 🦊"}),
        (PARTS, part(b"a", b"1\r\n2\n3\r4\x0b5") + b"--x--\r\n", {"a": "1\r\n2\n3\r4\x0b5"}),
        (PARTS, part(b"a", b"") + b"--x--\r\n", {"a": ""}),
        (PARTS, part(b"a", b"\x00") + b"--x--\r\n", {"a": "\x00"}),
        (PARTS, part(b"a", b"1", b"Content-Type: text/plain; charset=utf-8") + b"--x--\r\n", {"a": "1"}),
        (PARTS, part(b"a", b"1=3D", b"Content-Transfer-Encoding: 8bit") + b"--x--\r\n", {"a": "1=3D"}),
    ],
    ids=range(9),
)
def test_a_form_in_parts(kind: str, body: bytes, expected: dict[str, str]) -> None:
    """Every field is the text that was sent, byte for byte in UTF-8."""
    assert read_parameters(body, kind, limit=1000) == expected


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (PARTS, part(b"a", b"secret-1") + part(b"a", b"secret-1") + b"--x--\r\n"),
        (PARTS, part(b"a", b"secret-1")),
        (PARTS, b"secret-1"),
        ("multipart/form-data", part(b"a", b"secret-1") + b"--x--\r\n"),
        ("multipart/form-data; boundary=y", part(b"a", b"secret-1") + b"--x--\r\n"),
        ("multipart/form-data; boundary=\xff", part(b"a", b"secret-1") + b"--x--\r\n"),
        (PARTS, part(b"a", b"secret-1\xff") + b"--x--\r\n"),
        (PARTS, part(b'a"; filename="f', b"secret-1") + b"--x--\r\n"),
        (PARTS, b"--x\r\nContent-Disposition: attachment; name=a\r\n\r\nsecret-1\r\n--x--\r\n"),
        (PARTS, b"--x\r\nContent-Disposition: form-data\r\n\r\nsecret-1\r\n--x--\r\n"),
        (PARTS, b"--x\r\nContent-Type: text/plain\r\n\r\nsecret-1\r\n--x--\r\n"),
        (PARTS, part(b"a", b"c2VjcmV0LTE=", b"Content-Transfer-Encoding: base64") + b"--x--\r\n"),
        (PARTS, part(b"a", b"=73ecret-1", b"Content-Transfer-Encoding: quoted-printable") + b"--x--\r\n"),
        (
            PARTS,
            part(b"a", b"--y\r\n\r\nsecret-1\r\n--y--", b"Content-Type: multipart/mixed; boundary=y") + b"--x--\r\n",
        ),
    ],
    ids=range(14),
)
def test_a_form_in_parts_that_is_none(kind: str, body: bytes) -> None:
    """Fields twice, files, transfer encodings, parts in parts, and what is cut off: 400, and nothing is repeated."""
    with pytest.raises(JWTGuardError, match="is not a multipart/form-data") as refused:
        read_parameters(body, kind, limit=1000)
    assert refused.value.__context__ is None
    assert "secret-1" not in f"{refused.value!r} {refused.value.detail}"
