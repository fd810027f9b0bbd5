"""Who issues tokens, who checks them, and what a user's groups are worth in them."""

from __future__ import annotations

from django.contrib.auth.models import User

from examples.keys import DATA, csrf_secret, signing_key
from jwtguard import (
    CSRF,
    AuthorizationHeader,
    Guard,
    Principal,
    Rule,
    Rules,
    TokenCookie,
    TokenIssuer,
    has_role,
    optional,
    public,
)

ISSUER, AUDIENCE = "https://login.example", "https://api.example"
SCOPE_OF_GROUP = {"analysts": ["reports:read"]}

issuer = TokenIssuer(issuer=ISSUER, audience=AUDIENCE, client_id="django-project", signing_keys=[signing_key(DATA)])
cookie = TokenCookie("__Host-access")
csrf = CSRF(secret=csrf_secret(DATA))
guard = Guard(
    issuer=ISSUER,
    audience=AUDIENCE,
    keys=issuer.verification_keys,
    tokens_from=[AuthorizationHeader(), cookie],
    csrf=csrf,
    # Below /admin/ nobody can forget the role, and an old cookie keeps nobody from logging in. Elsewhere the
    # views and their decorators decide.
    rules=Rules(
        [Rule("/admin/", has_role("admin")), Rule("/login", public), Rule("/logout", public)], default=optional
    ),
)


def token_for(user: User) -> str:
    """An access token whose roles are the user's groups."""
    groups = list(user.groups.values_list("name", flat=True))
    scope = [name for group in groups for name in SCOPE_OF_GROUP.get(group, [])]
    return issuer.access_token(user.get_username(), roles=groups, scope=scope)


def user_of(principal: Principal) -> User | None:
    """What `request.user` is behind the guard, or an anonymous user for None: looked up when a view asks for it."""
    return User.objects.filter(username=principal.subject, is_active=True).first()
