"""The suites of the routes say what a test of an adapter must bring."""

from __future__ import annotations

import pytest

from jwtguard.testing import RenewalConformance, RouteConformance
from jwtguard.testing.conformance.route_sites import route_site


@pytest.mark.parametrize("suite", [RouteConformance, RenewalConformance])
def test_a_client_is_needed(suite: type[RouteConformance | RenewalConformance]) -> None:
    """A suite that does not say how a site is built fails, and says what is missing."""
    with pytest.raises(NotImplementedError, match="says how a site is built"):
        suite().client(route_site("cookies"))
