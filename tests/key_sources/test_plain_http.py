"""Plain http: for this machine, and for hosts that are named; the error says how."""

from __future__ import annotations

from typing import Any

import pytest

from jwtguard import (
    ConfigurationError,
    Guard,
    Introspection,
    OpenIDProvider,
    RemoteJWKSet,
    TrustedIssuer,
    UnavailableError,
    X509Keys,
)
from jwtguard.doctor.keys import check_transport
from jwtguard.providers import PRESETS, clerk, keycloak, oidc, supabase
from tests.doctor.contexts import codes, context
from tests.key_sources.scripted import AUDIENCE, FIRST, Clock, Fetcher, as_json, jwks

INSIDE = "http://keycloak:8080/realms/acme"
HOSTS: dict[str, Any] = {"allow_http_hosts": ["keycloak"]}


@pytest.mark.parametrize(
    "make",
    [
        lambda url, **settings: RemoteJWKSet(url, **settings),
        lambda url, **settings: OpenIDProvider(url, **settings),
        lambda url, **settings: OpenIDProvider("https://issuer.example", metadata_url=url, **settings),
        lambda url, **settings: X509Keys(url, **settings),
        lambda url, **settings: Introspection(url, client_id="a", client_secret="b", **settings),
        lambda url, **settings: keycloak(url, audience="a", **settings),
        lambda url, **settings: oidc(url, audience="a", **settings),
        lambda url, **settings: supabase(url, **settings),
        lambda url, **settings: clerk(url, authorized_parties=["https://app.example"], **settings),
    ],
    ids=["set", "provider", "metadata", "certificates", "introspection", "keycloak", "oidc", "supabase", "clerk"],
)
def test_a_host_that_is_named(make: Any) -> None:
    """Wherever an address is given; without the setting the error says it, with the host."""
    with pytest.raises(ConfigurationError, match=r"must be https, found .* with allow_http_hosts=\['keycloak'\]"):
        make(INSIDE)
    with pytest.raises(ConfigurationError, match=r"with allow_http_loopback=True"):
        make("http://localhost:8080/realms/acme", **HOSTS)
    make(INSIDE, **HOSTS)
    make("http://localhost:8080/realms/acme", allow_http_loopback=True)


FIXED = {"google", "firebase", "entra", "cloudflare_access", "google_iap"}
"""Presets whose addresses are the provider's own."""


@pytest.mark.parametrize("name", sorted(PRESETS.keys() - FIXED))
def test_every_preset_that_takes_a_url_takes_hosts(name: str) -> None:
    """Beside `allow_http_loopback`."""
    from inspect import signature

    parameters = signature(PRESETS[name]).parameters
    assert ("allow_http_hosts" in parameters) == ("allow_http_loopback" in parameters) is True


@pytest.mark.parametrize(
    ("url", "hosts", "allowed"),
    [
        ("http://keycloak/jwks", ["keycloak"], True),
        ("http://KeyCloak:80/jwks", ["keycloak"], True),
        ("http://keycloak/jwks", ("other", "KEYCLOAK"), True),
        ("http://my_service.default.svc.cluster.local/jwks", ["my_service.default.svc.cluster.local"], True),
        ("http://10.0.0.5/jwks", ["10.0.0.5"], True),
        ("http://[fd00::5]:8080/jwks", ["fd00::5"], True),
        ("http://evil/jwks", ["keycloak"], False),
        ("http://keycloak.evil.example/jwks", ["keycloak"], False),
        ("http://evil.example/keycloak", ["keycloak"], False),
        ("http://keycloak@evil.example/jwks", ["keycloak"], False),
        ("http://localhost/jwks", ["keycloak"], False),
        ("http://keycloak/jwks", [], False),
        ("ftp://keycloak/jwks", ["keycloak"], False),
    ],
)
def test_names_are_compared_whole(url: str, hosts: Any, allowed: bool) -> None:
    """Without regard to capitals."""
    if allowed:
        RemoteJWKSet(url, allow_http_hosts=hosts)
        return
    with pytest.raises(ConfigurationError):
        RemoteJWKSet(url, allow_http_hosts=hosts)


@pytest.mark.parametrize(
    "hosts",
    [
        "keycloak",
        b"keycloak",
        {"keycloak": 1},
        None,
        5,
        [None],
        [""],
        ["*"],
        ["*.svc"],
        ["keycloak:8080"],
        ["http://keycloak"],
        ["a/b"],
        ["a b"],
        ["kä"],
        ["-"],
        ["user@keycloak"],
    ],
    ids=repr,
)
def test_a_list_of_names_is_meant(hosts: Any) -> None:
    """No patterns, ports or addresses of pages."""
    for make in (
        RemoteJWKSet,
        lambda url, **settings: Introspection(url, client_id="a", client_secret="b", **settings),
    ):
        with pytest.raises(ConfigurationError, match="allow_http_hosts is a list of host names"):
            make("https://issuer.example", allow_http_hosts=hosts)


def test_keys_come_over_it() -> None:
    """Metadata, and the keys they lead to; another host in them is an outage."""
    wellknown = f"{INSIDE}/.well-known/openid-configuration"
    for host, works in (("keycloak:8080", True), ("evil", False), ("localhost", False)):
        address = f"http://{host}/certs"
        answers = {wellknown: as_json({"issuer": INSIDE, "jwks_uri": address}), address: jwks(FIRST)}
        provider = OpenIDProvider(INSIDE, fetcher=Fetcher(answers), clock=Clock(), **HOSTS)
        if works:
            provider.prefetch().run()
            assert provider.available
        else:
            with pytest.raises(UnavailableError):
                provider.prefetch().run()
            assert "jwks_uri in the metadata must be https" in str(provider.last_error)


def test_an_issuer_without_keys_says_where_the_setting_goes() -> None:
    """A `TrustedIssuer` makes its own provider."""
    with pytest.raises(ConfigurationError, match=r"which keys=OpenIDProvider\(issuer, ...\) takes"):
        TrustedIssuer(issuer=INSIDE, audience=AUDIENCE)
    with pytest.raises(ConfigurationError) as refused:
        TrustedIssuer(issuer="no address", audience=AUDIENCE)
    assert "OpenIDProvider" not in str(refused.value)


def test_as_plain_data() -> None:
    """In mappings, of presets too, and in the environment."""
    base: dict[str, Any] = {"issuer": INSIDE, "audience": AUDIENCE}
    found = [
        Guard.from_config({**base, "keys": {"openid": True, **HOSTS}}),
        Guard.from_config({**base, "keys": {"jwks_url": f"{INSIDE}/certs", **HOSTS}}),
        Guard.from_config({"issuers": [{"preset": "keycloak", **base, **HOSTS}]}),
        Guard.from_env(
            {
                "JWTGUARD_ISSUER": INSIDE,
                "JWTGUARD_AUDIENCE": AUDIENCE,
                "JWTGUARD_OPENID": "1",
                "JWTGUARD_ALLOW_HTTP_HOSTS": "other, keycloak",
            }
        ),
    ]
    assert [len(guard.trust.key_sources) for guard in found] == [1] * 4
    with pytest.raises(ConfigurationError, match="allow_http_hosts"):
        Guard.from_config({**base, "keys": {"openid": True}})
    with pytest.raises(ConfigurationError, match="unknown key 'allow_http_hosts'"):
        Guard.from_config({**base, "keys": {"secret": "x" * 32, **HOSTS}})


def test_the_workload_setting_as_plain_data() -> None:
    """`use` of a set, which discovery does not have."""
    base: dict[str, Any] = {"issuer": "https://issuer.example", "audience": AUDIENCE}
    Guard.from_config({**base, "keys": {"jwks_url": "https://issuer.example/bundle", "use": "jwt-svid"}})
    with pytest.raises(ConfigurationError, match="unknown key 'use'"):
        Guard.from_config({**base, "keys": {"openid": True, "use": "jwt-svid"}})


def test_the_doctor_tells_it() -> None:
    """Plain http is a warning, wherever it goes."""
    keys = RemoteJWKSet(f"{INSIDE}/certs", **HOSTS)
    guard = Guard(issuer=INSIDE, audience=AUDIENCE, keys=keys)
    assert codes(check_transport(context(guards=[guard]))) == [("warning", "keys_over_http")]
