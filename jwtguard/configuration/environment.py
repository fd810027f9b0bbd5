"""A guard's arguments from environment variables.

>>> secret = "not a secret, only an example!!!"
>>> environ = {"JWTGUARD_ISSUER": "https://issuer.example", "JWTGUARD_AUDIENCE": "a, b", "JWTGUARD_SECRET": secret}
>>> arguments_from_env(environ)["audience"]
['a', 'b']
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from jwtguard.configuration.keys import KEY_SOURCES
from jwtguard.configuration.mapping import collected
from jwtguard.configuration.plain import unknown_keys
from jwtguard.core.validation import Problems

ENVIRONMENT_PREFIX = "JWTGUARD_"

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
    "ALLOW_HTTP_HOSTS",
    "KID",
    "LEEWAY",
    "COOKIE",
    "HEADER",
    "HEADER_FROM_PROXY",
    "HEADER_SCHEME",
    "RULES",
    "EXPLAIN_REFUSALS",
    "DEBUG",
)


def arguments_from_env(
    environ: Mapping[str, str] | None = None, make: Callable[..., object] | None = None
) -> dict[str, Any]:
    """The arguments of `Guard(...)` that `JWTGUARD_…` variables describe; raises `ConfigurationError`.

    `JWTGUARD_AUDIENCE` and `JWTGUARD_ALGORITHM` take several with commas, `JWTGUARD_LEEWAY` is in seconds,
    `JWTGUARD_RULES` is `UNCHECKED` or a list of rules as JSON (`[]`: every path needs a token).
    `JWTGUARD_COOKIE` names a cookie that may hold the token beside the `Authorization` header, and `JWTGUARD_HEADER`
    another header; with it go `JWTGUARD_HEADER_FROM_PROXY` (1 or 0: does a gateway set the header?) and
    `JWTGUARD_HEADER_SCHEME`. An empty variable counts as one that is not set. `JWTGUARD_ALLOW_HTTP_LOOPBACK=1` lets
    keys come over plain http from this machine, `JWTGUARD_ALLOW_HTTP_HOSTS=keycloak` from the hosts that it names, with
    commas. `JWTGUARD_EXPLAIN_REFUSALS=1` tells clients what was required. `JWTGUARD_DEBUG=1`, which holds for guards of
    any origin, logs refusals as warnings. `make` is as for `arguments_from_config`.
    """
    if environ is None:
        import os  # noqa: PLC0415 - the one place that looks outside

        environ = os.environ
    known = [ENVIRONMENT_PREFIX + name for name in _VARIABLES]
    given = {name: value for name, value in environ.items() if name.startswith(ENVIRONMENT_PREFIX) and value}
    problems = Problems(unknown_keys(given, known, what="environment variable"))
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
    for name in ("EXPLAIN_REFUSALS", "DEBUG"):
        if variables.get(name, "1") != "1":
            problems.append(f"{ENVIRONMENT_PREFIX}{name} is 1, or not set")
    if "EXPLAIN_REFUSALS" in variables:
        config["explain_refusals"] = True
    places = _places_from_env(variables, problems)
    if places:
        config["tokens_from"] = places
    if "RULES" in variables:
        config["rules"] = _rules_from_env(variables["RULES"], problems)
    return collected(config, problems, make)


def _rules_from_env(text: str, problems: Problems) -> Any:
    if text == "UNCHECKED":
        return text
    try:
        return json.loads(text)
    except ValueError:
        problems.append(
            f"{ENVIRONMENT_PREFIX}RULES is UNCHECKED, or JSON such as [] or"
            f' [{{"path": "/health", "requirement": "public"}}]: found {text!r}'
        )
        return None


def _places_from_env(variables: Mapping[str, str], problems: Problems) -> list[Any]:
    """Where tokens travel, none where no variable says so."""
    places: list[Any] = [{"cookie": variables["COOKIE"]}] if "COOKIE" in variables else []
    with_header = [f"HEADER_{name}" for name in ("FROM_PROXY", "SCHEME") if f"HEADER_{name}" in variables]
    if "HEADER" not in variables:
        problems += [
            f"{ENVIRONMENT_PREFIX}{name} is for {ENVIRONMENT_PREFIX}HEADER: set that too" for name in with_header
        ]
        return ["authorization", *places] if places else []
    header: dict[str, Any] = {"header": variables["HEADER"]}
    if "HEADER_FROM_PROXY" in variables:
        if variables["HEADER_FROM_PROXY"] not in {"0", "1"}:
            problems.append(
                f"{ENVIRONMENT_PREFIX}HEADER_FROM_PROXY is 1 if a gateway sets the header, 0 if the client does"
            )
        header["from_proxy"] = variables["HEADER_FROM_PROXY"] == "1"
    if "HEADER_SCHEME" in variables:
        header["scheme"] = variables["HEADER_SCHEME"]
    is_authorization = variables["HEADER"].lower() == "authorization"
    return [header, *places] if is_authorization else ["authorization", *places, header]


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _keys_from_env(variables: Mapping[str, str], problems: Problems) -> dict[str, Any] | None:
    sources = {ENVIRONMENT_PREFIX + source.upper(): source for source in KEY_SOURCES}
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
        several = "algorithms" in KEY_SOURCES[source][1]
        keys |= {"algorithms": _listed(variables["ALGORITHM"])} if several else {"algorithm": variables["ALGORITHM"]}
    if "KID" in variables:
        keys["kid"] = variables["KID"]
    if "ALLOW_HTTP_LOOPBACK" in variables:
        if variables["ALLOW_HTTP_LOOPBACK"] != "1":
            problems.append(f"{ENVIRONMENT_PREFIX}ALLOW_HTTP_LOOPBACK is 1, or not set")
        keys["allow_http_loopback"] = True
    if "ALLOW_HTTP_HOSTS" in variables:
        keys["allow_http_hosts"] = _listed(variables["ALLOW_HTTP_HOSTS"])
    return keys
