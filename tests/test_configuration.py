"""Guards from plain data: a mapping and the environment mean the same, and say what is wrong."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from jwtguard import (
    CSRF,
    UNCHECKED,
    AuthorizationHeader,
    ClaimPath,
    ConfigurationError,
    Guard,
    LocalJWKSet,
    Requirement,
    Rule,
    Rules,
    SigningKey,
    TokenCookie,
    TokenHeader,
    TokenIssuer,
    TokenQuery,
    TokenSubprotocol,
    acted_by,
    authenticated,
    denied,
    fresh,
    has_permission,
    has_role,
    has_scope,
    not_delegated,
    optional,
    optional_lenient,
    public,
)
from jwtguard.configuration import arguments_from_config, arguments_from_env, requirement_from_config
from tests.samples import AUDIENCE, ISSUER, SECRET, clock, issuer, token

PLAIN: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "keys": {"secret": SECRET}, "clock": clock}
ENVIRON = {"JWTGUARD_ISSUER": ISSUER, "JWTGUARD_AUDIENCE": AUDIENCE, "JWTGUARD_SECRET": SECRET}


def _problems(config: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as refused:
        Guard.from_config(config)
    return refused.value.problems


def _argument(name: str, value: object) -> object:
    return arguments_from_config({**PLAIN, name: value})[name]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[TokenIssuer, Path]:
    """An issuer with an ES256 key, and the file with its public half."""
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "public.pem"
    path.write_bytes(
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return issuer(signing_keys=[SigningKey.from_pem(pem, algorithm="ES256", kid="2026")]), path


def test_smallest_configuration() -> None:
    """Issuer, audience and a secret are enough."""
    assert Guard.from_config(PLAIN).verify(token()).run().claims["sub"] == "user-1"


def test_environment_means_the_same() -> None:
    """The same words in the environment make the same guard."""
    made = Guard.from_env(ENVIRON)
    assert repr(made) == repr(Guard.from_config({**PLAIN, "audience": [AUDIENCE]}))
    assert (made.tokens_from, made.rules, made.csrf) == ((AuthorizationHeader(),), None, CSRF())


def test_allow_double_slash_from_the_environment() -> None:
    """Rules in the environment may be an object, as in a mapping."""
    text = '{"rules": [{"path": "/health", "requirement": "public"}], "allow_double_slash": true}'
    rules = Guard.from_env({**ENVIRON, "JWTGUARD_RULES": text}).rules
    assert isinstance(rules, Rules)
    assert (rules.allow_double_slash, [rule.path for rule in rules.rules]) == (True, ["/health"])


def test_rules_of_an_environment() -> None:
    """A list of rules stands there as JSON."""
    environ = {**ENVIRON, "JWTGUARD_RULES": '[{"path": "/health", "requirement": "public"}]'}
    rules = Guard.from_env(environ).rules
    assert isinstance(rules, Rules)
    assert [(rule.path, rule.requirement) for rule in rules.rules] == [("/health", public)]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"JWTGUARD_HEADER": "X-Token", "JWTGUARD_HEADER_FROM_PROXY": "0", "JWTGUARD_HEADER_SCHEME": "Bearer"},
            (AuthorizationHeader(), TokenHeader("X-Token", from_proxy=False, scheme="Bearer")),
        ),
        (
            {"JWTGUARD_HEADER": "Authorization", "JWTGUARD_HEADER_FROM_PROXY": "1"},
            (AuthorizationHeader(from_proxy=True),),
        ),
    ],
)
def test_headers_of_an_environment(changes: dict[str, str], expected: tuple[object, ...]) -> None:
    """A named header says who sets it, and may have a scheme."""
    assert Guard.from_env(ENVIRON | changes).tokens_from == expected


def test_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless told otherwise it is the environment of this process that counts."""
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    assert Guard.from_env().issuer == ISSUER


UNREAD = object()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("issuer", ISSUER, ISSUER),
        ("issuer", {"unchecked": True}, UNCHECKED),
        ("audience", ["a", "b"], ["a", "b"]),
        ("audience", {"unchecked": True}, UNCHECKED),
        ("keys", UNREAD, UNREAD),
        ("leeway", 5, timedelta(seconds=5)),
        ("leeway", 0.5, timedelta(seconds=0.5)),
        ("leeway", timedelta(seconds=5), timedelta(seconds=5)),
        ("max_token_age", 3600, timedelta(hours=1)),
        ("max_token_age", None, None),
        ("required_claims", ["exp"], ["exp"]),
        ("max_token_bytes", 4096, 4096),
        ("cache_size", 0, 0),
        ("role_hierarchy", {"admin": ["editor"]}, {"admin": ["editor"]}),
        ("role_permissions", {"admin": ["users.delete"]}, {"admin": ["users.delete"]}),
        ("realm", "orders", "orders"),
        ("problem_body", UNREAD, UNREAD),
        ("on_event", UNREAD, UNREAD),
        ("clock", UNREAD, UNREAD),
        ("csrf", None, None),
        ("csrf", {"unchecked": True}, UNCHECKED),
        ("csrf", UNCHECKED, UNCHECKED),
        ("csrf", {"trusted_origins": ["https://a.example"]}, CSRF(trusted_origins=["https://a.example"])),
        (
            "csrf",
            {"secret": SECRET, "require_token": True},
            CSRF(secret=SECRET, require_token=True),
        ),
        ("claims", None, None),
        ("claims", UNREAD, UNREAD),
        ("tokens_from", None, None),
        ("tokens_from", ["authorization"], [AuthorizationHeader()]),
        ("tokens_from", [{"cookie": "__Host-access"}], [TokenCookie("__Host-access")]),
        (
            "tokens_from",
            [{"cookie": "t", "path": "/a", "domain": "a.example", "samesite": "Strict", "secure": False}],
            [TokenCookie("t", path="/a", domain="a.example", samesite="Strict", secure=False)],
        ),
        ("tokens_from", [{"cookie": "t", "development": True}], [TokenCookie("t", development=True)]),
        (
            "tokens_from",
            ({"header": "X-Token", "from_proxy": False}, {"query": "t"}),
            [TokenHeader("X-Token", from_proxy=False), TokenQuery("t")],
        ),
        ("tokens_from", ["subprotocol", TokenQuery()], [TokenSubprotocol(), TokenQuery()]),
        (
            "tokens_from",
            [{"header": "X-Forwarded-Authorization", "from_proxy": True, "scheme": "Bearer"}],
            [TokenHeader("X-Forwarded-Authorization", from_proxy=True, scheme="Bearer")],
        ),
        ("tokens_from", [{"header": "Authorization", "from_proxy": True}], [AuthorizationHeader(from_proxy=True)]),
        ("tokens_from", [{"header": "authorization"}], [AuthorizationHeader()]),
        ("rules", None, None),
        ("explain_refusals", True, True),
        ("rules", "UNCHECKED", UNCHECKED),
        ("rules", {"unchecked": True}, UNCHECKED),
        ("csrf", "UNCHECKED", UNCHECKED),
    ],
)
def test_values(name: str, value: object, expected: object) -> None:
    """Each key's value becomes the argument of `Guard` that it stands for; objects pass as they are."""
    assert _argument(name, value) == expected


def test_claims() -> None:
    """Paths are lists in plain data, or objects where they read another shape."""
    config = {
        "roles": [["realm_access", "roles"], {"path": ["role"], "single_string": True}, ("groups",)],
        "scopes": [{"path": ["scp"]}],
        "permissions": [{"path": ["zitadel"], "keys": True}, {"path": ["kinde"], "member": "key"}],
    }
    mapping = arguments_from_config({**PLAIN, "claims": config})["claims"]
    assert mapping.roles == (
        ClaimPath(("realm_access", "roles")),
        ClaimPath(("role",), single_string=True),
        ClaimPath(("groups",)),
    )
    assert mapping.scopes == (ClaimPath(("scp",)),)
    assert mapping.permissions == (ClaimPath(("zitadel",), keys=True), ClaimPath(("kinde",), member="key"))


def test_subject() -> None:
    """The path to the subject is a list too, and is left alone where none is configured."""
    found = arguments_from_config({**PLAIN, "claims": {"subject": ["user", "id"]}})["claims"]
    assert (found.subject, found.roles) == (("user", "id"), (ClaimPath(("roles",)),))
    assert arguments_from_config({**PLAIN, "claims": {"roles": [["groups"]]}})["claims"].subject is None


def test_several_places_of_the_subject() -> None:
    """A list of lists, or of objects with a path."""
    for paths in ([["sub"], ["common_name"]], [{"path": ["sub"]}, ("common_name",)]):
        found = arguments_from_config({**PLAIN, "claims": {"subject": paths}})["claims"]
        assert found.subject == (("sub",), ("common_name",))


def test_rules() -> None:
    """Rules are a list, or with a default an object; a `Rule` and `Rules` are taken as they are."""
    listed = [
        {"path": "/public", "requirement": "public"},
        {"path": "/a/", "requirement": {"role": "admin"}, "methods": ["POST"]},
        Rule("/b", has_role("b")),
    ]
    expected = (Rule("/public", public), Rule("/a/", has_role("admin"), methods=["POST"]), Rule("/b", has_role("b")))
    plain, with_default, ready = (
        Guard.from_config({**PLAIN, "rules": rules}).rules
        for rules in (listed, {"rules": listed, "default": "denied"}, Rules(expected))
    )
    assert isinstance(plain, Rules)
    assert isinstance(with_default, Rules)
    assert isinstance(ready, Rules)
    assert plain.rules == with_default.rules == ready.rules == expected
    assert (plain.default, with_default.default) == (authenticated, denied)


@pytest.mark.parametrize(("given", "expected"), [({}, False), ({"allow_double_slash": True}, True)])
def test_allow_double_slash(given: dict[str, Any], expected: bool) -> None:
    """Two slashes in a row are allowed beside the list of rules."""
    rules = Guard.from_config({**PLAIN, "rules": {"rules": [{"path": "/a", "requirement": "public"}], **given}}).rules
    assert isinstance(rules, Rules)
    assert rules.allow_double_slash is expected
    assert rules.is_ambiguous("//a") is not expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("authenticated", authenticated),
        ("public", public),
        ("optional", optional),
        ("optional_lenient", optional_lenient),
        ("denied", denied),
        ({"role": "admin"}, has_role("admin")),
        ({"scope": "read"}, has_scope("read")),
        ({"permission": "users.delete"}, has_permission("users.delete")),
        ({"fresh": 600}, fresh(max_age=600)),
        ({"fresh": {"max_age": 600, "acr": ["gold"], "amr": "otp"}}, fresh(max_age=600, acr=["gold"], amr="otp")),
        ({"acted_by": "agent-7"}, acted_by("agent-7")),
        ({"any": ["not_delegated", {"acted_by": "agent-7"}]}, not_delegated | acted_by("agent-7")),
        ({"all": [{"role": "a"}, {"role": "b"}, {"fresh": 60}]}, has_role("a") & has_role("b") & fresh(max_age=60)),
        (
            {"any": [{"role": "a"}, {"all": [{"role": "b"}, {"scope": "c"}]}]},
            has_role("a") | has_role("b") & has_scope("c"),
        ),
        ({"any": [{"role": "a"}]}, has_role("a")),
        (has_role("a"), has_role("a")),
    ],
)
def test_requirements(value: object, expected: Requirement) -> None:
    """A requirement in plain data."""
    assert requirement_from_config(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "admin",
        "Public",
        None,
        [],
        {},
        {"role": ""},
        {"role": ["a", "b"]},
        {"roles": "a"},
        {"role": "a", "scope": "b"},
        {"all": []},
        {"any": "ab"},
        {"all": ["public", {"role": "a"}]},
        {"fresh": -1},
        {"fresh": {"max_age": 600, "acrs": ["gold"]}},
        {"fresh": {}},
        {"acted_by": ["agent-7"]},
        {"not": {"role": "a"}},
    ],
)
def test_requirements_that_are_none(value: object) -> None:
    """Anything else is a configuration error."""
    with pytest.raises(ConfigurationError):
        requirement_from_config(value)


def test_secret_with_everything() -> None:
    """A secret takes its algorithm and its name."""
    long = SECRET * 2
    made = Guard.from_config({**PLAIN, "keys": {"secret": long, "algorithm": "HS512", "kid": "2026"}})
    signer = SigningKey.from_secret(long, algorithm="HS512", kid="2026")
    assert made.verify(issuer(signing_keys=[signer]).access_token("user-1")).run().header.kid == "2026"


def test_pem_file(pair: tuple[TokenIssuer, Path]) -> None:
    """A public key in a file, by mapping and by environment."""
    signer, path = pair
    text = signer.access_token("user-1")
    keys = {"pem_file": str(path), "algorithm": "ES256", "kid": "2026"}
    assert Guard.from_config({**PLAIN, "keys": keys}).verify(text).run().header.kid == "2026"
    environ = {**ENVIRON, "JWTGUARD_PEM_FILE": str(path), "JWTGUARD_ALGORITHM": "ES256", "JWTGUARD_KID": "2026"}
    del environ["JWTGUARD_SECRET"]
    assert repr(Guard.from_env(environ).keys) == "JWKSet([VerificationKey(algorithm='ES256', kid='2026')])"


@pytest.mark.parametrize("with_alg", [True, False])
def test_jwks_file(pair: tuple[TokenIssuer, Path], tmp_path: Path, with_alg: bool) -> None:
    """A JWK Set in a file, by mapping and by environment; `algorithms` settles what its keys leave open."""
    document = pair[0].jwks()
    if not with_alg:
        del document["keys"][0]["alg"]
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(document))
    keys = {"jwks_file": path, "algorithms": ["ES256", "RS256"]}
    assert Guard.from_config({**PLAIN, "keys": keys}).verify(pair[0].access_token("user-1")).run()
    environ = {**ENVIRON, "JWTGUARD_JWKS_FILE": str(path), "JWTGUARD_ALGORITHM": " ES256, RS256 "}
    del environ["JWTGUARD_SECRET"]
    assert isinstance(Guard.from_env(environ).keys, LocalJWKSet)
    with pytest.raises(ConfigurationError, match="algorithms= "):
        Guard.from_config({**PLAIN, "keys": {"jwks_file": path, "algorithms": ["RS256"]}})


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "keys: exactly one of secret, pem_file, jwks_file, jwks_url, openid is needed, found none"),
        ({"secret": SECRET, "openid": True}, "keys: exactly one of .* found secret, openid"),
        ({"sercet": SECRET}, "keys: unknown key 'sercet': did you mean 'secret'?"),
        ({"secret": "short"}, "keys: the secret has 5 bytes"),
        ({"secret": SECRET, "algorithm": "none"}, "keys: algorithm 'none' is not supported"),
        ({"secret": SECRET, "algorithms": ["HS256"]}, "unknown key 'algorithms': did you mean 'algorithm'?"),
        ({"pem_file": "x.pem"}, "keys: a PEM key needs its algorithm"),
        (
            {"pem_file": "/nowhere/x.pem", "algorithm": "ES256"},
            "the file '/nowhere/x.pem' cannot be read: No such file",
        ),
        ({"pem_file": "x\0", "algorithm": "ES256"}, "cannot be read: ValueError"),
        ({"pem_file": None, "algorithm": "ES256"}, "the file None cannot be read: TypeError"),
        ({"jwks_file": "/nowhere/x.json"}, "cannot be read: No such file"),
        ({"jwks_file": "x", "kid": "2026"}, "unknown key 'kid'"),
        ({"jwks_url": "http://issuer.example/jwks"}, "keys: url must be https"),
        ({"openid": True, "algorithms": ["HS256"]}, "keys: algorithms names at least one that has public keys"),
        ("secret", "keys is required"),
    ],
)
def test_keys_that_are_none(keys: object, message: str) -> None:
    """A key source that is wrong says what to write."""
    with pytest.raises(ConfigurationError, match=message):
        Guard.from_config({**PLAIN, "keys": keys})


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"keys": "secret-material"}'])
def test_files_that_hold_no_keys(tmp_path: Path, content: bytes) -> None:
    """A file that holds something else is not quoted: it may be a key."""
    path = tmp_path / "file"
    path.write_bytes(content)
    for keys in ({"jwks_file": path}, {"pem_file": path, "algorithm": "ES256"}):
        with pytest.raises(ConfigurationError) as refused:
            Guard.from_config({**PLAIN, "keys": keys})
        assert "secret-material" not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"isuer": 1}, ["unknown key 'isuer': did you mean 'issuer'?"]),
        ({"token_from": []}, ["unknown key 'token_from': did you mean 'tokens_from'?"]),
        ({5: 1}, ["unknown key 5: did you mean '"]),
        ({"leeway": "10"}, ["leeway is a timedelta"]),
        ({"leeway": True}, ["leeway is a timedelta"]),
        ({"leeway": 1e300}, ["leeway is a timedelta"]),
        ({"leeway": float("nan")}, ["leeway is a timedelta"]),
        ({"max_token_bytes": "8192"}, ["max_token_bytes is a number"]),
        ({"tokens_from": "authorization"}, ["tokens_from: write a list"]),
        ({"tokens_from": {"cookie": "x"}}, ["tokens_from: write a list"]),
        ({"tokens_from": []}, ["tokens_from holds"]),
        ({"tokens_from": ["cookie", {"cookie": ""}]}, ["tokens_from: a place is", "tokens_from: a cookie's name"]),
        ({"tokens_from": [{"cookie": "t", "same_site": "Lax"}]}, ["unknown key 'same_site': did you mean 'samesite'?"]),
        ({"tokens_from": [{"cookie": "t", "development": "false"}]}, ["development is True or False"]),
        ({"tokens_from": [{"query": "b", "header": "a"}]}, ["unknown key 'query'"]),
        ({"tokens_from": [{"query": "b", "cookies": "a"}]}, ["a place is"]),
        ({"tokens_from": [{"header": "X-Token"}]}, ["who sets the header X-Token"]),
        ({"tokens_from": [{"header": "X-Token", "from_proxies": True}]}, ["unknown key 'from_proxies'"]),
        ({"tokens_from": [{"header": "Authorization", "scheme": "Bearer"}]}, ["unknown key 'scheme'"]),
        ({"tokens_from": [{"header": 5, "from_proxy": True}]}, ["a header's name is"]),
        ({"tokens_from": [AuthorizationHeader]}, ["a place is"]),
        ({"tokens_from": [5]}, ["a place is"]),
        ({"claims": {"role": []}}, ["claims: unknown key 'role': did you mean 'roles'?"]),
        ({"claims": {"roles": "groups"}}, ["claims: ClaimsMapping(roles=...) is a list of paths"]),
        ({"claims": {"roles": 5}}, ["is a list of paths"]),
        ({"claims": {"roles": [{"path": "role"}]}}, ["is a tuple of keys"]),
        ({"claims": {"roles": [{"paht": ["role"]}]}}, ["unknown key 'paht': did you mean 'path'?"]),
        ({"claims": {"roles": [{"path": ["r"], "single_string": "yes"}]}}, ["single_string is true or false"]),
        ({"claims": {"roles": [{"path": ["r"], "keys": "true"}]}}, ["keys is true or false: found 'true'"]),
        ({"claims": {"roles": [{"path": ["r"], "member": 1}]}}, ["member is the key under which a name stands"]),
        ({"claims": {"roles": [{"path": ["r"], "member": "key", "keys": True}]}}, ["keys and member exclude"]),
        ({"claims": {"subject": [["sub"], "name"]}}, ["a path in ClaimsMapping(subject=...) is a tuple of keys"]),
        ({"claims": {"subject": {"path": ["sub"], "keys": True}}}, ["subject=...) leads to one string"]),
        ({"claims": "roles"}, ["claims is a ClaimsMapping"]),
        ({"csrf": {"trusted": []}}, ["csrf: unknown key 'trusted': did you mean 'trusted_origins'?"]),
        ({"csrf": {"secret": "short"}}, ["csrf: the CSRF secret has 5 bytes"]),
        ({"csrf": "unchecked"}, ["csrf is CSRF(...)"]),
        ({"csrf": False}, ["csrf is CSRF(...)"]),
        ({"rules": "public"}, ["or \"UNCHECKED\": found 'public'"]),
        ({"rules": "unchecked"}, ["rules: write a list"]),
        ({"rules": True}, ["rules: write a list"]),
        ({"rules": {"rules": {"path": "/"}}}, ["rules: write a list"]),
        ({"rules": {"deny": []}}, ["rules: unknown key 'deny'"]),
        ({"rules": {"allow_double_slash": "yes"}}, ["rules: allow_double_slash is True or False: found 'yes'"]),
        ({"rules": {"allow_slashes": True}}, ["unknown key 'allow_slashes': did you mean 'allow_double_slash'?"]),
        ({"rules": {"default": "open"}}, ["rules: a requirement is one of"]),
        ({"rules": ["/admin"]}, ["rules: Rules holds a list of Rule"]),
        (
            {"rules": [{"path": "admin", "requirement": "public"}, {"requirement": "x", "method": "GET"}]},
            ["starts with a slash", "unknown key 'method': did you mean 'methods'?", "a rule needs its 'path'"],
        ),
        ({"role_hierarchy": {"a": "b"}}, ["role_hierarchy maps a role"]),
    ],
)
def test_problems(changes: dict[Any, Any], expected: list[str]) -> None:
    """Each mistake is named, and the nearest key that there is."""
    problems = _problems({**PLAIN, **changes})
    assert len(problems) == len(expected)
    assert [text for text, problem in zip(expected, problems, strict=True) if text not in problem] == []


def test_all_problems_at_once() -> None:
    """Unreadable, missing and refused settings are reported in one error."""
    problems = _problems({"isuer": ISSUER, "keys": {}, "leeway": 1000, "realm": '"', "csrf": {"secret": "x"}})
    assert [problem.split(":")[0] for problem in problems] == [
        "issuer is required",
        "audience is required",
        "unknown key 'isuer'",
        "keys",
        "csrf",
        "leeway must be at least 0 seconds and at most 300, found 1000",
        "realm is printable ASCII without quote or backslash, found '\"'",
    ]


@pytest.mark.parametrize("config", [None, [], "issuer", 5])
def test_no_mapping(config: object) -> None:
    """A configuration is a mapping."""
    assert _problems(config)[0].startswith("the configuration is a mapping with issuer, audience and keys")


def test_secrets_are_not_told() -> None:
    """No error of a configuration holds its secret."""
    config = {**PLAIN, "keys": {"secret": SECRET, "algorithm": "RS256"}, "csrf": {"secret": SECRET[:20]}, "realm": 5}
    assert SECRET[:20] not in "\n".join(_problems(config))


@pytest.mark.parametrize(
    ("changes", "name", "expected"),
    [
        ({"AUDIENCE": "a, b ,,c"}, "audience", ["a", "b", "c"]),
        ({"LEEWAY": "0.5"}, "leeway", timedelta(seconds=0.5)),
        ({"EXPLAIN_REFUSALS": "1"}, "explain_refusals", True),
        ({"RULES": "UNCHECKED"}, "rules", UNCHECKED),
        ({"RULES": '"UNCHECKED"'}, "rules", UNCHECKED),
        ({"RULES": '{"unchecked": true}'}, "rules", UNCHECKED),
        ({"COOKIE": "__Host-access"}, "tokens_from", [AuthorizationHeader(), TokenCookie("__Host-access")]),
    ],
)
def test_variables(changes: dict[str, str], name: str, expected: object) -> None:
    """Each of the other variables changes its setting."""
    environ = ENVIRON | {f"JWTGUARD_{variable}": value for variable, value in changes.items()}
    assert arguments_from_env(environ)[name] == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"JWTGUARD_ISSUER": ""}, ["set JWTGUARD_ISSUER"]),
        ({"JWTGUARD_AUDIENCE": ""}, ["set JWTGUARD_AUDIENCE"]),
        ({"JWTGUARD_AUDIENCE": " , "}, ["audience is required"]),
        (
            {"JWTGUARD_SECRET": ""},
            ["JWTGUARD_PEM_FILE, JWTGUARD_JWKS_FILE, JWTGUARD_JWKS_URL, JWTGUARD_OPENID: found none"],
        ),
        ({"JWTGUARD_OPENID": "1"}, ["set exactly one of JWTGUARD_SECRET"]),
        ({"JWTGUARD_SECRET": "", "JWTGUARD_OPENID": "1"}, []),
        ({"JWTGUARD_SECRET": "", "JWTGUARD_OPENID": "yes"}, ["JWTGUARD_OPENID is 1, or not set: found 'yes'"]),
        ({"JWTGUARD_SECRET": "", "JWTGUARD_JWKS_URL": "https://x"}, []),
        ({"JWTGUARD_SECRET": "", "JWTGUARD_JWKS_URL": "http://x"}, ["keys: url must be https"]),
        ({"JWTGUARD_ISUER": "x"}, ["unknown environment variable 'JWTGUARD_ISUER': did you mean 'JWTGUARD_ISSUER'?"]),
        ({"JWTGUARD_LEEWAY": "ten"}, ["JWTGUARD_LEEWAY is a number of seconds: found 'ten'"]),
        ({"JWTGUARD_LEEWAY": "301"}, ["leeway must be at least 0"]),
        ({"JWTGUARD_EXPLAIN_REFUSALS": "yes"}, ["JWTGUARD_EXPLAIN_REFUSALS is 1, or not set"]),
        ({"JWTGUARD_DEBUG": "true"}, ["JWTGUARD_DEBUG is 1, or not set"]),
        ({"JWTGUARD_DEBUG": "1"}, []),
        ({"JWTGUARD_RULES": "unchecked"}, ["JWTGUARD_RULES is UNCHECKED, or JSON such as []"]),
        ({"JWTGUARD_RULES": "[5]"}, ["rules: Rules holds a list of Rule"]),
        ({"JWTGUARD_COOKIE": "a b"}, ["tokens_from: a cookie's name"]),
        ({"JWTGUARD_HEADER": "X-Token"}, ["tokens_from: who sets the header X-Token"]),
        ({"JWTGUARD_HEADER": "X-Token", "JWTGUARD_HEADER_FROM_PROXY": "yes"}, ["JWTGUARD_HEADER_FROM_PROXY is 1 if"]),
        (
            {"JWTGUARD_HEADER_FROM_PROXY": "1", "JWTGUARD_HEADER_SCHEME": "Bearer"},
            ["JWTGUARD_HEADER_FROM_PROXY is for JWTGUARD_HEADER", "JWTGUARD_HEADER_SCHEME is for JWTGUARD_HEADER"],
        ),
        ({"JWTGUARD_ALGORITHM": "HS512"}, ["keys: the secret has 32 bytes, and HS512 needs"]),
        ({"JWTGUARD_ISUER": "", "ISUER": "x"}, []),
        (
            {"JWTGUARD_ISSUER": "", "JWTGUARD_SECRET": "", "JWTGUARD_LEEWAY": "301", "JWTGUARD_KIDS": "x"},
            ["JWTGUARD_KID'", "set JWTGUARD_ISSUER", "set exactly one of", "leeway must be"],
        ),
    ],
)
def test_problems_of_an_environment(changes: dict[str, str], expected: list[str]) -> None:
    """Each mistake is named by its variable; an empty variable is one that is not set."""
    problems: tuple[str, ...] = ()
    try:
        Guard.from_env(ENVIRON | changes)
    except ConfigurationError as error:
        problems = error.problems
    assert len(problems) == len(expected)
    assert [text for text, problem in zip(expected, problems, strict=True) if text not in problem] == []


def test_arguments_without_a_guard_class() -> None:
    """The problems of the mapping are raised also where no class is given to check the rest."""
    with pytest.raises(ConfigurationError) as raised:
        arguments_from_config({"isuer": "https://issuer.example"})
    assert "isuer" in str(raised.value)
