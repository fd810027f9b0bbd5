"""A token put together from an edited header and payload, and signed again.

>>> from jwtguard import SigningKey
>>> draft = Draft.read('{"typ": "JWT"}', '{"sub": "user-1"}')
>>> draft.signed(SigningKey.generate("ES256", kid="2026-11")).split(".")[1]
'eyJzdWIiOiJ1c2VyLTEifQ'
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from jwtguard.core.errors import MalformedTokenError
from jwtguard.core.tokens.encoding import encode_segment, parse_object
from jwtguard.core.tokens.jws import sign
from jwtguard.core.tokens.keys import SigningKey
from jwtguard.explanation.faults import json_fault


class UnreadableError(Exception):
    """An edited part that is no JSON object; `part` is header or payload, `problem` says where it goes wrong."""

    def __init__(self, part: str, problem: str) -> None:
        super().__init__(problem)
        self.part = part
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A header and a payload that are not signed yet."""

    header: Mapping[str, Any]
    payload: Mapping[str, Any]

    @classmethod
    def read(cls, header: str, payload: str) -> Self:
        """From two texts of JSON; raises `UnreadableError`."""
        return cls(header=_object("header", header), payload=_object("payload", payload))

    @property
    def algorithm(self) -> str | None:
        """What the header says it is signed with."""
        algorithm = self.header.get("alg")
        return algorithm if isinstance(algorithm, str) else None

    def lasting(self, seconds: int, *, now: float) -> Self:
        """The same, issued now and good for so many seconds."""
        kept = {name: value for name, value in self.payload.items() if name != "nbf"}
        return replace(self, payload={**kept, "iat": int(now), "exp": int(now) + seconds})

    def signed(self, key: SigningKey) -> str:
        """The token that `key` signs; `alg` and `kid` of the header are the key's."""
        return sign(_compact(self.payload), key, header=self.header)

    def with_signature(self, segment: str) -> str:
        """The token with a signature that was made for another, as a forger would try it."""
        return f"{encode_segment(_compact(self.header))}.{encode_segment(_compact(self.payload))}.{segment}"


def _compact(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def _object(part: str, text: str) -> Mapping[str, Any]:
    try:
        return parse_object(text.strip().encode("utf-8"))
    except (UnicodeEncodeError, MalformedTokenError):
        pass
    raise UnreadableError(part, _problem(text))


def _problem(text: str) -> str:
    """What keeps `text` from being read strictly, with the place where JSON knows one."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"Line {error.lineno}, column {error.colno}: {error.msg}."
    except (ValueError, RecursionError):
        pass  # Too long a number, or too deep: that is said below.
    return f"{json_fault(text.strip().encode('utf-8', 'surrogatepass'))}."
