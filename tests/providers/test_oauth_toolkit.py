"""django-oauth-toolkit: its opaque tokens are introspected, and its ID tokens are refused."""

from __future__ import annotations

from typing import Any

import httpx

from jwtguard import UNCHECKED, Guard, Introspection, OpenIDProvider
from jwtguard.providers import oidc
from tests.providers.apps import statuses
from tests.providers.conftest import Provider

CLIENT_ID = "web"


def issuer(provider: Provider) -> str:
    """Its name in `iss`, below which its endpoints stand."""
    return f"{provider.origin}/o"


def post(provider: Provider, path: str, client: str, **form: str) -> dict[str, Any]:
    """What an endpoint answers one of the clients."""
    with httpx.Client(trust_env=False) as http:
        answer = http.post(f"{issuer(provider)}/{path}/", auth=(client, f"secret of {client}"), data=form)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json() if answer.content else {}
    return found


def login(provider: Provider, scope: str = "openid read") -> dict[str, Any]:
    """The tokens of a user."""
    form = {"grant_type": "password", "username": "alice", "password": "alice's password", "scope": scope}
    return post(provider, "token", CLIENT_ID, **form)


def opaque_guard(provider: Provider, **settings: Any) -> Guard:
    """A guard that takes its access tokens, for which it names neither issuer nor audience nor `sub`."""
    arguments: dict[str, Any] = {
        "client_id": "orders-api",
        "client_secret": "secret of orders-api",
        "issuer": UNCHECKED,
        "audience": UNCHECKED,
        "required_claims": ["exp"],
        "allow_http_loopback": True,
    }
    introspection = Introspection(f"{issuer(provider)}/introspect/", **arguments | settings)
    keys = OpenIDProvider(issuer(provider), allow_http_loopback=True)
    return Guard(issuer=issuer(provider), audience=CLIENT_ID, keys=keys, introspection=introspection)


def test_opaque_tokens(oauth_toolkit: Provider) -> None:
    """Active ones pass by their scope; those without it, revoked ones, refresh tokens and invented ones do not."""
    tokens = login(oauth_toolkit)
    assert statuses(opaque_guard(oauth_toolkit), tokens["access_token"]) == {200}
    assert statuses(opaque_guard(oauth_toolkit), login(oauth_toolkit, "openid")["access_token"]) == {403}
    assert statuses(opaque_guard(oauth_toolkit), tokens["refresh_token"]) == {401}
    assert statuses(opaque_guard(oauth_toolkit), "invented") == {401}
    post(oauth_toolkit, "revoke_token", CLIENT_ID, token=tokens["access_token"])
    assert statuses(opaque_guard(oauth_toolkit), tokens["access_token"]) == {401}


def test_renewed_token(oauth_toolkit: Provider) -> None:
    """A refreshed token passes, and the one before it, which its refresh revoked, does not."""
    first = login(oauth_toolkit)
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = post(oauth_toolkit, "token", CLIENT_ID, **form)
    guard = opaque_guard(oauth_toolkit)
    assert [statuses(guard, token["access_token"]) for token in (first, second)] == [{401}, {200}]


def test_answer_without_audience_is_refused(oauth_toolkit: Provider) -> None:
    """Unless it is left unchecked by word, what the endpoint does not say counts as wrong."""
    guard = opaque_guard(oauth_toolkit, audience=CLIENT_ID)
    assert statuses(guard, login(oauth_toolkit)["access_token"]) == {401}


def test_introspection_as_a_stranger(oauth_toolkit: Provider) -> None:
    """Our own wrong secret is no fault of the caller: 503."""
    guard = opaque_guard(oauth_toolkit, client_secret="wrong")
    assert statuses(guard, login(oauth_toolkit)["access_token"]) == {503}


def test_id_token(oauth_toolkit: Provider) -> None:
    """Its signature and its issuer are sound, and it is no access token all the same."""
    form = {"grant_type": "authorization_code", "redirect_uri": "https://page.example/callback"}
    text = post(oauth_toolkit, "token", "page", code=oauth_toolkit.tell("code"), **form)["id_token"]
    settings: dict[str, Any] = {"audience": "page", "allow_http_loopback": True}
    assert statuses(Guard(issuers=[oidc(issuer(oauth_toolkit), **settings)]), text) == {401}
    # Not for want of its key: where nothing is said about the kind of a token, it verifies.
    keys = OpenIDProvider(issuer(oauth_toolkit), allow_http_loopback=True)
    plain = Guard(issuer=issuer(oauth_toolkit), audience="page", keys=keys)
    assert plain.principal_of(plain.verify(text).run()).subject == "1"
