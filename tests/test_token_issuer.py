"""`TokenIssuer.guard`: the guard that accepts what the issuer signs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jwtguard import ConfigurationError, InvalidTokenError, Rule, Rules, SigningKey, TokenIssuer, public
from tests.samples import AUDIENCE, ISSUER, KEY, NOW


def issuer(**settings: Any) -> TokenIssuer:
    given: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "client_id": "web", "signing_keys": [KEY]}
    return TokenIssuer(**{**given, "clock": lambda: NOW, **settings})


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"audience": ["https://a.example", AUDIENCE]},
        {"signing_keys": [SigningKey.generate("ES256", kid="a"), SigningKey.generate("HS256", kid="b")]},
        {"max_token_bytes": 20_000},
    ],
    ids=["one key", "two audiences", "two keys", "longer tokens"],
)
def test_a_guard_accepts_what_its_issuer_signs(settings: dict[str, Any]) -> None:
    """Issuer, audience, keys, the longest token and the clock are those of the issuer."""
    made = issuer(**settings)
    claims = {"note": "n" * (settings.get("max_token_bytes", 0) // 2)}
    token = made.guard().verify(made.access_token("user-1", claims=claims)).run()
    assert token.principal.subject == "user-1"


def test_settings_of_the_guard_are_passed_on() -> None:
    """`rules` and the rest reach the guard; a clock of its own is the guard's."""
    rules = Rules([Rule("/health", public)])
    guard = issuer().guard(rules=rules, leeway=timedelta(seconds=3), clock=lambda: NOW + 303)
    assert guard.rules is rules
    with pytest.raises(InvalidTokenError, match="expired"):
        guard.verify(issuer().access_token("user-1")).run()


@pytest.mark.parametrize("name", ["issuer", "audience", "keys", "issuers"])
def test_what_the_issuer_gives_is_not_repeated(name: str) -> None:
    """A second issuer, audience or key is an error that names the setting."""
    settings: dict[str, Any] = {name: "https://other.example"}
    with pytest.raises(ConfigurationError, match=rf"takes no {name}: .*Guard\(issuers="):
        issuer().guard(**settings)


def test_an_unknown_setting_is_an_error() -> None:
    """A name that `Guard` does not have is not left out."""
    with pytest.raises(TypeError, match="leway"):
        issuer().guard(leway=3)
