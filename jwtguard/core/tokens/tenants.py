"""Issuers that are many: one service, and a tenant's name in the `iss` of its tokens, as Microsoft Entra has it.

>>> pattern = TenantPattern("https://login.example/{tenantid}/v2.0", tenants=["acme"])
>>> pattern.matches("https://login.example/acme/v2.0"), pattern.matches("https://login.example/evil/v2.0")
(True, False)

What the token says cannot widen it: the tenant must be on the list, and the token's own `tid` must name the same one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jwtguard.core.errors import InvalidTokenError
from jwtguard.core.tokens.sentinels import UNCHECKED, UncheckedType
from jwtguard.core.validation import Problems

# No dot and no slash, so that a tenant is one step of a path and never another host.
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", re.ASCII)
_PLACEHOLDER = re.compile(r"\{[a-z_]+\}")


def has_placeholder(issuer: object) -> bool:
    """Whether `issuer` is a template."""
    return isinstance(issuer, str) and _PLACEHOLDER.search(issuer) is not None


@dataclass(frozen=True, slots=True)
class TenantPattern:
    """Issuers that follow `template`, which holds one `{tenantid}`, for the `tenants` on a list.

    `tenants=UNCHECKED` takes every tenant there is: anybody can open one, so the application must check `claim` itself.
    `claim` names the tenant in the token's claims. Raises `ConfigurationError`.
    """

    template: str
    tenants: Iterable[str] | UncheckedType = field(kw_only=True)
    claim: str = field(default="tid", kw_only=True)
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False, default=_TENANT)

    def __post_init__(self) -> None:
        problems = Problems()
        if not isinstance(self.template, str) or len(_PLACEHOLDER.findall(self.template)) != 1:
            problems.append(f"a tenant's issuer holds one {{tenantid}}: found {self.template!r}")
        elif not re.match(r"https?://[^/{}]+/(?:[^{}]*/)?\{", self.template):
            problems.append(f"the tenant stands in the path of an https address, behind a slash: {self.template!r}")
        else:
            before, after = _PLACEHOLDER.split(self.template)
            pattern = re.compile(f"{re.escape(before)}({_TENANT.pattern}){re.escape(after)}", re.ASCII)
            object.__setattr__(self, "_pattern", pattern)
        if isinstance(self.tenants, Iterable) and not isinstance(self.tenants, str | bytes | Mapping):
            tenants = tuple(self.tenants)
            if not tenants or not all(isinstance(name, str) and _TENANT.fullmatch(name) for name in tenants):
                problems.append(f"tenants are the ids that may stand in the issuer, at least one: found {tenants!r}")
            else:
                object.__setattr__(self, "tenants", frozenset(tenants))
        elif self.tenants is not UNCHECKED:
            problems.append(
                "tenants is needed for an issuer with {tenantid}: pass the list of tenants whose tokens you take,"
                " or tenants=UNCHECKED to take every tenant's and check it yourself"
            )
        problems.raise_all()

    def tenant_of(self, issuer: str) -> str | None:
        """The tenant that `issuer` names, if it is one of ours."""
        match = self._pattern.fullmatch(issuer)
        if match is None or (isinstance(self.tenants, frozenset) and match[1] not in self.tenants):
            return None
        return match[1]

    def matches(self, issuer: str) -> bool:
        """Whether `issuer` is one of ours."""
        return self.tenant_of(issuer) is not None

    def check(self, claims: Mapping[str, Any]) -> None:
        """Check the issuer of verified `claims` and that they name the same tenant; raises `InvalidTokenError`."""
        issuer = claims.get("iss")
        tenant = self.tenant_of(issuer) if isinstance(issuer, str) else None
        if tenant is None:
            raise InvalidTokenError("iss")
        if claims.get(self.claim) != tenant:
            raise InvalidTokenError("tenant")
