"""What roles are worth: which include which, and which permissions they give.

>>> rights = Rights(role_hierarchy={"admin": {"editor"}}, role_permissions={"editor": {"reports.read"}})
>>> caller = Principal(subject="user-1", roles=frozenset({"admin"}))
>>> rights.has_role(caller, "editor"), rights.has_permission(caller, "reports.read")
(True, True)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jwtguard.core.tokens.principal import Principal
from jwtguard.core.validation import Problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What roles are worth: `role_hierarchy` (role to the roles it includes) and `role_permissions`.

    Both are turned round once, so that a check asks "is one of my roles among those that give this?" whatever their
    number. Raises `ConfigurationError` for a cycle or a wrong shape.
    """

    role_hierarchy: Mapping[str, Iterable[str]] = field(default_factory=dict)
    role_permissions: Mapping[str, Iterable[str]] = field(default_factory=dict)
    _giving_role: dict[str, set[str]] = field(init=False, repr=False, compare=False, default_factory=dict)
    _giving_permission: dict[str, set[str]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        problems = Problems()
        hierarchy = _sets("role_hierarchy", self.role_hierarchy, problems)
        permissions = _sets("role_permissions", self.role_permissions, problems)
        below = {role: _below(role, hierarchy) for role in {*hierarchy, *permissions}}
        circular = ", ".join(repr(role) for role in hierarchy if role in below[role])
        if circular:
            problems.append(f"role_hierarchy has a cycle: {circular} would include themselves")
        problems.raise_all()
        for role, roles in below.items():
            for included in (role, *roles):
                self._giving_role.setdefault(included, set()).update((included, role))
                for name in permissions.get(included, ()):
                    self._giving_permission.setdefault(name, set()).add(role)

    def has_role(self, principal: Principal, name: str) -> bool:
        """Whether the caller has the role, directly or through the hierarchy."""
        giving = self._giving_role.get(name)
        return name in principal.roles if giving is None else not giving.isdisjoint(principal.roles)

    def has_permission(self, principal: Principal, name: str) -> bool:
        """Whether the caller has the permission, directly or through a role."""
        giving = self._giving_permission.get(name)
        return name in principal.permissions or (giving is not None and not giving.isdisjoint(principal.roles))


def _sets(setting: str, mapping: object, problems: Problems) -> dict[str, frozenset[str]]:
    result: dict[str, frozenset[str]] = {}
    for role, names in mapping.items() if isinstance(mapping, Mapping) else [(None, None)]:
        members: tuple[Any, ...] = (
            (None,) if isinstance(names, str) or not isinstance(names, Iterable) else tuple(names)
        )
        if not isinstance(role, str) or not all(isinstance(name, str) for name in members):
            problems.append(f'{setting} maps a role to a set of names: write {setting}={{"admin": {{"editor"}}}}')
            break
        result[role] = frozenset(members)
    return result


def _below(role: str, hierarchy: Mapping[str, frozenset[str]]) -> set[str]:
    """All roles that `role` includes, however far."""
    found: set[str] = set()
    waiting = list(hierarchy.get(role, ()))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(hierarchy.get(name, ()))
    return found
