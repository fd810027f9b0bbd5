"""The parameters of a login or refresh: a small JSON object or a form, read strictly.

>>> read_parameters(b"username=alice&password=1%2B1", "application/x-www-form-urlencoded", limit=100)["password"]
'1+1'
"""

from __future__ import annotations

from collections.abc import Mapping

from jwtguard.core.errors import BodyTooLargeError, InvalidBodyError, MalformedTokenError, UnsupportedBodyError
from jwtguard.core.http import HTTPRequest
from jwtguard.core.jose import parse_object

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
_TRUE = frozenset({"true", "1", "on", "yes"})
_FALSE = frozenset({"false", "0", "off", "no", ""})


def media_type(request: HTTPRequest) -> str:
    """The media type of the body, without its parameters; empty if there is none, or more than one."""
    values = request.values("content-type")
    return values[0].partition(";")[0].strip(" \t").lower() if len(values) == 1 else ""


def read_parameters(body: bytes, media_type: str, *, limit: int) -> Mapping[str, object]:
    """The parameters in `body`, none for an empty one.

    Raises `BodyTooLargeError`, `UnsupportedBodyError` or `InvalidBodyError`; none of them holds what was sent.
    """
    if len(body) > limit:
        raise BodyTooLargeError(limit)
    if not body:
        return {}
    if media_type == JSON:
        return _from_json(body)
    if media_type == FORM:
        return _from_form(body)
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
    try:
        return parse_object(body)
    except MalformedTokenError:
        pass  # Left behind here: nobody's token was malformed.
    raise InvalidBodyError("json", "The body is not a JSON object in UTF-8 whose members have different names.")


def _from_form(body: bytes) -> Mapping[str, object]:
    from urllib.parse import parse_qsl  # noqa: PLC0415 - slow to import, and JSON does without

    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        pairs = None
    parameters = None if pairs is None else dict(pairs)
    # RFC 6749 §3.2: a parameter must not be there more than once.
    if pairs is None or parameters is None or len(parameters) != len(pairs):
        raise InvalidBodyError("form", "The body is not a form in UTF-8 whose fields have different names.")
    return parameters
