"""Where keys come from, as plain data: a secret, a file, an address, or the issuer's own metadata.

>>> keys_from_config({"secret": "not a secret, only an example!!!", "algorithm": "HS256"}).algorithm
'HS256'
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jwtguard.configuration.plain import each, unknown_keys
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.tokens.jwk_set import LocalJWKSet
from jwtguard.core.tokens.keys import SigningKey, VerificationKey
from jwtguard.core.validation import Problems
from jwtguard.key_sources.openid_discovery import OpenIDProvider
from jwtguard.key_sources.remote_jwk_set import RemoteJWKSet


def keys_from_config(value: Any) -> Any:
    """A source of keys: `{"pem_file": ..., "algorithm": "ES256"}` and the like, or a list of such."""
    if isinstance(value, list | tuple):
        return each(value, keys_from_config)
    if not isinstance(value, Mapping):
        return value
    sources = [name for name in KEY_SOURCES if name in value]
    if len(sources) != 1:
        problems = Problems(unknown_keys(value, (*KEY_SOURCES, "algorithm", "algorithms", "kid")))
        problems.append(f"exactly one of {', '.join(KEY_SOURCES)} is needed, found {', '.join(sources) or 'none'}")
        raise ConfigurationError(*problems)
    read, settings = KEY_SOURCES[sources[0]]
    ConfigurationError.raise_all(unknown_keys(value, (*sources, *settings)))
    return read(value)


def _secret(value: Mapping[str, Any]) -> VerificationKey:
    algorithm = value.get("algorithm", "HS256")  # The usual algorithm of a secret.
    return VerificationKey.from_secret(value["secret"], algorithm=algorithm, kid=value.get("kid"))


def _pem_file(value: Mapping[str, Any]) -> VerificationKey:
    if "algorithm" not in value:
        raise ConfigurationError('a PEM key needs its algorithm: write {"pem_file": ..., "algorithm": "ES256"}')
    pem = _read(value["pem_file"])
    return VerificationKey.from_pem(pem, algorithm=value["algorithm"], kid=value.get("kid"))


def signing_key_from_config(value: Any) -> Any:
    """A key of our own: `{"pem_file": ..., "algorithm": "ES256", "kid": "2026-11"}`."""
    if not isinstance(value, Mapping):
        return value
    problems = Problems(unknown_keys(value, ("pem_file", "algorithm", "kid")))
    problems += [f"{name} is required" for name in ("pem_file", "algorithm") if name not in value]
    problems.raise_all()
    return SigningKey.from_pem(_read(value["pem_file"]), algorithm=value["algorithm"], kid=value.get("kid"))


def tls_from_config(value: Any) -> Any:
    """A client's side of TLS: `{"certificate_file": ..., "key_file": ..., "ca_file": ...}`, each by choice."""
    if not isinstance(value, Mapping):
        return value
    problems = Problems(unknown_keys(value, ("certificate_file", "key_file", "ca_file")))
    if "key_file" in value and "certificate_file" not in value:
        problems.append("key_file goes with a certificate_file")
    problems.raise_all()
    import ssl  # noqa: PLC0415 - slow to import

    try:
        context = ssl.create_default_context(cafile=value.get("ca_file"))
        if "certificate_file" in value:
            context.load_cert_chain(value["certificate_file"], value.get("key_file"))
    except (OSError, TypeError, ValueError) as error:  # An SSLError is an OSError.
        reason = getattr(error, "strerror", None) or type(error).__name__
    else:
        return context
    raise ConfigurationError(f"the files of tls cannot be read: {reason}")


def _jwks_file(value: Mapping[str, Any]) -> LocalJWKSet:
    text = _read(value["jwks_file"])
    document: dict[str, Any] = {}
    with suppress(ValueError):  # LocalJWKSet says it, without quoting what may be a key.
        document = json.loads(text)
    return LocalJWKSet(document, algorithms=value.get("algorithms"))


def _jwks_url(value: Mapping[str, Any]) -> RemoteJWKSet:
    return RemoteJWKSet(value["jwks_url"], **_remote(value))


@dataclass(frozen=True, slots=True)
class OpenID:
    """Keys to be found through the metadata of the issuer, which another setting names."""

    settings: dict[str, Any]

    def provider(self, issuer: Any) -> OpenIDProvider:
        """Those keys, now that the issuer is known."""
        return OpenIDProvider(issuer, **self.settings)


def keys_of_issuer(keys: Any, issuer: Any) -> Any:
    """`keys` as they were read, with those that the metadata of `issuer` lead to, now that it is known."""
    if isinstance(keys, list):
        return [keys_of_issuer(each_of_them, issuer) for each_of_them in keys]
    return keys.provider(issuer) if isinstance(keys, OpenID) else keys


def _openid(value: Mapping[str, Any]) -> OpenID:
    if value["openid"] is not True:
        raise ConfigurationError(f'write {{"openid": true}}, or name another source of keys: found {value["openid"]!r}')
    settings = _remote(value)
    OpenIDProvider("https://issuer.example", **settings)  # So that its problems are found with all others.
    return OpenID(settings)


def _remote(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value[name] for name in ("use", *_REMOTE) if name in value}


_REMOTE = ("algorithms", "allow_http_loopback", "allow_http_hosts")


# How each source is read, and the settings it takes: another one would change nothing, so it is refused.
KEY_SOURCES: dict[str, tuple[Callable[[Mapping[str, Any]], Any], tuple[str, ...]]] = {
    "secret": (_secret, ("algorithm", "kid")),
    "pem_file": (_pem_file, ("algorithm", "kid")),
    "jwks_file": (_jwks_file, ("algorithms",)),
    "jwks_url": (_jwks_url, (*_REMOTE, "use")),
    "openid": (_openid, _REMOTE),
}


def _read(path: Any) -> bytes:
    # A key where its path belongs is a common slip, and must not be printed for it.
    if isinstance(path, str) and ("-----BEGIN" in path or "\n" in path or path.lstrip()[:1] == "{"):
        raise ConfigurationError("this is the key itself: write it into a file, and give the path of that")
    try:
        return Path(path).read_bytes()
    except (OSError, TypeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
    raise ConfigurationError(f"the file {path!r} cannot be read: {reason}")
