"""A token taken apart for showing: its three parts as text, and what each of their members means.

>>> part = read_part("eyJhbGciOiJFUzI1NiJ9", meaning_of_header)
>>> print(part.text)
{
  "alg": "ES256"
}
>>> part.members[0].title
'Algorithm'

Nothing here is believed. What cannot be read strictly, as a guard reads it, is shown as far as it can be, with the
reason. Characters that are invisible, or that turn the direction of the text around, are written as escapes.
"""

from __future__ import annotations

import binascii
import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jwtguard.cli.vocabulary import Meaning, meaning_of_algorithm, meaning_of_claim, meaning_of_header
from jwtguard.core.tokens.claims_policy import MAX_NUMERIC_DATE
from jwtguard.core.tokens.encoding import decode_segment, parse_object
from jwtguard.explanation.faults import json_fault, part_fault
from jwtguard.explanation.moments import DATES

MAX_SHOWN = 32768
"""Characters of a part; a guard refuses much shorter tokens."""
MAX_MEMBERS, MAX_VALUE = 200, 2000
"""Members of a part that are explained, and characters of each that are shown with it; the text has all."""


class Member(NamedTuple):
    """A member of the header or the payload in words. `time`: seconds since the epoch, if it is a date."""

    name: str
    value: str
    title: str
    words: str
    time: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The header or the payload: `text` for an editor, `problem` if it cannot be read strictly."""

    text: str = ""
    problem: str | None = None
    members: tuple[Member, ...] = ()
    value: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignaturePart:
    """The signature: its `text` as it stands in the token, its length in bytes, and how it is said to be made."""

    text: str
    problem: str | None
    size: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The three parts of a token."""

    header: Part
    payload: Part
    signature: SignaturePart

    @property
    def algorithm(self) -> str | None:
        """What the header says the token is signed with."""
        algorithm = self.header.value.get("alg")
        return algorithm if isinstance(algorithm, str) else None


def read_token(text: str) -> Reading:
    """The three parts of `text`, however much or little of a token it is."""
    header, payload, signature, *_ = [*text.split(".", 3), "", "", ""]
    first = read_part(header, meaning_of_header)
    algorithm = first.value.get("alg")
    return Reading(
        header=first,
        payload=read_part(payload, meaning_of_claim),
        signature=_signature(signature, algorithm if isinstance(algorithm, str) else None),
    )


def read_part(segment: str, meaning: Callable[[str], Meaning]) -> Part:
    """The header or the payload, with the meaning of each member."""
    if len(segment) > MAX_SHOWN:
        return Part(problem=_too_long(segment))
    if not segment:
        return Part()
    problem = part_fault(segment) or json_fault(decode_segment(_ascii(segment)))
    if problem is not None:
        return Part(text=_roughly(segment), problem=f"{problem}.")
    value = parse_object(decode_segment(_ascii(segment)))
    members = [_member(name, each, meaning(name)) for name, each in list(value.items())[:MAX_MEMBERS]]
    return Part(text=pretty(value), members=tuple(members), value=value)


def pretty(value: Mapping[str, Any]) -> str:
    """JSON for reading and editing."""
    return visible(json.dumps(value, indent=2, ensure_ascii=False))


def visible(text: str) -> str:
    r"""`text` with a JSON escape for each character that cannot be seen.

    >>> visible("admin\u202e")
    'admin\\u202e'
    """
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(character: str) -> str:
    # Control, format (zero width, direction), half a pair, private, unassigned, and ends of lines and paragraphs.
    if character == "\n" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
        return character
    return json.dumps(character).strip('"')


def _ascii(segment: str) -> bytes:
    return segment.encode("ascii", "replace")  # "?" is no more base64url than what it stands for.


def _too_long(segment: str) -> str:
    return f"This is too long to be shown: {len(segment)} characters."


def _roughly(segment: str) -> str:
    """What a part seems to say, though no guard would read it."""
    try:
        data = binascii.a2b_base64(_ascii(segment).translate(bytes.maketrans(b"-_", b"+/")) + b"==")
    except binascii.Error:
        return ""
    return visible(data.decode("utf-8", "replace"))


def _member(name: str, value: object, meaning: Meaning) -> Member:
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    time = float(shown) if name in DATES and type(value) in {int, float} else None
    return Member(
        name=visible(name),
        value=visible(shown if len(shown) <= MAX_VALUE else f"{shown[:MAX_VALUE]}…"),
        title=meaning.title,
        words=meaning_of_algorithm(shown) if meaning is meaning_of_header("alg") else meaning.sentence,
        time=time if time is not None and 0 <= time <= MAX_NUMERIC_DATE else None,
    )


def _signature(segment: str, algorithm: str | None) -> SignaturePart:
    problem = _too_long(segment) if len(segment) > MAX_SHOWN else None
    if segment and problem is None and (fault := part_fault(segment)) is not None:
        problem = f"{fault}."
    return SignaturePart(
        text=visible(segment[:MAX_SHOWN]),
        problem=problem,
        size=len(decode_segment(_ascii(segment))) if problem is None else 0,
        words="" if algorithm is None else meaning_of_algorithm(algorithm),
    )
