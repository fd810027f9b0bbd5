"""What users write against the core, for the type checkers to read: never run.

`assert_type` says what must be inferred; an ignored error that is none any more is one (`warn_unused_ignores`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, assert_type

from jwtguard import (
    CSRF,
    UNCHECKED,
    AuthorizationHeader,
    ClaimPath,
    ClaimsMapping,
    Event,
    Guard,
    JWTGuardError,
    LocalJWKSet,
    Principal,
    Requirement,
    Rule,
    Rules,
    SigningKey,
    TokenCookie,
    TokenHeader,
    TokenIssuer,
    TokenQuery,
    TokenSubprotocol,
    UnavailableError,
    VerificationKey,
    VerifiedToken,
    authenticated,
    fresh,
    has_permission,
    has_role,
    has_scope,
    predicate,
    public,
)
from jwtguard.admission import Admission
from jwtguard.authentication import Authentication
from jwtguard.core.flow import Call, Flow, Steps, flow
from jwtguard.core.http.response import HTTPRequest, HTTPResponse
from jwtguard.core.tokens.jwk_set import KeySource


def listen(event: Event) -> None:
    """Count events."""
    assert_type(event.reason, str)
    assert_type(event.subject, str | None)


def plain_text(error: JWTGuardError) -> tuple[str, bytes]:
    """Write the body of a refusal."""
    return "text/plain", error.detail.encode()


key = VerificationKey.from_secret("secret", algorithm="HS256", kid=None)
assert_type(key, VerificationKey)
assert_type(SigningKey.generate("ES256").verification_key, VerificationKey)

guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key)
Guard(
    issuer=UNCHECKED,
    audience=["a", "b"],
    keys=[key, VerificationKey.from_jwk({"kty": "oct"})],
    tokens_from=[
        AuthorizationHeader(),
        TokenCookie("__Host-access"),
        TokenHeader("X", from_proxy=False),
        TokenQuery(),
        TokenSubprotocol(),
    ],
    leeway=timedelta(seconds=10),
    required_claims=("exp", "iss", "aud", "sub"),
    max_token_bytes=8192,
    max_token_age=None,
    cache_size=1024,
    claims=ClaimsMapping(roles=[("realm_access", "roles"), ClaimPath(("role",), single_string=True)]),
    role_hierarchy={"admin": {"editor"}, "editor": ["viewer"]},
    role_permissions={"admin": {"users.delete"}},
    rules=Rules([Rule("/public", public), Rule("/admin/", has_role("admin"), methods=["GET"])], default=authenticated),
    csrf=CSRF(trusted_origins=["https://app.example"], require_token=False, secret=None),
    realm="api",
    problem_body=plain_text,
    on_event=listen,
    clock=lambda: 0.0,
)
Guard(issuer="i", audience=UNCHECKED, keys=LocalJWKSet({"keys": []}), csrf=UNCHECKED)
Guard(issuer="i", audience="a", keys=UNCHECKED)  # type: ignore[arg-type]
Guard(issuer=7, audience="a", keys=key)  # type: ignore[arg-type]
Guard(issuer="i", audience="a", keys=key, leeway=10)  # type: ignore[arg-type]
Guard(issuers=["i"])  # type: ignore[list-item]
Guard("i", "a", key)  # type: ignore[call-arg]
assert_type(Guard.from_config({"issuer": "i"}), Guard)
assert_type(Guard.from_env(), Guard)


class OwnGuard(Guard):
    """A subclass is made by the class methods too."""


assert_type(OwnGuard.from_env(), OwnGuard)


async def in_async_code(text: str) -> Principal:
    """Flows are awaited in async code."""
    token = await guard.verify(text)
    assert_type(token, VerifiedToken)
    return guard.principal_of(token)


def in_sync_code(text: str) -> None:
    """Flows are run in sync code."""
    verifying = guard.verify(text)
    assert_type(verifying, Flow[VerifiedToken])
    token = verifying.run()
    assert_type(token, VerifiedToken)
    assert_type(token.header.kid, str | None)
    assert_type(token.header.algorithm, str)
    assert_type(guard.csrf_token(token), str)
    assert_type(guard.csrf_cookie(token, max_age=timedelta(hours=1)), str)
    assert_type(guard.expires_at(token), float | None)
    guard.verify(text).claims  # type: ignore[attr-defined]  # noqa: B018 - forgotten to run


def caller_of(caller: Principal) -> None:
    """What a view reads of its caller."""
    assert_type(caller.subject, str | None)
    assert_type(caller.roles, frozenset[str])
    assert_type(caller.claims, Mapping[str, Any])
    assert_type(caller.auth_time, float | None)
    caller.subject = "other"  # type: ignore[misc]
    caller.claims["admin"] = True  # type: ignore[index]


def is_owner(caller: Principal) -> bool:
    """Decide otherwise."""
    return caller.subject == "owner"


async def is_owner_later(caller: Principal) -> bool:
    """Decide too late."""
    return True


requirement = (has_role("admin") | has_permission("reports.read") & has_scope("reports")) & fresh(max_age=600)
assert_type(requirement, Requirement)
assert_type(requirement & predicate(is_owner) & fresh(max_age=timedelta(minutes=5)), Requirement)
predicate(is_owner_later)  # type: ignore[arg-type]
has_role(["admin"])  # type: ignore[arg-type]
fresh(600)  # type: ignore[call-arg]

issuer = TokenIssuer(
    issuer="https://issuer.example",
    audience="https://api.example",
    client_id="web",
    signing_keys=[SigningKey.from_secret("secret", algorithm="HS256")],
    access_token_lifetime=timedelta(minutes=5),
)
assert_type(issuer.access_token("user-1", roles=["admin"], scope={"reports:read"}, claims={"name": "Alice"}), str)
assert_type(issuer.access_token(7, permissions=("p",), session_id="s-1", auth_time=0), str)
assert_type(issuer.jwks(), dict[str, Any])
assert_type(issuer.verification_keys, KeySource)
issuer.access_token("user-1", ["admin"])  # type: ignore[call-arg]


@flow
def own_flow(name: str) -> Steps[int]:
    """A flow of one's own keeps its arguments and its result."""
    yield Call(lambda: name)
    return 5


assert_type(own_flow("alice"), Flow[int])
assert_type(own_flow("alice").run(), int)
own_flow(5)  # type: ignore[arg-type]


def fifth_adapter(environ: dict[str, Any]) -> HTTPResponse | None:
    """What an adapter of one's own is made of."""
    request = HTTPRequest.from_wsgi(environ)
    try:
        entry = guard.enter(request).run()
        assert_type(entry, Admission | Authentication)
        assert_type(entry.require(), Principal | None)
        assert_type(guard.admit(request, authenticated, kept=entry.authentication).run(), Admission)
    except UnavailableError as error:
        assert_type(error.retry_after, int)
        return guard.answer(error, request)
    except JWTGuardError as error:
        assert_type(error.error, str | None)
        return guard.answer(error, request)
    return None
