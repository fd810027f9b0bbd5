"""HTTP as values: what a request says, and a finished answer. No framework's own types come further than this.

>>> request = HTTPRequest.from_asgi(
...     {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"a.example")]}
... )
>>> request.values("host")
['a.example']
>>> from jwtguard.core.errors import MissingTokenError
>>> Answers().answer(MissingTokenError(), request).headers[0]
('WWW-Authenticate', 'Bearer realm="api"')
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeAlias

from jwtguard.core.errors import ConfigurationError, JWTGuardError, TooManyRequestsError, UnavailableError


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPRequest:
    """What the core reads of a request. `values(name)` gives the raw fields of that (lower-case) name, in order.

    `path` is the one that the router of the wrapped application matches, and `root_path` what stands in front of it in
    the URL; `scheme` is `http` or `https`, also for a websocket handshake. `client` is the address that the server saw,
    which may be a proxy's.
    """

    method: str
    path: str
    values: Callable[[str], list[str]] = field(repr=False)
    query: str = field(default="", repr=False)
    scheme: str = "http"
    is_websocket: bool = False
    root_path: str = ""
    client: str | None = field(default=None, repr=False)

    @classmethod
    def from_wsgi(
        cls, environ: Mapping[str, Any], *, path: str | None = None, root_path: str | None = None
    ) -> HTTPRequest:
        """From a WSGI environ (PEP 3333), where the server has folded repeated fields into one."""

        def values(name: str) -> list[str]:
            variable = name.replace("-", "_").upper()
            # PEP 3333, after CGI: the two fields that describe the body have no prefix.
            value = environ.get(variable if variable in {"CONTENT_TYPE", "CONTENT_LENGTH"} else "HTTP_" + variable)
            return [] if value is None else [value]

        return cls(
            method=environ["REQUEST_METHOD"],
            path=_wsgi_text(environ, "PATH_INFO") if path is None else path,
            values=values,
            query=environ.get("QUERY_STRING", ""),
            scheme=environ.get("wsgi.url_scheme", "http"),
            root_path=_wsgi_text(environ, "SCRIPT_NAME") if root_path is None else root_path,
            client=environ.get("REMOTE_ADDR"),
        )

    @classmethod
    def from_asgi(
        cls, scope: Mapping[str, Any], *, path: str | None = None, root_path: str | None = None
    ) -> HTTPRequest:
        """From an ASGI connection scope, http or websocket."""
        headers: Iterable[tuple[bytes, bytes]] = scope["headers"]

        def values(name: str) -> list[str]:
            wanted = name.encode("latin-1")
            return [value.decode("latin-1") for field_name, value in headers if field_name.lower() == wanted]

        is_websocket = scope["type"] == "websocket"
        scheme: str = scope.get("scheme", "http")
        return cls(
            # A handshake is a GET (RFC 6455 §4.1), though its scope does not say so.
            method="GET" if is_websocket else scope["method"],
            path=_below_root(scope) if path is None else path,
            values=values,
            query=(scope.get("query_string") or b"").decode("latin-1"),
            scheme={"ws": "http", "wss": "https"}.get(scheme, scheme),
            is_websocket=is_websocket,
            root_path=(scope.get("root_path") or "") if root_path is None else root_path,
            client=client[0] if (client := scope.get("client")) else None,
        )


def _wsgi_text(environ: Mapping[str, Any], name: str) -> str:
    """PEP 3333 hands over bytes disguised as latin-1."""
    return str(environ.get(name, "")).encode("latin-1", "replace").decode("utf-8", "replace")


def is_preflight(request: HTTPRequest) -> bool:
    """Whether a browser asks what it may send (CORS preflight), which it does without any credential."""
    return (
        request.method == "OPTIONS"
        and bool(request.values("origin"))
        and bool(request.values("access-control-request-method"))
    )


def _below_root(scope: Mapping[str, Any]) -> str:
    """The path less `root_path`, at a `/` boundary: `/docs-internal` is not below `/docs`. As the router reads it."""
    path: str = scope["path"]
    root: str = scope.get("root_path") or ""
    if root and path.startswith(root) and (len(path) == len(root) or path[len(root)] == "/"):
        return path[len(root) :]
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPAnswer:
    """A finished answer: the headers are opaque strings that an adapter passes on as they are."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def json_answer(value: object, *, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> HTTPAnswer:
    """`value` as JSON, with `headers` besides the content type."""
    body = json.dumps(value).encode("ascii")
    return HTTPAnswer(status=status, headers=(*headers, ("Content-Type", "application/json")), body=body)


ProblemBody: TypeAlias = Callable[[JWTGuardError], tuple[str, bytes]]


def problem_details(error: JWTGuardError) -> tuple[str, bytes]:
    """The content type and body of an RFC 9457 problem."""
    problem: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
    }
    if error.error is not None:
        problem["error"] = error.error
    return "application/problem+json", json.dumps(problem).encode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Turns an error into its answer. `realm` names the protected space (RFC 9110 §11.5), `body` writes the problem."""

    realm: str = "api"
    body: ProblemBody = problem_details

    def __post_init__(self) -> None:
        if not isinstance(self.realm, str) or not _quotable(self.realm):
            raise ConfigurationError(f"realm is printable ASCII without quote or backslash, found {self.realm!r}")

    def answer(self, error: JWTGuardError, request: HTTPRequest | None = None) -> HTTPAnswer:
        """The answer for `error`; a HEAD request gets no body (RFC 9110 §9.3.2)."""
        headers = []
        if error.challenges:
            headers.append(("WWW-Authenticate", self.challenge(error)))
        if isinstance(error, UnavailableError | TooManyRequestsError):
            headers.append(("Retry-After", str(error.retry_after)))
        headers.append(("Cache-Control", "no-store"))
        content_type, body = self.body(error)
        # RFC 9110 §8.6: in an answer to HEAD too, the length is that of the body which another method would get.
        headers += [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        if request is not None and request.method == "HEAD":
            body = b""
        return HTTPAnswer(status=error.status, headers=tuple(headers), body=body)

    def challenge(self, error: JWTGuardError) -> str:
        """The `WWW-Authenticate` value (RFC 6750 §3)."""
        parameters = [("realm", self.realm)]
        if error.error is not None:
            parameters += [("error", error.error), ("error_description", error.detail)]
        # RFC 6750 §3: a description holds no quote, no backslash and nothing outside ASCII. Whatever else ends up
        # here was written by the application, in a role's name say, and must not break out of its quotes.
        quoted = (f'{name}="{_quoted(value)}"' for name, value in (*parameters, *error.parameters))
        return "Bearer " + ", ".join(quoted)


def _quotable(text: str) -> bool:
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text


def _quoted(text: str) -> str:
    return "".join(character if _quotable(character) else "'" if character == '"' else "?" for character in text)
