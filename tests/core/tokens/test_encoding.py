"""Base64url and JSON are read strictly: whatever could be read in two ways is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jwtguard.core.errors import MalformedTokenError
from jwtguard.core.tokens.encoding import (
    MAX_DEPTH,
    MAX_NUMBER_LENGTH,
    JSONArray,
    decode_segment,
    encode_segment,
    parse_object,
)


@pytest.mark.parametrize(
    ("segment", "data"),
    [
        (b"", b""),
        (b"Zg", b"f"),
        (b"Zm8", b"fo"),
        (b"Zm9v", b"foo"),
        (b"Zm9vYg", b"foob"),
        (b"_-8", b"\xff\xef"),
        (b"AA", b"\x00"),
        (b"____", b"\xff\xff\xff"),
    ],
)
def test_canonical_base64url_is_decoded(segment: bytes, data: bytes) -> None:
    """RFC 7515 §2: the URL-safe alphabet, without padding."""
    assert data == decode_segment(segment)


@pytest.mark.parametrize("data", [bytes(range(256))[:length] for length in (*range(9), 255, 256)], ids=len)
def test_what_is_encoded_is_decoded(data: bytes) -> None:
    """Encoding and decoding are each other's inverse, at every remainder."""
    assert data == decode_segment(encode_segment(data).encode())


@pytest.mark.parametrize(
    "segment",
    [
        pytest.param(b"Zm8=", id="padding"),
        pytest.param(b"Zg==", id="two paddings"),
        pytest.param(b"Zm9v====", id="padding after a whole block"),
        pytest.param(b"Zm9v=", id="one padding after a whole block"),
        pytest.param(b"Z=g", id="padding in the middle"),
        pytest.param(b"=", id="padding alone"),
        pytest.param(b"Zm9vY", id="one character too many"),
        pytest.param(b"Z", id="one character"),
        pytest.param(b"Zh", id="loose bits of the second character"),
        pytest.param(b"Zm9", id="loose bits of the third character"),
        pytest.param(b"Z_", id="loose bits, all of them"),
        pytest.param(b"Zm-", id="a last character from the end of the alphabet"),
        pytest.param(b"+/8A", id="the alphabet of plain base64"),
        pytest.param(b"Zm9v+w", id="a plus sign"),
        pytest.param(b"Zm9v/w", id="a slash"),
        pytest.param(b" Zm9", id="a space in front"),
        pytest.param(b"Zm9v ", id="a space behind"),
        pytest.param(b"Zm9vYg \n\r", id="white space behind"),
        pytest.param(b"Zm\n9v", id="a newline inside"),
        pytest.param(b"Zm9v\n", id="a newline behind"),
        pytest.param(b"Zm9v\r\n", id="a line end behind"),
        pytest.param(b"Zm\t9v", id="a tab"),
        pytest.param(b"Zm9\x00", id="NUL"),
        pytest.param(b"\x00\x00\x00\x00", id="nothing but NUL"),
        pytest.param(b"Zm9v!", id="a character of no alphabet"),
        pytest.param(b"Zm9!", id="a character of no alphabet in a whole block"),
        pytest.param(b"Zm\xc3\xa9", id="letters beyond ASCII"),
        pytest.param(b"Zm9\xff", id="a byte that is no character"),
        pytest.param(b"Zm.v", id="a dot"),
    ],
)
def test_any_other_spelling_is_refused(segment: bytes) -> None:
    """One sequence of bytes has one spelling, or two tokens would be the same (RFC 4648 §3.5, §12)."""
    with pytest.raises(MalformedTokenError):
        decode_segment(segment)


@pytest.mark.parametrize("remainder", [2, 3])
def test_of_all_last_characters_only_the_canonical_ones_pass(remainder: int) -> None:
    """As many last characters are accepted as there are values of the bits that count."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    accepted = []
    for last in alphabet:
        try:
            accepted.append(decode_segment(b"A" * (remainder - 1) + bytes([last])))
        except MalformedTokenError:
            continue

    assert {2: 4, 3: 16}[remainder] == len(set(accepted)) == len(accepted)


def nested(levels: int, opening: str = '{"a":', inner: str = "1", closing: str = "}") -> bytes:
    """An object with objects inside, `levels` deep in all."""
    return (opening * levels + inner + closing * levels).encode()


def in_arrays(levels: int) -> bytes:
    """An object with arrays inside, `levels` deep in all."""
    return ('{"a":' + "[" * (levels - 1) + "]" * (levels - 1) + "}").encode()


BRACKETED = nested(MAX_DEPTH, inner='"[{"')
READABLE: list[Any] = [
    pytest.param(b"{}", {}, id="empty"),
    pytest.param(b' \t\n\r{ "a" : 1 } \n', {"a": 1}, id="white space"),
    pytest.param(b'{"a":{"a":1},"b":{"a":2}}', {"a": {"a": 1}, "b": {"a": 2}}, id="one name in several objects"),
    pytest.param(b'{"a":1,"A":2}', {"a": 1, "A": 2}, id="names that differ in case"),
    pytest.param('{"ä":"€😀"}'.encode(), {"ä": "€😀"}, id="UTF-8"),
    pytest.param(b'{"a":"\\u00e4\\ud83d\\ude00"}', {"a": "ä😀"}, id="escapes, with a surrogate pair"),
    pytest.param(b'{"a":"\\\\ud800"}', {"a": "\\ud800"}, id="an escaped backslash before a u"),
    pytest.param(b'{"a":"\\u0000"}', {"a": "\x00"}, id="an escaped NUL"),
    pytest.param(b'{"":1}', {"": 1}, id="an empty name"),
    pytest.param(b'{"a":-0}', {"a": 0}, id="minus zero"),
    pytest.param(b'{"a":-0.0}', {"a": 0.0}, id="minus zero, a float"),
    pytest.param(b'{"a":1e308}', {"a": 1e308}, id="the largest of floats"),
    pytest.param(b'{"a":1e-999}', {"a": 0.0}, id="a float that is too small"),
    pytest.param(b'{"a":' + b"9" * 40 + b"}", {"a": int("9" * 40)}, id="a number of 40 characters"),
    pytest.param(b'{"a":-' + b"9" * 39 + b"}", {"a": -int("9" * 39)}, id="a number of 40 characters with its sign"),
    pytest.param(b'{"a":0.' + b"1" * 38 + b"}", {"a": 0.1111111111111111}, id="a float of 40 characters"),
    pytest.param(b'{"a":[]}', {"a": []}, id="an empty array"),
    pytest.param(b'{"a":[1,[2,{"b":[3]}]]}', {"a": [1, [2, {"b": [3]}]]}, id="arrays within arrays"),
    pytest.param(b'{"a":[true,false,null]}', {"a": [True, False, None]}, id="the literals"),
    pytest.param(nested(MAX_DEPTH), json.loads(nested(MAX_DEPTH)), id="64 objects deep"),
    pytest.param(in_arrays(MAX_DEPTH), json.loads(in_arrays(MAX_DEPTH)), id="64 arrays deep"),
    pytest.param(BRACKETED, json.loads(BRACKETED), id="64 objects deep and brackets within a string"),
    pytest.param(b'{"a":"' + b"[{" * 100 + b'"}', {"a": "[{" * 100}, id="brackets within a string"),
    pytest.param(b'{"a":"\\"' + b"[" * 100 + b'"}', {"a": '"' + "[" * 100}, id="brackets after an escaped quote"),
    pytest.param(b'{"a":[' + b",".join([b"[]"] * 100) + b"]}", {"a": [[]] * 100}, id="many arrays beside each other"),
]


@pytest.mark.parametrize(("data", "value"), READABLE)
def test_json_is_parsed(data: bytes, value: dict[str, Any]) -> None:
    """RFC 8259: what has one meaning is read, and means what it says."""
    assert value == parse_object(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"  ", id="white space only"),
        pytest.param(b"null", id="null"),
        pytest.param(b"true", id="true"),
        pytest.param(b"1", id="a number"),
        pytest.param(b'"a"', id="a string"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b'[{"alg":"HS256"}]', id="an array with an object"),
        pytest.param(b"{", id="an object cut off"),
        pytest.param(b'{"a"}', id="a name without value"),
        pytest.param(b'{"a":1,}', id="a comma at the end of an object"),
        pytest.param(b'{"a":[1,]}', id="a comma at the end of an array"),
        pytest.param(b"{'a':1}", id="single quotes"),
        pytest.param(b"{a:1}", id="a name without quotes"),
        pytest.param(b'{"a":1}//', id="a comment"),
        pytest.param(b'{"a":1}{}', id="two objects"),
        pytest.param(b'{"a":1}\x00', id="NUL behind"),
        pytest.param(b'{"a":1}garbage', id="garbage behind"),
        pytest.param(b'\x0c{"a":1}', id="a form feed, which is no white space of JSON"),
        pytest.param('\u00a0{"a":1}'.encode(), id="a space that is none of JSON"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', id="byte order mark"),
        pytest.param('{"a":1}'.encode("utf-16"), id="UTF-16 with its mark"),
        pytest.param('{"a":1}'.encode("utf-16-le"), id="UTF-16, little end first"),
        pytest.param('{"a":1}'.encode("utf-16-be"), id="UTF-16, big end first"),
        pytest.param('{"a":1}'.encode("utf-32"), id="UTF-32 with its mark"),
        pytest.param('{"a":1}'.encode("utf-32-le"), id="UTF-32, little end first"),
        pytest.param(b'{"a":"\xff"}', id="a byte that UTF-8 never has"),
        pytest.param(b'{"a":"\xe4"}', id="Latin-1"),
        pytest.param(b'{"a":"\xc0\xaf"}', id="UTF-8, too long"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', id="a surrogate in UTF-8"),
        pytest.param(b'{"a":"\xf4\x90\x80\x80"}', id="beyond Unicode"),
        pytest.param(b'{"a":1,"a":1}', id="a name twice"),
        pytest.param(b'{"a":1,"b":2,"a":3}', id="a name twice, apart"),
        pytest.param(b'{"a":1,"\\u0061":1}', id="a name twice, once escaped"),
        pytest.param(b'{"a":{"b":1,"b":2}}', id="a name twice, further in"),
        pytest.param(b'{"a":[{"b":1,"b":2}]}', id="a name twice, in an array"),
        pytest.param(b'{"a":NaN}', id="NaN"),
        pytest.param(b'{"a":Infinity}', id="Infinity"),
        pytest.param(b'{"a":-Infinity}', id="-Infinity"),
        pytest.param(b'{"a":[NaN]}', id="NaN in an array"),
        pytest.param(b'{"a":1e999}', id="a float that is infinite"),
        pytest.param(b'{"a":-1e999}', id="a float that is infinite, below zero"),
        pytest.param(b'{"a":' + b"9" * 41 + b"}", id="a number of 41 characters"),
        pytest.param(b'{"a":-' + b"9" * 40 + b"}", id="a number of 41 characters with its sign"),
        pytest.param(b'{"a":1' + b"0" * 40 + b"}", id="the least number of 41 characters"),
        pytest.param(b'{"a":-1' + b"0" * 39 + b"}", id="the least number of 41 characters with its sign"),
        pytest.param(b'{"a":["b",1' + b"0" * 40 + b"]}", id="a number of 41 characters in an array"),
        pytest.param(b'{"a":[[-1' + b"0" * 39 + b"]]}", id="a number of 41 characters with its sign, further in"),
        pytest.param(b'{"a":0.' + b"1" * 39 + b"}", id="a float of 41 characters"),
        pytest.param(b'{"a":1e' + b"0" * 38 + b"1}", id="an exponent of 41 characters"),
        pytest.param(b'{"a":' + b"9" * 8000 + b"}", id="a number of 8000 characters"),
        pytest.param(b'{"a":+1}', id="a plus sign"),
        pytest.param(b'{"a":01}', id="a zero in front"),
        pytest.param(b'{"a":.5}', id="no digit before the point"),
        pytest.param(b'{"a":1.}', id="no digit after the point"),
        pytest.param(b'{"a":0x10}', id="hexadecimal"),
        pytest.param('{"a":١٢٣}'.encode(), id="Arabic digits"),
        pytest.param('{"a":\uff11}'.encode(), id="a digit of full width"),
        pytest.param(b'{"a":1_000}', id="an underscore"),
        pytest.param(b'{"a":True}', id="a literal of Python"),
        pytest.param(b'{"a":"\n"}', id="a newline within a string"),
        pytest.param(b'{"a":"\x00"}', id="NUL within a string"),
        pytest.param(b'{"a":"\\x41"}', id="an escape that is none"),
        pytest.param(b'{"a":"\\ud800"}', id="a lone surrogate"),
        pytest.param(b'{"a":"\\udc00\\ud800"}', id="surrogates the wrong way round"),
        pytest.param(b'{"\\udfff":1}', id="a lone surrogate as a name"),
        pytest.param(b'{"a":[{"b":["\\ud800"]}]}', id="a lone surrogate further in"),
        pytest.param(b'{"a":"', id="a string cut off"),
        pytest.param(b'{"a":"\\', id="an escape cut off"),
        pytest.param(b'{"a":"' + b"[" * 100, id="brackets within a string cut off"),
        pytest.param(b'{"a":"' + b"[" * 100 + b"\\", id="brackets within a string cut off in an escape"),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    """RFC 7519 §4, RFC 8725 §2.4 and §3.7: what another reader could understand differently is no token."""
    with pytest.raises(MalformedTokenError) as caught:
        parse_object(data)
    assert caught.value.reason == "json"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(nested(MAX_DEPTH + 1), id="65 objects"),
        pytest.param(in_arrays(MAX_DEPTH + 1), id="65 arrays"),
        pytest.param(b'{"a":[' + b"[]," * 10 + nested(MAX_DEPTH) + b"]}", id="66 levels after ten that were closed"),
        pytest.param(b"[" * 8000, id="8000 brackets that never close"),
        pytest.param(b'{"a":' * 1600, id="1600 braces that never close"),
        pytest.param(b'{"a":"\\\\",' + nested(MAX_DEPTH, opening='"b":{')[:-1], id="65 objects after a backslash"),
        pytest.param(b'{"\\"":' + nested(MAX_DEPTH) + b"}", id="65 objects under a name with a quote"),
    ],
)
def test_deep_nesting_is_refused_before_it_is_parsed(data: bytes) -> None:
    """65 levels are too many, whatever this interpreter would survive."""
    with pytest.raises(MalformedTokenError) as caught:
        parse_object(data)
    assert caught.value.reason == "json_depth"


def test_closing_brackets_do_not_make_room() -> None:
    """A text that closes what it never opened fools the count, and is refused all the same."""
    with pytest.raises(MalformedTokenError) as caught:
        parse_object(b"]" * 1000 + b"[" * 1000)
    assert caught.value.reason == "json"


def test_the_limits_are_the_published_ones() -> None:
    """64 levels, 40 characters."""
    assert (MAX_DEPTH, MAX_NUMBER_LENGTH) == (64, 40)


def test_an_array_is_made_read_only_once() -> None:
    """Nesting costs nothing more: each array in a header is copied once, however deep it lies."""
    made = []

    class Counting(JSONArray):
        def __init__(self, members: list[Any]) -> None:
            made.append(members)
            super().__init__(members)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jwtguard.core.tokens.encoding.JSONArray", Counting)
        parse_object(nested(30, '{"a":[', "1", "]}"))

    assert len(made) == 30


def test_the_error_holds_nothing_of_the_text() -> None:
    """The JSON module's error quotes the whole text, so it must not hang on ours."""
    with pytest.raises(MalformedTokenError) as caught:
        parse_object(b'{"secret"')
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)
