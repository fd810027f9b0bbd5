"""A provider made of canned answers, and a clock that a test moves: for whatever needs no network to be seen."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from jwtguard import FetchRequest, FetchResponse, SigningKey
from jwtguard.core.tokens.jws import sign
from tests.core.keys import signing_key

NOW = 1_800_000_000
ISSUER = "https://issuer.example"
AUDIENCE = "https://api.example"
URL = "https://issuer.example/jwks.json"
FIRST, SECOND = signing_key("ES256", "first"), signing_key("ES256", "second")


class Clock:
    """Seconds since the epoch, as a test says."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Fetcher:
    """Answers what it was told to, by address or always the same, and counts. An exception is raised."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = jwks(FIRST) if answer is None else answer
        self.requests: list[FetchRequest] = []
        self.gate: threading.Event | None = None

    def __call__(self, request: FetchRequest) -> FetchResponse:
        self.requests.append(request)
        if self.gate is not None:
            assert self.gate.wait(5)
        answer = self.answer.get(request.url, 404) if isinstance(self.answer, dict) else self.answer
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, int):
            return FetchResponse(status=answer)
        return answer if isinstance(answer, FetchResponse) else FetchResponse(status=200, body=answer)

    @property
    def count(self) -> int:
        """How many requests there were."""
        return len(self.requests)

    @property
    def urls(self) -> list[str]:
        """What was asked for."""
        return [request.url for request in self.requests]


def as_json(value: object) -> bytes:
    """A document."""
    return json.dumps(value).encode()


def jwks(*keys: SigningKey | Mapping[str, Any]) -> bytes:
    """The JWK Set of the public halves of `keys`, or of entries as they are."""
    entries = [key.verification_key.to_jwk() if isinstance(key, SigningKey) else key for key in keys]
    return as_json({"keys": entries})


def cached(body: bytes, cache_control: str, **headers: str) -> FetchResponse:
    """An answer with a `Cache-Control` field."""
    return FetchResponse(status=200, headers={"cache-control": cache_control, **headers}, body=body)


def claims(without: Iterable[str] = (), **changes: Any) -> dict[str, Any]:
    """A Claims Set that the guard of these tests accepts."""
    everything = {"iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "exp": NOW + 10**9, **changes}
    return {name: value for name, value in everything.items() if name not in set(without)}


def token(key: SigningKey = FIRST, *, header: Mapping[str, Any] | None = None, **changes: Any) -> str:
    """A token signed with `key`."""
    return sign(as_json(claims(**changes)), key, header=header)
