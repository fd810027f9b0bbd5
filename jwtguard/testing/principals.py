"""Callers for tests of code that takes a `Principal`: none of them comes from a token, so no guard admits one.

>>> caller = principal("alice", roles=["admin"])
>>> caller.subject, caller.roles
('alice', frozenset({'admin'}))
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jwtguard.core.tokens.encoding import JSONObject
from jwtguard.core.tokens.principal import Principal


def principal(
    subject: str | None = "user-1",
    *,
    roles: Iterable[str] = (),
    scopes: Iterable[str] = (),
    permissions: Iterable[str] = (),
    claims: Mapping[str, Any] | None = None,
    **fields: Any,  # noqa: ANN401 - the other fields of a principal
) -> Principal:
    """A caller with these rights; `fields` are the other fields of a `Principal`.

    `claims` are those of the token, by default `sub` alone. For calling a function directly, and for
    `app.dependency_overrides` of FastAPI; a request of a test client needs a token: see `tokens_for`.
    """
    return Principal(
        subject=subject,
        roles=frozenset(roles),
        scopes=frozenset(scopes),
        permissions=frozenset(permissions),
        claims=JSONObject({"sub": subject} if claims is None else claims),
        **fields,
    )
