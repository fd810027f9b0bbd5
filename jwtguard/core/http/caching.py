"""What caches must know of a request in which a guard looked for a token (RFC 9110 §12.5.5, RFC 9111 §4.1).

>>> search = TokenSearch()
>>> search.look_in(["Authorization", "Cookie"])
>>> search.header_fields(200, [("Content-Type", "text/plain"), ("Vary", "Accept")])
[('Content-Type', 'text/plain'), ('Vary', 'Accept, Authorization, Cookie')]

Without `Vary` a cache answers one user with the page that it keeps of another. Responses to requests without a token
need it too, since their page is not for a user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

KEY = "jwtguard.token_search"
"""Where the `TokenSearch` of a request is kept: a key of the ASGI scope or the WSGI environ."""
HeaderFields: TypeAlias = list[tuple[str, str]]


class TokenSearch:
    """Where guards looked for a token in one request, and what a response to it says because of that.

    `fields` are the names of the header fields. `found_in_query`: a token was in the URL, where a shared cache would
    keep it beside the response (RFC 6750 §2.3).
    """

    __slots__ = ("fields", "found_in_query")

    def __init__(self) -> None:
        self.fields: tuple[str, ...] = ()
        self.found_in_query = False

    def look_in(self, names: Iterable[str]) -> None:
        """Add header fields in which a guard looks for a token."""
        self.fields = (*self.fields, *_missing(names, self.fields))

    def changes(self, status: int, given: Callable[[str], Sequence[str]]) -> HeaderFields:
        """The header fields to set in a response, in place of those of their names; none where it says all.

        `given` gives the fields of a name that the response has.
        """
        found = {
            "Vary": self._vary(given("Vary")),
            "Cache-Control": self._cache_control(status, given("Cache-Control")),
        }
        return [(name, value) for name, value in found.items() if value is not None]

    def header_fields(self, status: int, headers: Sequence[tuple[str, str]]) -> HeaderFields | None:
        """All header fields of a response that has `headers`; None where these say all."""
        changes = self.changes(
            status, lambda name: [value for field, value in headers if field.lower() == name.lower()]
        )
        changed = {name.lower() for name, _ in changes}
        return [*(field for field in headers if field[0].lower() not in changed), *changes] if changes else None

    def _vary(self, given: Sequence[str]) -> str | None:
        names = _names(given)
        missing = _missing(self.fields, names)
        if not missing or "*" in names:
            return None
        return "*" if "*" in missing else ", ".join([*names, *missing])

    def _cache_control(self, status: int, given: Sequence[str]) -> str | None:
        directives = _names(given)
        if not self.found_in_query or status >= 400 or "private" in map(str.lower, directives):
            return None
        return ", ".join([*(each for each in directives if each.lower() != "public"), "private"])


def _names(fields: Iterable[str]) -> list[str]:
    """The members of a list that is given in several fields (RFC 9110 §5.6.1)."""
    return [name for field in fields for part in field.split(",") if (name := part.strip(" \t"))]


def _missing(names: Iterable[str], given: Iterable[str]) -> list[str]:
    """Those of `names` that are not `given`, each once, compared without case."""
    there = {name.lower() for name in given}
    found = []
    for name in names:
        if name.lower() not in there:
            there.add(name.lower())
            found.append(name)
    return found
