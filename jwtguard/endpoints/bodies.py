"""The parameters of a login or refresh: a small JSON object or a form of either kind, read strictly.

>>> read_parameters(b"username=alice&password=1%2B1", "application/x-www-form-urlencoded", limit=100)["password"]
'1+1'
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jwtguard.core.errors import BodyTooLargeError, InvalidBodyError, UnsupportedBodyError
from jwtguard.core.http.response import HTTPRequest

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
_TRUE = frozenset({"true", "1", "on", "yes"})
_FALSE = frozenset({"false", "0", "off", "no", ""})


def content_type(request: HTTPRequest) -> str:
    """The Content-Type field of the body, empty if there is none, or more than one."""
    values = request.values("content-type")
    return values[0] if len(values) == 1 else ""


def media_type(request: HTTPRequest) -> str:
    """The media type of the body, without its parameters; empty if there is none, or more than one."""
    return _media_type(content_type(request))


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip(" \t").lower()


def read_parameters(body: bytes, content_type: str, *, limit: int) -> Mapping[str, object]:
    """The parameters in `body`, none for an empty one. A text may hold NUL and lone surrogates.

    Raises `BodyTooLargeError`, `UnsupportedBodyError` or `InvalidBodyError`; none of them holds what was sent.
    """
    if len(body) > limit:
        raise BodyTooLargeError(limit)
    if not body:
        return {}
    kind = _media_type(content_type)
    if kind == JSON:
        return _from_json(body)
    if kind == FORM:
        return _from_form(body)
    if kind == MULTIPART:
        return _from_multipart(body, content_type)
    raise UnsupportedBodyError


def text_parameter(parameters: Mapping[str, object], name: str) -> str | None:
    """A parameter that is text; None if it is absent or empty (RFC 6749 §3.1), `InvalidBodyError` if it is no text."""
    value = parameters.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidBodyError("parameter", f"The parameter {name} must be a string.")
    return value or None


def required_parameter(parameters: Mapping[str, object], name: str) -> str:
    """A parameter that must be there, and not empty."""
    value = text_parameter(parameters, name)
    if value is None:
        raise InvalidBodyError("parameter_missing", f"The parameter {name} is missing.")
    return value


def boolean_parameter(parameters: Mapping[str, object], name: str, *, default: bool) -> bool:
    """A parameter that is true or false, in JSON or in the words that forms have for it."""
    value = parameters.get(name, default)
    if isinstance(value, bool):
        return value
    word = value.lower() if isinstance(value, str) else None
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise InvalidBodyError("parameter", f"The parameter {name} must be true or false.")


def _from_json(body: bytes) -> Mapping[str, object]:
    # Not the parser of tokens: it refuses lone surrogates, and a login with one is a wrong login, not a broken body.
    try:
        members = json.loads(body.decode(), object_pairs_hook=_different_names, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        members = None  # The error holds the whole text, so it must not travel along as our context.
    if not isinstance(members, dict):
        raise InvalidBodyError("json", "The body is not a JSON object in UTF-8 whose members have different names.")
    return members


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _different_names(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def _from_form(body: bytes) -> Mapping[str, object]:
    from urllib.parse import parse_qsl, unquote_plus  # noqa: PLC0415 - slow to import, and JSON does without

    try:
        text = body.decode()
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        text, pairs = "", None
    if unquote_plus(text).lstrip().startswith("{"):
        # As `curl -d` sends it. No field of a form starts like this.
        raise InvalidBodyError(
            "json_as_form", f"The body looks like JSON, but its Content-Type is {FORM}: send Content-Type: {JSON}."
        )
    parameters = None if pairs is None else dict(pairs)
    # RFC 6749 §3.2: a parameter must not be there more than once.
    if pairs is None or parameters is None or len(parameters) != len(pairs):
        raise InvalidBodyError("form", "The body is not a form in UTF-8 whose fields have different names.")
    return parameters


def _from_multipart(body: bytes, content_type: str) -> Mapping[str, object]:
    """The fields of a form that is sent in parts (RFC 7578)."""
    try:
        return _different_names(list(_parts(body, content_type)))
    except ValueError:
        pass  # The error may hold what was sent.
    raise InvalidBodyError(
        "form", f"The body is not a {MULTIPART} of text in UTF-8 whose fields have different names, and no files."
    )


def _parts(body: bytes, content_type: str) -> Iterator[tuple[str, str]]:
    from email.parser import BytesFeedParser  # noqa: PLC0415 - slow to import, and few clients send this
    from email.policy import HTTP  # noqa: PLC0415 - as above

    parser = BytesFeedParser(policy=HTTP)
    parser.feed(b"Content-Type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n" + body)
    form: Any = parser.close()
    if not form.is_multipart() or form.defects:
        raise ValueError("no parts")
    for part in form.iter_parts():
        disposition = part["content-disposition"]
        parameters = {} if disposition is None or disposition.content_disposition != "form-data" else disposition.params
        if "name" not in parameters or "filename" in parameters or part.is_multipart() or part.defects:
            raise ValueError("no field")
        # RFC 7578 §4.7 deprecates transfer encodings; a part that has one is no text as it stands.
        if part.get("content-transfer-encoding", "binary").lower() not in {"7bit", "8bit", "binary"}:
            raise ValueError("a transfer encoding")
        yield parameters["name"], part.get_payload(decode=True).decode()
