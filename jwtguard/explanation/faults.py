"""What is wrong with a part of a token that the core refuses to read, in words.

>>> part_fault("eyJhbGciOiJIUzI1NiJ9=="), part_fault("e30")
('it ends in padding (=), which base64url in tokens has not', None)
>>> json_fault(b'{"sub": "a", "sub": "b"}')
"it has the member 'sub' twice"
"""

from __future__ import annotations

import json
import math
import re
from typing import NoReturn

from jwtguard.core.errors import MalformedTokenError
from jwtguard.core.tokens.encoding import MAX_DEPTH, MAX_NUMBER_LENGTH, decode_segment, parse_object

_STRANGER = re.compile(r"[^A-Za-z0-9_-]")


class _FaultError(Exception):
    """What was found."""


def named(character: str) -> str:
    """A character by its code point, and as it is where it can be seen."""
    seen = f" ({character})" if character.isprintable() and not character.isspace() else ""
    return f"U+{ord(character):04X}{seen}"


def part_fault(segment: str) -> str | None:
    """What is wrong with a part as base64url without padding (RFC 7515 §2); None if nothing is."""
    try:
        decode_segment(segment.encode("ascii", "replace"))
    except MalformedTokenError:
        pass
    else:
        return None
    if segment.rstrip("=") != segment:
        return "it ends in padding (=), which base64url in tokens has not"
    stranger = _STRANGER.search(segment)
    if stranger is None:
        cut = len(segment) % 4 == 1
        return "its length fits no bytes: it was cut" if cut else "no part ends like this: it was altered"
    if stranger[0] in "+/":
        return f"it holds {stranger[0]!r}, so it is base64 and not base64url"
    if stranger[0].isspace():
        return "it holds white space: the token was broken over lines"
    return f"it holds {named(stranger[0])}, which is no character of base64url"


def json_fault(data: bytes) -> str | None:
    """What is wrong with the JSON object that `data` should be (RFC 8259); None if nothing is."""
    try:
        parse_object(data)
    except MalformedTokenError as error:
        if error.reason == "json_depth":
            return f"it is nested more than {MAX_DEPTH} levels deep"
    else:
        return None
    if data.startswith(b"\xef\xbb\xbf"):
        return "it begins with a byte order mark"
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"it is not UTF-8: byte {error.start} cannot be read"
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_number,
            parse_float=_number,
            parse_constant=_constant,
        )
    except _FaultError as fault:
        return str(fault)
    except json.JSONDecodeError as error:
        return f"it is not JSON: at character {error.pos}, {error.msg[:1].lower()}{error.msg[1:]}"
    if not isinstance(value, dict):
        return f"it is JSON, but no object: {type(value).__name__}"
    return "it holds half of a surrogate pair, which is no character"


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise _FaultError(f"it has the member {name[:64]!r} twice")
    return dict(pairs)


def _number(text: str) -> float:
    if len(text) > MAX_NUMBER_LENGTH:
        raise _FaultError(f"it holds a number of {len(text)} characters, and {MAX_NUMBER_LENGTH} are the limit")
    if not math.isfinite(float(text)):
        raise _FaultError(f"it holds the number {text}, which is too large")
    return float(text)


def _constant(text: str) -> NoReturn:
    raise _FaultError(f"it holds {text}, which is no JSON")
