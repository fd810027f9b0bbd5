"""Stamps: a session ends at its next refresh once its user's credentials have changed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from jwtguard import ConfigurationError, Grants, InvalidGrantError, SessionEvent, SigningKey, UnavailableError
from jwtguard.core.flow import Flow
from jwtguard.core.sessions.refresh_tokens import RefreshToken, RefreshTokens
from tests.core.session_world import LEFT_OUT, REFRESH_KEY, World, claims_of, genuine
from tests.core.token_samples import ISSUER

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
STAMPS: list[Any] = [
    "pbkdf2_sha256$1$salt$hash",
    "",
    b"hash",
    b"",
    "hash",
    "68617368",
    7,
    "7",
    7.5,
    10**30,
    NOON,
    NOON.isoformat(),
    NOON.replace(tzinfo=None),
    NOON + timedelta(microseconds=1),
    "\ud800",
    "\x00",
    None,
]


def stamped(stamp: Any, **more: Any) -> Grants:
    """The grants of a user with this stamp."""
    return Grants(roles=["user"], scope=["reports:read"], stamp=stamp, **more)


@pytest.mark.parametrize("now", STAMPS, ids=repr)
@pytest.mark.parametrize("before", STAMPS, ids=repr)
def test_only_the_same_stamp_goes_on(before: Any, now: Any) -> None:
    """Each stamp is equal to itself alone, and to none of another type with the same spelling."""
    world = World()
    world.grants = stamped(before)
    answer = world.start()
    world.grants = stamped(now)
    world.clock.now += 60
    if before is now:
        answer = world.refresh(answer.refresh_token)
        world.clock.now += 60
        assert world.refresh(answer.refresh_token).scope == "reports:read"
    else:
        assert world.refused(answer.refresh_token) == "credentials_changed"


@pytest.mark.parametrize(
    ("before", "now"),
    [(NOON, NOON.astimezone(timezone(timedelta(hours=2)))), (5, 5.0), (10**15, 1e15)],
    ids=["another zone", "a whole number", "a large number"],
)
def test_what_a_database_may_return(before: Any, now: Any) -> None:
    """The same moment in another zone, and the same number of another type, are the same stamp."""
    world = World()
    world.grants = stamped(before)
    answer = world.start()
    world.grants = stamped(now)
    world.clock.now += 60
    assert world.refresh(answer.refresh_token)


def test_other_credentials_end_the_session() -> None:
    """The row is revoked and the event says why, so the old credentials do not bring it back."""
    world = World()
    world.grants = stamped("old")
    answer = world.start()
    session_id = world.row(answer).session_id
    world.events.clear()
    world.grants = stamped("new")
    world.clock.now += 60
    assert world.refused(answer.refresh_token) == "credentials_changed"
    assert world.events == [
        SessionEvent(kind="credentials_changed", subject="user-1", session_id=session_id, reason="credentials_changed")
    ]
    assert world.row(answer).state == "revoked"
    world.grants = stamped("old")
    assert world.refused(answer.refresh_token) == "revoked"
    assert world.refresh(world.start().refresh_token).scope == "reports:read"


@pytest.mark.parametrize("ended", [True, False], ids=["an ended session", "a row of another subject"])
def test_what_is_not_a_live_session_of_this_user(ended: bool) -> None:
    """A token without a live session of this user is refused; the event says that nothing was ended."""
    world = World()
    world.grants = stamped("old")
    answer = world.start()
    text = answer.refresh_token
    if ended:
        world.sessions.end(text).run()
    else:
        text = genuine(**{**claims_of(text), "sub": "user-2"})
    world.grants = stamped("new")
    world.events.clear()
    assert world.refused(text) == "credentials_changed"
    assert [(event.kind, event.reason) for event in world.events] == [("refused", "credentials_changed")]
    assert world.row(answer).state == ("revoked" if ended else "alive")


def test_an_outage_while_a_session_is_to_be_ended() -> None:
    """503, and the session ends at the next attempt."""
    for method in ("find", "revoke"):
        world = World()
        world.grants = stamped("old")
        answer = world.start()
        world.grants = stamped("new")
        world.store.fails = {method}
        with pytest.raises(UnavailableError):
            world.refresh(answer.refresh_token)
        world.store.fails = set()
        assert world.refused(answer.refresh_token) == "credentials_changed"


def test_a_token_from_before_there_were_stamps() -> None:
    """It has none: the session ends once the application gives one, and a token with one ends once it gives none."""
    world = World()
    answer = world.start()
    assert "stamp" not in claims_of(answer.refresh_token)
    world.grants = stamped("first")
    assert world.refused(answer.refresh_token) == "credentials_changed"


@pytest.mark.parametrize("stamp", ["", "A" * 43, 5, ["x"], None, LEFT_OUT])
def test_a_stamp_that_is_none(stamp: Any) -> None:
    """A token that was signed by hand with any other member is refused."""
    world = World()
    world.grants = stamped("old")
    answer = world.start()
    text = genuine(**{**claims_of(answer.refresh_token), "stamp": stamp})
    assert world.refused(text) == ("stamp" if stamp in (5, ["x"]) else "credentials_changed")


def test_a_login_that_hashes_the_password_anew() -> None:
    """The stamp is taken after the password was checked, so an upgrade of the hash keeps the session that it starts."""
    world = World()
    world.grants = stamped("weak hash")

    def authenticate() -> str:
        world.grants = stamped("strong hash")
        return "user-1"

    answer = world.start(authenticate())
    world.clock.now += 60
    assert world.refresh(answer.refresh_token)


def test_fallbacks() -> None:
    """An earlier form of the same credentials is accepted, and the next token has the current one."""
    world = World()
    world.grants = stamped("under the old key")
    answer = world.start()
    world.grants = stamped("under the new key", stamp_fallbacks=iter(["another", "under the old key"]))
    world.clock.now += 60
    answer = world.refresh(answer.refresh_token)
    world.grants = stamped("under the new key")
    world.clock.now += 60
    assert world.refresh(answer.refresh_token)


def test_rotation_of_the_refresh_keys() -> None:
    """A stamp under any of the keys counts; the next token has it under the newest, so the oldest may go."""
    second, third = (SigningKey.generate("HS512", kid=kid) for kid in ("r2", "r3"))
    world = World()
    world.grants = stamped("hash")
    answer = world.start()
    for keys in ([REFRESH_KEY, second], [second], [second, third]):
        world.clock.now += 60
        answer = world.made(refresh_keys=keys).refresh(answer.refresh_token).run()
    world.grants = stamped("another")
    with pytest.raises(InvalidGrantError, match="credentials_changed"):
        world.made(refresh_keys=[second, third]).refresh(answer.refresh_token).run()


def test_a_check_up_front() -> None:
    """Silent renewal is refused before the view runs."""
    world = World()
    world.grants = stamped("old")
    answer = world.start()
    world.grants = stamped("new")
    with pytest.raises(InvalidGrantError, match="credentials_changed"):
        Flow(world.sessions.prepare(answer.refresh_token)).run()
    assert world.row(answer).state == "revoked"


def test_an_async_load() -> None:
    """An `async` `load` can give stamps."""
    world = World()

    async def load(subject: str) -> Grants | None:
        return world.load(subject)  # type: ignore[no-any-return]

    async def play() -> None:
        sessions = world.made(load=load)
        world.grants = stamped("old")
        answer = await sessions.start("user-1")
        world.clock.now += 60
        answer = await sessions.refresh(answer.refresh_token)
        world.grants = stamped("new")
        with pytest.raises(InvalidGrantError, match="credentials_changed"):
            await sessions.refresh(answer.refresh_token)

    asyncio.run(play())


def test_what_stands_in_the_token() -> None:
    """A keyed hash: two users, issuers or keys with one stamp have different ones, and none is a signature."""
    token = RefreshToken(subject="user-1", session_id="s1", generation=0, auth_time=0)
    other_key = SigningKey.generate("HS256", kid="r2")
    tokens = RefreshTokens(ISSUER, [REFRESH_KEY])
    made = {
        tokens.stamped(token, "hash").stamp,
        tokens.stamped(RefreshToken(subject="user-2", session_id="s1", generation=0, auth_time=0), "hash").stamp,
        RefreshTokens("https://other.example", [REFRESH_KEY]).stamped(token, "hash").stamp,
        RefreshTokens(ISSUER, [other_key]).stamped(token, "hash").stamp,
    }
    assert len(made) == 4
    assert {len(stamp or "") for stamp in made} == {43}, "HMAC with SHA-256, in base64url"
    world = World()
    world.grants = stamped("a hash that is a secret")
    answer = world.start()
    shown = f"{world.grants!r} {answer!r} {claims_of(answer.refresh_token)} {claims_of(answer.access_token)}"
    assert "a hash that is a secret" not in shown
    assert "stamp" not in claims_of(answer.access_token)


@pytest.mark.parametrize(
    "stamp", [True, float("nan"), float("inf"), object(), ["a"], {"a": 1}, memoryview(b"x"), NOON.date()]
)
def test_other_types(stamp: Any) -> None:
    """An error that says what to write and shows no value."""
    with pytest.raises(ConfigurationError, match=r"write stamp=user.password, or stamp=str\(...\)") as caught:
        Grants(stamp=stamp)
    assert repr(stamp) not in str(caught.value)
    with pytest.raises(ConfigurationError, match="stamp is a string"):
        Grants(stamp="hash", stamp_fallbacks=["other", stamp])


@pytest.mark.parametrize("fallbacks", ["hash", b"hash", {"a": 1}, None, 5], ids=repr)
def test_fallbacks_that_are_no_list(fallbacks: Any) -> None:
    """A string is a list of characters to Python, and each would be accepted."""
    with pytest.raises(ConfigurationError, match="stamp_fallbacks is a list of stamps"):
        Grants(stamp="hash", stamp_fallbacks=fallbacks)


def test_fallbacks_without_a_stamp() -> None:
    """Fallbacks without a stamp are a ConfigurationError."""
    with pytest.raises(ConfigurationError, match="give the stamp too"):
        Grants(stamp_fallbacks=["hash"])
    with pytest.raises(ConfigurationError, match="stamp is a string"):
        Grants(stamp="hash", stamp_fallbacks=[None])  # type: ignore[list-item]
