"""The steps after those of the token: cross-site request forgery, revocation, and what a route asks for.

>>> from jwtguard import Guard, Rule, Rules, SigningKey, has_role
>>> rules = Rules([Rule("/admin/", has_role("admin"))])
>>> key = SigningKey.generate("HS256").verification_key
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key, rules=rules)
>>> authorization(guard, Authentication(), Route(method="GET", path="/admin/"))[0].expected
"has_role('admin')"
"""

from __future__ import annotations

from jwtguard.authentication import Authentication
from jwtguard.core.access.rules import Rules
from jwtguard.core.errors import AmbiguousPathError, InsufficientScopeError, JWTGuardError
from jwtguard.core.http.cookies import TokenCookie
from jwtguard.core.http.csrf import SAFE_METHODS
from jwtguard.core.http.token_sources import is_ambient
from jwtguard.core.tokens.principal import Principal
from jwtguard.core.tokens.reasons import AUTHORIZATION_STEP, CSRF_STEP, REVOCATION_STEP, reason_named
from jwtguard.core.tokens.sentinels import UNCHECKED
from jwtguard.explanation.result import Route, Step, step
from jwtguard.explanation.token_context import cut
from jwtguard.guard import Guard


def csrf(guard: Guard, route: Route) -> Step:
    """What would be asked of a request to which a browser or a gateway adds the token."""
    method = route.method.upper()
    ambient = [source for source in guard.tokens_from if is_ambient(source)]
    place = "in a cookie" if any(isinstance(source, TokenCookie) for source in ambient) else "from a gateway"
    if not ambient:
        found = "this guard takes no token from a cookie or a gateway"
    elif guard.csrf is UNCHECKED:
        found = f"csrf=UNCHECKED: requests with a token {place} are not protected"
    elif method in SAFE_METHODS:
        found = f"{method} changes nothing"
    else:
        found = f"asked only if the token comes {place}: then Sec-Fetch-Site or Origin must show a page of yours"
    return step(CSRF_STEP, "skipped", found=found)


_SESSION = {
    "revoked": "it has ended, or its store does not know it",
    "no_session": "no sid",
    "store": "the session store cannot be reached",
}


def revocation(guard: Guard, error: JWTGuardError | None) -> Step:
    """Whether the token's session has ended, if the guard asks."""
    if not guard.has_revocation:
        return step(REVOCATION_STEP, "skipped", found="this guard does not ask: a token is good until it expires")
    wanted = "the session that sid names has not ended"
    if error is None:
        return step(REVOCATION_STEP, "passed", expected=wanted, found="it is alive, or its issuer is not asked about")
    if error.reason not in _SESSION:
        return step(REVOCATION_STEP, "not reached", expected=wanted)
    helps = reason_named(error.reason).remedy
    return step(REVOCATION_STEP, "failed", expected=wanted, found=_SESSION[error.reason], remedy=helps)


def authorization(guard: Guard, who: Authentication, route: Route) -> tuple[Step, JWTGuardError | None]:
    """What the rule of the path and the decorators say of the caller; with the refusal, if it is one."""
    asked = list(route.requirements)
    if isinstance(guard.rules, Rules) and route.path is not None:
        try:
            asked.insert(0, guard.rules.requirement(route.method, route.path))
        except AmbiguousPathError as refused:
            return _ambiguous(route.path, who, refused)
    if not asked:
        return step(AUTHORIZATION_STEP, "skipped", found="no rule names it, and no decorator is known of"), who.error
    wanted = " and ".join(dict.fromkeys(map(repr, asked)))
    has = "no caller is needed" if who.principal is None else _rights(who.principal)
    for requirement in asked:
        try:
            guard.authorize(who, requirement)
        except JWTGuardError as refused:
            if refused is who.error:
                return step(AUTHORIZATION_STEP, "not reached", expected=wanted), refused
            missing = refused.missing if isinstance(refused, InsufficientScopeError) else ()
            found = f"{has}; missing: {', '.join(missing)}" if missing else has
            helps = reason_named(refused.reason).remedy
            failed = step(AUTHORIZATION_STEP, "failed", expected=wanted, found=found, remedy=helps)
            return failed, refused.with_traceback(None)
    return step(AUTHORIZATION_STEP, "passed", expected=wanted, found=has), None


def _ambiguous(path: str, who: Authentication, error: AmbiguousPathError) -> tuple[Step, JWTGuardError]:
    """Said after the steps of the token, though a guard refuses the path before it reads one."""
    wanted = "a path with one reading"
    if who.error is not None:
        return step(AUTHORIZATION_STEP, "not reached", expected=wanted), who.error
    helps = reason_named(error.reason).remedy
    failed = step(AUTHORIZATION_STEP, "failed", expected=wanted, found=cut(repr(path)), remedy=helps)
    return failed, error.with_traceback(None)


def _rights(principal: Principal) -> str:
    rights = {"roles": principal.roles, "scopes": principal.scopes, "permissions": principal.permissions}
    has = [f"{name} {cut(', '.join(sorted(members)))}" for name, members in rights.items() if members]
    return "; ".join(has) or "no roles, scopes or permissions"
