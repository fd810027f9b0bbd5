"""Which rows of a table an adapter can tell apart: one test for each thing that it may get wrong.

>>> rows_that_differ(["a1", "a2", "b1"], lambda row: [row[0]])
['a1', 'b1']
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from jwtguard.testing.conformance.adapter_case import Case
from jwtguard.testing.conformance.adapter_cases import CacheCase
from jwtguard.testing.conformance.route_cases import RouteCase

Row = TypeVar("Row")


def rows_that_differ(rows: Iterable[Row], looks: Callable[[Row], Iterable[Hashable]]) -> list[Row]:
    """The rows that show something that no row before them shows. `looks` gives what a row shows."""
    shown: set[Hashable] = set()
    found = []
    for row in rows:
        shows = set(looks(row))
        if not shows <= shown:
            shown |= shows
            found.append(row)
    return found


def looks_of(case: Case) -> list[Hashable]:
    """A site with an answer, with a method and a path, and with the names of header fields; a value that is no text.

    What else differs between two rows, such as one bad token and another, the core alone sees.
    """
    request = case.request
    return [
        (case.site, "answer", case.status, case.subject, case.retry_after, (case.challenge or "")[:40]),
        (case.site, "path", request.method, request.target[:100], request.root_path, request.scheme),
        (case.site, "fields", *(name for name, _ in request.headers)),
        *(("value", value) for _, value in request.headers if value != value.strip() or not value.isascii()),
    ]


def looks_of_caching(case: CacheCase) -> list[Hashable]:
    """A site with what its answer tells caches."""
    return [(case.site, case.request.method, case.status, case.vary, case.is_private)]


def looks_of_route(case: RouteCase) -> list[Hashable]:
    """A site with a route and its answer; a way to send a body."""
    return [
        (case.site, case.method, case.path, case.status, case.framework),
        ("body", case.path, tuple(case.headers)),
    ]
