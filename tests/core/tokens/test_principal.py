"""From claims to a caller: what stands where, and what gives nothing."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from jwtguard import ClaimPath, ClaimsMapping, ConfigurationError, Principal

NOTHING: frozenset[str] = frozenset()


def _roles(claims: dict[str, Any], *paths: Any) -> frozenset[str]:
    return ClaimsMapping(roles=paths or [("roles",)]).principal(claims).roles


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (["admin"], {"admin"}),
        (["admin", "editor"], {"admin", "editor"}),
        (["administrator"], {"administrator"}),
        ([], set()),
        (None, set()),
        ("admin", set()),
        ("admin editor", set()),
        ({"admin": True}, set()),
        ({"0": "admin"}, set()),
        (True, set()),
        (1, set()),
        # Half a malformed claim is no claim.
        (["admin", 1], set()),
        (["admin", None], set()),
        (["admin", ["editor"]], set()),
        (["admin", ""], {"admin", ""}),
        ([["admin"]], set()),
        ([{"name": "admin"}], set()),
    ],
)
@pytest.mark.parametrize("name", ["roles", "permissions"])
def test_roles_and_permissions(name: str, claim: object, expected: set[str]) -> None:
    """A list of strings; any other shape, or member, gives nothing at all."""
    assert getattr(ClaimsMapping().principal({name: claim}), name) == expected


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ("read", {"read"}),
        ("read write", {"read", "write"}),
        ("read read", {"read"}),
        ("reports:read https://api.example/write", {"reports:read", "https://api.example/write"}),
        (["read", "write"], {"read", "write"}),
        ([], set()),
        ("", set()),
        (" ", set()),
        ("read ", set()),
        (" read", set()),
        ("read  write", set()),
        ("read\twrite", set()),
        ('read "write', set()),
        ("read w\\rite", set()),
        ("read wr\xefte", set()),
        (["read", 1], set()),
        (1, set()),
        ({"read": True}, set()),
        (None, set()),
    ],
)
def test_scopes(claim: object, expected: set[str]) -> None:
    """A string as RFC 6749 §3.3 writes it, or a list of strings."""
    assert ClaimsMapping().principal({"scope": claim}).scopes == expected


@pytest.mark.parametrize(
    ("path", "claims", "expected"),
    [
        (("realm_access", "roles"), {"realm_access": {"roles": ["admin"]}}, {"admin"}),
        (("resource_access", "my.client", "roles"), {"resource_access": {"my.client": {"roles": ["a"]}}}, {"a"}),
        (("https://app.example/roles",), {"https://app.example/roles": ["admin"]}, {"admin"}),
        (("cognito:groups",), {"cognito:groups": ["admin"]}, {"admin"}),
        (("realm_access", "roles"), {"realm_access.roles": ["admin"]}, set()),
        (("realm_access.roles",), {"realm_access": {"roles": ["admin"]}}, set()),
        (("realm_access", "roles"), {"realm_access": ["roles"]}, set()),
        (("realm_access", "roles"), {"realm_access": "roles"}, set()),
        (("realm_access", "roles"), {"realm_access": None}, set()),
        (("realm_access", "roles"), {}, set()),
        (("roles",), {"roles": {"roles": ["admin"]}}, set()),
    ],
)
def test_paths(path: tuple[str, ...], claims: dict[str, Any], expected: set[str]) -> None:
    """A path walks objects, key by key; what it does not find gives nothing."""
    assert _roles(claims, path) == expected


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"a": ["x"], "b": ["y"]}, {"x", "y"}),
        ({"a": ["x"]}, {"x"}),
        ({"b": ["y"]}, {"y"}),
        ({"a": ["x", 1], "b": ["y"]}, {"y"}),
        ({}, set()),
    ],
)
def test_several_paths_are_united(claims: dict[str, Any], expected: set[str]) -> None:
    """The names of several paths are united; a malformed one gives none."""
    assert _roles(claims, ("a",), ("b",)) == expected


@pytest.mark.parametrize(
    ("claim", "expected"),
    [("admin", {"admin"}), ("admin editor", {"admin editor"}), (["admin"], {"admin"}), ("", set()), (1, set())],
)
def test_single_string(claim: object, expected: set[str]) -> None:
    """A path may opt into a lone string, which is then one role, whole."""
    assert _roles({"role": claim}, ClaimPath(("role",), single_string=True)) == expected


ZITADEL = {"admin": {"2341": "acme.example"}, "editor": {"2341": "acme.example", "2342": "b.example"}}
KINDE = [{"id": "0190", "key": "admin", "name": "Administrator"}, {"id": "0191", "key": "editor"}]


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (ZITADEL, {"admin", "editor"}),
        ({"admin": {}}, {"admin"}),
        ({"admin": True}, {"admin"}),
        ({}, set()),
        ({**ZITADEL, "owner": None}, set()),
        ({**ZITADEL, "owner": False}, set()),
        ({"admin": ""}, set()),
        ({"admin": 0}, set()),
        (["admin"], set()),
        ([ZITADEL], set()),
        ("admin", set()),
        (None, set()),
    ],
)
def test_names_are_keys(claim: object, expected: set[str]) -> None:
    """The keys of an object count, unless it denies one of them; any other shape gives nothing."""
    path = ClaimPath(("urn:zitadel:iam:org:project:roles",), keys=True)
    claims = {"urn:zitadel:iam:org:project:roles": claim}
    assert _roles(claims, path) == expected
    assert ClaimsMapping(scopes=[path]).principal(claims).scopes == expected
    assert _roles({"urn:zitadel:iam:org:project:roles": ZITADEL}, ("urn:zitadel:iam:org:project:roles",)) == set()


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (KINDE, {"admin", "editor"}),
        ([], set()),
        ([*KINDE, {"id": "0192"}], set()),
        ([*KINDE, {"key": 7}], set()),
        ([*KINDE, {"key": None}], set()),
        ([*KINDE, "admin"], set()),
        (KINDE[0], set()),
        ("admin", set()),
    ],
)
def test_names_are_members(claim: object, expected: set[str]) -> None:
    """One key of each object in a list counts; a list with anything else in it gives nothing."""
    path = ClaimPath(("roles",), member="key")
    assert _roles({"roles": claim}, path) == expected
    assert ClaimsMapping(scopes=[path]).principal({"roles": claim}).scopes == expected
    assert _roles({"roles": KINDE}, ("roles",)) == set()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keys": True, "member": "key"}, "single_string, keys and member exclude each other"),
        ({"single_string": True, "keys": True}, "exclude each other"),
        ({"single_string": True, "member": "key"}, "exclude each other"),
        ({"keys": "roles"}, "keys is True or False: found 'roles'"),
        ({"single_string": 1}, "single_string is True or False: found 1"),
        ({"member": ""}, "member is the key under which a name stands"),
        ({"member": ("key",)}, "member is the key under which a name stands"),
    ],
)
def test_shapes_of_a_path(arguments: dict[str, Any], message: str) -> None:
    """A path reads one shape; a slip is an error."""
    with pytest.raises(ConfigurationError, match=message):
        ClaimPath(("roles",), **arguments)


CLAIMS = {
    "sub": "user-1",
    "iss": "https://issuer.example",
    "sid": "s-1",
    "auth_time": 1000,
    "exp": 2000.5,
    "roles": ["admin"],
    "scope": "read",
    "permissions": ["users.delete"],
}


def test_principal() -> None:
    """Each attribute says what its claim says."""
    assert ClaimsMapping().principal(CLAIMS) == Principal(
        subject="user-1",
        issuer="https://issuer.example",
        roles=frozenset({"admin"}),
        scopes=frozenset({"read"}),
        permissions=frozenset({"users.delete"}),
        claims=CLAIMS,
        session_id="s-1",
        auth_time=1000,
        expires_at=2000.5,
    )


def test_principal_of_no_claims() -> None:
    """Absent claims give None or an empty set."""
    caller = ClaimsMapping().principal({})
    assert caller == Principal(subject=None, claims={})
    assert (caller.roles, caller.scopes, caller.permissions) == (NOTHING, NOTHING, NOTHING)


@pytest.mark.parametrize("sid", ["", 1, None, ["s-1"], True])
def test_session_ids_that_are_none(sid: object) -> None:
    """A `sid` that is no string, or empty, names no session."""
    assert ClaimsMapping().principal({"sid": sid}).session_id is None


@pytest.mark.parametrize("time", ["1000", True, None, [1000]])
@pytest.mark.parametrize("name", ["auth_time", "exp"])
def test_times_that_are_none(name: str, time: object) -> None:
    """A date is a number, and nothing that looks like one."""
    caller = ClaimsMapping().principal({name: time})
    assert (caller.auth_time, caller.expires_at) == (None, None)


def test_principal_is_read_only() -> None:
    """No view changes the caller of another."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Principal(subject="user-1").subject = "user-2"  # type: ignore[misc]


def test_claims_are_not_in_the_repr() -> None:
    """Claims may hold what no log should."""
    assert "secret" not in repr(ClaimsMapping().principal({"sub": "user-1", "ssn": "secret"}))


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"name": "Alice", "preferred_username": "alice"}, "Alice"),
        ({"preferred_username": "alice"}, "alice"),
        ({"name": "", "preferred_username": "alice"}, "alice"),
        ({"name": 5}, "user-1"),
        ({}, "user-1"),
    ],
)
def test_display_name(claims: dict[str, Any], expected: str) -> None:
    """The name a person goes by, else the subject."""
    assert ClaimsMapping().principal({"sub": "user-1", **claims}).display_name == expected


def test_starlette_user() -> None:
    """A principal has the attributes that Starlette reads of a user."""
    caller, nameless = Principal(subject="user-1"), Principal(subject=None)
    assert (caller.is_authenticated, caller.identity, caller.display_name) == (True, "user-1", "user-1")
    assert (nameless.identity, nameless.display_name) == ("", "")


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ("roles", r"is a list of paths: write roles=\[\('realm_access', 'roles'\)\]"),
        (None, "is a list of paths"),
        (b"roles", "is a list of paths"),
        ({"roles": 1}, "is a list of paths"),
        (ClaimPath(("roles",)), "is a list of paths"),
        (("roles",), r"found 'roles': write \('roles',\)"),
        (["realm_access.roles"], r"write \('realm_access.roles',\)"),
        ([["roles"]], r"is a tuple of keys, found \['roles'\]"),
        ([()], "is a tuple of keys"),
        ([("roles", 1)], "is a tuple of keys"),
        ([ClaimPath("roles")], "is a tuple of keys"),  # type: ignore[arg-type]
        ([None], "is a tuple of keys"),
    ],
)
def test_paths_that_are_none(paths: Any, message: str) -> None:
    """A path is a tuple of keys, in a list; for anything else the error says what to write."""
    with pytest.raises(ConfigurationError, match=message):
        ClaimsMapping(roles=paths)


def test_all_problems_at_once() -> None:
    """Everything wrong with a mapping is said in one error."""
    with pytest.raises(ConfigurationError) as refused:
        ClaimsMapping(roles=["a", "b"], scopes="scp", permissions=None)  # type: ignore[arg-type, list-item]
    assert len(refused.value.problems) == 4


@pytest.mark.parametrize(
    ("path", "claims", "expected"),
    [
        (("user_id",), {"user_id": "u1", "sub": "other"}, "u1"),
        (("user_id",), {"user_id": 17}, "17"),
        (("user_id",), {"user_id": 0}, "0"),
        (("user_id",), {"user_id": True}, None),
        (("user_id",), {"user_id": 1.0}, None),
        (("user_id",), {"user_id": ""}, None),
        (("user_id",), {"user_id": ["u1"]}, None),
        (("user_id",), {"sub": "other"}, None),
        (("user", "id"), {"user": {"id": "u1"}}, "u1"),
        (("user", "id"), {"user": "id"}, None),
        (("sub",), {"sub": 17}, "17"),
        (ClaimPath(("oid",)), {"oid": "u1"}, "u1"),
    ],
)
def test_a_subject_elsewhere(path: Any, claims: dict[str, Any], expected: str | None) -> None:
    """The subject may stand in another claim and may be a whole number; without a subject a token is refused."""
    mapping = ClaimsMapping(subject=path)
    assert mapping.principal(claims).subject == expected
    assert mapping.names_subject(claims) is (expected is not None)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"sub": "user-1", "common_name": "robot"}, "user-1"),
        ({"sub": "", "common_name": "robot"}, "robot"),
        ({"sub": None, "common_name": "robot"}, "robot"),
        ({"common_name": "robot"}, "robot"),
        ({"sub": 0, "common_name": "robot"}, "0"),
        ({"sub": "", "common_name": ""}, None),
        ({}, None),
        ({"sub": ["user-1"], "common_name": "robot"}, None),
        ({"sub": False, "common_name": "robot"}, None),
    ],
)
def test_a_subject_in_several_places(claims: dict[str, Any], expected: str | None) -> None:
    """The first that is present and not empty; one that is malformed is no reason to look further."""
    for paths in ([("sub",), ("common_name",)], (ClaimPath(("sub",)), ("common_name",))):
        mapping = ClaimsMapping(subject=paths)
        assert mapping.principal(claims).subject == expected
        assert mapping.names_subject(claims) is (expected is not None)
    assert ClaimsMapping(subject=[("sub",)]) == ClaimsMapping(subject=("sub",))


def test_an_empty_subject_counts_as_absent() -> None:
    """Where `sub` is required it is refused; elsewhere the caller has no subject."""
    mapping = ClaimsMapping()
    asked = [mapping.names_subject({"sub": value}, is_required=False) for value in ("", "user-1", 17, None)]
    assert asked == [True, True, False, False]
    assert (mapping.names_subject({"sub": ""}), mapping.principal({"sub": ""}).subject) == (False, None)


@pytest.mark.parametrize(
    "path", ["user_id", (), [], ["user_id"], (1,), 17, [("sub",), "user_id"], [("sub",), ()], [[]]]
)
def test_a_subject_that_is_no_path(path: Any) -> None:
    """`subject` is one path or a list of paths."""
    with pytest.raises(ConfigurationError, match=r"a path in ClaimsMapping\(subject=...\) is a tuple of keys"):
        ClaimsMapping(subject=path)


def test_a_subject_is_one_string() -> None:
    """The shapes for several names are none for a subject."""
    with pytest.raises(ConfigurationError, match="leads to one string"):
        ClaimsMapping(subject=[("sub",), ClaimPath(("users",), member="id")])


@pytest.mark.parametrize("value", [None, 1, True, ["gold"], {"gold": 1}, ""], ids=repr)
def test_a_malformed_login_says_nothing(value: Any) -> None:
    """`acr` is a string, `amr` a list of strings and `client_id` a string; anything else counts as absent."""
    made = ClaimsMapping().principal({"sub": "u", "acr": value, "client_id": value, "amr": value, "azp": value})
    assert (made.acr, made.client_id) == (None, None)
    assert made.amr == (frozenset({"gold"}) if value == ["gold"] else frozenset())
