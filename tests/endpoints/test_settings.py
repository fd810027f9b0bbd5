"""What may be said about the routes: all that is wrong with it is said at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jwtguard import AuthorizationHeader, ConfigurationError, Guard, SigningKey
from jwtguard.endpoints import Endpoints, check_mountable, check_prefix
from jwtguard.endpoints.mounting import endpoints_of
from jwtguard.testing.conformance.route_sites import RouteSite, route_site


@pytest.fixture
def site() -> RouteSite:
    return route_site("cookies")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"deliver": "cookies"}, "no setting deliver; they have authenticate, delivery"),
        ({"authenticate": "check"}, "authenticate is a function, found 'check'"),
        ({"before_login": 1}, "before_login is a function, found 1"),
        ({"remember": "no"}, "remember is True or False, found 'no'"),
        ({"silent_renewal": 1}, "silent_renewal is True or False, found 1"),
        ({"delivery": "cookie"}, 'delivery is "bearer", "cookies" or "refresh-cookie", found \'cookie\''),
        ({"silent_renewal": True}, 'silent_renewal renews cookies: write delivery="cookies"'),
        ({"refresh_cookie": "__Host-r"}, 'refresh_cookie names a cookie: write delivery="cookies" or "refresh-cookie"'),
        *(
            ({"delivery": delivery, "refresh_cookie": name}, problem)
            for delivery in ("cookies", "refresh-cookie")
            for name, problem in [
                ("__Secure-refresh", "a name that starts with __Host-"),
                ("refresh", "a name that starts with __Host-"),
                ("__Host-csrf", "a name that starts with __Host-"),
                (None, "a name that starts with __Host-"),
                ("__Host-access", "another cookie than that of the access token"),
                ("__Host-a b", "a cookie's name is"),
            ]
        ),
        ({"fresh_for": 300}, "fresh_for is a timedelta of whole seconds"),
        ({"fresh_for": timedelta(milliseconds=1500)}, "fresh_for is a timedelta of whole seconds"),
        ({"fresh_for": timedelta(0)}, "at least one"),
        ({"max_body_bytes": 0}, "max_body_bytes is a number of bytes, found 0"),
        ({"max_body_bytes": True}, "max_body_bytes is a number of bytes, found True"),
        ({"max_body_bytes": "1k"}, "max_body_bytes is a number of bytes, found '1k'"),
    ],
)
def test_wrong(site: RouteSite, settings: Any, problem: str) -> None:
    """Each setting that cannot be meant is refused when it is written down."""
    with pytest.raises(ConfigurationError) as refused:
        Endpoints(site.guard, site.sessions, **settings)
    (found,) = refused.value.problems
    assert problem in found


def test_all_at_once(site: RouteSite) -> None:
    """Every problem is named, the missing sessions and the missing cookie among them."""
    key = SigningKey.generate("HS256").verification_key
    guard = Guard(issuer="i", audience="a", keys=key, tokens_from=[AuthorizationHeader()])
    wrong: Any = {"delivery": "cookies", "remember": 1}
    with pytest.raises(ConfigurationError) as refused:
        Endpoints(guard, None, **wrong)  # type: ignore[arg-type]
    assert [problem.split(" ")[0] for problem in refused.value.problems] == ["remember", "the", 'delivery="cookies"']
    assert "tokens_from=[AuthorizationHeader(), TokenCookie()]" in refused.value.problems[-1]


def test_adapters_without_sessions(site: RouteSite) -> None:
    """A guard object without sessions has no routes, and nothing to be said about them."""
    assert endpoints_of(site.guard, None, {}) is None
    with pytest.raises(ConfigurationError, match="remember: only with sessions"):
        endpoints_of(site.guard, None, {"remember": True})


def test_mountable(site: RouteSite) -> None:
    """Nothing is mounted without sessions, or without anybody who checks passwords."""
    with pytest.raises(ConfigurationError, match="the routes need sessions"):
        check_mountable(None, {})
    with pytest.raises(ConfigurationError, match="pass authenticate=check_password"):
        check_mountable(site.sessions, {})
    check_mountable(site.sessions, {"authenticate": lambda username, password: None})


@pytest.mark.parametrize("prefix", ["auth", "/auth/", "/", "//auth", "/a/../b", None])
def test_wrong_prefixes(prefix: Any) -> None:
    """A prefix starts with a slash and does not end with one."""
    with pytest.raises(ConfigurationError, match="starts with a slash and does not end"):
        check_prefix(prefix)


@pytest.mark.parametrize("prefix", ["", "/auth", "/v1/auth"])
def test_prefixes(prefix: str) -> None:
    """Any other is taken as it stands, and none at all."""
    assert check_prefix(prefix) == prefix


def test_is_async() -> None:
    """One part that can only be awaited makes the whole so."""
    assert not route_site("cookies").endpoints().is_async
    assert route_site("cookies, async").endpoints().is_async
