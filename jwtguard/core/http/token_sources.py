"""Where a token may travel: a header, a cookie, and by choice the query string or a websocket subprotocol.

>>> from jwtguard.core.http.response import HTTPRequest
>>> request = HTTPRequest.from_wsgi({"REQUEST_METHOD": "GET", "HTTP_AUTHORIZATION": "bearer abc.def.ghi"})
>>> extract(request, [AuthorizationHeader(), TokenCookie("__Host-access")])
Extracted(source=AuthorizationHeader(from_proxy=False))

Absent is `None`; a token that was attempted and is malformed, or is there twice, raises. Nothing here looks into the
token: that is the verifier's work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

from jwtguard.core.errors import ConfigurationError, InvalidRequestError, MalformedTokenError
from jwtguard.core.http.cookies import TokenCookie as TokenCookie
from jwtguard.core.http.cookies import values_of
from jwtguard.core.http.request import MAX_FIELD
from jwtguard.core.http.response import HTTPRequest

_SPACE = " \t"


@runtime_checkable
class TokenSource(Protocol):
    """One place where a token may stand in a request.

    A place of your own may have `fields`, the names of the header fields that it reads: they go into `Vary`. Without
    it, caches keep no response of a route that looks there (`Vary: *`).
    """

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
            found = Extracted(text, source)
    return found


# What looks like a second credential behind a comma.
_SECOND_CREDENTIAL = re.compile(r",[ \t]*(?:bearer|dpop) ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AuthorizationHeader:
    """`Authorization: Bearer <token>` (RFC 6750 §2.1); the scheme is compared without case (RFC 9110 §11.1).

    `from_proxy=True`: a gateway adds the header for a browser that it knows by a cookie (oauth2-proxy can do so). The
    gateway does that for requests of other sites too, so such a token passes the CSRF check like one in a cookie.
    """

    from_proxy: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.from_proxy, bool):
            raise ConfigurationError(f"from_proxy is True or False, found {self.from_proxy!r}")

    def read(self, request: HTTPRequest) -> str | None:
        """The credential of the Bearer scheme; other schemes are none of our business, hence absent."""
        combined = request.combined("authorization")
        if combined is None:
            return None
        if len(combined) > MAX_FIELD:
            combined = _far_too_long(combined, request)
        value = combined.strip(_SPACE)
        if value[:6].lower() != "bearer" or value[6:7] not in _SCHEME_ENDS:
            if "," in value and _SECOND_CREDENTIAL.search(value):
                raise _two_fields()
            return None
        if "," in value:
            raise _two_fields()
        return _credential(value, "Bearer")


# After the scheme comes a space. Behind anything else that is no part of a scheme's name, a bearer token was
# attempted and botched, which is not the same as none.
_SCHEME_ENDS = frozenset(["", *'"(),/:;<=>?@[\\]{}', *map(chr, range(33)), "\x7f"])


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


_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""What names a field or a scheme (RFC 9110 §5.6.2)."""
_GATEWAY_FIELDS = re.compile(
    r"cf-access-jwt-assertion|x-goog-iap-jwt-assertion|x-amzn-oidc-.*|x-forwarded-access-token"
    r"|x-forwarded-authorization|x-auth-request-.*|x-ms-token-.*|x-pomerium-jwt-assertion|teleport-jwt-assertion"
    r"|x-authentik-jwt"
)
"""Fields that gateways alone set, for browsers that they know by a cookie: Cloudflare Access, Google's
Identity-Aware Proxy, the load balancers of AWS, oauth2-proxy, Azure App Service, Pomerium, Teleport, authentik."""


@dataclass(frozen=True, slots=True)
class TokenHeader:
    """A header of another name: for gateways, and for clients that need `Authorization` for something else.

    `from_proxy` says who sets it, and has no default. True: a gateway adds it for a browser that it knows by a cookie.
    It does so for requests of other sites too, so such a token passes the CSRF check like one in a cookie. False: the
    client itself sets it, which a page of another site cannot do. The header holds the bare token, or with
    `scheme="Bearer"` what `Authorization` would hold. Raises `ConfigurationError`.
    """

    name: str
    from_proxy: bool | None = field(default=None, kw_only=True)
    scheme: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _TOKEN.fullmatch(self.name):
            raise ConfigurationError(f"a header's name is letters, digits and hyphens (RFC 9110 §5.1): {self.name!r}")
        ConfigurationError.raise_all(self._problems())

    def _problems(self) -> list[str]:
        # A WSGI server makes no difference between a hyphen and an underscore.
        name, written = self.name.lower().replace("_", "-"), f"TokenHeader({self.name!r}"
        if name in {"authorization", "cookie"}:
            return [f"{written}) would read the field whole: use AuthorizationHeader() or TokenCookie(name)"]
        problems = []
        if self.scheme is not None and not (isinstance(self.scheme, str) and _TOKEN.fullmatch(self.scheme)):
            problems.append(
                f'scheme is a name as in scheme="Bearer", or None for the bare token: found {self.scheme!r}'
            )
        if self.from_proxy is None:
            problems.append(
                f"who sets the header {self.name}? Write {written}, from_proxy=True) if a gateway adds it for a browser"
                f" that it knows by a cookie, or {written}, from_proxy=False) if the client itself sets it"
            )
        elif not isinstance(self.from_proxy, bool):
            problems.append(f"from_proxy is True or False, found {self.from_proxy!r}")
        elif not self.from_proxy and _GATEWAY_FIELDS.fullmatch(name):
            problems.append(
                f"gateways set the header {self.name}, also for requests that other sites start: write"
                f" {written}, from_proxy=True)"
            )
        return problems

    def read(self, request: HTTPRequest) -> str | None:
        """The token in the field; a repeated field is refused, as is a comma, which is how servers fold fields."""
        fields = request.values(self.name.lower())
        if not fields:
            return None
        value = fields[0].strip(_SPACE)
        if len(fields) > 1 or "," in value:
            raise InvalidRequestError("repeated_header", f"The {self.name} header was given more than once.")
        return _credential(value, self.scheme) if self.scheme is not None else value or None


def _credential(value: str, scheme: str) -> str | None:
    """The credential behind `scheme`, None behind another one; raises `MalformedTokenError` if there is none."""
    length = len(scheme)
    if value[:length].lower() != scheme.lower() or value[length : length + 1] not in _SCHEME_ENDS:
        return None
    credential = value[length:].strip(" ")
    if not credential or value[length] != " ":
        raise MalformedTokenError("bearer_credential")
    return credential


def scheme_hint(request: HTTPRequest, sources: Iterable[TokenSource]) -> str | None:
    """For the log, where no token was found: the scheme that stands where the guard expects another one."""
    for source in sources:
        name, expected = "Authorization", "Bearer"
        if isinstance(source, TokenHeader):
            name, expected = source.name, source.scheme or ""
        elif not isinstance(source, AuthorizationHeader):
            continue
        fields = request.values(name.lower()) if expected else []
        value = fields[0].strip(_SPACE) if fields else ""
        if value:
            return f"{name} has {_scheme_shown(value)}, expected {expected}"
    return None


def _scheme_shown(value: str) -> str:
    """The scheme of a credential, which is shown only if it cannot be the credential or a part of it."""
    scheme, _, credential = value.replace("\t", " ").partition(" ")
    if not credential:
        return "a credential without a scheme"
    return f"the scheme {scheme}" if _SCHEME_SHOWN.fullmatch(scheme) else "an unknown scheme"


_SCHEME_SHOWN = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,15}")
"""Schemes in use have up to 16 characters (AWS4-HMAC-SHA256); tokens and keys have more."""


def fields_of(source: TokenSource) -> tuple[str, ...]:
    """The header fields that a place is in, for `Vary`. One of your own names them as `fields`, or stands for any."""
    if isinstance(source, AuthorizationHeader):
        return ("Authorization",)
    if isinstance(source, TokenHeader):
        return (source.name,)
    if isinstance(source, TokenCookie):
        return ("Cookie",)
    if isinstance(source, TokenQuery | TokenSubprotocol):
        return ()  # The URL is what caches go by anyway, and they keep no handshakes.
    fields: tuple[str, ...] = getattr(source, "fields", ("*",))
    return fields


def is_ambient(source: TokenSource) -> bool:
    """Whether a browser or a gateway adds the token by itself, also to requests that other sites start.

    RFC 6265 §8.2 calls that ambient authority: such a token needs the CSRF check.
    """
    return isinstance(source, TokenCookie) or (
        isinstance(source, AuthorizationHeader | TokenHeader) and source.from_proxy is True
    )


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

_BEARER_OFFER = re.compile(r"(?:^|,)[ \t]*bearer[ \t]*(?=,|$)")
_SUBPROTOCOLS = "sec-websocket-protocol"


@dataclass(frozen=True, slots=True)
class TokenSubprotocol:
    """`Sec-WebSocket-Protocol: bearer, <token>`: for browsers, whose websockets cannot set other headers.

    Subprotocols of the application may stand before and behind these two. Only handshakes are read. A middleware hides
    both from the application, and answers with the application's choice or else with `bearer`; so this place needs a
    middleware: a decorator alone cannot keep the token from the application.
    """

    def read(self, request: HTTPRequest) -> str | None:
        """The offer behind `bearer`; a list without `bearer` is the application's own."""
        if not request.is_websocket:
            return None
        offered = ",".join(request.values(_SUBPROTOCOLS))
        bearer = _BEARER_OFFER.search(offered)
        if bearer is None:
            return None
        if _BEARER_OFFER.search(offered, bearer.end()):
            raise InvalidRequestError("two_tokens", "The subprotocol bearer was offered more than once.")
        token = offered[bearer.end() + 1 :].partition(",")[0].strip(_SPACE)
        if not token:
            raise MalformedTokenError("subprotocol")
        return token


def subprotocols_without_token(request: HTTPRequest) -> list[str]:
    """The subprotocols that a handshake offers to the application: without `bearer` and the token behind it."""
    offered = [each.strip(_SPACE) for each in ",".join(request.values(_SUBPROTOCOLS)).split(",")]
    if "bearer" in offered:
        position = offered.index("bearer")
        del offered[position : position + 2]
    return [each for each in offered if each]


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
            "tokens_from holds AuthorizationHeader(), TokenCookie(name), TokenHeader(name, from_proxy=...) or"
            " TokenQuery(name),"
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
    return AuthorizationHeader if isinstance(source, AuthorizationHeader) else source
