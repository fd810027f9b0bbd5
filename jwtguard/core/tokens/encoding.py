"""Reading JOSE text strictly: base64url (RFC 7515 §2), JSON (RFC 8259), and the two objects a token holds.

>>> parse_object(decode_segment(b"eyJhbGciOiJIUzI1NiJ9"))
{'alg': 'HS256'}

Text that two parsers can understand differently enables forgeries (RFC 8725 §2.6, §3.7). It is refused here: padding,
unused bits that are not zero, a byte order mark, duplicate members, NaN. The parsed objects are read-only at every
level, because requests share cached tokens.
"""

from __future__ import annotations

import binascii
import json
import math
import re
from binascii import a2b_base64
from typing import Any, NoReturn, TypeVar

from jwtguard.core.errors import MalformedTokenError

MAX_DEPTH = 64
"""Levels of nesting. The limits of Python versions differ, so this one applies first."""
MAX_NUMBER_LENGTH = 40
"""Characters of one number. The time that CPython takes to parse an integer grows with the square of its length."""

TO_BASE64 = bytes.maketrans(b"-_+/=", b"+/!!!")
"""Translates base64url to base64 (RFC 4648 §4). Dots are kept, so that a whole token can be translated before it is
split. The characters `+`, `/` and `=`, which are not base64url, become `!`, which the decoder refuses."""
_PADDING = (b"", b"", b"==", b"=")
# The last characters that are allowed, by the length modulo four. Where the length is no multiple of four, the unused
# bits of the last character must be zero (RFC 4648 §3.5), or one token could be written in several ways. A remainder of
# one is not possible in base64.
_CANONICAL_LAST = (frozenset(b""), frozenset(b""), frozenset(b"AQgw"), frozenset(b"AEIMQUYcgkosw048"))


def decode_segment(segment: bytes) -> bytes:
    """Decode canonical base64url without padding (RFC 7515 §2); raises `MalformedTokenError`."""
    return decode_base64(segment.translate(TO_BASE64))


def decode_base64(segment: bytes) -> bytes:
    """`decode_segment` of what `TO_BASE64` has translated."""
    remainder = len(segment) & 3
    if not remainder or segment[-1] in _CANONICAL_LAST[remainder]:
        try:
            return a2b_base64(segment + _PADDING[remainder], strict_mode=True)
        except binascii.Error:
            pass
    raise MalformedTokenError("base64url")


def encode_segment(data: bytes) -> str:
    """Encode as base64url without padding (RFC 7515 §2)."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_BASE64URL).decode("ascii")


_TO_BASE64URL = bytes.maketrans(b"+/", b"-_")


def _read_only(self: object, *_: object, **__: object) -> NoReturn:
    raise TypeError(f"{type(self).__name__} is read-only: copy.deepcopy() gives a copy that is not")


class JSONArray(list[Any]):
    """A JSON array whose methods do not change it; equal to the list with the same members."""

    __slots__ = ()
    append = extend = insert = pop = remove = clear = sort = reverse = _read_only
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _read_only

    def __copy__(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return [_thaw(member) for member in self]

    def __reduce__(self) -> tuple[Any, ...]:
        return JSONArray, (list(self),)


class JSONObject(dict[str, Any]):
    """A JSON object whose methods do not change it; equal to the dict with the same members."""

    __slots__ = ()
    __setitem__ = __delitem__ = __ior__ = _read_only
    update = setdefault = pop = popitem = clear = _read_only

    def __copy__(self) -> dict[str, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return {name: _thaw(value) for name, value in self.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


class JOSEHeader(JSONObject):
    """The header of a token, read-only (RFC 7515 §4)."""

    __slots__ = ()

    @property
    def algorithm(self) -> str:
        """The `alg` member (RFC 7515 §4.1.1)."""
        value: str = self["alg"]
        return value

    @property
    def kid(self) -> str | None:
        """The `kid` member, which names the key (RFC 7515 §4.1.4); None if it is absent or empty."""
        return self.get("kid") or None

    @property
    def type(self) -> str | None:
        """The `typ` member, which names the kind of token (RFC 7515 §4.1.9)."""
        return self.get("typ")


class ClaimsSet(JSONObject):
    """The claims of a token, read-only all the way down (RFC 7519 §4)."""

    __slots__ = ()


_Object = TypeVar("_Object", bound=JSONObject)


def _thaw(value: object) -> object:
    if isinstance(value, JSONObject | JSONArray):
        return value.__deepcopy__({})
    return value


def parse_object(data: bytes) -> JSONObject:
    """Parse the JSON object that `data` holds, read-only; raises `MalformedTokenError`.

    Strict UTF-8 without BOM, no duplicate members (RFC 7519 §4, RFC 8725 §2.4), no NaN or Infinity, no lone
    surrogates, at most 64 levels, numbers of at most 40 characters and finite.
    """
    return parse_object_as(JSONObject, data)


def parse_object_as(kind: type[_Object], data: bytes) -> _Object:
    """`parse_object` with a result of the class `kind`."""
    # Text with at most MAX_DEPTH brackets cannot be nested deeper, so only other text is measured.
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH and _depth(data) > MAX_DEPTH:
        raise MalformedTokenError("json_depth")
    try:
        # Decoded here, because the JSON module also accepts bytes in UTF-16 and UTF-32.
        text = data.decode()
        members = _DECODER.decode(text)
        # A lone surrogate (RFC 8259 §8.2) needs an escape, because strict UTF-8 cannot encode one.
        if "\\" in text:
            json.dumps(members, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        # The error is raised below, without a context: the error of the JSON module holds the whole text.
        members = None
    if not isinstance(members, dict):
        raise MalformedTokenError("json")
    return kind(members)


# A string, closed or not. The possessive quantifiers prevent backtracking.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


def _depth(data: bytes) -> int:
    deepest = depth = 0
    for byte in _STRING.sub(b"", data):
        if byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> JSONObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    for name, member in pairs:
        if type(member) is list:
            members[name] = _array(member)
    return JSONObject(members)


def _array(members: list[Any]) -> JSONArray:
    # Objects in the array are read-only already, because the decoder called `_object` for them.
    return JSONArray([_array(member) if type(member) is list else member for member in members])


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER_LENGTH:
        raise ValueError("number too long")
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if len(text) > MAX_NUMBER_LENGTH or not math.isfinite(value):
        raise ValueError("number too long or not finite")
    return value


def _constant(text: str) -> NoReturn:
    raise ValueError("not a JSON number")


# `json.loads` with hooks would make a decoder at each call.
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant)
