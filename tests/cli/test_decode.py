"""`decode`: what a token says, whatever it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.running import run, token
from tests.core.keys import hs256
from tests.core.token_samples import compact, segment

HEAD, NO_JSON, LIST = segment({"alg": "HS256"}), segment(b"no json"), segment(b"[1]")
TWICE = segment(b'{"a": 1, "a": 2}')


def decoded(text: str, *arguments: str) -> tuple[int, str]:
    """Exit code and output."""
    answer = run("decode", *arguments, typed=text)
    return answer.exit_code, answer.output


def test_it_says_that_nothing_was_verified() -> None:
    """First of all."""
    code, output = decoded(token())

    assert code == 0
    assert output.startswith("NOT VERIFIED: an attacker can write such a token.")


def test_dates_are_dates() -> None:
    """As dates, and how far they are; in the claims, not in the claims of a claim."""
    _, output = decoded(token(claims={"act": {"sub": "agent-7", "exp": 1}}, auth_time=1_700_000_000))

    assert " UTC (in 4 min)\n" in output
    assert '"auth_time": 1700000000  2023-11-14 22:13:20 UTC (' in output
    assert '    "exp": 1\n' in output


def test_a_terminal_sees_three_colours() -> None:
    """Header red, payload purple, signature blue."""
    _, output = decoded_on_a_terminal(token())

    assert "\x1b[1;4;31mHeader" in output
    assert "\x1b[1;4;35mPayload" in output
    assert "\x1b[1;4;34mSignature" in output


def decoded_on_a_terminal(text: str) -> tuple[int, str]:
    """As `FORCE_COLOR` asks for."""
    answer = run("decode", typed=text, env={"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "80"})
    return answer.exit_code, answer.output


def test_for_programs() -> None:
    """JSON, with the dates in RFC 3339."""
    code, output = decoded(compact(payload={"exp": 1_800_000_000, "nbf": True, "iat": 10**30}), "--json")

    assert code == 0
    assert json.loads(output) == {
        "verified": False,
        "header": {"alg": "HS256"},
        "payload": {"exp": 1_800_000_000, "nbf": True, "iat": 10**30},
        "signature_bytes": 32,
        "dates": {"exp": "2027-01-15T08:00:00Z"},
        "problems": [],
    }


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("garbage", ["form: An opaque token"]),
        ("a.b.c.d", ["form: Copy the whole token"]),
        (f"{HEAD}.e30", ["form: The signature is missing"]),
        (f"{HEAD}.e30.", ["signature: it is empty"]),
        (f"{HEAD}.e30.c2ln=", ["signature: it ends in padding"]),
        (f"{HEAD}..c2ln", ["payload: it is empty"]),
        (f"{HEAD}.e3é.c2ln", ["payload: it holds U+00E9"]),
        (f"{HEAD}.e30.a.b.c", ["encrypted: "]),
        ("x.e30.a.b.c", ["encrypted: ", "header: "]),
        (
            f"{NO_JSON}.{segment(b'[1]')}.c2ln",
            ["header: it is not JSON", "payload: it is JSON, but no object"],
        ),
        (f"{HEAD}.{TWICE}.c2ln", ["payload: it has the member 'a' twice"]),
    ],
)
def test_what_cannot_be_read_is_said(text: str, problems: list[str]) -> None:
    """Each part by itself, and the command ends with 1."""
    code, output = decoded(text, "--json")
    found = json.loads(output)["problems"]

    assert code == 1
    assert len(found) == len(problems)
    assert all(said.startswith(expected) for said, expected in zip(found, problems, strict=True))
    code, output = decoded(text)
    assert code == 1
    assert problems[0] in output


def test_what_is_no_json_is_shown_as_it_is() -> None:
    """One may recognize it."""
    _, output = decoded(f"{HEAD}.{NO_JSON}.c2ln")

    assert "Payload, as it is\nno json\n" in output


HOSTILE: list[Any] = [
    {"sub": "\x1b]0;pwned\x07"},
    {"\x1b[2J": "x"},
    {"sub": "\u202eevil"},
    {"exp": "\x1b[31m"},
    {"sub": "\x9b31m\x7f"},
    b"\x1b[31m no json",
    b'{"sub": "\x1b[31m"}',
    b'{"a\x1b": 1, "a\x1b": 2}',
    b'{"a\\u001b": 1, "a\\u001b": 2}',
    b"\xff\x1b[31m",
]


@pytest.mark.parametrize("part", HOSTILE, ids=ascii)
@pytest.mark.parametrize("command", [["decode"], ["decode", "--json"], ["verify"], ["explain", "-v", "--no-redact"]])
@pytest.mark.parametrize("place", ["header", "payload"])
def test_a_hostile_token_does_not_drive_the_terminal(part: Any, command: list[str], place: str) -> None:
    """No control character and nothing that turns the text round reaches the screen, in colours or without."""
    header = {"alg": "HS256", **part} if isinstance(part, dict) else part
    text = compact(header if place == "header" else None, part if place == "payload" else {"sub": "x"}, key=hs256())
    source = [] if command[0] == "decode" else ["--secret-env", "SECRET"]
    answer = run(*command, *source, typed=text)

    assert [one for one in answer.output if one != "\n" and not one.isprintable()] == []
