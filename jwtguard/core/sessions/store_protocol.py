"""The port that every session store fits, and what passes through it.

>>> RotationRequest(session_id="s1", generation=0)
RotationRequest(session_id='s1', generation=0)

A store keeps one row for a session, however often it is refreshed, and nothing in the row can be used to log in. Its
methods are plain or `async`; what they raise becomes a 503. `jwtguard.testing.StoreConformance` holds every store to
what is said here.
"""

from __future__ import annotations

import functools
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from jwtguard.core.errors import ConfigurationError, JWTGuardError, UnavailableError
from jwtguard.core.event_loops import in_store_thread
from jwtguard.core.events import log_fields
from jwtguard.core.flow import Call, Steps
from jwtguard.core.tokens.subject import subject_text

logger = logging.getLogger("jwtguard")

T = TypeVar("T")
MaybeAsync: TypeAlias = "T | Awaitable[T]"


def new_session_id() -> str:
    """A session's name, 160 random bits: it stands in tokens and logs, and opens nothing."""
    return secrets.token_urlsafe(20)


MAX_SESSION_ID = 64
"""Characters of a session id; ours have 27."""
MAX_TEXT = 255
"""Characters of an issuer, a subject (OpenID Connect Core §2 has the same bound) and a label."""
MAX_LISTED = 1000
"""Sessions that `list` gives at most: the newest."""


def is_storable(text: str, limit: int) -> bool:
    """Whether every store can keep `text` as it is: not too long, no NUL, no lone surrogate."""
    if len(text) > limit or "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def storable_label(label: str) -> str:
    """A label as every store can keep it, cut to 255 characters: it often comes from a `User-Agent` field."""
    return label.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")[:MAX_TEXT]


def storable_subject(subject: object) -> str:
    """A subject as tokens and rows name it; raises `ConfigurationError`."""
    text = subject_text(subject)
    if text is None or not is_storable(text, MAX_TEXT):
        raise ConfigurationError(
            f"the subject is an integer, a UUID or a string of 1 to {MAX_TEXT} characters:"
            f" found {type(subject).__name__}"
        )
    return text


def call_store(method: Callable[..., MaybeAsync[T]], /, *args: object, **kwargs: object) -> Steps[T]:
    """Call a method of a store. Whatever goes wrong there is an outage (`UnavailableError`), never the caller's fault.

    An `async` method is awaited where it stands; on a loop, any other runs on a thread that is kept for stores. A store
    whose connections belong to a thread says by an attribute `to_thread` how to get there from a loop;
    `sync_alternative` names the class that serves every loop and thread.
    """
    store = getattr(method, "__self__", None)
    alternative = getattr(store, "sync_alternative", "a store that is not async")
    call: Callable[[], Any] = functools.partial(method, *args, **kwargs)
    try:
        answer: T = yield Call(
            call, sync_alternative=alternative, to_thread=getattr(store, "to_thread", in_store_thread)
        )
    except JWTGuardError:
        raise
    except Exception as error:  # noqa: BLE001 - databases and their drivers raise many kinds
        unforeseen = type(error).__name__  # The name alone: messages of databases quote values.
    else:
        return answer
    logger.error(
        "session store unavailable: %s",
        unforeseen,
        extra=log_fields("store_unavailable", reason=unforeseen, source=type(store).__name__),
    )
    raise UnavailableError("store")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A session to create, at generation 0. Lifetimes are in seconds, counted by the store's clock if it has one.

    Raises ValueError for what a store could not keep as it is: a database that cuts a subject takes it for another.
    """

    session_id: str
    issuer: str
    subject: str
    label: str | None = None
    idle_lifetime: float
    absolute_lifetime: float

    def __post_init__(self) -> None:
        limits = {"session_id": MAX_SESSION_ID, "issuer": MAX_TEXT, "subject": MAX_TEXT, "label": MAX_TEXT}
        for name, limit in limits.items():
            text = getattr(self, name)
            if text is not None and not is_storable(text, limit):
                raise ValueError(f"{name} has at most {limit} characters, and no NUL or lone surrogate among them")


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationRequest:
    """One generation of one session."""

    session_id: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as its row says. Times are seconds since the epoch, by the clock that wrote them.

    `state` is `alive`, `revoked` or `expired` at the time of reading.
    """

    session_id: str
    issuer: str
    subject: str
    label: str | None
    generation: int
    created_at: float
    refreshed_at: float | None
    expires_at: float
    state: Literal["alive", "revoked", "expired"] = "alive"

    @property
    def is_alive(self) -> bool:
        """Neither revoked nor expired."""
        return self.state == "alive"


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationResult:
    """The result of a rotation.

    If `is_rotated` is false, `session` is the row as a fresh read found it, or None, and `age` the seconds since its
    last rotation, as `jwtguard.core.sessions.grace.age_of_rotation` counts them: to the time of that read by
    the store's own clock, or to `now` where it has none. Infinite if it was never refreshed, and if the clock was set
    back since.
    """

    is_rotated: bool
    session: Session | None = None
    age: float = float("inf")


@runtime_checkable
class SessionStore(Protocol):
    """Where sessions are kept. `now` is the caller's clock; a store with a clock of its own goes by that instead.

    Issuers, subjects and session ids are compared character by character: by case, accents and trailing spaces. What
    `is_storable` refuses is the name of no session, and no error.
    """

    def create(self, session: NewSession, *, now: float) -> MaybeAsync[None]:
        """Write a new row; raise any exception if its id is taken.

        If dead rows are deleted on this occasion, do so after the row was written, and let nothing that goes wrong
        there reach the caller: the client of a failed login holds no token, and its row would stay.
        """
        ...

    def rotate(
        self, rotation: RotationRequest, *, now: float, grace: float, idle_lifetime: float
    ) -> MaybeAsync[RotationResult]:
        """Rotate: one atomic write, if the row has this generation, is alive, and was not refreshed less than
        `grace` seconds ago. It adds one to the generation, notes the time, and moves the idle deadline. A row that was
        refreshed more than 60 seconds in the future (its clock was set back) is none that was refreshed just now.

        If it changed no row, read the row again, afresh: the state that the write saw may be old.
        """
        ...

    def find(self, session_id: str, *, now: float) -> MaybeAsync[Session | None]:
        """The session of this id, alive or not; None if there is none."""
        ...

    def list(self, *, issuer: str, subject: str, now: float) -> MaybeAsync[Sequence[Session]]:
        """The live sessions of a subject, newest first, `MAX_LISTED` at most."""
        ...

    def revoke(self, session_id: str, *, now: float) -> MaybeAsync[bool]:
        """End a session, durably; whether it was alive."""
        ...

    def revoke_all(self, *, issuer: str, subject: str, now: float) -> MaybeAsync[int]:
        """End all sessions of a subject, durably; how many were alive."""
        ...

    def purge(self, *, now: float) -> MaybeAsync[int]:
        """Delete rows that can decide nothing any more: those past their absolute lifetime; how many."""
        ...
