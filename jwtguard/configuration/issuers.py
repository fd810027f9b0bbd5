"""Trusted issuers as plain data: several issuers, presets, and introspection.

>>> found = issuers_from_config(
...     [{"preset": "keycloak", "issuer": "https://kc.example/realms/acme", "audience": "orders-api"}]
... )
>>> found[0].issuer
'https://kc.example/realms/acme'
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jwtguard import providers
from jwtguard.configuration.keys import (
    keys_from_config,
    keys_of_issuer,
    signing_key_from_config,
    tls_from_config,
)
from jwtguard.configuration.places import claims_from_config
from jwtguard.configuration.plain import duration, each, made, or_unchecked, unchanged, unknown_keys
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.tokens.token_kind import TokenKind
from jwtguard.trust.introspection import Introspection
from jwtguard.trust.trusted_issuer import TrustedIssuer


def issuers_from_config(value: Any) -> Any:
    """A list of issuers, each a preset with its arguments or those of `TrustedIssuer`."""
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ConfigurationError(
            'write a list, as in [{"preset": "keycloak", "issuer": "https://…", "audience": "orders-api"}]'
        )
    return each(value, _issuer)


def _issuer(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    settings = dict(value)
    preset = settings.pop("preset", None)
    make: Callable[..., TrustedIssuer] = TrustedIssuer
    if preset is not None:
        if preset not in providers.PRESETS:
            raise ConfigurationError(*unknown_keys({str(preset): None}, providers.PRESETS, what="preset"))
        make = providers.PRESETS[preset]
    for name, read in {
        "audience": or_unchecked,
        "keys": keys_from_config,
        "claims": claims_from_config,
        "kind": _kind,
    }.items():
        if name in settings:
            settings[name] = read(settings[name])
    if "keys" in settings:
        settings["keys"] = keys_of_issuer(settings["keys"], settings.get("issuer"))
    return made(make, settings)


def introspection_from_config(value: Any) -> Any:
    """The arguments of `Introspection`."""
    if not isinstance(value, Mapping):
        return value
    readers = {"audience": or_unchecked, "issuer": or_unchecked, "claims": claims_from_config, "kind": _kind}
    readers |= {"signing_key": signing_key_from_config, "tls": tls_from_config}
    readers |= dict.fromkeys(("lifetime", "negative_lifetime", "timeout"), duration)
    return made(Introspection, {name: readers.get(name, unchanged)(given) for name, given in value.items()})


def _kind(value: Any) -> Any:
    return made(TokenKind, value) if isinstance(value, Mapping) else value
