"""Where a token may travel: a header, a cookie, and by choice the query string or a websocket subprotocol.

>>> from jwtguard.core.http import HTTPRequest
>>> request = HTTPRequest.from_wsgi({"REQUEST_METHOD": "GET", "HTTP_AUTHORIZATION": "bearer abc.def.ghi"})
>>> extract(request, [AuthorizationHeader(), TokenCookie("__Host-access")])
Extracted(source=AuthorizationHeader())

Absent is `None`; a token that was attempted and is malformed, or is there twice, raises. Nothing here looks into the
token: that is the verifier's work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import NamedTuple, Protocol, runtime_checkable

from jwtguard.core.cookies import TokenCookie as TokenCookie
from jwtguard.core.cookies import values_of
from jwtguard.core.dataclasses import dataclass
from jwtguard.core.errors import ConfigurationError, InvalidRequestError, MalformedTokenError
from jwtguard.core.frozen import new_tuple
from jwtguard.core.http import HTTPRequest
from jwtguard.core.request import MAX_FIELD

_SPACE = " \t"


@runtime_checkable
class TokenSource(Protocol):
    """One place where a token may stand in a request."""

    def read(self, request: HTTPRequest) -> str | None:
        """The token, None if there is none; raises `InvalidRequestError` or `MalformedTokenError`."""


class Extracted(NamedTuple):
    """A token and where it stood; neither, if there is none."""

    text: str | None
    source: TokenSource | None

    def __repr__(self) -> str:
        return f"Extracted(source={self.source!r})"  # The rest is the token.


_NOTHING = Extracted(None, None)


def extract(request: HTTPRequest, sources: Sequence[TokenSource]) -> Extracted:
    """The one token of `request`. Two, even if equal, are refused (RFC 6750 §2: one method a request)."""
    found = _NOTHING
    for source in sources:
        text = source.read(request)
        if text is not None:
            if found is not _NOTHING:
                raise InvalidRequestError("two_tokens", "The request carries access tokens in two places: send one.")
            found = new_tuple(Extracted, (text, source))
    return found


# What looks like a second bearer credential behind a comma.
_SECOND_BEARER = re.compile(r",[ \t]*bearer ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AuthorizationHeader:
    """`Authorization: Bearer <token>` (RFC 6750 §2.1); the scheme is compared without case (RFC 9110 §11.1)."""

    def read(self, request: HTTPRequest) -> str | None:
        """The credential of the Bearer scheme; other schemes are none of our business, hence absent."""
        combined = request.combined("authorization")
        if combined is None:
            return None
        if len(combined) > MAX_FIELD:
            combined = _far_too_long(combined, request)
        value = combined.strip(_SPACE)
        if value.startswith("Bearer ") and "," not in value and value[7] != " ":
            return value[7:]  # As nearly everybody writes it; all else is looked at closely.
        if value[:6].lower() != "bearer" or value[6:7] not in _BEARER_ENDS:
            if "," in value and _SECOND_BEARER.search(value):
                raise _two_fields()
            return None
        if "," in value:
            raise _two_fields()
        credential = value[6:].strip(" ")
        if not credential or value[6] != " ":
            raise MalformedTokenError("bearer_credential")
        return credential


# After the scheme comes a space. Behind anything else that is no part of a scheme's name, a bearer token was
# attempted and botched, which is not the same as none.
_BEARER_ENDS = frozenset(["", *'"(),/:;<=>?@[\\]{}', *map(chr, range(33)), "\x7f"])


def _far_too_long(combined: str, request: HTTPRequest) -> str:
    """All of the field, unless its start tells that it is a token that is too long: a megabyte costs what garbage does.

    Of another scheme all is read, since there might be a token behind it.
    """
    start = combined[:MAX_FIELD].lstrip(_SPACE)
    if start[:7].lower() == "bearer " and "," not in start:
        raise MalformedTokenError("too_long")
    return ",".join(request.values("authorization"))


def _two_fields() -> InvalidRequestError:
    return InvalidRequestError("two_credentials", "The request carries more than one Authorization credential.")


_FIELD_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


@dataclass(frozen=True, slots=True)
class TokenHeader:
    """A header of another name that holds the bare token, for gateways that keep `Authorization` to themselves."""

    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _FIELD_NAME.fullmatch(self.name):
            raise ConfigurationError(f"a header's name is letters, digits and hyphens (RFC 9110 §5.1): {self.name!r}")
        if self.name.lower() in {"authorization", "cookie"}:
            raise ConfigurationError(
                f"TokenHeader({self.name!r}) would read the field whole: use AuthorizationHeader() or TokenCookie(name)"
            )

    def read(self, request: HTTPRequest) -> str | None:
        """The value of the field; a repeated one is refused, as is a comma, which is how servers fold them."""
        fields = request.values(self.name.lower())
        if not fields:
            return None
        value = fields[0].strip(_SPACE)
        if len(fields) > 1 or "," in value:
            raise InvalidRequestError("repeated_header", f"The {self.name} header was given more than once.")
        return value or None


@dataclass(frozen=True, slots=True)
class TokenQuery:
    """A query parameter (RFC 6750 §2.3). URLs end up in logs and histories: only for what cannot send headers."""

    name: str = "access_token"
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False, default=re.compile(""))

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[A-Za-z0-9._~-]+", self.name):
            raise ConfigurationError(f"a query parameter's name is letters, digits, '.', '_', '~', '-': {self.name!r}")
        object.__setattr__(self, "_pattern", re.compile(rf"(?:^|&){re.escape(self.name)}="))

    def read(self, request: HTTPRequest) -> str | None:
        """The value of the parameter; a repeated one is refused."""
        # Some readers of queries part them at `;` too.
        found = values_of(request.query.replace(";", "&"), self.name, self._pattern, separator="&")
        if len(found) > 1:
            raise InvalidRequestError("repeated_query", f"The query parameter {self.name} was given more than once.")
        if not found or not found[0]:
            return None
        text = found[0]
        if "%" in text and len(text) <= _MAX_ESCAPED:  # Left as it is, it holds a "%", which no token does.
            from urllib.parse import unquote  # noqa: PLC0415 - slow to import, and tokens need no escapes

            text = unquote(text, errors="replace")
        return text


_MAX_ESCAPED = 65536
"""Characters of a query parameter that are unescaped, which takes Python a step for each escape."""

_OFFERS_BEARER = re.compile(r"(?:^|,)[ \t]*bearer[ \t]*(?:,|$)")


@dataclass(frozen=True, slots=True)
class TokenSubprotocol:
    """`Sec-WebSocket-Protocol: bearer, <token>`: for browsers, whose websockets cannot set other headers.

    Only handshakes are read. A middleware answers with the subprotocol `bearer`, and the application sees neither; so
    this place needs one in front: a decorator alone cannot keep the token from the application.
    """

    def read(self, request: HTTPRequest) -> str | None:
        """The value behind `bearer`, of exactly two; any other list is the application's own."""
        if not request.is_websocket:
            return None
        offered = ",".join(request.values("sec-websocket-protocol"))
        if not _OFFERS_BEARER.search(offered):
            return None
        first, _, rest = offered.partition(",")
        token = rest.strip(_SPACE)
        if first.strip(_SPACE) != "bearer" or not token or "," in token:
            raise MalformedTokenError("subprotocol")
        return token


def check_sources(tokens_from: object) -> tuple[TokenSource, ...]:
    """`tokens_from` as a tuple; raises `ConfigurationError` unless it is a list of different places."""
    if isinstance(tokens_from, str | bytes) or not isinstance(tokens_from, Iterable):
        raise ConfigurationError(
            "tokens_from is a list of places: write tokens_from=[AuthorizationHeader(), TokenCookie('__Host-access')]"
        )
    sources = tuple(tokens_from)
    wrong = [source for source in sources if isinstance(source, type) or not isinstance(source, TokenSource)]
    if wrong or not sources:
        found = f"found {wrong[0]!r}" if wrong else "found none"
        raise ConfigurationError(
            "tokens_from holds AuthorizationHeader(), TokenCookie(name), TokenHeader(name) or TokenQuery(name),"
            f" {found}"
        )
    named = [_place(source) for source in sources]
    if any(place in named[:index] for index, place in enumerate(named)):
        raise ConfigurationError("tokens_from names one place twice: name each once")
    return sources


def _place(source: TokenSource) -> object:
    """What tells one place from another: fields are named without case, and a cookie's path is not sent back."""
    if isinstance(source, TokenHeader):
        return TokenHeader, source.name.lower()
    if isinstance(source, TokenCookie):
        return TokenCookie, source.sent_name
    return source
