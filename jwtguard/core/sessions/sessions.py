"""Sessions that can be ended: login gives a pair of tokens, refreshing rotates, ending it ends both.

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

The access token is stateless and short-lived. The refresh token is stateful: it names a row and a generation, and a
generation can be rotated once. A second use after the grace time is that of a copy, and the session ends for both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn

from jwtguard.core.errors import ConfigurationError, InvalidGrantError, UnavailableError
from jwtguard.core.events import EventKind, SessionEvent, SessionEvents, log_fields, logger
from jwtguard.core.flow import Call, Flow, Steps, is_async
from jwtguard.core.sessions.grace import checked_grace
from jwtguard.core.sessions.grants import Grants, Load, TokenResponse
from jwtguard.core.sessions.refresh_tokens import RefreshToken, SessionTokens, refresh_tokens_of
from jwtguard.core.sessions.rotation import PreparedRefresh as PreparedRefresh
from jwtguard.core.sessions.store_protocol import (
    MAX_SESSION_ID,
    NewSession,
    Session,
    SessionStore,
    call_store,
    is_storable,
    new_session_id,
    storable_label,
    storable_subject,
)
from jwtguard.core.tokens.issuer import ACCESS_TOKEN_LIFETIME, TokenIssuer
from jwtguard.core.tokens.keys import SigningKey, VerificationKey
from jwtguard.core.tokens.subject import Subject
from jwtguard.core.validation import Problems

IDLE_LIFETIME = timedelta(days=14)
ABSOLUTE_LIFETIME = timedelta(days=90)


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Sessions:
    """Starts, refreshes, ends and lists sessions.

    `issuer` makes the access tokens; `store` keeps one row for a session; `load(subject)`, sync or async, returns
    today's `Grants` of a user, or None if the user may no longer log in; `refresh_keys` (HMAC, with kid, oldest first)
    sign the refresh tokens and nothing else. A session ends `idle_lifetime` after its last refresh and
    `absolute_lifetime` after login. Within `grace` a generation may be asked for again, so that a lost answer or two
    tabs do not end the session: 10 seconds by default, 0 allowed, at most half the lifetime of an access token and at
    most 2 minutes. `on_event` is called with a `SessionEvent`. `clock` gives seconds since the epoch.
    Raises `ConfigurationError` with all problems. Read-only afterwards.
    """

    issuer: TokenIssuer
    store: SessionStore
    load: Load
    _absolute: float
    _clock: Callable[[], float]
    _events: SessionEvents
    _grace: float
    _idle: float
    _tokens: SessionTokens

    def __init__(
        self,
        *,
        issuer: TokenIssuer,
        store: SessionStore,
        load: Load,
        refresh_keys: Iterable[SigningKey],
        idle_lifetime: timedelta = IDLE_LIFETIME,
        absolute_lifetime: timedelta = ABSOLUTE_LIFETIME,
        grace: timedelta | None = None,
        on_event: Callable[[SessionEvent], object] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        problems = Problems()
        if isinstance(store, type) or not isinstance(store, SessionStore):
            problems.append(f'store is a session store: write store=SQLiteStore("sessions.db"), found {store!r}')
        if not callable(load):
            problems.append(f"load is a function of the subject that returns Grants(...) or None, found {load!r}")
        idle = problems.seconds("idle_lifetime", idle_lifetime)
        absolute = problems.seconds("absolute_lifetime", absolute_lifetime)
        if (
            isinstance(idle_lifetime, timedelta)
            and isinstance(absolute_lifetime, timedelta)
            and not 1 <= idle <= absolute
        ):
            problems.append("idle_lifetime must be at least a second, and not longer than absolute_lifetime")
        if not callable(clock):
            problems.append(f"clock is a function that gives seconds since the epoch, found {clock!r}")
        if on_event is not None and (not callable(on_event) or is_async(on_event)):
            problems.append("on_event is a function that is not async: it may put the event into a queue")
        refresh_tokens = refresh_tokens_of(issuer, refresh_keys, problems)
        # What is no issuer has been reported above, and has no lifetime.
        lifetime = getattr(issuer, "access_token_lifetime", ACCESS_TOKEN_LIFETIME)
        grace_seconds = checked_grace(grace, lifetime, problems)
        problems.raise_all()
        tokens = SessionTokens(issuer, refresh_tokens, idle_lifetime=idle, absolute_lifetime=absolute)
        vars(self).update(
            issuer=issuer,
            store=store,
            load=load,
            _absolute=absolute,
            _clock=clock,
            _events=SessionEvents(on_event),
            _grace=grace_seconds,
            _idle=idle,
            _tokens=tokens,
        )

    @property
    def refresh_keys(self) -> tuple[VerificationKey, ...]:
        """The keys of the refresh tokens, oldest first, for tools that judge them. No guard and no JWK Set has them."""
        return tuple(self._tokens.refresh_tokens.keys)

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds since the epoch."""
        return self._clock

    def start(
        self,
        subject: Subject,
        *,
        label: str | None = None,
        claims: Mapping[str, Any] | None = None,
        scope: Iterable[str] | None = None,
        remember: bool = True,
    ) -> Flow[TokenResponse]:
        """Start a session for a user who has just proven who it is.

        `label` is shown in `list`, cut to 255 characters; `claims` go into every access token of the session; `scope`
        limits it to less than the user's grants; `remember` says whether cookies outlive the browser.

        Raises `InvalidGrantError` if `load` returns None, `UnavailableError` if it or the store fails, and
        `ConfigurationError` for what a token cannot say.
        """
        problems = Problems()
        asked = None if scope is None else problems.names("scope", scope)
        if label is not None and not isinstance(label, str):
            problems.append(f"label is a string or None, found {label!r}")
        problems.raise_all()
        token = RefreshToken(
            subject=storable_subject(subject),
            session_id=new_session_id(),
            generation=0,
            auth_time=int(self._clock()),
            scope=asked,
            claims=dict(claims or {}),
            remember=bool(remember),
        )
        return Flow(self._start(token, None if label is None else storable_label(label)))

    def _start(self, token: RefreshToken, label: str | None) -> Steps[TokenResponse]:
        now = self._clock()
        grants = yield from self._grants(token.subject, None)
        # After the password was checked: a login may have hashed it anew.
        token = self._tokens.refresh_tokens.stamped(token, grants.stamp)
        answer = self._tokens.first_answer(token, grants, now=now)
        session = NewSession(
            session_id=token.session_id,
            issuer=self.issuer.issuer,
            subject=token.subject,
            label=label,
            idle_lifetime=self._idle,
            absolute_lifetime=self._absolute,
        )
        yield from call_store(self.store.create, session, now=now)
        self._events.tell("started", subject=token.subject, session_id=token.session_id)
        return answer

    def refresh(self, refresh_token: str) -> Flow[TokenResponse]:
        """Rotate: a new access token, and the refresh token of the generation after this one.

        Raises `InvalidGrantError` (400) if the session has ended, if the generation was rotated before or if the stamp
        of the user's grants is another than at login, and `UnavailableError` (503) if `load` or the store fails, with
        nothing written.
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
        if self._tokens.lifetime(token, now=now) <= 0:
            # Its own date may be later, where leeway counts or the lifetimes were shortened since.
            self._events.tell("refused", subject=token.subject, session_id=token.session_id, reason="expired")
            raise InvalidGrantError("expired")
        grants = yield from self._grants(token.subject, token.session_id)
        if not self._tokens.refresh_tokens.has_stamp(token, grants.accepted_stamps):
            yield from self._end_changed(token)
        token = self._tokens.refresh_tokens.stamped(token, grants.stamp)
        return PreparedRefresh(
            token,
            grants,
            store=self.store,
            tokens=self._tokens,
            events=self._events,
            grace=self._grace,
            idle_lifetime=self._idle,
            clock=self._clock,
            now=now,
        )

    def end(self, refresh_token: str) -> Flow[None]:
        """End the session that a refresh token names, whichever generation it is and even if it has expired.

        Raises `InvalidGrantError` if it is not genuine, `UnavailableError` if the store fails.
        """
        return Flow(self._end(refresh_token))

    def _end(self, refresh_token: str) -> Steps[None]:
        token = self._read(refresh_token, now=self._clock(), expired_too=True)
        yield from self._end_row(token.subject, token.session_id)

    def end_session(self, subject: Subject, session_id: str) -> Flow[bool]:
        """End one of a subject's live sessions by its id; False if it is none of theirs."""
        return Flow(self._end_session(storable_subject(subject), session_id))

    def _end_session(self, subject: str, session_id: str) -> Steps[bool]:
        if not is_storable(session_id, MAX_SESSION_ID):
            return False  # It may come from a URL, and no store has to make sense of it.
        if not (yield from self._has_session(subject, session_id)):
            return False
        return (yield from self._end_row(subject, session_id))

    def _end_changed(self, token: RefreshToken) -> Steps[NoReturn]:
        """End a session whose user's credentials have changed since it began."""
        subject, session_id = token.subject, token.session_id
        if (yield from self._has_session(subject, session_id)):
            yield from self._end_row(subject, session_id, kind="credentials_changed", reason="credentials_changed")
        else:
            self._events.tell("refused", subject=subject, session_id=session_id, reason="credentials_changed")
        raise InvalidGrantError("credentials_changed")

    def _has_session(self, subject: str, session_id: str) -> Steps[bool]:
        """Whether a live session of this id is the subject's."""
        session = yield from call_store(self.store.find, session_id, now=self._clock())
        return (
            session is not None
            and session.is_alive
            and (session.issuer, session.subject) == (self.issuer.issuer, subject)
        )

    def _end_row(
        self, subject: str, session_id: str, *, kind: EventKind = "ended", reason: str = "logout"
    ) -> Steps[bool]:
        was_alive = yield from call_store(self.store.revoke, session_id, now=self._clock())
        if was_alive:
            self._events.tell(kind, subject=subject, session_id=session_id, reason=reason)
        return was_alive

    def end_all(self, subject: Subject) -> Flow[int]:
        """End all sessions of a subject, as after a change of password; how many there were."""
        return Flow(self._end_all(storable_subject(subject)))

    def _end_all(self, subject: str) -> Steps[int]:
        issuer, now = self.issuer.issuer, self._clock()
        ended = yield from call_store(self.store.revoke_all, issuer=issuer, subject=subject, now=now)
        self._events.tell("ended", subject=subject, reason="logout_everywhere")
        return ended

    def list(self, subject: Subject) -> Flow[Sequence[Session]]:
        """The live sessions of a subject, newest first: the newest 1,000 at most."""
        issuer, now = self.issuer.issuer, self._clock()
        return Flow(call_store(self.store.list, issuer=issuer, subject=storable_subject(subject), now=now))

    def purge(self) -> Flow[int]:
        """Delete the rows of dead sessions; how many there were. Stores do it by themselves now and then, too."""
        return Flow(call_store(self.store.purge, now=self._clock()))

    # One step each.

    def _read(self, text: str, *, now: float, expired_too: bool = False) -> RefreshToken:
        try:
            return self._tokens.refresh_tokens.read(text, now=now, expired_too=expired_too)
        except InvalidGrantError as error:
            self._events.tell("refused", reason=error.reason)
            raise

    def _grants(self, subject: str, session_id: str | None) -> Steps[Grants]:
        # Where the store's connections belong to a thread, the user's are as a rule in the same database.
        to_thread = getattr(self.store, "to_thread", None)
        call = Call(partial(self.load, subject), sync_alternative="a function that is not async", to_thread=to_thread)
        try:
            grants = yield call
        except ConfigurationError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever broke there ends no session
            # The log has the traceback, for the author of `load`.
            logger.exception(
                "load(subject) raised %s",
                type(error).__name__,
                extra=log_fields("callback_raised", callback="load", subject=subject, session_id=session_id),
            )
            unavailable = UnavailableError("load")
        else:
            if isinstance(grants, Grants):
                return grants
            if grants is None:
                self._events.tell("refused", subject=subject, session_id=session_id, reason="user")
                raise InvalidGrantError("user")
            raise ConfigurationError(f"load(subject) returns Grants(...) or None, found {type(grants).__name__}")
        raise unavailable

    def __repr__(self) -> str:
        return f"Sessions(issuer={self.issuer.issuer!r}, store={type(self.store).__name__})"
