"""A guard's arguments from environment variables.

>>> secret = "not a secret, only an example!!!"
>>> environ = {"JWTGUARD_ISSUER": "https://issuer.example", "JWTGUARD_AUDIENCE": "a, b", "JWTGUARD_SECRET": secret}
>>> arguments_from_env(environ)["audience"]
['a', 'b']
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jwtguard.configuration.keys import KEY_SOURCES
from jwtguard.configuration.mapping import collected
from jwtguard.configuration.plain import unknown_keys

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
    return collected(config, problems)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _keys_from_env(variables: Mapping[str, str], problems: list[str]) -> dict[str, Any] | None:
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
    return keys
