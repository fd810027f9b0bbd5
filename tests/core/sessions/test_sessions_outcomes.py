"""The outcome table, row by row: what becomes of a refresh token, by its generation, the row and the time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jwtguard import Grants, InvalidGrantError, SessionEvent, TokenResponse, UnavailableError
from jwtguard.core.flow import Flow
from jwtguard.core.sessions.store_protocol import RotationRequest, RotationResult, Session
from tests.core.session_world import World, claims_of, genuine, minutes

GRACE = 10


class Played(World):
    """A session that was refreshed `rotations` times, each a minute after the other, `ago` seconds ago."""

    def __init__(self, rotations: int, ago: float, **changes: Any) -> None:
        super().__init__(grace=timedelta(seconds=GRACE), **changes)
        self.answers = [self.start()]
        for _ in range(rotations):
            self.clock.now += 60
            self.answers.append(self.refresh(self.answers[-1].refresh_token))
        self.clock.now += ago
        self.events.clear()
        self.store.calls.clear()
        self.before = self.row(self.answers[0])

    def text(self, generation: int) -> str:
        """The refresh token of any generation, of the past or of the future."""
        if generation < len(self.answers):
            return self.answers[generation].refresh_token
        return genuine(**{**claims_of(self.answers[-1].refresh_token), "gen": generation})

    def told(self) -> tuple[str, str]:
        """The one event."""
        (event,) = self.events
        assert (event.subject, event.session_id) == ("user-1", self.before.session_id)
        return event.kind, event.reason


# Refreshed how often, how long ago, which generation is presented: the event, and the generation that is handed out.
GIVEN: list[tuple[int, float, int, tuple[str, str], int]] = [
    # The current generation: rotated.
    (0, 0, 0, ("refreshed", "refreshed"), 1),
    (0, 5, 0, ("refreshed", "refreshed"), 1),
    (1, GRACE, 1, ("refreshed", "refreshed"), 2),
    (3, 3600, 3, ("refreshed", "refreshed"), 4),
    # The current generation, made by a rotation less than the grace time ago: replayed, the same generation.
    (1, 0, 1, ("replayed", "current_generation"), 1),
    (1, GRACE - 0.001, 1, ("replayed", "current_generation"), 1),
    (3, 5, 3, ("replayed", "current_generation"), 3),
    # The generation just before, within the grace time: replayed, the next generation again.
    (1, 0, 0, ("replayed", "previous_generation"), 1),
    (1, GRACE - 0.001, 0, ("replayed", "previous_generation"), 1),
    (3, 5, 2, ("replayed", "previous_generation"), 3),
    # Clocks differ a little, and requests cross: an age down to -60 s is 0.
    (1, -0.2, 1, ("replayed", "current_generation"), 1),
    (1, -0.2, 0, ("replayed", "previous_generation"), 1),
    (1, -60, 1, ("replayed", "current_generation"), 1),
    (1, -60, 0, ("replayed", "previous_generation"), 1),
    # A clock that was set back by more is no grace: the current generation is rotated.
    (1, -60.5, 1, ("refreshed", "refreshed"), 2),
    (3, -4000, 3, ("refreshed", "refreshed"), 4),
]


@pytest.mark.parametrize(("rotations", "ago", "presented", "event", "handed_out"), GIVEN)
def test_what_gives_tokens(rotations: int, ago: float, presented: int, event: tuple[str, str], handed_out: int) -> None:
    """A new access token each time; only a rotation changes the row."""
    world = Played(rotations, ago)
    answer = world.refresh(world.text(presented))
    refresh_token = claims_of(answer.refresh_token)
    assert (refresh_token["gen"], refresh_token["sid"]) == (handed_out, world.before.session_id)
    assert claims_of(answer.access_token)["iat"] == int(world.clock.now)
    assert answer.access_token not in {earlier.access_token for earlier in world.answers}
    assert world.told() == event
    assert world.store.calls == ["rotate"], "one call of the store, whatever comes of it"
    after = world.row(answer)
    assert (after == world.before) == (event[0] == "replayed")
    assert after.generation == (rotations + 1 if event[0] == "refreshed" else rotations)


# Refreshed how often, how long ago, which generation is presented: the event and the reason.
REUSED: list[tuple[int, float, int, tuple[str, str]]] = [
    # The generation just before, after the grace time.
    (1, GRACE, 0, ("reuse_detected", "reuse")),
    (1, 3600, 0, ("reuse_detected", "reuse")),
    (3, GRACE, 2, ("reuse_detected", "reuse")),
    # Any older one, also within the grace time.
    (2, 0, 0, ("reuse_detected", "reuse")),
    (3, 5, 1, ("reuse_detected", "reuse")),
    (3, -3600, 0, ("reuse_detected", "reuse")),
    # The generation just before, once the clock was set back by more than a minute.
    (1, -60.5, 0, ("reuse_detected", "reuse")),
    (1, -4000, 0, ("reuse_detected", "reuse")),
    (3, -4000, 2, ("reuse_detected", "reuse")),
    (3, 3600, 0, ("reuse_detected", "reuse")),
    # A generation newer than the row.
    (0, 0, 1, ("future_generation", "future_generation")),
    (1, 5, 2, ("future_generation", "future_generation")),
    (1, 3600, 3, ("future_generation", "future_generation")),
    (0, 60, 2**53 - 1, ("future_generation", "future_generation")),
]


@pytest.mark.parametrize(("rotations", "ago", "presented", "event"), REUSED)
def test_what_ends_the_session(rotations: int, ago: float, presented: int, event: tuple[str, str]) -> None:
    """For both who hold it: 400, an event, and no generation of it gives anything any more."""
    world = Played(rotations, ago)
    assert world.refused(world.text(presented)) == event[1]
    assert world.told() == event
    assert world.store.calls == ["rotate", "revoke"]
    assert world.row(world.answers[0]).state == "revoked"
    for generation in range(rotations + 2):
        assert world.refused(world.text(generation)) == "revoked"


@pytest.mark.parametrize("presented", [0, 1, 2, 3])
@pytest.mark.parametrize("state", ["revoked", "expired", "unknown_session"])
def test_what_is_over(state: str, presented: int) -> None:
    """Revoked, expired or unknown: 400 whatever the generation, and no write."""
    world = Played(2, 60, idle_lifetime=minutes(10))
    text = world.text(presented)
    if state == "revoked":
        world.sessions.end(world.text(2)).run()
    elif state == "expired":
        world.clock.now += 539  # Idle by the row; the last token's leeway is not over yet.
        world.clock.now += 1
        text = genuine(**{**claims_of(text), "exp": world.clock.now + 60})
    else:
        text = genuine(**{**claims_of(text), "sid": "unknown"})
    world.events.clear()
    world.store.writes.clear()
    assert world.refused(text) == state
    assert [(event.kind, event.reason) for event in world.events] == [("refused", state)]
    assert world.store.writes == ["rotate"], "which wrote nothing"


@pytest.mark.parametrize("rotations", [1, 2])
def test_no_grace_at_all(rotations: int) -> None:
    """With 0, the second of two is a thief, and the current generation is rotated at once."""
    world = World(grace=timedelta(0))
    answer = world.start()
    earlier = answer
    for _ in range(rotations):
        earlier, answer = answer, world.refresh(answer.refresh_token)
    assert world.refused(earlier.refresh_token) == "reuse"
    assert world.refused(answer.refresh_token) == "revoked"


def test_a_lost_answer() -> None:
    """A client that got no answer presents the same generation again, and continues with the new tokens."""
    world = World()
    first = world.start()
    world.clock.now += 60
    world.refresh(first.refresh_token)
    world.clock.now += 3
    again = world.refresh(first.refresh_token)
    world.clock.now += 60
    assert claims_of(world.refresh(again.refresh_token).refresh_token)["gen"] == 2
    assert world.kinds() == ["started", "refreshed", "replayed", "refreshed"]


def test_a_replay_is_a_whole_answer() -> None:
    """Today's rights, the login's scope and claims, and the rest of the lifetime."""
    world = World(grace=timedelta(seconds=GRACE), idle_lifetime=minutes(60), absolute_lifetime=minutes(60))
    world.grants = Grants(roles=iter(["user"]), scope=["a", "b"])
    first = world.start(scope=["a"], claims={"tenant": "t1"}, remember=False)
    world.clock.now += 60
    world.refresh(first.refresh_token)
    for text in (first.refresh_token, claims_of(first.refresh_token)):
        world.clock.now += 1
        world.grants = Grants(roles=iter(["admin"]), scope=["a"])
        answer = world.refresh(text if isinstance(text, str) else genuine(**{**text, "gen": 1}))
        told = claims_of(answer.access_token)
        assert (told["roles"], told["scope"], told["tenant"]) == (["admin"], "a", "t1")
        assert (answer.scope, answer.remember) == ("a", False)
        assert answer.refresh_expires_in == 3600 - (world.clock.now - told["auth_time"])


@pytest.mark.parametrize("changes", [{"subject": "user-2"}, {"issuer": "https://other.example"}])
def test_a_row_of_another_subject_or_issuer(changes: dict[str, str]) -> None:
    """A row of this name that another subject or issuer has gives nothing, and is left alone."""
    world = Played(1, 60)

    def rotate(rotation: RotationRequest, **_: Any) -> RotationResult:
        row = world.before
        members = {name: getattr(row, name) for name in Session.__slots__}
        return RotationResult(is_rotated=False, session=Session(**{**members, **changes}), age=60)

    world.store.rotate = rotate  # type: ignore[method-assign]
    assert world.refused(world.text(0)) == "another_session"
    assert world.store.calls == []


# The grace time counts to the arrival of the request.


@pytest.mark.parametrize("has_own_clock", [False, True], ids=["the caller's clock", "a clock of its own"])
@pytest.mark.parametrize(
    ("arrives", "presented", "outcome"),
    [
        (GRACE - 1, 0, ("replayed", "previous_generation")),
        (0, 0, ("replayed", "previous_generation")),
        (GRACE, 0, ("reuse_detected", "reuse")),
        (GRACE + 1, 0, ("reuse_detected", "reuse")),
    ],
)
@pytest.mark.parametrize("stalls", ["load", "rotate"])
def test_an_outage_while_a_request_waits(
    stalls: str, arrives: float, presented: int, outcome: tuple[str, str], has_own_clock: bool
) -> None:
    """The user or the store answers after half a minute: what counts is when the client asked."""
    world = Played(1, arrives)
    skew = 1000.0 if has_own_clock else 0.0
    rotate, row = world.store.rotate, world.before

    def stall(method: str) -> None:
        world.clock.now += 30 if method == stalls else 0

    def judging(rotation: RotationRequest, *, now: float, **more: Any) -> RotationResult:
        """By a clock that is a quarter of an hour ahead, and that runs on while the store is away."""
        taken = rotate(rotation, now=now, **more)
        members = {name: getattr(row, name) for name in Session.__slots__}
        session = Session(**{**members, "refreshed_at": (row.refreshed_at or 0) + skew})
        return (
            RotationResult(is_rotated=False, session=session, age=world.clock.now - (row.refreshed_at or 0))
            if skew
            else taken
        )

    world.store.before = stall
    world.store.rotate = judging  # type: ignore[method-assign]
    if outcome[0] == "replayed":
        world.refresh(world.text(presented))
    else:
        world.refused(world.text(presented))
    assert world.told() == outcome


def test_the_current_rotation_while_a_request_waits() -> None:
    """In time on arrival, it is replayed however long `load` took; a moment too late, it is rotated."""
    for arrives, event in ((GRACE - 1, "replayed"), (GRACE, "refreshed")):
        world = Played(1, arrives)
        world.store.before = lambda method, world=world: setattr(  # type: ignore[misc]
            world.clock, "now", world.clock.now + (30 if method == "load" else 0)
        )
        world.refresh(world.text(1))
        assert world.told()[0] == event


def test_a_view_that_runs_for_minutes_before_the_rotation_is_taken() -> None:
    """Silent renewal rotates when the response starts: another tab may have taken it long before."""
    world = Played(1, 60)
    prepared = Flow(world.sessions.prepare(world.text(1))).run()
    Flow(prepared.check()).run()
    world.clock.now += 1
    world.refresh(world.text(1))
    world.clock.now += 300
    answer = Flow(prepared.take()).run()
    assert claims_of(answer.refresh_token)["gen"] == 2
    assert world.kinds() == ["refreshed", "replayed"]


# The order of work.


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("none", InvalidGrantError),
        ("raises", UnavailableError),
        ("bad role", Exception),
        ("bad scope", Exception),
        ("no grants", Exception),
        ("bad claim", Exception),
    ],
)
def test_what_can_fail_comes_before_the_write(what: str, expected: type[Exception]) -> None:
    """The user is loaded and both tokens are signed before the row is touched, at login and at every refresh."""
    world = World()
    answer = world.start()
    world.store.calls.clear()
    world.grants = {
        "none": None,
        "raises": OSError("users are gone"),
        "bad role": Grants(roles=[""]),
        "bad scope": Grants(scope=["a b"]),
        "no grants": {"roles": ["admin"]},
        "bad claim": Grants(claims={"sub": "admin"}),
    }[what]
    attempts: list[Callable[[], Flow[TokenResponse]]] = [
        lambda: world.sessions.refresh(answer.refresh_token),
        lambda: world.sessions.start("user-1"),
    ]
    for attempt in attempts:
        world.clock.now += 60
        with pytest.raises(expected) as caught:
            attempt().run()
        assert getattr(caught.value, "status", None) == {"none": 400, "raises": 503}.get(what, 500)
    assert world.store.calls == []
    assert world.row(answer).generation == 0


def test_the_order() -> None:
    """Verify, load, sign, write; and of what is refused, nothing after it."""
    world = World()
    order: list[str] = []
    world.store.before = order.append
    issuer = world.sessions.issuer

    def new_jti() -> str:
        order.append("sign")
        return "jti"

    object.__setattr__(issuer, "new_jti", new_jti)
    answer = world.start()
    world.clock.now += 60
    world.refresh(answer.refresh_token)
    assert order == ["load", "sign", "create", "load", "sign", "rotate"]
    order.clear()
    world.refused("garbage")
    assert order == []


def test_a_user_who_may_no_longer_log_in() -> None:
    """400, told with who it was; and the day it is allowed again, the session goes on."""
    world = World()
    answer = world.start()
    session_id = world.row(answer).session_id
    grants, world.grants = world.grants, None
    assert world.refused(answer.refresh_token) == "user"
    assert world.events[-1] == SessionEvent(kind="refused", subject="user-1", session_id=session_id, reason="user")
    with pytest.raises(InvalidGrantError):
        world.start("user-2")
    assert world.events[-1] == SessionEvent(kind="refused", subject="user-2", session_id=None, reason="user")
    world.grants = grants
    assert world.refresh(answer.refresh_token).scope == "reports:read"


CALLS: list[tuple[str, Callable[[World, str], Flow[Any]]]] = [
    ("create", lambda world, text: world.sessions.start("user-1")),
    ("rotate", lambda world, text: world.sessions.refresh(text)),
    ("revoke", lambda world, text: world.sessions.end(text)),
    ("find", lambda world, text: world.sessions.end_session("user-1", "s1")),
    ("revoke", lambda world, text: world.sessions.end_session("user-1", claims_of(text)["sid"])),
    ("revoke_all", lambda world, text: world.sessions.end_all("user-1")),
    ("list", lambda world, text: world.sessions.list("user-1")),
    ("purge", lambda world, text: world.sessions.purge()),
]


@pytest.mark.parametrize(("method", "call"), CALLS)
def test_a_store_that_fails(
    method: str, call: Callable[[World, str], Flow[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    """503 and no event, never a 400, which would log users out; and recovery by itself."""
    world = World()
    text = world.start().refresh_token
    world.clock.now += 60
    world.events.clear()
    world.store.fails = {method}
    with pytest.raises(UnavailableError) as caught:
        call(world, text).run()
    assert (caught.value.status, caught.value.reason) == (503, "store")
    assert "session store unavailable: OSError" in caplog.text
    assert "connection refused" not in caplog.text
    assert world.events == []
    world.store.fails = set()
    call(world, text).run()


def test_a_store_that_fails_to_end_a_stolen_session() -> None:
    """503, and the next who presents the copy ends it."""
    world = Played(2, 60)
    world.store.fails = {"revoke"}
    with pytest.raises(UnavailableError):
        world.refresh(world.text(0))
    assert world.events == []
    world.store.fails = set()
    assert world.refused(world.text(0)) == "reuse"


def test_a_session_that_is_ended_in_parallel() -> None:
    """Between loading the user and the write: the write sees it."""
    world = World()
    answer = world.start()
    world.clock.now += 60
    session_id = world.row(answer).session_id

    def end(method: str) -> None:
        if method == "load":
            world.store.revoke(session_id, now=world.clock.now)

    world.store.before = end
    assert world.refused(answer.refresh_token) == "revoked"


# A refresh in two steps, for an adapter that sends the response in between.


def test_prepared_and_then_taken() -> None:
    """Nothing is written before `take`, which gives the answer that was shown."""
    world = Played(1, 60)
    prepared = Flow(world.sessions.prepare(world.text(1))).run()
    assert world.store.calls == []
    Flow(prepared.check()).run()
    assert world.store.writes == ["create", "rotate"], "those of before"
    assert Flow(prepared.take()).run() is prepared.answer
    assert world.told() == ("refreshed", "refreshed")
    assert world.row(world.answers[0]).generation == 2


@pytest.mark.parametrize(
    ("presented", "ago", "event"),
    [
        (0, 3600, ("reuse_detected", "reuse")),
        (2, 3600, ("future_generation", "future_generation")),
        (1, 15 * 86400, None),
    ],
)
def test_a_check_refuses_what_is_refused(presented: int, ago: float, event: tuple[str, str] | None) -> None:
    """Up front, so that no view runs for a stolen copy; a theft ends the session then and there."""
    world = Played(1, 60)
    prepared = Flow(world.sessions.prepare(world.text(presented))).run()
    world.clock.now += ago - 60
    if event is None:
        world.sessions.end(world.text(1)).run()
        world.events.clear()
    with pytest.raises(InvalidGrantError):
        Flow(prepared.check()).run()
    assert world.told() == (event or ("refused", "revoked"))


def test_a_check_settles_a_replay() -> None:
    """The generation just before is not rotated: its answer is known, and told once."""
    world = Played(1, 5)
    prepared = Flow(world.sessions.prepare(world.text(0))).run()
    Flow(prepared.check()).run()
    calls = list(world.store.calls)
    answer = Flow(prepared.take()).run()
    assert claims_of(answer.refresh_token)["gen"] == 1
    assert world.told() == ("replayed", "previous_generation")
    assert world.store.calls == calls


def test_a_rotation_that_was_taken_between_check_and_take() -> None:
    """A generation that another tab rotated between check and write is a replay."""
    world = Played(1, 60)
    prepared = Flow(world.sessions.prepare(world.text(1))).run()
    Flow(prepared.check()).run()
    world.refresh(world.text(1))
    assert claims_of(Flow(prepared.take()).run().refresh_token)["gen"] == 2
    assert world.kinds() == ["refreshed", "replayed"]


def test_a_thief_and_a_victim_in_every_order() -> None:
    """In any order, two holders of one refresh token never both have a live session after the grace time."""
    for order in ("tv", "vt"):
        for gap in (0, 5, 9.5, 10, 60):
            world = World(grace=timedelta(seconds=GRACE))
            stolen = world.start().refresh_token
            holds = {"t": stolen, "v": stolen}
            world.clock.now += 60
            for who in order:
                holds[who] = _tried(world, holds[who])
                world.clock.now += gap
            world.clock.now += 60
            for _ in range(3):
                for who in order:
                    holds[who] = _tried(world, holds[who])
                    world.clock.now += 60
            assert not all(holds.values()), (order, gap)


def _tried(world: World, text: str) -> str:
    try:
        return world.refresh(text).refresh_token if text else ""
    except InvalidGrantError:
        return ""
