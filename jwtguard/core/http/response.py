"""HTTP as values: what a request says, and a finished answer. No framework's own types come further than this.

>>> from jwtguard.core.errors import MissingTokenError
>>> Answers().answer(MissingTokenError()).headers[0]
('WWW-Authenticate', 'Bearer realm="api"')
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http import HTTPStatus
from typing import TypeAlias

from jwtguard.core.errors import (
    JWTGuardError,
    MethodNotAllowedError,
    TooManyRequestsError,
    UnavailableError,
)
from jwtguard.core.finished_response import HTTPResponse as HTTPResponse
from jwtguard.core.http.challenges import Challenges
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
    """Turns an error into its answer. `challenges` writes what it asks the client for, `body` the problem."""

    challenges: Challenges = field(default_factory=Challenges)
    body: ProblemBody = problem_details

    def answer(self, error: JWTGuardError, request: HTTPRequest | None = None) -> HTTPResponse:
        """The answer for `error`; a HEAD request gets no body (RFC 9110 §9.3.2)."""
        headers = self.challenges.fields(error)
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
