"""Sessions with everything in hand: a clock that stands still, a store that notes what it is asked, and can fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from jwtguard import Grants, InvalidGrantError, SessionEvent, Sessions, SigningKey, TokenIssuer, TokenResponse
from jwtguard.core.flow import Flow
from jwtguard.core.sessions.store_protocol import NewSession, RotationRequest, RotationResult, Session
from jwtguard.core.tokens.encoding import decode_segment
from jwtguard.core.tokens.jws import sign
from jwtguard.stores.memory import MemoryStore
from tests.core.token_samples import AUDIENCE, ISSUER, NOW, Clock

ACCESS_KEY = SigningKey.from_secret("the access key, which is no secret", algorithm="HS256", kid="a1")
REFRESH_KEY = SigningKey.from_secret("the refresh key, which is no secret", algorithm="HS256", kid="r1")
DAY = 86400.0


class NotingStore(MemoryStore):
    """Notes which method was called; `fails` names those that raise."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []
        self.fails: set[str] = set()
        self.writes: list[str] = []
        self.before: Callable[[str], None] = lambda method: None

    def _note(self, method: str) -> None:
        self.before(method)
        self.calls.append(method)
        if method in self.fails:
            raise OSError("connection refused")
        if method in {"create", "rotate", "revoke", "revoke_all", "purge"}:
            self.writes.append(method)

    def create(self, session: NewSession, *, now: float) -> None:
        self._note("create")
        super().create(session, now=now)

    def rotate(self, rotation: RotationRequest, *, now: float, grace: float, idle_lifetime: float) -> RotationResult:
        self._note("rotate")
        return super().rotate(rotation, now=now, grace=grace, idle_lifetime=idle_lifetime)

    def find(self, session_id: str, *, now: float) -> Session | None:
        self._note("find")
        return super().find(session_id, now=now)

    def list(self, *, issuer: str, subject: str, now: float) -> Sequence[Session]:
        self._note("list")
        return super().list(issuer=issuer, subject=subject, now=now)

    def revoke(self, session_id: str, *, now: float) -> bool:
        self._note("revoke")
        return super().revoke(session_id, now=now)

    def revoke_all(self, *, issuer: str, subject: str, now: float) -> int:
        self._note("revoke_all")
        return super().revoke_all(issuer=issuer, subject=subject, now=now)

    def purge(self, *, now: float) -> int:
        self._note("purge")
        return super().purge(now=now)


class World:
    """Sessions of one issuer; `grants` is what `load` says, an exception what it raises."""

    def __init__(self, **changes: Any) -> None:
        self.clock = Clock()
        self.store = NotingStore()
        self.events: list[SessionEvent] = []
        self.loaded: list[str] = []
        self.grants: Any = Grants(roles=["user"], scope=["reports:read"])
        self.sessions = self.made(**changes)

    def made(self, **changes: Any) -> Sessions:
        """Sessions on the same store, with some arguments changed."""
        arguments: dict[str, Any] = {
            "issuer": token_issuer(self.clock),
            "store": self.store,
            "load": self.load,
            "refresh_keys": [REFRESH_KEY],
            "on_event": self.events.append,
            "clock": self.clock,
        }
        return Sessions(**arguments | changes)

    def load(self, subject: str) -> Any:
        self.loaded.append(subject)
        self.store.before("load")
        if isinstance(self.grants, Exception):
            raise self.grants
        return self.grants

    def start(self, subject: str | int = "user-1", **arguments: Any) -> TokenResponse:
        """Log in."""
        return self.sessions.start(subject, **arguments).run()

    def refresh(self, refresh_token: str) -> TokenResponse:
        """Refresh."""
        return self.sessions.refresh(refresh_token).run()

    def refused(self, refresh_token: str, do: Callable[[str], Flow[Any]] | None = None) -> str:
        """The reason for which a refresh token is refused, with 400."""
        with pytest.raises(InvalidGrantError) as caught:
            (do or self.sessions.refresh)(refresh_token).run()
        error = caught.value
        assert (error.status, error.error) == (400, "invalid_grant")
        assert str(refresh_token) not in str(error) or not refresh_token
        return error.reason

    def row(self, answer: TokenResponse) -> Session:
        """The row of a session, as it is."""
        session = MemoryStore.find(self.store, claims_of(answer.refresh_token)["sid"], now=self.clock.now)
        assert session is not None
        return session

    def kinds(self) -> list[str]:
        """What has been told so far."""
        return [event.kind for event in self.events]


def token_issuer(clock: Clock | None = None, **changes: Any) -> TokenIssuer:
    """The issuer of the access tokens, with some arguments changed."""
    arguments: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "client_id": "web",
        "signing_keys": [ACCESS_KEY],
        "clock": clock or Clock(),
    }
    return TokenIssuer(**arguments | changes)


def claims_of(text: str) -> dict[str, Any]:
    """What a token says, believed without a look."""
    claims: dict[str, Any] = json.loads(decode_segment(text.split(".")[1].encode()))
    return claims


GENUINE: Mapping[str, Any] = {
    "iss": ISSUER,
    "aud": ISSUER,
    "sub": "user-1",
    "sid": "s1",
    "gen": 0,
    "auth_time": NOW,
    "iat": NOW,
    "exp": NOW + 600,
}
LEFT_OUT = object()


def genuine(*, key: SigningKey = REFRESH_KEY, typ: str | None = "refresh+jwt", **changes: Any) -> str:
    """A refresh token made by hand and signed with the very key; `LEFT_OUT` leaves a member out."""
    members = {name: value for name, value in {**GENUINE, **changes}.items() if value is not LEFT_OUT}
    return sign(json.dumps(members).encode(), key, header={} if typ is None else {"typ": typ})


def minutes(number: float) -> timedelta:
    """So many minutes."""
    return timedelta(minutes=number)
