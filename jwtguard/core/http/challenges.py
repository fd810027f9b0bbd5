"""The `WWW-Authenticate` fields of an answer: one field for each scheme that the resource accepts (RFC 9110 §11.6.1).

>>> from jwtguard.core.errors import MissingTokenError
>>> Challenges(realm="api").fields(MissingTokenError())
[('WWW-Authenticate', 'Bearer realm="api"')]

Clients read one challenge in a field more reliably than several, so each scheme has a field of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from jwtguard.core.errors import ConfigurationError, JWTGuardError, is_quotable

FIELD = "WWW-Authenticate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """One scheme of authentication, with the parameters that all its challenges have."""

    name: str
    parameters: tuple[tuple[str, str], ...] = ()


BEARER = Scheme(name="Bearer")
"""RFC 6750 §3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenges:
    """Writes the challenges of one resource.

    `realm` names the protected space (RFC 9110 §11.5). `schemes` are those that the resource accepts.
    `resource_metadata` is the URL of its metadata document (RFC 9728 §5.1); where there is one, a 401 also names the
    scopes that the route asks for.
    """

    realm: str = "api"
    schemes: Sequence[Scheme] = (BEARER,)
    resource_metadata: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.realm, str) or not is_quotable(self.realm):
            raise ConfigurationError(f"realm is printable ASCII without quote or backslash, found {self.realm!r}")

    def fields(self, error: JWTGuardError) -> list[tuple[str, str]]:
        """The fields for `error`; none if its answer carries no challenge."""
        if not error.challenges:
            return []
        parameters = [("realm", self.realm)]
        if error.error is not None:
            parameters += [("error", error.error), ("error_description", error.description or error.detail)]
        parameters += error.parameters
        if self.resource_metadata is not None:
            if error.status == HTTPStatus.UNAUTHORIZED and error.scope:
                parameters.append(("scope", " ".join(error.scope)))
            parameters.append(("resource_metadata", self.resource_metadata))
        return [(FIELD, f"{scheme.name} {_written((*parameters, *scheme.parameters))}") for scheme in self.schemes]


def _written(parameters: Sequence[tuple[str, str]]) -> str:
    # Nothing that an application wrote, in a scope's name for example, breaks out of its quotes.
    return ", ".join(f'{name}="{_quoted(value)}"' for name, value in parameters)


def _quoted(text: str) -> str:
    if is_quotable(text):
        return text
    return "".join(character if is_quotable(character) else "'" if character == '"' else "?" for character in text)
