"""Who issues tokens, who checks them, and what a user's groups are worth in them."""

from __future__ import annotations

from datetime import timedelta

from examples.keys import DATA, secret
from examples.login_limit import LoginLimit
from jwtguard import (
    CSRF,
    AuthorizationHeader,
    Grants,
    Guard,
    Rule,
    Rules,
    SessionRevocation,
    Sessions,
    SigningKey,
    SigningKeys,
    TokenCookie,
    TokenIssuer,
    has_role,
    public,
)
from jwtguard.django.store import DjangoStore
from jwtguard.django.users import active_user, stamps_of

ISSUER, AUDIENCE = "https://login.example", "https://api.example"
SCOPE_OF_GROUP = {"analysts": ["reports:read"]}


def grants(subject: str) -> Grants | None:
    """What a user may do today, None for one who may not log in any more: asked at login and at every refresh."""
    user = active_user(subject)
    if user is None:
        return None
    groups = list(user.groups.values_list("name", flat=True))
    scope = [name for group in groups for name in SCOPE_OF_GROUP.get(group, [])]
    return Grants(roles=groups, scope=scope, **stamps_of(user))  # another password ends the sessions


issuer = TokenIssuer(
    issuer=ISSUER,
    audience=AUDIENCE,
    client_id="django-project",
    signing_keys=SigningKeys(DATA / "keys", algorithm="ES256"),
)
store = DjangoStore()
sessions = Sessions(
    issuer=issuer,
    store=store,
    load=grants,
    refresh_keys=[SigningKey.from_secret(secret("refresh", DATA), algorithm="HS256", kid="r1")],
)
guard = Guard(
    issuer=ISSUER,
    audience=AUDIENCE,
    keys=issuer.verification_keys,
    tokens_from=[AuthorizationHeader(), TokenCookie()],
    csrf=CSRF(secret=secret("csrf", DATA)),
    # Refusals say what is missing. Leave this out where the names of roles are internal.
    explain_refusals=True,
    # What is not named here needs a valid token.
    rules=Rules([Rule("", public), Rule("/admin/", has_role("admin"))]),
    # A session that has ended is out within five seconds, for one look-up in five seconds.
    revocation=SessionRevocation(store, max_staleness=timedelta(seconds=5)),
)
login_limit = LoginLimit()
