"""Silent renewal without a framework: what no adapter's table asks."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from jwtguard import ConfigurationError, HTTPRequest
from jwtguard.authentication import Authentication
from jwtguard.core.events import Event
from jwtguard.endpoints import Endpoints
from jwtguard.endpoints.wsgi import in_front_of
from jwtguard.request_auth import RequestAuth, finishing
from jwtguard.testing.conformance.raw_clients import RawRequest, wsgi_client
from jwtguard.testing.conformance.route_sites import RouteSite, route_site
from tests.endpoints.requests import wsgi


@pytest.fixture
def site() -> RouteSite:
    return route_site("silent renewal")


def renewed(site: RouteSite, request: HTTPRequest) -> tuple[Authentication, RequestAuth]:
    """Who sent the request, and what is pending."""
    request_auth = RequestAuth()
    return site.guard.authenticate(request, renew=site.endpoints().renew(request_auth.put_off)).run(), request_auth


def with_refresh(site: RouteSite, **more: str) -> HTTPRequest:
    """A request with nothing but a good refresh cookie."""
    token = site.sessions.start("user-alice").run().refresh_token
    return wsgi("GET", "/me", cookie=f"__Host-refresh={token}", **more)


def test_never_on_a_handshake(site: RouteSite) -> None:
    """A websocket has no response that could set a cookie, and lives on long after."""
    request = with_refresh(site)
    handshake = HTTPRequest(method="GET", path="/", values=request.values, is_websocket=True)
    assert renewed(site, handshake)[0].principal is None
    assert renewed(site, request)[0].principal is not None


def test_a_refresh_cookie_twice(site: RouteSite) -> None:
    """Two refresh cookies renew nothing."""
    authentication, _ = renewed(site, wsgi("GET", "/me", cookie="__Host-refresh=a; __Host-refresh=b"))
    assert authentication.error is not None
    assert authentication.error.reason == "missing_token"


@pytest.mark.parametrize("happens", ["ended", "down"])
def test_when_the_rotation_cannot_be_taken(site: RouteSite, happens: str) -> None:
    """A change of the session or an outage of the store during the view leaves the response unchanged."""
    authentication, request_auth = renewed(site, with_refresh(site))
    assert authentication.principal is not None
    if happens == "ended":
        site.sessions.end_all("user-alice").run()
    site.store.is_down = happens == "down"
    headers = [("Cache-Control", "max-age=60")]
    assert finishing(request_auth.take_pending(), 200, headers).run() is None
    assert not request_auth.take_pending()


def test_response_headers(site: RouteSite) -> None:
    """One `Cache-Control` remains, and everything else stays."""
    _, request_auth = renewed(site, with_refresh(site))
    given = [("cache-control", "public"), ("Set-Cookie", "a=1"), ("X-Name", "b")]
    changed = finishing(request_auth.take_pending(), 200, given).run()
    assert changed is not None
    assert changed[:3] == [("Set-Cookie", "a=1"), ("X-Name", "b"), ("Cache-Control", "no-store")]
    assert [value.partition("=")[0] for _, value in changed[3:]] == ["__Host-access", "__Host-refresh"]


def test_events(site: RouteSite) -> None:
    """An expired cookie that was renewed is no refusal."""
    events: list[Event] = []
    given: Any = {"_on_event": events.append}
    for name, value in given.items():
        object.__setattr__(site.guard, name, value)
    token = site.sessions.start("user-alice").run()
    site.clock.now += 400
    cookies = f"__Host-access={token.access_token}; __Host-refresh={token.refresh_token}"
    assert renewed(site, wsgi("GET", "/me", cookie=cookies))[0].principal is not None
    assert [event.outcome for event in events] == ["accepted"]


def test_what_cannot_be_delivered() -> None:
    """A pair that fits into no cookie is an error of the program before the view runs, and costs no generation."""
    site = route_site("silent renewal, too large")
    with pytest.raises(ConfigurationError, match="the largest claims: portrait"):
        renewed(site, with_refresh(site))
    assert site.store.rotations == 0


def test_guards_without_it() -> None:
    """Without silent renewal there is nothing to ask."""
    site = route_site("cookies")
    endpoints: Endpoints = site.endpoints()
    assert endpoints.renew(RequestAuth().put_off) is None
    assert not endpoints.renews


def test_a_server_that_starts_twice() -> None:
    """An application that replaces its headers by an error's (PEP 3333) passes it on."""
    seen: list[Any] = []

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        try:
            raise ValueError
        except ValueError as error:
            start_response("500 Internal Server Error", [], (type(error), error, error.__traceback__))
            seen.append(error)
        return [b""]

    assert wsgi_client(in_front_of(application, route_site("silent renewal").endpoints()))(RawRequest()).status == 500
    assert len(seen) == 1


@pytest.mark.parametrize(("happens", "told"), [("down", "store"), ("cross-site", "csrf_site")])
def test_a_renewal_that_fails_is_told(happens: str, told: str, caplog: pytest.LogCaptureFixture) -> None:
    """An outage or a forged request while a token is renewed stands in the log like every other refusal."""
    site = route_site("silent renewal")
    token = site.sessions.start("user-alice").run().refresh_token
    site.store.is_down = happens == "down"
    more = {"sec_fetch_site": "cross-site"} if happens == "cross-site" else {}
    with caplog.at_level(logging.INFO, logger="jwtguard"):
        authentication, _ = renewed(site, wsgi("POST", "/me", cookie=f"__Host-refresh={token}", **more))
    assert authentication.error is not None
    assert authentication.error.reason == told
    assert [text.partition("reason=")[2] for text in caplog.messages if "reason=" in text] == [told]
