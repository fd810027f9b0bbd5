"""Clerk, whose session tokens spread the permissions of an organization over several claims.

>>> issuer = clerk("https://clerk.example.com", authorized_parties=["https://app.example"])
>>> issuer.required_claims
('exp', 'iss', 'sub', 'sid')
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jwtguard.core.http.cookies import TokenCookie
from jwtguard.core.http.token_sources import AuthorizationHeader
from jwtguard.core.tokens.key_sources import Keys
from jwtguard.core.tokens.principal import ClaimPath, ClaimsMapping
from jwtguard.core.tokens.sentinels import UNCHECKED, UncheckedType
from jwtguard.providers.common import ID_TOKEN_CLAIMS, OTHER_KINDS, RS256, Audience, discovered, kind
from jwtguard.trust.trusted_issuer import TrustedIssuer


def clerk(
    issuer: str,
    *,
    authorized_parties: Iterable[str] | UncheckedType,
    audience: Audience = UNCHECKED,
    cookie: str | None = None,
    allow_http_loopback: bool = False,
    allow_http_hosts: Iterable[str] = (),
    keys: Keys | None = None,
) -> TrustedIssuer:
    """Session tokens of Clerk, for example `https://clerk.example.com` or `https://acme.clerk.accounts.dev`.

    They have no `aud` unless a template adds one: `authorized_parties` are the origins whose pages may use them
    (`azp`), `UNCHECKED` for any. `cookie="__session"` takes the token from Clerk's cookie too, with protection against
    cross-site request forgery. Sessions that are still `pending` are refused. Roles and permissions are those in the
    active organization, in the first and the second version of Clerk's claims.
    """
    client_claims, parties = (("azp",), authorized_parties) if authorized_parties is not UNCHECKED else ((), None)
    return TrustedIssuer(
        issuer=issuer,
        audience=audience,
        keys=discovered(
            issuer, RS256, keys, allow_http_loopback=allow_http_loopback, allow_http_hosts=allow_http_hosts
        ),
        algorithms=RS256,
        claims=ClaimsMapping(
            roles=[ClaimPath(("org_role",), single_string=True), _OrganizationRole()],
            permissions=[("org_permissions",), _OrganizationPermissions()],
        ),
        kind=kind(
            *client_claims,
            parties=parties,
            not_values={"sts": ["pending"], **OTHER_KINDS},
            without=ID_TOKEN_CLAIMS,
        ),
        required_claims=("exp", "iss", *(() if audience is UNCHECKED else ("aud",)), "sub", "sid"),
        tokens_from=None if cookie is None else [AuthorizationHeader(), TokenCookie(cookie)],
    )


_NOTHING: frozenset[str] = frozenset()
_NAME = re.compile(r"[^\s:,]+")
_SCOPES = re.compile(r"[a-z]+")
_MASK = re.compile(r"[0-9]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _OrganizationRole:
    """The role in version 2 of the claims: `o.rol`, which leaves out the `org:` of version 1."""

    def names(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """The role by its whole name, as `org:admin`."""
        role = _organization(claims).get("rol")
        if not isinstance(role, str) or not _NAME.fullmatch(role.removeprefix("org:")):
            return _NOTHING
        return frozenset((f"org:{role.removeprefix('org:')}",))


@dataclass(frozen=True, slots=True)
class _OrganizationPermissions:
    """The permissions in version 2 of the claims.

    `fea` lists features, each with the scopes that have it: `o` the organization, `u` the user. `o.per` lists
    permissions. `o.fpm` has a number for each feature of the organization, whose bit j, counted from the lowest, grants
    permission j. https://clerk.com/docs/guides/sessions/session-tokens
    """

    def names(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """The permissions, as `org:articles:read`; none at all where a claim is malformed."""
        organization = _organization(claims)
        scoped = [feature.partition(":") for feature in _listed(claims.get("fea"))]
        if not all(_SCOPES.fullmatch(scopes) and _NAME.fullmatch(feature) for scopes, _, feature in scoped):
            return _NOTHING
        features = [feature for scopes, _, feature in scoped if "o" in scopes]
        permissions, masks = _listed(organization.get("per")), _listed(organization.get("fpm"))
        is_sound = all(map(_NAME.fullmatch, permissions)) and all(map(_MASK.fullmatch, masks))
        if not is_sound or len(masks) != len(features) or any(int(mask) >> len(permissions) for mask in masks):
            return _NOTHING
        return frozenset(
            f"org:{feature}:{permission}"
            for feature, mask in zip(features, masks, strict=True)
            for bit, permission in enumerate(permissions)
            if int(mask) >> bit & 1
        )


def _organization(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    found = claims.get("o")
    return found if isinstance(found, Mapping) else {}


def _listed(value: object) -> list[str]:
    """The members of a list in a string, with commas between; none for anything else."""
    return [member.strip(" ") for member in value.split(",")] if isinstance(value, str) and value else []
