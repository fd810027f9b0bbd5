"""Find views with several paths of which rules cover only some: format suffixes, a second URL for one view.

>>> gaps([])
{}
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from jwtguard.inventory.access_check import AccessCheck
from jwtguard.inventory.route import DiscoveredRoute


def gaps(routes: Sequence[DiscoveredRoute]) -> dict[int, tuple[str, ...]]:
    """Return the rules that miss a path, by the position of its route in `routes`."""
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


def _missed(route: DiscoveredRoute, other: DiscoveredRoute) -> Iterator[str]:
    """The rules that cover `other`, and leave `route` to the default."""
    for method in route.access_checks.keys() & other.access_checks.keys():
        covering = {
            id(check.guard): check for check in other.in_front(method) if check is not None and _is_strict(check)
        }
        for check in route.in_front(method):
            covers = covering.get(id(check.guard)) if check is not None and check.kind == "default" else None
            if covers is not None and check is not None and covers.requirement != check.requirement:
                yield f"{covers.text} covers {other.template.text} of this view, and not this path"


def _is_strict(check: AccessCheck) -> bool:
    return check.kind == "rule" and not check.admits_anybody
