"""Bodies are read strictly, and nothing of them is repeated in an error."""

from __future__ import annotations

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
    """What was sent stands in no error, nor behind it."""
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
