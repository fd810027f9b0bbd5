"""Whether a guard and the sessions beside it fit together.

>>> list(check_revocation(DoctorContext()))
[]
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from jwtguard.core.errors import ConfigurationError, JWTGuardError
from jwtguard.core.flow import Flow
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.doctor.context import DoctorContext
from jwtguard.guard import Guard
from jwtguard.guard_checks import Finding
from jwtguard.key_sources.cached import FetchedKeys
from jwtguard.stores.memory import MemoryStore

LONG_LIFETIME = timedelta(hours=1)
"""Of an access token that nothing can end."""


def check_guards_of_sessions(context: DoctorContext) -> Iterator[Finding]:
    """Issue a token and show it to the guards: one of them must take it."""
    for sessions in context.sessions:
        problems = [problem for guard in context.guards if (problem := _refusal(guard, sessions)) is not None]
        if problems and len(problems) == len(context.guards):
            yield Finding(
                "error",
                "tokens_refused",
                problems[0],
                why="A user who logs in is refused with the new token.",
                remedy="give the guard the issuer's names, and keys=issuer.verification_keys",
            )


def _refusal(guard: Guard, sessions: Sessions) -> str | None:
    if any(isinstance(source, FetchedKeys) for source in guard.trust.key_sources):
        return None  # That would ask the network: a login shows it at once.
    try:
        text = sessions.issuer.access_token("jwtguard-doctor", session_id="jwtguard-doctor")
        Flow(guard.reading_issued(text)).run()
    except ConfigurationError as error:
        return error.detail
    except JWTGuardError:
        pass  # Keys that cannot be read are another finding.
    return None


def check_revocation(context: DoctorContext) -> Iterator[Finding]:
    """How long the tokens of an ended session live on."""
    asked = [guard.revocation.store for guard in context.guards if guard.revocation is not None]
    for sessions in context.sessions:
        lifetime = sessions.issuer.access_token_lifetime
        if not asked and lifetime > LONG_LIFETIME:
            yield Finding(
                "warning",
                "tokens_outlive_sessions",
                f"access tokens live {lifetime}, and no guard asks whether their session has ended",
                why="After a logout, or a theft that was noticed, they are good until they expire.",
                remedy="leave access_token_lifetime at 5 minutes, or set Guard(revocation=SessionRevocation(store))",
            )
        elif any(isinstance(store, MemoryStore) for store in asked) and sessions.store not in asked:
            yield Finding(
                "error",
                "revocation_elsewhere",
                "the guard asks another store than the one that the sessions are kept in",
                why="Every session is unknown there, so every token counts as revoked.",
                remedy="pass the same store: SessionRevocation(sessions.store)",
            )
