"""Views that are reached by several paths, of which a rule covers some: format suffixes, a second URL for one view.

>>> gaps([])
{}
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from jwtguard.inventory.gates import Gate
from jwtguard.inventory.route import Found


def gaps(routes: Sequence[Found]) -> dict[int, tuple[str, ...]]:
    """What rules miss, by the position in `routes` of the path that none of them covers."""
    by_view: dict[int, list[int]] = defaultdict(list)
    for position, route in enumerate(routes):
        by_view[id(route.view)].append(position)
    found = {}
    for positions in by_view.values():
        for position in positions:
            missed = [
                text for other in positions if other != position for text in _missed(routes[position], routes[other])
            ]
            if missed:
                found[position] = tuple(dict.fromkeys(missed))
    return found


def _missed(route: Found, other: Found) -> Iterator[str]:
    """The rules that cover `other`, and leave `route` to the default."""
    for method in route.gates.keys() & other.gates.keys():
        covering = {id(gate.guard): gate for gate in other.in_front(method) if gate is not None and _is_strict(gate)}
        for gate in route.in_front(method):
            covers = covering.get(id(gate.guard)) if gate is not None and gate.kind == "default" else None
            if covers is not None and gate is not None and covers.requirement != gate.requirement:
                yield f"{covers.text} covers {other.template.text} of this view, and not this path"


def _is_strict(gate: Gate) -> bool:
    return gate.kind == "rule" and not gate.admits_anybody
