"""What the presets share: the kinds of token that are none for an API, and where keys come from.

>>> kind("azp", parties="web").clients == {"web"}
True
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.tokens.key_sources import Keys
from jwtguard.core.tokens.sentinels import UncheckedType
from jwtguard.core.tokens.token_kind import TokenKind, Values
from jwtguard.key_sources.openid_discovery import OpenIDProvider

Audience: TypeAlias = str | Iterable[str] | UncheckedType

RS256 = ("RS256",)
# OpenID Connect Core §2 and §3.1.3.6: what an ID token may hold about the login that made it, and nothing else has.
ID_TOKEN_CLAIMS = ("nonce", "at_hash", "c_hash", "s_hash")
# How other kinds of token call themselves, in the claims that some providers use for it.
OTHER_KINDS = {
    "typ": ["ID", "Refresh", "Offline", "Logout"],
    "token_use": ["id", "refresh"],
    "type": ["id", "id_token", "refresh", "refresh_token"],
    "token_type": ["id", "id_token", "refresh", "refresh_token"],
}


def kind(
    *client_claims: str,
    parties: str | Iterable[str] | None,
    values: Values | None = None,
    not_values: Values | None = None,
    without: Iterable[str] = (),
) -> TokenKind:
    """A kind of token that names its client, which is one of `parties` if they are given."""
    return TokenKind(
        values=values or {},
        not_values=not_values or {},
        without=without,
        client_claims=client_claims,
        clients=(parties,) if isinstance(parties, str) else parties,
    )


def discovered(
    issuer: str,
    algorithms: Iterable[str] | None,
    keys: Keys | None,
    *,
    allow_http_loopback: bool = False,
    allow_http_hosts: Iterable[str] = (),
) -> Keys:
    """`keys` if they are given, else those that the issuer's metadata name."""
    if keys is not None:
        return keys
    return OpenIDProvider(
        issuer, algorithms=algorithms, allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts
    )


def https(address: str) -> str:
    """`address` as a URL: a bare host name gets its https."""
    if not isinstance(address, str) or not address:
        raise ConfigurationError(f"the address is a host name or an https URL: found {address!r}")
    return address if "://" in address else f"https://{address}"
