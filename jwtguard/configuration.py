"""A guard from plain data: one mapping, or environment variables, mean the same in every framework.

>>> from jwtguard import Guard
>>> config = {
...     "issuer": "https://issuer.example",
...     "audience": "https://api.example",
...     "keys": {"secret": "not a secret, only an example!!!", "algorithm": "HS256"},
...     "rules": [{"path": "/public", "requirement": "public"}, {"path": "/admin/", "requirement": {"role": "admin"}}],
... }
>>> Guard.from_config(config).rules.requirement("GET", "/admin/users")
has_role('admin')
>>> Guard.from_config({**config, "isuer": "typo"})
Traceback (most recent call last):
    ...
jwtguard.core.errors.ConfigurationError: unknown key 'isuer': did you mean 'issuer'?

Every value may also be the object it stands for, for example a `Rules` or a `CSRF`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from jwtguard.core.authorization import (
    Requirement,
    authenticated,
    denied,
    fresh,
    has_permission,
    has_role,
    has_scope,
    optional,
    optional_lenient,
    public,
)
from jwtguard.core.cookies import TokenCookie
from jwtguard.core.csrf import CSRF
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.extraction import AuthorizationHeader, TokenHeader, TokenQuery, TokenSource, TokenSubprotocol
from jwtguard.core.jwk import SigningKey, VerificationKey
from jwtguard.core.jwk_set import LocalJWKSet
from jwtguard.core.kind import TokenKind
from jwtguard.core.principal import ClaimPath, ClaimsMapping
from jwtguard.core.rules import Rule, Rules
from jwtguard.core.unchecked import UNCHECKED
from jwtguard.keys.introspection import Introspection
from jwtguard.keys.issuers import TrustedIssuer
from jwtguard.keys.openid import OpenIDProvider
from jwtguard.keys.remote import RemoteJWKSet

ENVIRONMENT_PREFIX = "JWTGUARD_"


def arguments_from_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `Guard(...)` that `config` describes; raises `ConfigurationError` with all problems."""
    if not isinstance(config, Mapping):
        raise ConfigurationError(
            f"the configuration is a mapping with issuer, audience and keys: found {type(config).__name__}"
        )
    # Whoever names several issuers says it all there, and opaque tokens need no keys.
    needed = [] if "issuers" in config else [name for name in _EXAMPLES if name not in config]
    if "introspection" in config and "keys" in needed:
        needed.remove("keys")
    return _arguments(config, [f"{name} is required: write {{{name!r}: {_EXAMPLES[name]}, ...}}" for name in needed])


def _arguments(config: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    problems = problems + unknown_keys(config, _READERS)
    arguments: dict[str, Any] = {}
    for name, value in config.items():
        if name in _READERS:
            try:
                arguments[name] = _READERS[name](value)
            except ConfigurationError as error:
                problems.extend(f"{name}: {problem}" for problem in error.problems)
    keys = arguments.get("keys")
    if isinstance(keys, _OpenID):
        try:
            arguments["keys"] = keys.provider(arguments.get("issuer"))
        except ConfigurationError as error:
            del arguments["keys"]
            problems.extend(f"keys: {problem}" for problem in error.problems)
    if problems:
        raise ConfigurationError(*problems, *_further_problems(arguments))
    return arguments


def _further_problems(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """What a guard would find wrong with the arguments that could be read, so that all is reported at once."""
    from jwtguard.guard import Guard  # noqa: PLC0415 - it imports this module, for the same reason only where used

    stand_ins = {"issuer": UNCHECKED, "audience": UNCHECKED, "keys": SigningKey.generate("HS256").verification_key}
    try:
        Guard(**{**({} if "issuers" in arguments else stand_ins), **arguments})
    except ConfigurationError as error:
        return error.problems
    return ()


def unknown_keys(config: Mapping[str, Any], known: Iterable[str], *, what: str = "key") -> list[str]:
    """A problem for each key of `config` that is not `known`, with the nearest one."""
    known = list(known)
    problems = []
    for name in config:
        if name not in known:
            nearest = get_close_matches(str(name), known, n=1, cutoff=0.0)
            problems.append(f"unknown {what} {name!r}: did you mean {nearest[0]!r}?")
    return problems


_EXAMPLES = {
    "issuer": '"https://issuer.example"',
    "audience": '"https://api.example"',
    "keys": '{"pem_file": "public.pem", "algorithm": "ES256"}',
}


def _unchanged(value: Any) -> Any:
    return value


def _or_unchecked(value: Any) -> Any:
    """The plain-data spelling of `UNCHECKED`, which is a word that nobody writes by accident."""
    return UNCHECKED if value == {"unchecked": True} else value


def _duration(value: Any) -> Any:
    """A timedelta, or a number of seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9:
        return timedelta(seconds=value)
    return value


def _keys(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    sources = [name for name in _KEY_SOURCES if name in value]
    if len(sources) != 1:
        problems = unknown_keys(value, (*_KEY_SOURCES, "algorithm", "algorithms", "kid"))
        problems.append(f"exactly one of {', '.join(_KEY_SOURCES)} is needed, found {', '.join(sources) or 'none'}")
        raise ConfigurationError(*problems)
    read, settings = _KEY_SOURCES[sources[0]]
    ConfigurationError.raise_all(unknown_keys(value, (*sources, *settings)))
    return read(value)


def _secret(value: Mapping[str, Any]) -> VerificationKey:
    algorithm = value.get("algorithm", "HS256")  # The one that everybody means by a secret.
    return VerificationKey.from_secret(value["secret"], algorithm=algorithm, kid=value.get("kid"))


def _pem_file(value: Mapping[str, Any]) -> VerificationKey:
    if "algorithm" not in value:
        raise ConfigurationError('a PEM key needs its algorithm: write {"pem_file": ..., "algorithm": "ES256"}')
    pem = _read(value["pem_file"])
    return VerificationKey.from_pem(pem, algorithm=value["algorithm"], kid=value.get("kid"))


def _jwks_file(value: Mapping[str, Any]) -> LocalJWKSet:
    text = _read(value["jwks_file"])
    document: dict[str, Any] = {}
    with suppress(ValueError):  # LocalJWKSet says it, without quoting what may be a key.
        document = json.loads(text)
    return LocalJWKSet(document, algorithms=value.get("algorithms"))


def _jwks_url(value: Mapping[str, Any]) -> RemoteJWKSet:
    return RemoteJWKSet(value["jwks_url"], **_remote(value))


@dataclass(frozen=True, slots=True)
class _OpenID:
    """Keys to be found through the metadata of the issuer, which another setting names."""

    settings: dict[str, Any]

    def provider(self, issuer: Any) -> OpenIDProvider:
        return OpenIDProvider(issuer, **self.settings)


def _openid(value: Mapping[str, Any]) -> _OpenID:
    if value["openid"] is not True:
        raise ConfigurationError(f'write {{"openid": true}}, or name another source of keys: found {value["openid"]!r}')
    settings = _remote(value)
    OpenIDProvider("https://issuer.example", **settings)  # So that its problems are found with all others.
    return _OpenID(settings)


def _remote(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value[name] for name in ("algorithms", "allow_http_loopback") if name in value}


# How each source is read, and the settings it takes: another one would change nothing, so it is refused.
_KEY_SOURCES: dict[str, tuple[Callable[[Mapping[str, Any]], Any], tuple[str, ...]]] = {
    "secret": (_secret, ("algorithm", "kid")),
    "pem_file": (_pem_file, ("algorithm", "kid")),
    "jwks_file": (_jwks_file, ("algorithms",)),
    "jwks_url": (_jwks_url, ("algorithms", "allow_http_loopback")),
    "openid": (_openid, ("algorithms", "allow_http_loopback")),
}


def _issuers(value: Any) -> Any:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ConfigurationError(
            'write a list, as in [{"preset": "keycloak", "issuer": "https://…", "audience": "orders-api"}]'
        )
    return _each(value, _issuer)


def _issuer(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    settings = dict(value)
    preset = settings.pop("preset", None)
    make: Callable[..., TrustedIssuer] = TrustedIssuer
    if preset is not None:
        import jwtguard.providers as providers  # noqa: PLC0415 - only where it is used

        if preset not in providers.PRESETS:
            raise ConfigurationError(*unknown_keys({str(preset): None}, providers.PRESETS, what="preset"))
        make = providers.PRESETS[preset]
    for name, read in {"audience": _or_unchecked, "keys": _keys, "claims": _claims, "kind": _kind}.items():
        if name in settings:
            settings[name] = read(settings[name])
    if isinstance(settings.get("keys"), _OpenID):
        settings["keys"] = settings["keys"].provider(settings.get("issuer"))
    return _made(make, settings)


def _introspection(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    readers = {"audience": _or_unchecked, "issuer": _or_unchecked, "claims": _claims, "kind": _kind}
    readers |= dict.fromkeys(("lifetime", "negative_lifetime", "timeout"), _duration)
    return _made(Introspection, {name: readers.get(name, _unchanged)(given) for name, given in value.items()})


def _kind(value: Any) -> Any:
    return _made(TokenKind, value) if isinstance(value, Mapping) else value


def _made(make: Callable[..., Any], settings: Mapping[str, Any]) -> Any:
    """What `make` makes of `settings`; raises `ConfigurationError` for one that it does not know, or lacks."""
    from inspect import Parameter, signature  # noqa: PLC0415 - slow to import

    parameters = {name: each for name, each in signature(make).parameters.items() if each.kind != Parameter.VAR_KEYWORD}
    problems = unknown_keys(settings, parameters)
    problems += [
        f"{name} is required in {dict.fromkeys(settings, ...)!r}"
        for name, parameter in parameters.items()
        if parameter.default is Parameter.empty and name not in settings
    ]
    ConfigurationError.raise_all(problems)
    return make(**settings)


def _read(path: Any) -> bytes:
    # A key where its path belongs is a common slip, and must not be printed for it.
    if isinstance(path, str) and ("-----BEGIN" in path or "\n" in path or path.lstrip()[:1] == "{"):
        raise ConfigurationError("this is the key itself: write it into a file, and give the path of that")
    try:
        return Path(path).read_bytes()
    except (OSError, TypeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
    raise ConfigurationError(f"the file {path!r} cannot be read: {reason}")


def _tokens_from(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ConfigurationError('write a list, as in ["authorization", {"cookie": "__Host-access"}]')
    return _each(value, _token_source)


def _each(values: Iterable[Any], read: Callable[[Any], Any]) -> list[Any]:
    """What `read` makes of each of `values`; raises `ConfigurationError` with the problems of all of them."""
    found: list[Any] = []
    problems: list[str] = []
    for value in values:
        try:
            found.append(read(value))
        except ConfigurationError as error:
            problems.extend(error.problems)
    ConfigurationError.raise_all(problems)
    return found


def _token_source(place: Any) -> TokenSource:
    if place == "authorization":
        return AuthorizationHeader()
    if place == "subprotocol":
        return TokenSubprotocol()
    if isinstance(place, Mapping):
        if "cookie" in place:
            known = ("cookie", "path", "domain", "samesite", "development", "secure")
            ConfigurationError.raise_all(unknown_keys(place, known))
            return TokenCookie(place["cookie"], **{name: place[name] for name in known[1:] if name in place})
        if len(place) == 1 and "header" in place:
            return TokenHeader(place["header"])
        if len(place) == 1 and "query" in place:
            return TokenQuery(place["query"])
    elif isinstance(place, TokenSource) and not isinstance(place, type):
        return place
    raise ConfigurationError(
        'a place is "authorization", {"cookie": name}, {"header": name}, {"query": name} or "subprotocol",'
        f" found {place!r}"
    )


def _claims(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    ConfigurationError.raise_all(unknown_keys(value, ("roles", "scopes", "permissions")))
    return ClaimsMapping(
        **{
            name: [_claim_path(path) for path in paths] if isinstance(paths, list | tuple) else paths
            for name, paths in value.items()
        }
    )


def _claim_path(path: Any) -> Any:
    if isinstance(path, Mapping):
        problems = unknown_keys(path, ("path", "single_string"))
        keys = _claim_path(path.get("path"))
        if not isinstance(path.get("single_string", False), bool):
            problems.append(f"single_string is true or false: found {path['single_string']!r}")
        ConfigurationError.raise_all(problems)
        return ClaimPath(keys, single_string=path.get("single_string", False))
    return tuple(path) if isinstance(path, list) else path


def _rules(value: Any) -> Any:
    if isinstance(value, Rules):
        return value
    if isinstance(value, Mapping):
        ConfigurationError.raise_all(unknown_keys(value, ("rules", "default")))
        rules, default = value.get("rules", []), requirement_from_config(value.get("default", authenticated))
    elif value is None:
        return None
    else:
        rules, default = value, authenticated
    if isinstance(rules, str | Mapping) or not isinstance(rules, Iterable):
        raise ConfigurationError('write a list, as in [{"path": "/admin/", "requirement": {"role": "admin"}}]')
    return Rules(_each(rules, _rule), default=default)


def _rule(rule: Any) -> Any:
    if not isinstance(rule, Mapping):
        return rule
    problems = unknown_keys(rule, ("path", "requirement", "methods"))
    problems += [
        f"a rule needs its {name!r}: found {dict(rule)!r}" for name in ("path", "requirement") if name not in rule
    ]
    ConfigurationError.raise_all(problems)
    return Rule(rule["path"], requirement_from_config(rule["requirement"]), methods=rule.get("methods"))


_MODES = {repr(mode): mode for mode in (authenticated, optional, optional_lenient, public, denied)}
_TESTS: dict[str, Callable[[Any], Requirement]] = {
    "role": has_role,
    "scope": has_scope,
    "permission": has_permission,
    "fresh": lambda max_age: fresh(max_age=max_age),
}


def requirement_from_config(value: Any) -> Requirement:
    """A requirement: `"public"`, `{"role": "admin"}`, `{"all": [...]}`, `{"any": [...]}`, `{"fresh": 600}` …"""
    if isinstance(value, Requirement):
        return value
    if isinstance(value, str) and value in _MODES:
        return _MODES[value]
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, content),) = value.items()
        if name in _TESTS:
            return _TESTS[name](content)
        if name in {"all", "any"} and isinstance(content, list | tuple) and content:
            parts = [requirement_from_config(part) for part in content]
            combined = parts[0]
            for part in parts[1:]:
                combined = combined & part if name == "all" else combined | part
            return combined
    raise ConfigurationError(
        f"a requirement is one of {', '.join(_MODES)}, or one of"
        f' {{"role": name}}, {{"scope": name}}, {{"permission": name}}, {{"fresh": seconds}},'
        f' {{"all": [...]}}, {{"any": [...]}}: found {value!r}'
    )


def _csrf(value: Any) -> Any:
    value = _or_unchecked(value)
    if not isinstance(value, Mapping):
        return value
    ConfigurationError.raise_all(unknown_keys(value, ("trusted_origins", "require_token", "secret")))
    return CSRF(**value)


_READERS: dict[str, Callable[[Any], Any]] = {
    "issuer": _or_unchecked,
    "audience": _or_unchecked,
    "keys": _keys,
    "issuers": _issuers,
    "introspection": _introspection,
    "tokens_from": _tokens_from,
    "leeway": _duration,
    "required_claims": _unchanged,
    "max_token_bytes": _unchanged,
    "max_token_age": _duration,
    "cache_size": _unchanged,
    "claims": _claims,
    "role_hierarchy": _unchanged,
    "role_permissions": _unchanged,
    "rules": _rules,
    "csrf": _csrf,
    "revocation": _unchanged,
    "realm": _unchanged,
    "problem_body": _unchanged,
    "on_event": _unchanged,
    "clock": _unchanged,
}

_VARIABLES = (
    "ISSUER",
    "AUDIENCE",
    "SECRET",
    "PEM_FILE",
    "JWKS_FILE",
    "JWKS_URL",
    "OPENID",
    "ALGORITHM",
    "ALLOW_HTTP_LOOPBACK",
    "KID",
    "LEEWAY",
    "COOKIE",
)


def arguments_from_env(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The arguments of `Guard(...)` that `JWTGUARD_…` variables describe; raises `ConfigurationError`.

    `JWTGUARD_AUDIENCE` and `JWTGUARD_ALGORITHM` take several with commas, `JWTGUARD_LEEWAY` is in seconds,
    `JWTGUARD_COOKIE` names a cookie that may hold the token beside the `Authorization` header. An empty variable
    counts as one that is not set. `JWTGUARD_ALLOW_HTTP_LOOPBACK=1` lets keys come over plain http from this machine.
    """
    if environ is None:
        import os  # noqa: PLC0415 - the one place that looks outside

        environ = os.environ
    known = [ENVIRONMENT_PREFIX + name for name in _VARIABLES]
    given = {name: value for name, value in environ.items() if name.startswith(ENVIRONMENT_PREFIX) and value}
    problems = unknown_keys(given, known, what="environment variable")
    variables = {name.removeprefix(ENVIRONMENT_PREFIX): value for name, value in given.items()}
    problems += [f"set {ENVIRONMENT_PREFIX}{name}" for name in ("ISSUER", "AUDIENCE") if name not in variables]
    config: dict[str, Any] = {}
    if "ISSUER" in variables:
        config["issuer"] = variables["ISSUER"]
    if "AUDIENCE" in variables:
        config["audience"] = _listed(variables["AUDIENCE"])
    keys = _keys_from_env(variables, problems)
    if keys is not None:
        config["keys"] = keys
    if "LEEWAY" in variables:
        try:
            config["leeway"] = float(variables["LEEWAY"])
        except ValueError:
            problems.append(f"{ENVIRONMENT_PREFIX}LEEWAY is a number of seconds: found {variables['LEEWAY']!r}")
    if "COOKIE" in variables:
        config["tokens_from"] = ["authorization", {"cookie": variables["COOKIE"]}]
    return _arguments(config, problems)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _keys_from_env(variables: Mapping[str, str], problems: list[str]) -> dict[str, Any] | None:
    sources = {ENVIRONMENT_PREFIX + source.upper(): source for source in _KEY_SOURCES}
    given = [name for name, source in sources.items() if source.upper() in variables]
    if len(given) != 1:
        problems.append(f"set exactly one of {', '.join(sources)}: found {', '.join(given) or 'none'}")
        return None
    source = sources[given[0]]
    keys: dict[str, Any] = {source: variables[source.upper()]}
    if source == "openid":
        if variables["OPENID"] != "1":
            problems.append(f"{ENVIRONMENT_PREFIX}OPENID is 1, or not set: found {variables['OPENID']!r}")
        keys = {"openid": True}
    if "ALGORITHM" in variables:
        several = "algorithms" in _KEY_SOURCES[source][1]
        keys |= {"algorithms": _listed(variables["ALGORITHM"])} if several else {"algorithm": variables["ALGORITHM"]}
    if "KID" in variables:
        keys["kid"] = variables["KID"]
    if "ALLOW_HTTP_LOOPBACK" in variables:
        if variables["ALLOW_HTTP_LOOPBACK"] != "1":
            problems.append(f"{ENVIRONMENT_PREFIX}ALLOW_HTTP_LOOPBACK is 1, or not set")
        keys["allow_http_loopback"] = True
    return keys
