"""The checks of a request before its view runs: rules of middlewares, and `requires` on the view.

>>> from jwtguard.core.access.requirements import has_role
>>> AccessCheck(kind="decorator", requirement=has_role("admin")).text
"requires(has_role('admin'))"
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from jwtguard.core.access.requirements import Requirement
from jwtguard.core.access.rules import Rule
from jwtguard.core.http.cookies import TokenCookie
from jwtguard.core.http.token_sources import AuthorizationHeader, TokenHeader, TokenQuery, TokenSource, TokenSubprotocol
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.guard import Guard
from jwtguard.view_metadata import ViewMetadata

AccessCheckKind: TypeAlias = Literal["rule", "default", "refused", "decorator", "dependency", "shipped", "third_party"]
"""A middleware gives `rule`, `default` and `refused` (an ambiguous path); `third_party` is from another library."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessCheck:
    """One check of a request. `requirement` is None for a check of another library, which `name` names.

    `tokens_from` is where the token may travel: None means the guard's own setting.
    """

    kind: AccessCheckKind
    requirement: Requirement | None = None
    guard: Guard | None = None
    tokens_from: tuple[TokenSource, ...] | None = None
    rule: Rule | None = None
    sessions: Sessions | None = None
    name: str = ""

    @property
    def text(self) -> str:
        """The check as its author wrote it."""
        match self.kind:
            case "rule" if self.rule is not None:
                return f"rule {self.rule.path!r}: {self.requirement!r}"
            case "default":
                return f"by default: {self.requirement!r}"
            case "refused":
                return "refused: the path has more than one reading"
            case "third_party":
                return self.name
            case "shipped":
                return f"shipped route: {self.requirement!r}"
            case _:
                return f"requires({self.requirement!r})"

    @property
    def admits_anybody(self) -> bool:
        """Whether a request without a token passes."""
        return self.requirement is not None and self.requirement.mode.admits_anybody

    @property
    def places(self) -> tuple[str, ...]:
        """Where its token may travel, in words; empty where none is read."""
        if self.requirement is None or not self.requirement.mode.reads_token:
            return ()
        sources = self.tokens_from if self.tokens_from is not None or self.guard is None else self.guard.tokens_from
        return tuple(map(place_of, sources or ()))


def access_check_of(metadata: ViewMetadata, *, guard: Guard | None, kind: AccessCheckKind = "decorator") -> AccessCheck:
    """The check that the metadata of a view stands for; `guard` is used where the metadata names none."""
    return AccessCheck(
        kind="shipped" if metadata.is_shipped else kind,
        requirement=metadata.requirement,
        guard=metadata.guard or guard,
        tokens_from=metadata.tokens_from,
        sessions=metadata.sessions,
    )


def access_checks_of(
    attached: Iterable[ViewMetadata], *, guard: Guard | None, kind: AccessCheckKind = "decorator"
) -> Iterator[AccessCheck]:
    """The access checks of a view, outermost first."""
    return (access_check_of(metadata, guard=guard, kind=kind) for metadata in reversed(tuple(attached)))


def place_of(source: TokenSource) -> str:
    """Where a token may travel, in words."""
    match source:
        case AuthorizationHeader():
            return "Authorization from a proxy" if source.from_proxy else "Authorization"
        case TokenCookie():
            return f"cookie {source.sent_name}"
        case TokenHeader():
            return f"header {source.name}{' from a proxy' if source.from_proxy else ''}"
        case TokenQuery():
            return f"query {source.name}"
        case TokenSubprotocol():
            return "subprotocol"
        case _:
            return type(source).__name__


_MODULES = frozenset(
    {
        "starlette.authentication",
        "django.contrib.auth.decorators",
        "django.contrib.admin.views.decorators",
        "flask_login.utils",
        "flask_jwt_extended.view_decorators",
    }
)
"""Where decorators are written that refuse callers."""


def third_party_checks(view: object) -> tuple[AccessCheck, ...]:
    """The decorators around `view` that are known to refuse callers, outermost first."""
    return tuple(AccessCheck(kind="third_party", name=module) for module in _written_in(view) if module in _MODULES)


def _written_in(view: object) -> Iterator[str]:
    while view is not None:
        # Not `__module__`, which a wrapper copies from what it wraps.
        yield getattr(view, "__globals__", {}).get("__name__", "")
        view = getattr(view, "__wrapped__", None)
