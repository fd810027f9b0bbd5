"""The `Principal`, which is the caller, and the `ClaimsMapping`, which finds its roles and scopes in the claims.

>>> mapping = ClaimsMapping(roles=[("realm_access", "roles")])
>>> mapping.principal({"sub": "user-1", "realm_access": {"roles": ["admin"]}, "scope": "read write"}).roles
frozenset({'admin'})

A claim that is missing or malformed gives no role. Roles are compared as whole strings: `"admin"` is not found in
`"administrator"`.
"""

# No `from __future__ import annotations`: FastAPI must find `NoParameter` in the constructor, not the text of it.
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, TypeAlias, runtime_checkable

from jwtguard.core.tokens.actor import Actor
from jwtguard.core.tokens.encoding import JSONObject
from jwtguard.core.tokens.from_guard import FromGuard, NoParameter, never_read
from jwtguard.core.validation import Problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal(FromGuard):
    """The caller that a verified token names.

    Only the guard makes one: FastAPI and pydantic refuse to read one from a request. Tests of an application use
    `jwtguard.testing.principal`.

    `roles`, `scopes` and `permissions` are those in the token, without any hierarchy. `session_id` is the `sid`
    claim. `auth_time` and `expires_at` are seconds since the epoch, or None. `acr` and `amr` are the class and the
    methods of the login (OpenID Connect Core §2). `client_id` is the client that got the token (RFC 9068 §2.2), or the
    `azp` claim. `actor` is the party that acts for the subject (RFC 8693 §4.1), None if the subject acts itself.
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
    acr: str | None = None
    amr: frozenset[str] = frozenset()
    client_id: str | None = None
    actor: Actor | None = None

    # Starlette's `requires` and templates read these properties from `request.user`.

    @property
    def is_authenticated(self) -> bool:
        """Always true: only a caller with a valid token has a `Principal`."""
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
    """The path to a list of names in the claims: the keys, outermost first.

    `single_string=True`: a lone string counts as a list of one, which some issuers send for a single role. `keys=True`:
    the names are the keys of an object (Zitadel: `{"admin": {"1234": "acme.example"}}`); an object with null,
    false, 0 or "" for one of them gives no name. `member="key"`: the names are under this key in a list of objects
    (Kinde: `[{"id": "1", "key": "admin"}]`). These three exclude each other. Raises `ConfigurationError`.
    """

    path: tuple[str, ...]
    single_string: bool = field(default=False, kw_only=True)
    keys: bool = field(default=False, kw_only=True)
    member: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        problems = Problems(
            [
                f"{name} is True or False: found {getattr(self, name)!r}"
                for name in ("single_string", "keys")
                if not isinstance(getattr(self, name), bool)
            ]
        )
        if self.member is not None and not (isinstance(self.member, str) and self.member):
            problems.append(f'member is the key under which a name stands, as in member="key": found {self.member!r}')
        if [self.single_string, self.keys, self.member is not None].count(True) > 1:
            problems.append("single_string, keys and member exclude each other: write one of them")
        problems.raise_all()

    @property
    def is_plain(self) -> bool:
        """Whether it leads to strings only."""
        return not (self.single_string or self.keys or self.member is not None)


@runtime_checkable
class ComputedNames(Protocol):
    """Names that a provider spreads over several claims; a `ClaimsMapping` takes it in place of a path.

    An implementation is immutable and reads only `claims`, because its result is cached with the verified token.
    """

    def names(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """The names that verified `claims` give; none where a claim is malformed."""
        ...


Path: TypeAlias = tuple[str, ...] | ClaimPath | ComputedNames
SubjectPath: TypeAlias = tuple[str, ...] | ClaimPath

# RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_SCOPE = re.compile(f"{SCOPE_TOKEN.pattern}(?: {SCOPE_TOKEN.pattern})*+")
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimsMapping:
    """The paths to roles, scopes and permissions in the claims; the results of several paths are united.

    A path is a tuple of keys, since claim names hold dots, slashes and colons: `("realm_access", "roles")` walks two
    levels, `("https://app.example/roles",)` one; `ClaimPath` reads other shapes than a list of strings. `subject` is
    the path to the caller's name where that is not `sub`, or a list of paths, of which the first counts that is present
    and not empty: `[("sub",), ("common_name",)]`. The subject is a string, or a whole number, which is turned into a
    string. Raises `ConfigurationError` for anything else.
    """

    roles: Iterable[Path] = (("roles",),)
    scopes: Iterable[Path] = (("scope",),)
    permissions: Iterable[Path] = (("permissions",),)
    subject: SubjectPath | Iterable[SubjectPath] | None = None
    subject_paths: tuple[tuple[str, ...], ...] = field(init=False, repr=False, compare=False, default=())
    """`subject` as a tuple of paths; empty where it is `sub`."""

    def __post_init__(self) -> None:
        problems = Problems()
        for name in ("roles", "scopes", "permissions"):
            paths = getattr(self, name)
            if isinstance(paths, str | bytes | Mapping | ClaimPath) or not isinstance(paths, Iterable):
                problems.append(
                    f"ClaimsMapping({name}=...) is a list of paths: write {name}=[('realm_access', 'roles')]"
                )
                continue
            object.__setattr__(self, name, tuple(_names_path(path, name, problems) for path in paths))
        if self.subject is not None:
            paths = _subject_paths(self.subject, problems)
            object.__setattr__(self, "subject", paths[0] if len(paths) == 1 else paths)
            object.__setattr__(self, "subject_paths", paths)
        problems.raise_all()

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """The caller that verified `claims` name; raises `InvalidTokenError` for a malformed `act`."""
        return Principal(
            subject=(claims.get("sub") or None) if self.subject is None else self._subject_of(claims),
            issuer=claims.get("iss"),
            roles=_united(claims, self.roles, _names),
            scopes=_united(claims, self.scopes, _scopes),
            permissions=_united(claims, self.permissions, _names),
            claims=claims,
            session_id=_text(claims, "sid"),
            auth_time=_date(claims, "auth_time"),
            expires_at=_date(claims, "exp"),
            acr=_text(claims, "acr"),
            amr=_names(claims.get("amr"), _LIST),
            client_id=_text(claims, "client_id") or _text(claims, "azp"),
            actor=Actor.of(claims["act"]) if "act" in claims else None,
        )

    def names_subject(self, claims: Mapping[str, Any], *, is_required: bool = True) -> bool:
        """Whether the subject in `claims` is well-formed (RFC 7519 §4.1.2).

        `sub` may be absent; an empty one counts as absent, and is refused only if `sub` `is_required`. A subject with a
        path of its own must be present.
        """
        if self.subject is not None:
            return self._subject_of(claims) is not None
        if "sub" not in claims:
            return True
        return isinstance(claims["sub"], str) and (bool(claims["sub"]) or not is_required)

    def _subject_of(self, claims: Mapping[str, Any]) -> str | None:
        found = next((value for path in self.subject_paths if (value := _walk(claims, path)) not in (None, "")), None)
        if type(found) is int:  # Not isinstance: True is an int.
            return str(found)
        return found if isinstance(found, str) else None


def _walk(claims: Mapping[str, Any], path: Iterable[str]) -> Any:  # noqa: ANN401
    value: Any = claims
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _names_path(path: object, name: str, problems: Problems) -> Path:
    if isinstance(path, ComputedNames) and not isinstance(path, type):
        return path
    return _path(path, name, problems)


def _subject_paths(subject: object, problems: Problems) -> tuple[tuple[str, ...], ...]:
    """One path, or a list of them: a tuple of strings is one."""
    given: Iterable[object] = (subject,)
    # A list with an invalid member is still a list of paths, so that the error names that member.
    if isinstance(subject, list | tuple) and any(isinstance(path, tuple | list | ClaimPath) for path in subject):
        given = subject
    paths = [_path(path, "subject", problems) for path in given]
    if not all(path.is_plain for path in paths):
        problems.append("ClaimsMapping(subject=...) leads to one string: single_string, keys and member are for names")
    return tuple(path.path for path in paths)


def _path(path: object, name: str, problems: Problems) -> ClaimPath:
    keys = path.path if isinstance(path, ClaimPath) else path
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
        names = read(_walk(claims, path.path), path) if isinstance(path, ClaimPath) else path.names(claims)
        found = found | names
    return found


def _names(value: object, path: ClaimPath) -> frozenset[str]:
    """Roles or permissions: all names of a claim, or none if the claim is malformed."""
    if path.keys:
        is_granted = isinstance(value, Mapping) and all(isinstance(each, Mapping) or each for each in value.values())
        return frozenset(value) if isinstance(value, Mapping) and is_granted else _NOTHING
    if isinstance(value, str):
        return frozenset((value,)) if path.single_string and value else _NOTHING
    if not isinstance(value, list):
        return _NOTHING
    names: list[Any] = value
    if path.member is not None:
        names = [each.get(path.member) if isinstance(each, Mapping) else None for each in value]
    return frozenset(names) if all(isinstance(name, str) for name in names) else _NOTHING


def _scopes(value: object, path: ClaimPath) -> frozenset[str]:
    """Scope tokens in a string, separated by single spaces (RFC 6749 §3.3), or else the result of `_names`."""
    if isinstance(value, str) and not path.keys and path.member is None:
        return frozenset(value.split(" ")) if _SCOPE.fullmatch(value) else _NOTHING
    return _names(value, path)


_LIST = ClaimPath(())
"""A claim that is a list of names."""


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    found = claims.get(name)
    return found if isinstance(found, str) and found else None


def _date(claims: Mapping[str, Any], name: str) -> float | None:
    found = claims.get(name)
    return found if type(found) in (int, float) else None  # Of these types exactly: True is an int.
