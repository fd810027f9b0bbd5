"""HTTP as values: what a request says, and a finished answer. No framework's own types come further than this.

>>> from jwtguard.core.errors import MissingTokenError
>>> Answers().answer(MissingTokenError()).headers[0]
('WWW-Authenticate', 'Bearer realm="api"')
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from http import HTTPStatus
from typing import TypeAlias

from jwtguard.core.errors import (
    ConfigurationError,
    JWTGuardError,
    MethodNotAllowedError,
    TooManyRequestsError,
    UnavailableError,
    is_quotable,
)
from jwtguard.core.finished_response import HTTPResponse as HTTPResponse
from jwtguard.core.http.request import HTTPRequest as HTTPRequest


def is_preflight(request: HTTPRequest) -> bool:
    """Whether a browser asks what it may send (CORS preflight), which it does without any credential."""
    return (
        request.method == "OPTIONS"
        and bool(request.values("origin"))
        and bool(request.values("access-control-request-method"))
    )


def for_caches(answer: HTTPResponse, request: HTTPRequest) -> HTTPResponse:
    """`answer` with what caches must know of how `request` was authenticated."""
    headers = request.search.header_fields(answer.status, answer.headers)
    return answer if headers is None else replace(answer, headers=tuple(headers))


def json_answer(value: object, *, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> HTTPResponse:
    """`value` as JSON, with `headers` besides the content type."""
    body = json.dumps(value).encode("ascii")
    return HTTPResponse(status=status, headers=(*headers, ("Content-Type", "application/json")), body=body)


ProblemBody: TypeAlias = Callable[[JWTGuardError], tuple[str, bytes]]


def problem_details(error: JWTGuardError) -> tuple[str, bytes]:
    """The content type and body of an RFC 9457 problem."""
    return "application/problem+json", _problem(error.status, error.detail, error.error)


@lru_cache(maxsize=256)  # There are few refusals, and to write one anew is half of what its answer costs.
def _problem(status: int, detail: str, code: str | None) -> bytes:
    problem: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if code is not None:
        problem["error"] = code
    return json.dumps(problem).encode("ascii")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Turns an error into its answer. `realm` names the protected space (RFC 9110 §11.5), `body` writes the problem."""

    realm: str = "api"
    body: ProblemBody = problem_details

    def __post_init__(self) -> None:
        if not isinstance(self.realm, str) or not is_quotable(self.realm):
            raise ConfigurationError(f"realm is printable ASCII without quote or backslash, found {self.realm!r}")

    def answer(self, error: JWTGuardError, request: HTTPRequest | None = None) -> HTTPResponse:
        """The answer for `error`; a HEAD request gets no body (RFC 9110 §9.3.2)."""
        headers = []
        if error.challenges:
            headers.append(("WWW-Authenticate", self.challenge(error)))
        if isinstance(error, UnavailableError | TooManyRequestsError):
            headers.append(("Retry-After", str(error.retry_after)))
        if isinstance(error, MethodNotAllowedError):
            headers.append(("Allow", ", ".join(error.allowed)))
        headers.append(("Cache-Control", "no-store"))
        content_type, body = self.body(error)
        # RFC 9110 §8.6: in an answer to HEAD too, the length is that of the body which another method would get.
        headers += [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        if request is not None and request.method == "HEAD":
            body = b""
        answer = HTTPResponse(status=error.status, headers=tuple(headers), body=body)
        return answer if request is None else for_caches(answer, request)

    def challenge(self, error: JWTGuardError) -> str:
        """The `WWW-Authenticate` value (RFC 6750 §3)."""
        parameters = [("realm", self.realm)]
        if error.error is not None:
            parameters += [("error", error.error), ("error_description", error.description or error.detail)]
        # Nothing that an application wrote, in a scope's name for example, breaks out of its quotes.
        quoted = (f'{name}="{_quoted(value)}"' for name, value in (*parameters, *error.parameters))
        return "Bearer " + ", ".join(quoted)


def _quoted(text: str) -> str:
    if is_quotable(text):
        return text  # As all of ours are; to ask for each character would take longer than all the rest of a refusal.
    return "".join(character if is_quotable(character) else "'" if character == '"' else "?" for character in text)
