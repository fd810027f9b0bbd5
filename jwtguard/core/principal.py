"""Who calls: the `Principal`, and the `ClaimsMapping` that says where a token's claims name its rights.

>>> mapping = ClaimsMapping(roles=[("realm_access", "roles")])
>>> mapping.principal({"sub": "user-1", "realm_access": {"roles": ["admin"]}, "scope": "read write"}).roles
frozenset({'admin'})

A claim that is missing, or is not what it should be, gives nothing. A role is compared whole: `"admin"` is never
found inside `"administrator"`.
"""

# No `from __future__ import annotations`: FastAPI must find `NoParameter` in the constructor, not the text of it.
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from jwtguard.core.dataclasses import dataclass
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.from_guard import FromGuard, NoParameter, never_read
from jwtguard.core.frozen import draft_of
from jwtguard.core.jose import ClaimsSet, JSONObject


class _Described:
    """Fills in the fields of a principal that nobody has set, when they are asked for, from the claims.

    To work all of them out takes a third of what a request pays for a token seen before, and few views ask for more
    than the subject and one kind of right. The claims are read-only all the way down, so later is the same as now.
    """

    __slots__ = ("_mapping",)

    # For type checkers, any name at all would be an attribute.
    if not TYPE_CHECKING:  # pragma: no branch

        def __getattr__(self, name: str) -> object:  # Called only for what is not there.
            read = _READERS.get(name)
            if read is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
            value = read(self._mapping, self.claims)
            object.__setattr__(self, name, value)
            return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal(_Described, FromGuard):
    """The caller that a verified token speaks for.

    It comes from the guard alone: FastAPI and pydantic refuse to read one from a request. Tests of an application make
    one with `jwtguard.testing.principal`.

    `roles`, `scopes` and `permissions` are what the token says, without any hierarchy. `session_id` is the `sid`
    claim. `auth_time` and `expires_at` are seconds since the epoch, or None.
    """

    subject: Annotated[str | None, NoParameter(never_read("Principal"))]
    issuer: str | None = None
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()
    claims: Mapping[str, Any] = field(default_factory=JSONObject, repr=False)
    session_id: str | None = None
    auth_time: float | None = None
    expires_at: float | None = None

    # What Starlette's own `requires` and templates read from `request.user`.

    @property
    def is_authenticated(self) -> bool:
        """Always true: a caller without a valid token is no `Principal`."""
        return True

    @property
    def display_name(self) -> str:
        """The `name` or `preferred_username` claim (OpenID Connect Core §5.1), else the subject."""
        for claim in ("name", "preferred_username"):
            value = self.claims.get(claim)
            if isinstance(value, str) and value:
                return value
        return self.subject or ""

    @property
    def identity(self) -> str:
        """The subject."""
        return self.subject or ""


@dataclass(frozen=True, slots=True)
class ClaimPath:
    """Where a list of names stands in the claims: the keys to walk, outermost first.

    With `single_string=True` a lone string counts as a list of one, which some issuers send for a single role.
    """

    keys: tuple[str, ...]
    single_string: bool = field(default=False, kw_only=True)


Path: TypeAlias = "tuple[str, ...] | ClaimPath"

# RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_SCOPE = re.compile(f"{SCOPE_TOKEN.pattern}(?: {SCOPE_TOKEN.pattern})*+")
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsMapping:
    """Where roles, scopes and permissions stand in the claims; what several paths find is united.

    A path is a tuple of keys, since claim names hold dots, slashes and colons: `("realm_access", "roles")` walks two
    levels, `("https://app.example/roles",)` one. `subject` is the path to who is calling, where that is not `sub`: a
    string, or a whole number, which is turned into one. Raises `ConfigurationError` for anything else.
    """

    roles: Iterable[Path] = (("roles",),)
    scopes: Iterable[Path] = (("scope",),)
    permissions: Iterable[Path] = (("permissions",),)
    subject: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        problems: list[str] = []
        for name in ("roles", "scopes", "permissions"):
            paths = getattr(self, name)
            if isinstance(paths, str | bytes | Mapping | ClaimPath) or not isinstance(paths, Iterable):
                problems.append(
                    f"ClaimsMapping({name}=...) is a list of paths: write {name}=[('realm_access', 'roles')]"
                )
                continue
            object.__setattr__(self, name, tuple(_path(path, name, problems) for path in paths))
        if self.subject is not None:
            object.__setattr__(self, "subject", _path(self.subject, "subject", problems).keys)
        ConfigurationError.raise_all(problems)

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """The caller that verified `claims` describe."""
        draft = _Draft()
        draft.subject = claims.get("sub") if self.subject is None else self._subject_of(claims)
        draft.claims = claims
        draft._mapping = self
        draft.__class__ = Principal
        principal: Principal = draft
        if type(claims) is not ClaimsSet:
            for name in _READERS:  # It may be changed, so what it says now is read now.
                getattr(principal, name)
        return principal

    def names_subject(self, claims: Mapping[str, Any]) -> bool:
        """Whether what `claims` say of the subject can be one (RFC 7519 §4.1.2); `sub` may also be left out."""
        if self.subject is not None:
            return self._subject_of(claims) is not None
        return "sub" not in claims or (isinstance(claims["sub"], str) and bool(claims["sub"]))

    def _subject_of(self, claims: Mapping[str, Any]) -> str | None:
        found = _walk(claims, self.subject or ())
        if type(found) is int:  # Not isinstance: True is an int.
            return str(found)
        return found if isinstance(found, str) and found else None


def _walk(claims: Mapping[str, Any], keys: Iterable[str]) -> Any:  # noqa: ANN401
    value: Any = claims
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _path(path: object, name: str, problems: list[str]) -> ClaimPath:
    keys = path.keys if isinstance(path, ClaimPath) else path
    if isinstance(keys, tuple) and keys and all(isinstance(key, str) for key in keys):
        return path if isinstance(path, ClaimPath) else ClaimPath(keys)
    hint = repr((path,)) if isinstance(path, str) else "('realm_access', 'roles')"
    problems.append(f"a path in ClaimsMapping({name}=...) is a tuple of keys, found {path!r}: write {hint}")
    return ClaimPath(())


def _united(
    claims: Mapping[str, Any], paths: Iterable[Any], read: Callable[[object, ClaimPath], frozenset[str]]
) -> frozenset[str]:
    found = _NOTHING
    for path in paths:
        keys = path.keys
        value = claims.get(keys[0]) if len(keys) == 1 else _walk(claims, keys)
        if value is not None:
            names = read(value, path)
            found = found | names if found else names
    return found


def _names(value: object, path: ClaimPath) -> frozenset[str]:
    """Roles or permissions: a list of strings, all of it or nothing, since half a malformed claim is no claim."""
    if isinstance(value, str):
        return frozenset((value,)) if path.single_string and value else _NOTHING
    # One look at the types of all members: a generator that asks each would take as long again as all the rest.
    if isinstance(value, list) and _STRINGS.issuperset(map(type, value)):
        return frozenset(value)
    return _NOTHING


def _scopes(value: object, path: ClaimPath) -> frozenset[str]:
    """A string of scope tokens with single spaces between (RFC 6749 §3.3), or a list of strings."""
    if isinstance(value, str):
        return frozenset(value.split(" ")) if _SCOPE.fullmatch(value) else _NOTHING
    return _names(value, path)


def _session_id(_: ClaimsMapping, claims: Mapping[str, Any]) -> str | None:
    found = claims.get("sid")
    return found if isinstance(found, str) and found else None


def _date(name: str) -> Callable[[ClaimsMapping, Mapping[str, Any]], float | None]:
    def read(_: ClaimsMapping, claims: Mapping[str, Any]) -> float | None:
        found = claims.get(name)
        return found if type(found) in _NUMBERS else None

    return read


_READERS: dict[str, Callable[[ClaimsMapping, Mapping[str, Any]], object]] = {
    "issuer": lambda mapping, claims: claims.get("iss"),
    "roles": lambda mapping, claims: _united(claims, mapping.roles, _names),
    "scopes": lambda mapping, claims: _united(claims, mapping.scopes, _scopes),
    "permissions": lambda mapping, claims: _united(claims, mapping.permissions, _names),
    "session_id": _session_id,
    "auth_time": _date("auth_time"),
    "expires_at": _date("exp"),
}
"""What each field of a principal is, by the claims; `subject` and `claims` are set from the start."""

_Draft = draft_of(Principal)
_STRINGS = frozenset((str,))
_NUMBERS = frozenset((int, float))  # Of these types exactly: True is an int.
