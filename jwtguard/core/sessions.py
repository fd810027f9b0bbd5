"""Sessions that can be ended: login gives a pair of tokens, refreshing takes the next turn, ending it ends both.

>>> from jwtguard import SigningKey, TokenIssuer
>>> from jwtguard.stores.memory import MemoryStore
>>> issuer = TokenIssuer(
...     issuer="https://issuer.example",
...     audience="https://api.example",
...     client_id="web",
...     signing_keys=[SigningKey.generate("ES256", kid="a1")],
... )
>>> sessions = Sessions(
...     issuer=issuer,
...     store=MemoryStore(),
...     load=lambda subject: Grants(roles=["user"]),
...     refresh_keys=[SigningKey.generate("HS256", kid="r1")],
... )
>>> answer = sessions.start("user-1", label="Firefox on Linux").run()
>>> answer = sessions.refresh(answer.refresh_token).run()
>>> [session.label for session in sessions.list("user-1").run()]
['Firefox on Linux']

The access token is stateless and short-lived. The refresh token is stateful: it names a row and a turn, and a turn can
be taken once. Whoever takes it again after the grace time holds a copy, and the session ends for both.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from jwtguard.core.errors import ConfigurationError, InvalidGrantError, JWTGuardError, UnavailableError
from jwtguard.core.flow import Call, Flow, Steps
from jwtguard.core.frozen import Frozen, set_once
from jwtguard.core.grants import Grants, Load, TokenResponse, granted_scope
from jwtguard.core.issuance import TokenIssuer
from jwtguard.core.jwk import SigningKey
from jwtguard.core.policy import seconds
from jwtguard.core.refresh_tokens import RefreshToken, RefreshTokens
from jwtguard.core.session_events import EventKind, SessionEvent
from jwtguard.core.session_store import NewSession, Session, SessionStore, Turn, ask, new_session_id, storable_label

logger = logging.getLogger("jwtguard")
T = TypeVar("T")

IDLE_LIFETIME = timedelta(days=14)
ABSOLUTE_LIFETIME = timedelta(days=90)
GRACE = timedelta(seconds=10)
MAX_GRACE = 60.0


class Sessions(Frozen):
    """Starts, refreshes, ends and lists sessions.

    `issuer` makes the access tokens; `store` keeps one row for a session; `load(subject)`, sync or async, returns
    today's `Grants` of a user, or None if the user may no longer log in; `refresh_keys` (HMAC, with kid, oldest first)
    sign the refresh tokens and nothing else. A session ends `idle_lifetime` after its last refresh and
    `absolute_lifetime` after login. Within `grace` (at most 60 s) a turn may be asked for again, so that a lost answer
    or two tabs log nobody out. `on_event` is called with a `SessionEvent`. Raises `ConfigurationError` with all problems.
    """

    __slots__ = ("_absolute", "_clock", "_grace", "_idle", "_load", "_on_event", "_tokens", "issuer", "store")

    issuer: TokenIssuer
    store: SessionStore
    _absolute: float
    _clock: Callable[[], float]
    _grace: float
    _idle: float
    _load: Load
    _on_event: Callable[[SessionEvent], object] | None
    _tokens: RefreshTokens

    def __init__(
        self,
        *,
        issuer: TokenIssuer,
        store: SessionStore,
        load: Load,
        refresh_keys: Iterable[SigningKey],
        idle_lifetime: timedelta = IDLE_LIFETIME,
        absolute_lifetime: timedelta = ABSOLUTE_LIFETIME,
        grace: timedelta = GRACE,
        on_event: Callable[[SessionEvent], object] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        problems: list[str] = []
        if not isinstance(issuer, TokenIssuer):
            raise ConfigurationError(f"issuer is the TokenIssuer of the access tokens, found {issuer!r}")
        if isinstance(store, type) or not isinstance(store, SessionStore):
            problems.append(f'store is a session store: write store=SQLiteStore("sessions.db"), found {store!r}')
        if not callable(load):
            problems.append("load is a function of the subject that returns Grants(...) or None")
        idle = seconds("idle_lifetime", idle_lifetime, problems)
        absolute = seconds("absolute_lifetime", absolute_lifetime, problems)
        if not problems and not 1 <= idle <= absolute:
            problems.append("idle_lifetime must be at least a second, and not longer than absolute_lifetime")
        grace_seconds = seconds("grace", grace, problems, at_most=MAX_GRACE)
        tokens = None
        try:
            tokens = RefreshTokens(issuer.issuer, refresh_keys)
        except ConfigurationError as error:
            problems += error.problems
        if tokens is not None and _share_a_key(tokens, issuer):
            problems.append(
                "refresh_keys and the issuer's signing_keys share a key, so whoever checks access tokens with it could"
                " sign refresh tokens: make another"
            )
        ConfigurationError.raise_all(problems)
        set_once(
            self,
            issuer=issuer,
            store=store,
            _absolute=absolute,
            _clock=clock,
            _grace=grace_seconds,
            _idle=idle,
            _load=load,
            _on_event=on_event,
            _tokens=tokens,
        )

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds since the epoch."""
        return self._clock

    def start(
        self,
        subject: str | int,
        *,
        label: str | None = None,
        claims: Mapping[str, Any] | None = None,
        scope: Iterable[str] | None = None,
        remember: bool = True,
    ) -> Flow[TokenResponse]:
        """Start a session for a user who has just proven who it is.

        `label` is shown in `list`; `claims` go into every access token of the session; `scope` limits it to less than
        the user's grants; `remember` says whether cookies outlive the browser. Raises `InvalidGrantError` if `load`
        returns None, `UnavailableError` if it or the store fails.
        """
        asked = None if scope is None else tuple(scope)
        return Flow(self._start(str(subject), label, dict(claims or {}), asked, remember=remember))

    def _start(
        self,
        subject: str,
        label: str | None,
        claims: Mapping[str, Any],
        scope: tuple[str, ...] | None,
        *,
        remember: bool,
    ) -> Steps[TokenResponse]:
        now = self._clock()
        grants = yield from self._grants(subject, None)
        token = RefreshToken(
            subject=subject,
            session_id=new_session_id(),
            generation=0,
            auth_time=int(now),
            scope=scope,
            claims=claims,
            remember=remember,
        )
        answer = self._answer(token, grants, now)
        session = NewSession(
            session_id=token.session_id,
            issuer=self.issuer.issuer,
            subject=subject,
            label=None if label is None else storable_label(label),
            idle_lifetime=self._idle,
            absolute_lifetime=self._absolute,
        )
        yield from self._ask(self.store.create, session, now=now)
        self._tell("started", token)
        return answer

    def refresh(self, refresh_token: str) -> Flow[TokenResponse]:
        """Take the next turn: a new access token, and the refresh token of the turn after this one.

        Raises `InvalidGrantError` (400) if the session has ended or the turn was taken before, and `UnavailableError`
        (503) if `load` or the store fails, with nothing written.
        """
        return Flow(self.refreshing(refresh_token))

    def refreshing(self, refresh_token: str) -> Steps[TokenResponse]:
        """The steps of `refresh`, for use inside another flow."""
        prepared = yield from self.prepare(refresh_token)
        return (yield from prepared.take())

    def prepare(self, refresh_token: str) -> Steps[PreparedRefresh]:
        """Do all of a refresh that can fail before the one write: verify, load, sign (RFC 6749 §6)."""
        now = self._clock()
        token = self._read(refresh_token, now=now)
        grants = yield from self._grants(token.subject, token)
        next_turn = token.next_turn()
        return PreparedRefresh(self, token, grants, self._answer(next_turn, grants, now), now)

    def end(self, refresh_token: str) -> Flow[None]:
        """End the session that a refresh token names, whichever turn it is and even if it has expired.

        Raises `InvalidGrantError` if it is not genuine.
        """
        return Flow(self._end(refresh_token))

    def _end(self, refresh_token: str) -> Steps[None]:
        token = self._read(refresh_token, now=self._clock(), expired_too=True)
        yield from self._revoke(token, "ended", "logout")

    def end_session(self, subject: str, session_id: str) -> Flow[bool]:
        """End one of a subject's sessions by its id; False if it is none of theirs."""
        return Flow(self._end_session(subject, session_id))

    def _end_session(self, subject: str, session_id: str) -> Steps[bool]:
        sessions = yield from self._list(subject)
        if not any(session.session_id == session_id for session in sessions):
            return False
        yield from self._ask(self.store.revoke, session_id, now=self._clock())
        self._tell("ended", RefreshToken(subject=subject, session_id=session_id, generation=0, auth_time=0), "logout")
        return True

    def end_all(self, subject: str | int) -> Flow[int]:
        """End all sessions of a subject, as after a change of password; how many there were."""
        return Flow(self._end_all(str(subject)))

    def _end_all(self, subject: str) -> Steps[int]:
        issuer, now = self.issuer.issuer, self._clock()
        ended: int = yield from self._ask(self.store.revoke_all, issuer=issuer, subject=subject, now=now)
        logger.info("session ended: subject=%s reason=logout_everywhere", _shown(subject))
        self._call(SessionEvent(kind="ended", subject=subject, session_id=None, reason="logout_everywhere"))
        return ended

    def list(self, subject: str | int) -> Flow[Sequence[Session]]:
        """The live sessions of a subject, newest first."""
        return Flow(self._list(str(subject)))

    def _list(self, subject: str) -> Steps[Sequence[Session]]:
        issuer, now = self.issuer.issuer, self._clock()
        sessions: Sequence[Session] = yield from self._ask(self.store.list, issuer=issuer, subject=subject, now=now)
        return sessions

    def purge(self) -> Flow[int]:
        """Delete the rows of dead sessions; how many there were. Stores do it by themselves now and then, too."""
        now = self._clock()
        return Flow(self._ask(self.store.purge, now=now))

    # One step each.

    def _read(self, text: str, *, now: float, expired_too: bool = False) -> RefreshToken:
        try:
            return self._tokens.read(text, now=now, expired_too=expired_too)
        except InvalidGrantError as error:
            self._tell("refused", None, error.reason)
            raise

    def _grants(self, subject: str, token: RefreshToken | None) -> Steps[Grants]:
        load = self._load
        try:
            grants = yield Call(lambda: load(subject), sync_alternative="a load function that is not async")
        except ConfigurationError:
            raise
        except Exception as error:
            # Whatever broke, nobody is logged out for it. Its own log, with the traceback, is for whoever wrote it.
            logger.exception("load(subject) raised %s", type(error).__name__)
            unavailable = UnavailableError("load")
        else:
            if isinstance(grants, Grants):
                return grants
            if grants is None:
                self._tell("refused", token, "user")
                raise InvalidGrantError("user")
            raise ConfigurationError(f"load(subject) returns Grants(...) or None, found {type(grants).__name__}")
        raise unavailable

    def _answer(self, token: RefreshToken, grants: Grants, now: float) -> TokenResponse:
        """Both tokens of a turn, signed."""
        scope = granted_scope(token.scope, grants.scope)
        access_token = self.issuer.access_token(
            token.subject,
            roles=grants.roles,
            scope=scope,
            permissions=grants.permissions,
            session_id=token.session_id,
            auth_time=token.auth_time,
            claims={**token.claims, **grants.claims},
        )
        lifetime = min(self._idle, token.auth_time + self._absolute - now)
        return TokenResponse(
            access_token=access_token,
            refresh_token=self._tokens.issue(token, now=now, lifetime=lifetime),
            expires_in=int(self.issuer.access_token_lifetime.total_seconds()),
            refresh_expires_in=max(int(lifetime), 0),
            scope=" ".join(scope),
            remember=token.remember,
        )

    def _ask(self, method: Callable[..., Any], *args: object, **kwargs: object) -> Steps[Any]:
        """Ask the store; whatever goes wrong there is an outage, never the caller's fault."""
        try:
            return (yield ask(method, *args, **kwargs))
        except JWTGuardError:
            raise
        except Exception as error:
            unforeseen = type(error).__name__
        logger.error("session store unavailable: %s", unforeseen)
        raise UnavailableError("store")

    def _revoke(self, token: RefreshToken, kind: EventKind, reason: str) -> Steps[None]:
        now = self._clock()
        yield from self._ask(self.store.revoke, token.session_id, now=now)
        self._tell(kind, token, reason)

    def _tell(self, kind: EventKind, token: RefreshToken | None, reason: str = "") -> None:
        subject, session_id = (None, None) if token is None else (token.subject, token.session_id)
        level = logging.WARNING if kind in {"reuse_detected", "future_turn"} else logging.INFO
        logger.log(level, "session %s: subject=%s sid=%s reason=%s", kind, _shown(subject), session_id, reason)
        self._call(SessionEvent(kind=kind, subject=subject, session_id=session_id, reason=reason or kind))

    def _call(self, event: SessionEvent) -> None:
        if self._on_event is not None:
            try:
                self._on_event(event)
            except Exception:
                logger.exception("on_event raised; the request goes on")  # Whoever counts must not decide.

    def __repr__(self) -> str:
        return f"Sessions(issuer={self.issuer.issuer!r}, store={type(self.store).__name__})"


class PreparedRefresh:
    """A refresh with everything done but the one conditional write, so that what can fail comes before it.

    `answer` is what a taken turn gives. Silent renewal shows it to the view, and takes the turn when the response starts.
    """

    __slots__ = ("_grants", "_now", "_sessions", "answer", "token")

    def __init__(
        self, sessions: Sessions, token: RefreshToken, grants: Grants, answer: TokenResponse, now: float
    ) -> None:
        self._sessions = sessions
        self._grants = grants
        self._now = now
        self.token = token
        self.answer = answer

    def take(self) -> Steps[TokenResponse]:
        """Take the turn, and say what becomes of it: the outcome table, row by row.

        Raises `InvalidGrantError` or `UnavailableError`.
        """
        sessions, token = self._sessions, self.token
        turn = Turn(session_id=token.session_id, generation=token.generation)
        grace, idle = sessions._grace, sessions._idle
        store = sessions.store
        taken = yield from sessions._ask(store.take_turn, turn, now=self._now, grace=grace, idle_lifetime=idle)
        if taken.is_taken:
            sessions._tell("refreshed", token)
            return self.answer
        session, generation = taken.session, token.generation
        if session is None or not session.is_alive or session.subject != token.subject:
            reason = "unknown_session" if session is None else session.state
            sessions._tell("refused", token, reason)
            raise InvalidGrantError(reason)
        within_grace = taken.age < grace
        if generation == session.generation:
            # The current turn, made a moment ago: two tabs that share it, one of which was late.
            sessions._tell("replayed", token, "current_turn")
            return self._again(token)
        if generation == session.generation - 1 and within_grace:
            # The turn just before: the answer to the first request was lost, or a second tab came at once.
            sessions._tell("replayed", token, "previous_turn")
            return self._again(token.next_turn())
        if generation > session.generation:
            # Nobody can have been given this turn by the store as it is: a backup was restored, or a failover lost it.
            yield from sessions._revoke(token, "future_turn", "future_turn")
            raise InvalidGrantError("future_turn")
        # Two hold the same turn. Which of them is the thief cannot be told, so the session ends (RFC 9700 §4.14.2).
        yield from sessions._revoke(token, "reuse_detected", "reuse")
        raise InvalidGrantError("reuse")

    def _again(self, token: RefreshToken) -> TokenResponse:
        return self._sessions._answer(token, self._grants, self._now)


def _share_a_key(tokens: RefreshTokens, issuer: TokenIssuer) -> bool:
    return any(key.is_same_key(other) for key in tokens.keys for other in issuer.verification_keys)


def _shown(text: str | None) -> str:
    """A subject for the log: it came through a verified token, and may still be anything."""
    return ascii(text)[:64]
