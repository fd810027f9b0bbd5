"""Cross-site request forgery: when a browser added the token by itself, did one of our own pages send the request?

>>> from jwtguard.core.http.response import HTTPRequest
>>> post = {"REQUEST_METHOD": "POST", "HTTP_HOST": "app.example", "HTTP_ORIGIN": "https://evil.example"}
>>> try:
...     CSRF().check_headers(HTTPRequest.from_wsgi(post))
... except CSRFError as error:
...     error.status, error.reason
(403, 'csrf_origin')

A browser adds cookies to requests that other sites start, and a gateway that knows the browser by a cookie adds its
header to them; so only tokens that come in these two ways are checked here. `SameSite` is no replacement: two ports of
one host are one site.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from jwtguard.core.errors import ConfigurationError, CSRFError
from jwtguard.core.http.response import HTTPRequest
from jwtguard.core.tokens.encoding import encode_segment
from jwtguard.core.tokens.verifier import VerifiedToken
from jwtguard.core.validation import Problems

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110 §9.2.1), as they are written: `get` is another method."""
CSRF_HEADER = "X-CSRF-Token"
CSRF_COOKIE = "__Host-csrf"
"""The readable cookie that delivers the token; our own pages' scripts copy it into the header."""
_MIN_SECRET_BYTES = 32
_LABEL = b"jwtguard csrf token 1"


class _Origin(NamedTuple):
    scheme: str
    host: str
    port: int


_ORIGIN = re.compile(r"(https?)://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{0,5}))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_OWN_SITES = frozenset({"same-origin", "none"})
"""What `Sec-Fetch-Site` says of our own pages, and of what the user did without any page (W3C Fetch Metadata §2.1)."""
_LONGEST_SHOWN = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class CSRF:
    """How requests that change something and whose token came in a cookie prove where they come from.

    `trusted_origins` are other origins whose pages may call us. `secret` (32 bytes or more) makes CSRF tokens, which
    are needed where a client sends neither `Origin` nor `Sec-Fetch-Site`, or always, with `require_token=True`.
    Raises `ConfigurationError` with all problems.
    """

    trusted_origins: Iterable[str] = ()
    require_token: bool = False
    secret: str | bytes | None = field(default=None, repr=False)
    _trusted: frozenset[_Origin] = field(init=False, repr=False, default=frozenset())
    _key: bytes | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        problems = Problems()
        store = object.__setattr__
        if isinstance(self.trusted_origins, str) or not isinstance(self.trusted_origins, Iterable):
            example = self.trusted_origins if isinstance(self.trusted_origins, str) else "https://app.example"
            problems.append(f"trusted_origins is a list: write trusted_origins=[{example!r}]")
        else:
            store(self, "trusted_origins", tuple(self.trusted_origins))
            parsed = [(origin, _parse_origin(origin)) for origin in self.trusted_origins]
            problems += [
                f'a trusted origin is scheme, host and port alone, as in "https://app.example": found {origin!r}'
                for origin, value in parsed
                if value is None
            ]
            store(self, "_trusted", frozenset(value for _, value in parsed if value is not None))
        if not isinstance(self.require_token, bool):
            problems.append(f"require_token is True or False, found {self.require_token!r}")
        if self.secret is not None:
            # What an environment variable holds that is no UTF-8 comes as surrogates (PEP 383).
            key = self.secret.encode("utf-8", "surrogatepass") if isinstance(self.secret, str) else self.secret
            if not isinstance(key, bytes):
                problems.append(f"the CSRF secret is str or bytes, not {type(key).__name__}")
            elif len(key) < _MIN_SECRET_BYTES:
                problems.append(
                    f"the CSRF secret has {len(key)} bytes and needs at least {_MIN_SECRET_BYTES}:"
                    ' make one with python -c "import secrets; print(secrets.token_hex(32))"'
                )
            store(self, "_key", key)
        elif self.require_token:
            problems.append("require_token=True needs CSRF(secret=...) to make the tokens with")
        problems.raise_all()

    def check(self, request: HTTPRequest, token: VerifiedToken) -> None:
        """Check a request whose token a browser or a gateway added; raises `CSRFError` and says what was expected."""
        if request.method in SAFE_METHODS:
            return
        if not self.check_headers(request) or self.require_token:
            self._check_token(request, token)

    def check_headers(self, request: HTTPRequest) -> bool:
        """Check `Sec-Fetch-Site`, or `Origin` without it; False if the client sent neither. Raises `CSRFError`.

        The browser itself says in `Sec-Fetch-Site` (Fetch Metadata) whether one of our own pages asked. It knows the
        name under which it called us, which a proxy may have replaced in the Host header.
        """
        origins, sites = _checked_fields(request)
        if not sites:
            return bool(origins) and self._check_origin(origins, request)
        if sites[0] in _OWN_SITES or self._trusts(origins, request):
            return True
        raise CSRFError(
            "csrf_site",
            "The Sec-Fetch-Site header must be same-origin or none, or the Origin header must be in trusted_origins.",
        )

    def check_handshake(self, request: HTTPRequest) -> None:
        """Check a websocket handshake, which browsers send across sites with all cookies (RFC 6455 §10.2).

        `Origin` decides, since not every browser sends `Sec-Fetch-Site` here; a contradiction is refused.
        """
        origins, sites = _checked_fields(request)
        if not origins:
            raise CSRFError(
                "csrf_origin", "A websocket handshake whose token a browser or a gateway adds needs an Origin header."
            )
        if sites:
            self.check_headers(request)
        self._check_origin(origins, request)

    def _trusts(self, origins: list[str], request: HTTPRequest) -> bool:
        origin = _parse_origin(origins[0]) if origins else None
        return origin is not None and (origin in self._trusted or request.trusts_origin(origins[0]))

    def _check_origin(self, origins: list[str], request: HTTPRequest) -> Literal[True]:
        if self._trusts(origins, request) or _is_own(_parse_origin(origins[0]), request):
            return True
        raise CSRFError(
            "csrf_origin",
            f'The Origin header is "{_shown(origins[0])}", which is neither this host ("{_shown(request.host or "")}")'
            " nor in trusted_origins: add it there, or let the proxy forward Host.",
        )

    def _check_token(self, request: HTTPRequest, token: VerifiedToken) -> None:
        if self._key is None:
            raise CSRFError(
                "csrf_headers",
                "The request needs an Origin or Sec-Fetch-Site header, as browsers send them by themselves.",
            )
        given = request.values(CSRF_HEADER.lower())
        if not given:
            raise CSRFError(
                "csrf_token_missing",
                f"The {CSRF_HEADER} header is needed, with the value of the {CSRF_COOKIE} cookie.",
            )
        # Compared as bytes, and only as such: `compare_digest` raises on text that is not ASCII.
        if len(given) != 1 or not hmac.compare_digest(given[0].encode("utf-8", "replace"), self.token(token).encode()):
            raise CSRFError(
                "csrf_token", f"The {CSRF_HEADER} header does not fit the token: read the {CSRF_COOKIE} cookie again."
            )

    def token(self, token: VerifiedToken) -> str:
        """The CSRF token that goes with `token`; raises `ConfigurationError` without a secret.

        An HMAC over issuer, subject and session, so it outlives a renewed access token but not the session.
        """
        if self._key is None:
            raise ConfigurationError("CSRF tokens need a secret: pass csrf=CSRF(secret=...) with 32 random bytes")
        claims = token.claims
        sid = claims.get("sid")
        bound = [b"sid", sid.encode()] if isinstance(sid, str) and sid else [b"sha256", token.sha256]
        parts = [_LABEL, str(claims.get("iss", "")).encode(), str(claims.get("sub", "")).encode(), *bound]
        # Length-prefixed: no two lists of parts run together into the same bytes.
        message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return encode_segment(hmac.new(self._key, message, hashlib.sha256).digest())


def _checked_fields(request: HTTPRequest) -> tuple[list[str], list[str]]:
    """The Origin and Sec-Fetch-Site fields, at most one of each: a repeated one is a refusal, also a folded one."""
    origins, sites = request.values("origin"), request.values("sec-fetch-site")
    if _is_repeated(sites):
        raise CSRFError("csrf_site", "The Sec-Fetch-Site header was given more than once.")
    if _is_repeated(origins):
        raise CSRFError("csrf_origin", "The Origin header was given more than once.")
    return origins, sites


def _is_repeated(fields: list[str]) -> bool:
    return len(fields) > 1 or "," in "".join(fields)


def _shown(value: str) -> str:
    """A value of a header field for the developer who reads the refusal: only what an origin or a host can hold."""
    return re.sub(r"[^A-Za-z0-9._:/\[\]-]", "?", value)[:_LONGEST_SHOWN]


def _parse_origin(text: object) -> _Origin | None:
    match = _ORIGIN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    scheme, host, port = match.groups()
    return _Origin(scheme, host.lower(), int(port) if port else _DEFAULT_PORTS[scheme])


def _is_own(origin: _Origin | None, request: HTTPRequest) -> bool:
    """Whether `origin` is the host that the request was sent to, by https or the request's own scheme.

    Behind a proxy that ends TLS our own scheme is http while the browser's is https, hence either.
    """
    match = _HOST.fullmatch(request.host or "")
    if origin is None or match is None or origin.scheme not in {"https", request.scheme}:
        return False
    host, port = match.groups()
    return (host.lower(), int(port) if port else _DEFAULT_PORTS[origin.scheme]) == (origin.host, origin.port)
