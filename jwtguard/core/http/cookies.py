"""Cookies as browsers send and take them (RFC 6265), read and written strictly.

>>> cookie = TokenCookie("__Host-access")
>>> cookie.clear()
'__Host-access=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax'

Reading never unquotes, since two readers that unquote differently see two tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from jwtguard.core.errors import ConfigurationError, InvalidRequestError
from jwtguard.core.http.response import HTTPRequest
from jwtguard.core.tokens.jws import largest_claims

MAX_COOKIE_BYTES = 4096
"""RFC 6265 §6.1: browsers drop a larger cookie without a word."""
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
_EMPTY = frozenset({"", '""'})
"""How a cookie without a value is written (RFC 6265 §4.1.1)."""
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_ATTRIBUTE = re.compile(r"[\x21-\x3a\x3c-\x7e]+")
_COOKIE_OCTETS = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")


@dataclass(frozen=True, slots=True)
class TokenCookie:
    """A cookie that holds a token: by default `__Host-`, Secure, HttpOnly, SameSite=Lax and for every path.

    `development=True` drops the prefix and Secure, for plain http on this machine, and refuses any host but loopback.
    Raises `ConfigurationError` for a combination that browsers would drop (RFC 6265bis §4.1.3).
    """

    name: str = "__Host-access"
    path: str = field(default="/", kw_only=True)
    domain: str | None = field(default=None, kw_only=True)
    samesite: Literal["Strict", "Lax", "None"] = field(default="Lax", kw_only=True)
    http_only: bool = field(default=True, kw_only=True)
    secure: bool = field(default=True, kw_only=True)
    development: bool = field(default=False, kw_only=True)
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False, default=re.compile(""))
    _joined: re.Pattern[str] = field(init=False, repr=False, compare=False, default=re.compile(""))

    def __post_init__(self) -> None:
        ConfigurationError.raise_all(self._problems())
        name = re.escape(self.sent_name)
        object.__setattr__(self, "_pattern", re.compile(rf"(?:^|;)[ \t]*{name}[ \t]*="))
        object.__setattr__(self, "_joined", re.compile(rf",[ \t]*{name}[ \t]*="))

    def _problems(self) -> list[str]:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            return [f"a cookie's name is letters, digits and some signs, no space (RFC 6265 §4.1.1): {self.name!r}"]
        problems = [
            f"{name} is True or False, found {getattr(self, name)!r}"  # The string "false" would be true.
            for name in ("http_only", "secure", "development")
            if not isinstance(getattr(self, name), bool)
        ]
        if self.samesite not in ("Strict", "Lax", "None"):
            problems.append(f'samesite is "Strict", "Lax" or "None", found {self.samesite!r}')
        if not isinstance(self.path, str) or not self.path.startswith("/") or not _ATTRIBUTE.fullmatch(self.path):
            problems.append(f'path starts with "/" and holds no ";", found {self.path!r}')
        if self.domain is not None and not (isinstance(self.domain, str) and _ATTRIBUTE.fullmatch(self.domain)):
            problems.append(f'domain holds no ";", found {self.domain!r}')
        host_bound = self.name.startswith("__Host-")
        if host_bound and (self.path != "/" or self.domain is not None):
            problems.append(
                f'{self.name} must have path="/" and no domain, or browsers drop it: rename it to change that'
            )
        if (host_bound or self.name.startswith("__Secure-") or self.samesite == "None") and not self.secure:
            problems.append(
                f"{self.name} must be secure, or browsers drop it: for plain http on this machine use development=True"
            )
        return problems

    @property
    def sent_name(self) -> str:
        """The name on the wire: without its prefix in development, where browsers would drop it."""
        return re.sub("^__(Host|Secure)-", "", self.name) if self.development else self.name

    def read(self, request: HTTPRequest) -> str | None:
        """The token, None if there is none; raises `InvalidRequestError` if the cookie is there twice."""
        return self._read(request, request.values("cookie"))

    def read_received(self, request: HTTPRequest) -> str | None:
        """The same, also where a middleware withholds the cookie from the application."""
        return self._read(request, request.received_cookies)

    def all_received(self, request: HTTPRequest) -> list[str]:
        """Every value that was received under this name, also behind a comma with which a server joined fields.

        For a logout: which of two is genuine, only their signatures tell.
        """
        pairs = (pair.partition("=") for field in request.received_cookies for pair in re.split("[;,]", field))
        values = [value.strip(" \t") for name, _, value in pairs if name.strip(" \t") == self.sent_name]
        if values:
            self.check_host(request)
        return list(dict.fromkeys(value for value in values if value not in _EMPTY))

    def without(self, fields: Sequence[str]) -> list[str] | None:
        """Cookie fields without this cookie; None if it is in none of them."""
        if not any(self.sent_name in field for field in fields):
            return None
        kept = [";".join(self._others(field)).strip(" \t") for field in fields]
        return None if kept == list(fields) else [field for field in kept if field]

    def _others(self, field: str) -> Iterator[str]:
        for pair in field.split(";"):
            if pair.partition("=")[0].strip(" \t") != self.sent_name:
                # Behind a comma with which a server joined fields: the end of this cookie is ambiguous.
                joined = self._joined.search(pair)
                yield pair if joined is None else pair[: joined.start()]

    def _read(self, request: HTTPRequest, fields: list[str]) -> str | None:
        if not fields:
            return None
        # RFC 9113 §8.2.3: a browser may split its cookies over several fields.
        text = fields[0] if len(fields) == 1 else "; ".join(fields)
        values = values_of(text, self.sent_name, self._pattern, separator=";")
        # A server that joins fields with a comma leaves us unable to say where one cookie ends.
        if len(values) > 1 or (values and "," in values[0]) or ("," in text and self._joined.search(text)):
            raise InvalidRequestError("repeated_cookie", f"The cookie {self.sent_name} was given more than once.")
        if not values:
            return None
        value = values[0].strip(" \t")
        if value in _EMPTY:
            return None
        self.check_host(request)
        return value

    def check_host(self, request: HTTPRequest) -> None:
        """Raise `InvalidRequestError` if this cookie, set up for development, would leave this machine."""
        if not self.development:
            return
        host = ",".join(request.values("host")).lower()
        if re.sub(r":\d*$", "", host) not in LOOPBACK_HOSTS:
            raise InvalidRequestError(
                "development_cookie",
                f"The cookie {self.sent_name} is set up for development and works on localhost only:"
                " remove development=True.",
            )

    def set(self, text: str, *, max_age: timedelta | None = None) -> str:
        """The `Set-Cookie` value that stores `text`, until the browser ends or for `max_age`.

        Raises `ConfigurationError` if the cookie is larger than browsers keep; it names the claims that are large.
        """
        if not _COOKIE_OCTETS.fullmatch(text):
            raise ConfigurationError("a cookie's value holds no space, quote, comma, semicolon or backslash")
        lifetime = "" if max_age is None else f"; Max-Age={int(max_age.total_seconds())}"
        finished = f"{self.sent_name}={text}; Path={self.path}{lifetime}{self._attributes()}"
        if len(finished) > MAX_COOKIE_BYTES:
            raise ConfigurationError(
                f"the cookie {self.sent_name} would have {len(finished)} bytes, and browsers drop more than"
                f" {MAX_COOKIE_BYTES}; the largest claims: {largest_claims(text)}"
            )
        return finished

    def clear(self) -> str:
        """The `Set-Cookie` value that deletes the cookie: name, path and domain must be those it was set with."""
        return f"{self.sent_name}=; Path={self.path}; Max-Age=0{self._attributes()}"

    def _attributes(self) -> str:
        parts = ["" if self.domain is None else f"; Domain={self.domain}"]
        if self.secure and not self.development:
            parts.append("; Secure")
        if self.http_only:
            parts.append("; HttpOnly")
        parts.append(f"; SameSite={self.samesite}")
        return "".join(parts)


def values_of(text: str, name: str, pattern: re.Pattern[str], *, separator: str) -> list[str]:
    """What follows `pattern`, which holds `name` and begins at a `separator`, each up to the next one: at most two.

    The second is one too many already. A value of a megabyte costs no more than finding its end.
    """
    values: list[str] = []
    position = 0
    while len(values) < 2 and (found := text.find(name, position)) >= 0:
        match = pattern.search(text, max(text.rfind(separator, position, found), position))
        if match is None:
            break
        position = text.find(separator, match.end())
        if position < 0:
            position = len(text)
        values.append(text[match.end() : position])
    return values
