"""A guard's arguments from one mapping.

>>> config = {"issuer": "https://issuer.example", "audience": "https://api.example", "keys": {"openid": True}}
>>> arguments_from_config(config)["audience"]
'https://api.example'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jwtguard.configuration.issuers import introspection_from_config, issuers_from_config
from jwtguard.configuration.keys import keys_from_config, keys_of_issuer
from jwtguard.configuration.places import (
    claims_from_config,
    csrf_from_config,
    resource_metadata_from_config,
    sources_from_config,
)
from jwtguard.configuration.plain import duration, or_unchecked, unchanged, unknown_keys
from jwtguard.configuration.requirements import rules_from_config
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.tokens.keys import SigningKey
from jwtguard.core.tokens.sentinels import UNCHECKED
from jwtguard.core.validation import Problems

_EXAMPLES = {
    "issuer": '"https://issuer.example"',
    "audience": '"https://api.example"',
    "keys": '{"pem_file": "public.pem", "algorithm": "ES256"}',
}


_READERS: dict[str, Callable[[Any], Any]] = {
    "issuer": or_unchecked,
    "audience": or_unchecked,
    "keys": keys_from_config,
    "issuers": issuers_from_config,
    "introspection": introspection_from_config,
    "tokens_from": sources_from_config,
    "leeway": duration,
    "required_claims": unchanged,
    "max_token_bytes": unchanged,
    "max_token_age": duration,
    "cache_size": unchanged,
    "claims": claims_from_config,
    "role_hierarchy": unchanged,
    "role_permissions": unchanged,
    "rules": rules_from_config,
    "csrf": csrf_from_config,
    "revocation": unchanged,
    "resource_metadata": resource_metadata_from_config,
    "explain_refusals": unchanged,
    "realm": unchanged,
    "problem_body": unchanged,
    "on_event": unchanged,
    "clock": unchanged,
}


def arguments_from_config(config: Mapping[str, Any], make: Callable[..., object] | None = None) -> dict[str, Any]:
    """The arguments of `Guard(...)` that `config` describes; raises `ConfigurationError` with all problems.

    `make` is the class of the guard: if `config` has problems, the error also names those that the class itself finds.
    """
    if not isinstance(config, Mapping):
        raise ConfigurationError(
            f"the configuration is a mapping with issuer, audience and keys: found {type(config).__name__}"
        )
    # Several issuers state these themselves, and opaque tokens need no keys.
    needed = [] if "issuers" in config else [name for name in _EXAMPLES if name not in config]
    if "introspection" in config and "keys" in needed:
        needed.remove("keys")
    missing = Problems(f"{name} is required: write {{{name!r}: {_EXAMPLES[name]}, ...}}" for name in needed)
    return collected(config, missing, make)


def collected(
    config: Mapping[str, Any], problems: Problems, make: Callable[..., object] | None = None
) -> dict[str, Any]:
    """The arguments that `config` describes; raises `ConfigurationError` with these and all further problems."""
    problems.extend(unknown_keys(config, _READERS))
    arguments: dict[str, Any] = {}
    for name, value in config.items():
        if name in _READERS:
            try:
                arguments[name] = _READERS[name](value)
            except ConfigurationError as error:
                problems.extend(f"{name}: {problem}" for problem in error.problems)
    if "keys" in arguments:
        try:
            arguments["keys"] = keys_of_issuer(arguments["keys"], arguments.get("issuer"))
        except ConfigurationError as error:
            del arguments["keys"]
            problems.extend(f"keys: {problem}" for problem in error.problems)
    if problems:
        if make is not None:
            problems.of(partial(make, **{**({} if "issuers" in arguments else _stand_ins()), **arguments}))
        problems.raise_all()
    return arguments


def _stand_ins() -> dict[str, Any]:
    """Valid arguments in place of those that could not be read, so that a guard checks the others."""
    return {"issuer": UNCHECKED, "audience": UNCHECKED, "keys": SigningKey.generate("HS256").verification_key}
