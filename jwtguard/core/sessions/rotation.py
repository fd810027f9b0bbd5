"""A refresh with everything done but the one write: what becomes of it is the outcome table, row by row.

>>> from jwtguard import Grants, Sessions, SigningKey, TokenIssuer
>>> from jwtguard.core.flow import Flow
>>> from jwtguard.stores.memory import MemoryStore
>>> issuer = TokenIssuer(
...     issuer="https://issuer.example",
...     audience="https://api.example",
...     client_id="web",
...     signing_keys=[SigningKey.generate("ES256", kid="a1")],
... )
>>> refresh_key = SigningKey.generate("HS256", kid="r1")
>>> sessions = Sessions(issuer=issuer, store=MemoryStore(), load=lambda subject: Grants(), refresh_keys=[refresh_key])
>>> refresh_token = sessions.start("user-1").run().refresh_token
>>> prepared = Flow(sessions.prepare(refresh_token)).run()
>>> Flow(prepared.take()).run() is prepared.answer
True
"""

from __future__ import annotations

from collections.abc import Callable

from jwtguard.core.errors import InvalidGrantError
from jwtguard.core.events import EventKind, SessionEvents
from jwtguard.core.flow import Steps
from jwtguard.core.sessions.grace import age_at_arrival
from jwtguard.core.sessions.grants import Grants, TokenResponse
from jwtguard.core.sessions.refresh_tokens import RefreshToken, SessionTokens
from jwtguard.core.sessions.store_protocol import RotationRequest, Session, SessionStore, call_store


class PreparedRefresh:
    """A refresh that was verified, whose user was loaded and whose tokens are signed: what can fail comes before.

    `answer` is the response if the rotation succeeds. `grace` and `idle_lifetime` are in seconds. `now` is when the
    request arrived, in seconds since the epoch; `clock` gives the time of each call of the store.
    """

    __slots__ = (
        "_clock",
        "_events",
        "_grace",
        "_grants",
        "_idle",
        "_now",
        "_settled",
        "_store",
        "_tokens",
        "answer",
        "token",
    )

    def __init__(
        self,
        token: RefreshToken,
        grants: Grants,
        *,
        store: SessionStore,
        tokens: SessionTokens,
        events: SessionEvents,
        grace: float,
        idle_lifetime: float,
        clock: Callable[[], float],
        now: float,
    ) -> None:
        self.token = token
        self.answer = tokens.answer(token.next_rotation(), grants, now=now)
        self._grants = grants
        self._store = store
        self._tokens = tokens
        self._events = events
        self._clock = clock
        self._grace = grace
        self._idle = idle_lifetime
        self._now = now
        self._settled: TokenResponse | None = None

    def check(self) -> Steps[None]:
        """Look at the row up front and take nothing, for a caller that rotates later (silent renewal).

        Raises what `take` would raise by the row as it is now.
        """
        session = self._usable((yield from call_store(self._store.find, self.token.session_id, now=self._clock())))
        if session.generation != self.token.generation:
            # Not the current generation, so no rotation can follow: whether it is a replay or reuse is decided now.
            self._settled = yield from self.take()

    def take(self) -> Steps[TokenResponse]:
        """Rotate, and say what becomes of it.

        Raises `InvalidGrantError` (400), or `UnavailableError` (503) if the store fails.
        """
        if self._settled is not None:
            return self._settled
        token = self.token
        rotation = RotationRequest(session_id=token.session_id, generation=token.generation)
        called_at = self._clock()
        # The store counts to now. The request came before: a view may have run since, or `load` may have waited.
        grace = self._grace + max(called_at - self._now, 0.0) if self._grace else 0.0
        result = yield from call_store(
            self._store.rotate, rotation, now=called_at, grace=grace, idle_lifetime=self._idle
        )
        if not result.is_rotated:
            age = age_at_arrival(result, arrived_at=self._now, called_at=called_at, answered_at=self._clock())
            return (yield from self._not_rotated(result.session, age))
        self._tell("refreshed")
        return self.answer

    def _not_rotated(self, row: Session | None, age: float) -> Steps[TokenResponse]:
        session, generation = self._usable(row), self.token.generation
        if generation == session.generation:
            # The current generation, made a moment ago: two tabs that share it, one of which was late.
            self._tell("replayed", "current_generation")
            return self._tokens.answer(self.token, self._grants, now=self._now)
        if generation == session.generation - 1 and age < self._grace:
            # The generation just before: the answer to the first request was lost, or a second tab came at once.
            self._tell("replayed", "previous_generation")
            return self.answer
        yield from call_store(self._store.revoke, self.token.session_id, now=self._clock())
        if generation > session.generation:
            # The store as it is cannot have issued this generation: a backup was restored, or a failover lost it.
            self._tell("future_generation")
            raise InvalidGrantError("future_generation")
        # Two clients hold this generation. Which of them stole it is unknown, so the session ends (RFC 9700 §4.14.2).
        self._tell("reuse_detected", "reuse")
        raise InvalidGrantError("reuse")

    def _usable(self, session: Session | None) -> Session:
        """The row, if it is this token's and alive; raises `InvalidGrantError`."""
        if session is None:
            reason = "unknown_session"
        elif not session.is_alive:
            reason = session.state
        elif (session.issuer, session.subject) != (self._tokens.issuer.issuer, self.token.subject):
            reason = "another_session"
        else:
            return session
        self._tell("refused", reason)
        raise InvalidGrantError(reason)

    def _tell(self, kind: EventKind, reason: str | None = None) -> None:
        self._events.tell(kind, subject=self.token.subject, session_id=self.token.session_id, reason=reason)
