"""Sessions: what a login gives, what every refresh keeps and what it asks again, and how sessions end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from jwtguard import (
    ConfigurationError,
    Grants,
    Guard,
    InvalidTokenError,
    SessionEvent,
    Sessions,
    SigningKey,
    TokenResponse,
    UnavailableError,
)
from jwtguard.core.flow import Flow
from jwtguard.stores.memory import MemoryStore
from tests.core.keys import signing_key
from tests.core.session_world import (
    ACCESS_KEY,
    DAY,
    REFRESH_KEY,
    World,
    claims_of,
    genuine,
    minutes,
    token_issuer,
)
from tests.core.token_samples import AUDIENCE, ISSUER, NOW


def access(answer: TokenResponse) -> dict[str, Any]:
    """What the access token says."""
    return claims_of(answer.access_token)


def guard(world: World) -> Guard:
    """A guard that trusts the issuer of these sessions."""
    return Guard(issuer=ISSUER, audience=AUDIENCE, keys=ACCESS_KEY.verification_key, clock=world.clock)


def test_a_subject_that_is_a_uuid() -> None:
    """Tokens and rows have its one spelling, and every method takes it as it is."""
    world = World()
    subject = UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
    first, second = (world.sessions.start(subject).run() for _ in range(2))
    assert access(first)["sub"] == str(subject)
    assert world.loaded == [str(subject)] * 2
    assert len(world.sessions.list(subject).run()) == 2
    assert world.sessions.end_session(subject, access(second)["sid"]).run() is True
    assert world.sessions.end_all(subject).run() == 1
    assert world.sessions.list(str(subject)).run() == []


def test_a_login() -> None:
    """A login gives an access token that names session and login, and the refresh token of generation 0."""
    world = World()
    answer = world.start(42, label="Firefox on Linux")
    assert (answer.expires_in, answer.refresh_expires_in, answer.scope) == (300, 14 * DAY, "reports:read")
    assert (answer.remember, answer.token_type) == (True, "Bearer")
    refresh_token = claims_of(answer.refresh_token)
    assert (refresh_token["sub"], refresh_token["gen"], refresh_token["auth_time"]) == ("42", 0, NOW)
    assert {name: access(answer)[name] for name in ("sub", "sid", "auth_time", "roles", "scope")} == {
        "sub": "42",
        "sid": refresh_token["sid"],
        "auth_time": NOW,
        "roles": ["user"],
        "scope": "reports:read",
    }
    session = world.row(answer)
    assert (session.subject, session.issuer, session.label, session.generation) == ("42", ISSUER, "Firefox on Linux", 0)
    assert session.expires_at == NOW + 14 * DAY
    assert world.events == [SessionEvent(kind="started", subject="42", session_id=session.session_id, reason="started")]


def test_every_session_has_a_name_of_its_own() -> None:
    """160 random bits."""
    world = World()
    names = {claims_of(world.start().refresh_token)["sid"] for _ in range(50)}
    assert len(names) == 50
    assert {len(name) for name in names} == {27}


def test_one_row_however_often_it_is_refreshed() -> None:
    """A session is one row for all its refresh tokens."""
    world = World(grace=timedelta(0))
    answer = world.start()
    for _ in range(20):
        world.clock.now += 60
        answer = world.refresh(answer.refresh_token)
    assert [session.generation for session in world.sessions.list("user-1").run()] == [20]


def test_a_refresh_asks_for_todays_rights() -> None:
    """Roles and scopes are fresh, the login's claims and time unchanged."""
    world = World()
    world.grants = Grants(roles=["user"], scope=["a", "b"], permissions=["p"], claims={"plan": "free", "today": 1})
    first = world.start(claims={"tenant": "t1", "plan": "login"})
    assert (access(first)["tenant"], access(first)["plan"], access(first)["today"]) == ("t1", "free", 1)
    world.clock.now += 60
    world.grants = Grants(roles=["admin"], scope=["b", "c"])
    second = world.refresh(first.refresh_token)
    told = access(second)
    assert (told["roles"], told["scope"], told["tenant"], told["plan"]) == (["admin"], "b c", "t1", "login")
    assert (told["auth_time"], told["iat"]) == (NOW, NOW + 60)
    assert {"permissions", "today"}.isdisjoint(told)
    assert world.loaded == ["user-1", "user-1"]


def test_scope_of_the_login() -> None:
    """Today's grants limit it, and the refresh token keeps it for the day they come back."""
    world = World()
    world.grants = Grants(scope=["a", "b", "c"])
    answer = world.start(scope=["a", "b", "x"])
    scopes = [answer.scope]
    for today in (["b"], [], ["a", "b", "c", "d"]):
        world.clock.now += 60
        world.grants = Grants(scope=today)
        answer = world.refresh(answer.refresh_token)
        scopes.append(answer.scope)
        assert claims_of(answer.refresh_token)["scope"] == ["a", "b", "x"]
    assert scopes == ["a b", "b", "", "a b"]
    assert access(answer)["scope"] == "a b"


def test_claims_come_through_every_rotation_unchanged() -> None:
    """All JSON values of claims stay the same through each refresh."""
    world = World(grace=timedelta(0))
    claims = {"n": 1, "f": 2.5, "list": [{"a": None}, "é"], "https://example/claim": True}
    answer = world.start(claims=claims, remember=False)
    for _ in range(3):
        world.clock.now += 1
        answer = world.refresh(answer.refresh_token)
        assert claims_of(answer.refresh_token)["claims"] == claims
        assert {name: access(answer)[name] for name in claims} == claims
        assert answer.remember is False


def test_idle_lifetime() -> None:
    """A session ends a given time after its last refresh; the store decides, without the token's leeway."""
    world = World(idle_lifetime=minutes(10), absolute_lifetime=minutes(60))
    answer = world.start()
    world.clock.now += 599
    answer = world.refresh(answer.refresh_token)
    assert answer.refresh_expires_in == 600
    world.clock.now += 599
    answer = world.refresh(answer.refresh_token)
    world.clock.now += 600
    assert world.refused(answer.refresh_token) == "expired"
    world.clock.now += 11
    assert world.refused(answer.refresh_token) == "expired"


def test_absolute_lifetime() -> None:
    """A session ends at its absolute lifetime, also if it is refreshed; its last tokens end then too."""
    world = World(idle_lifetime=minutes(10), absolute_lifetime=minutes(25))
    answer = world.start()
    lives = []
    for _ in range(3):
        world.clock.now += 480
        answer = world.refresh(answer.refresh_token)
        lives.append(answer.refresh_expires_in)
    assert lives == [600, 540, 60]
    assert claims_of(answer.refresh_token)["exp"] == NOW + 1500
    world.clock.now = NOW + 1500
    world.store.calls.clear()
    assert world.refused(answer.refresh_token) == "expired"
    assert world.store.calls == [], "nothing is asked where the token says it all"
    assert world.events[-1].subject == "user-1"


def test_a_shorter_lifetime_counts_at_once() -> None:
    """A shorter lifetime also applies to sessions that were started before."""
    world = World(idle_lifetime=minutes(10), absolute_lifetime=minutes(60))
    answer = world.start()
    world.clock.now += 300
    shorter = world.made(idle_lifetime=minutes(1), absolute_lifetime=minutes(5))
    assert world.refused(answer.refresh_token, shorter.refresh) == "expired"
    assert world.refresh(answer.refresh_token).refresh_expires_in == 600


@pytest.mark.parametrize("ahead", [-1e6, -3600, -11, 11, 3600, DAY])
def test_servers_whose_clocks_differ(ahead: float) -> None:
    """A generation that one server made is rotated by another, and a third after it."""
    world = World(grace=timedelta(0))
    answer = world.start()
    for now in (NOW + ahead, NOW, NOW + ahead):
        world.clock.now = now
        answer = world.refresh(answer.refresh_token)
    assert world.row(answer).generation == 3


@pytest.mark.parametrize("expires", ["alive", "expired"])
def test_logout(expires: str) -> None:
    """A genuine refresh token of any generation ends its session, expired or not."""
    world = World(idle_lifetime=minutes(10))
    first = world.start()
    world.clock.now += 60
    second = world.refresh(first.refresh_token)
    if expires == "expired":
        world.clock.now += 3600
    world.sessions.end(first.refresh_token).run()
    assert world.row(second).state == "revoked"
    kinds = ["started", "refreshed", "ended"]
    # What had ended by itself is marked all the same, but it is no news.
    assert world.kinds() == (kinds if expires == "alive" else kinds[:2])
    world.clock.now = NOW + 61
    assert world.refused(second.refresh_token) == "revoked"


def test_logout_twice() -> None:
    """A second logout is no error and causes no second event."""
    world = World()
    answer = world.start()
    world.sessions.end(answer.refresh_token).run()
    world.sessions.end(answer.refresh_token).run()
    assert world.kinds() == ["started", "ended"]
    assert world.events[-1].reason == "logout"


@pytest.mark.parametrize("text", ["", "garbage", genuine(key=signing_key("HS256", "r1")), genuine(typ="at+jwt"), None])
def test_logout_with_garbage(text: Any) -> None:
    """A logout with garbage is refused without a store call."""
    world = World()
    world.refused(text, world.sessions.end)
    assert world.store.calls == []
    assert [(event.kind, event.subject, event.session_id) for event in world.events] == [("refused", None, None)]


def test_end_all() -> None:
    """All sessions of a subject at this issuer, and no others."""
    world = World()
    mine = [world.start(7), world.start(7)]
    other = world.start("user-2")
    elsewhere = world.made(issuer=token_issuer(world.clock, issuer="https://other.example"))
    spared = elsewhere.start(7).run()
    assert world.sessions.end_all(7).run() == 2
    assert [world.row(answer).state for answer in mine] == ["revoked", "revoked"]
    assert [world.row(answer).state for answer in (other, spared)] == ["alive", "alive"]
    assert world.sessions.end_all(7).run() == 0
    event = world.events[-1]
    assert (event.kind, event.subject, event.session_id, event.reason) == ("ended", "7", None, "logout_everywhere")


def test_list() -> None:
    """The live sessions with their labels, newest first, of this subject at this issuer."""
    world = World()
    for label in ("phone", None, "laptop"):
        world.start(7, label=label)
        world.clock.now += 1
    world.sessions.end(world.start(7, label="ended").refresh_token).run()
    world.start("user-2")
    world.made(issuer=token_issuer(world.clock, issuer="https://other.example")).start(7).run()
    assert [session.label for session in world.sessions.list(7).run()] == ["laptop", None, "phone"]


@pytest.mark.parametrize(
    ("label", "shown"),
    [("", ""), ("Zürich 🦊", "Zürich 🦊"), ("x" * 300, "x" * 255), ("a\x00b", "a\ufffdb"), ("a\ud800b", "a?b")],
)
def test_labels(label: str, shown: str) -> None:
    """Labels, which often come from a request's header field, are made storable in every database."""
    world = World()
    assert world.row(world.start(label=label)).label == shown


def test_end_session() -> None:
    """One by its id, if it is the subject's own and alive."""
    world = World()
    answer, other = world.start(7), world.start("user-2")
    session_id = world.row(answer).session_id
    elsewhere = world.made(issuer=token_issuer(world.clock, issuer="https://other.example"))
    end = world.sessions.end_session
    assert end("user-2", session_id).run() is False
    assert end("7", world.row(other).session_id).run() is False
    assert elsewhere.end_session("7", session_id).run() is False
    assert world.row(answer).is_alive
    assert end(7, session_id).run() is True
    assert world.row(answer).state == "revoked"
    assert end(7, session_id).run() is False
    assert world.kinds() == ["started", "started", "ended"]
    assert (world.events[-1].subject, world.events[-1].session_id) == ("7", session_id)


@pytest.mark.parametrize("session_id", ["", "unknown", "x" * 65, "a\x00b", "\ud800", "../..", "'; DROP TABLE--"])
def test_end_session_with_garbage(session_id: str) -> None:
    """An id from a URL that cannot be one is unknown, and no outage."""
    world = World()
    assert world.sessions.end_session("user-1", session_id).run() is False


def test_purge() -> None:
    """Rows past their absolute lifetime go, and say how many they were."""
    world = World(idle_lifetime=minutes(1), absolute_lifetime=minutes(2))
    world.start()
    world.clock.now += 120
    world.start()
    assert world.sessions.purge().run() == 1


def test_an_access_token_is_no_refresh_token() -> None:
    """An access token is refused as a refresh token, and a refresh token by a guard with any keys."""
    world = World()
    answer = world.start()
    assert world.refused(answer.access_token) in {"key", "typ"}
    assert world.refused(answer.access_token, world.sessions.end) in {"key", "typ"}
    with pytest.raises(InvalidTokenError):
        guard(world).verify(answer.refresh_token).run()
    careless = Guard(issuer=ISSUER, audience=ISSUER, keys=REFRESH_KEY.verification_key, clock=world.clock)
    with pytest.raises(InvalidTokenError, match="typ"):
        careless.verify(answer.refresh_token).run()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://other.example", "aud": "https://other.example"}, "iss"),
        ({"iss": "https://other.example"}, "iss"),
        ({"aud": AUDIENCE}, "aud"),
        ({"typ": "at+jwt"}, "typ"),
        ({"key": ACCESS_KEY}, "key"),
        ({"gen": "0"}, "gen"),
        ({"sid": None}, "sid"),
    ],
)
def test_tokens_of_others(changes: dict[str, Any], reason: str) -> None:
    """Another issuer's, another audience's, another kind: refused before the store is touched or the user loaded."""
    world = World()
    assert world.refused(genuine(**changes)) == reason
    assert (world.store.calls, world.loaded) == ([], [])


def test_another_issuer_with_the_same_refresh_key() -> None:
    """Two applications that share a secret and a store do not share sessions."""
    world = World()
    other = world.made(issuer=token_issuer(world.clock, issuer="https://other.example"))
    answer = other.start("user-1").run()
    assert world.refused(answer.refresh_token) == "iss"
    assert world.refused(answer.refresh_token, world.sessions.end) == "iss"
    assert world.row(answer).is_alive


def test_changing_the_refresh_key() -> None:
    """Sessions live through it: the new key signs, the old one still checks."""
    world = World()
    answer = world.start()
    world.clock.now += 60
    new = SigningKey.generate("HS256", kid="r2")
    answer = world.made(refresh_keys=[REFRESH_KEY, new]).refresh(answer.refresh_token).run()
    world.clock.now += 60
    answer = world.made(refresh_keys=[new]).refresh(answer.refresh_token).run()
    assert world.row(answer).generation == 2
    assert world.refused(answer.refresh_token) == "key"


PROBLEMS: list[tuple[dict[str, Any], str]] = [
    ({"issuer": None}, "TokenIssuer"),
    ({"issuer": ISSUER}, "TokenIssuer"),
    ({"issuer": token_issuer(issuer="https://" + "x" * 255)}, "255 characters"),
    ({"store": None}, "session store"),
    ({"store": MemoryStore}, "session store"),
    ({"load": None}, "load is a function"),
    ({"refresh_keys": None}, "shared secrets"),
    ({"refresh_keys": [signing_key("ES256", "r1")]}, "shared secrets"),
    ({"refresh_keys": [signing_key("HS256")]}, "kid"),
    ({"refresh_keys": [ACCESS_KEY]}, "share a key"),
    ({"refresh_keys": [REFRESH_KEY, ACCESS_KEY]}, "share a key"),
    (
        {"refresh_keys": [SigningKey.from_secret("the access key, which is no secret", algorithm="HS256", kid="r9")]},
        "share a key",
    ),
    ({"issuer": token_issuer(signing_keys=[ACCESS_KEY, REFRESH_KEY])}, "share a key"),
    ({"issuer": token_issuer(signing_keys=[REFRESH_KEY, ACCESS_KEY])}, "share a key"),
    ({"idle_lifetime": 60}, "timedelta"),
    ({"absolute_lifetime": None}, "timedelta"),
    ({"idle_lifetime": timedelta(0)}, "at least a second"),
    ({"idle_lifetime": timedelta(days=91)}, "not longer than absolute_lifetime"),
    ({"absolute_lifetime": timedelta(days=-1)}, "absolute_lifetime"),
    ({"grace": timedelta(seconds=121)}, "grace may be at most 120 seconds: half the access_token_lifetime"),
    ({"grace": timedelta(seconds=-1)}, "grace"),
    ({"grace": 10}, "timedelta"),
    ({"clock": 1}, "clock is a function"),
    ({"on_event": "log"}, "on_event"),
]


@pytest.mark.parametrize(("changes", "problem"), PROBLEMS, ids=lambda value: repr(value)[:60])
def test_what_the_constructor_refuses(changes: dict[str, Any], problem: str) -> None:
    """A wrong argument is a ConfigurationError that says what to write."""
    with pytest.raises(ConfigurationError, match=problem):
        World(**changes)


def test_an_async_on_event_is_refused() -> None:
    """An `async` `on_event` would never be awaited, so it is a ConfigurationError."""

    async def on_event(event: SessionEvent) -> None:
        """Never called."""

    with pytest.raises(ConfigurationError, match="not async"):
        World(on_event=on_event)


def test_all_problems_at_once() -> None:
    """One error reports the problems of all arguments."""
    names = ("issuer", "store", "load", "refresh_keys", "grace", "on_event", "clock")
    arguments: dict[str, Any] = dict.fromkeys(names, 1)
    with pytest.raises(ConfigurationError) as caught:
        Sessions(**arguments)
    assert len(caught.value.problems) == 7


@pytest.mark.parametrize("grace", [0, 60, 120])
def test_grace_at_its_ends(grace: int) -> None:
    """None at all, and a minute, are allowed."""
    assert World(grace=timedelta(seconds=grace)).start().scope == "reports:read"


def test_sessions_are_read_only_and_show_nothing() -> None:
    """`Sessions` is read-only, and its repr holds neither keys nor tokens."""
    world = World()
    assert repr(world.sessions) == f"Sessions(issuer='{ISSUER}', store=NotingStore)"
    assert world.sessions.clock is world.clock
    with pytest.raises(AttributeError):
        world.sessions.store = MemoryStore()  # type: ignore[misc]


@pytest.mark.parametrize("subject", ["", None, True, 1.5, b"user-1", ["user-1"], "x" * 256, "a\x00b", "\ud800"])
def test_subjects_that_are_none(subject: Any) -> None:
    """Refused by every method, before anything is asked."""
    world = World()
    calls: list[Callable[[], object]] = [
        lambda: world.sessions.start(subject),
        lambda: world.sessions.list(subject),
        lambda: world.sessions.end_all(subject),
        lambda: world.sessions.end_session(subject, "s1"),
    ]
    for call in calls:
        with pytest.raises(ConfigurationError, match="subject"):
            call()
    assert world.store.calls == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"scope": "reports:read"},
        {"scope": [1]},
        {"label": 1},
        {"label": b"Firefox"},
        {"claims": {"sub": "another-user"}},
        {"claims": {"roles": ["admin"]}},
        {"claims": {"a": b"bytes"}},
        {"claims": {"a": "x" * 8000}},
        {"claims": {"a": 10**50}},
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_a_login_cannot_say(arguments: dict[str, Any]) -> None:
    """An error in the program, at the login and not at the first refresh, with nothing written."""
    world = World()
    with pytest.raises(ConfigurationError):
        world.sessions.start("user-1", **arguments).run()
    assert world.store.calls == []


def test_claims_that_no_refresh_could_read_back() -> None:
    """Claims too long for a refresh token are refused at login, also if the grants leave them out."""
    world = World()
    world.grants = Grants(claims={"a": "short"})
    with pytest.raises(ConfigurationError, match="given at login"):
        world.start(claims={"a": "x" * 8000})


def run_async(flow: Flow[Any]) -> Any:
    async def main() -> Any:
        return await flow

    return asyncio.run(main())


class AsyncStore(MemoryStore):
    """A store whose every method is a coroutine function."""

    sync_alternative = "MemoryStore"

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in {"create", "rotate", "find", "list", "revoke", "revoke_all", "purge"}:
            return found

        class Method:
            __self__ = self

            async def __call__(self, *args: Any, **kwargs: Any) -> Any:
                return found(*args, **kwargs)

        return Method()


def test_async_store_and_load() -> None:
    """Awaited where they stand; from sync code an error names what to use instead."""
    world = World()

    async def load(subject: str) -> Grants | None:
        return Grants(roles=["async"])

    sessions = world.made(load=load, store=AsyncStore())
    answer = run_async(sessions.start("user-1"))
    assert access(answer)["roles"] == ["async"]
    world.clock.now += 60
    run_async(sessions.refresh(answer.refresh_token))
    assert run_async(sessions.end_all("user-1")) == 1
    with pytest.raises(ConfigurationError, match="not async"):
        sessions.start("user-1").run()
    with pytest.raises(ConfigurationError, match="use MemoryStore"):
        sessions.list("user-1").run()


class ThreadBoundStore(MemoryStore):
    """A store that says how to get to its thread."""

    def __init__(self) -> None:
        super().__init__()
        self.hops = 0

    async def to_thread(self, function: Callable[[], Any]) -> Any:
        self.hops += 1
        return function()


def test_a_store_may_say_where_it_runs() -> None:
    """A store can choose the thread of its calls; `load` runs there too."""
    world = World()
    store = ThreadBoundStore()
    sessions = world.made(store=store)
    run_async(sessions.start("user-1"))
    assert store.hops == 2
    sessions.start("user-1").run()
    assert store.hops == 2


def test_no_token_in_any_log_or_repr(caplog: pytest.LogCaptureFixture) -> None:
    """Every record of a session's whole life: subject and sid, never a token or a part of one."""
    world = World(on_event=None)
    texts: list[str] = []
    with caplog.at_level(logging.DEBUG):
        answer = world.start(label="Firefox")
        for step in (60, 1, 30, 1):
            world.clock.now += step
            texts += [answer.access_token, answer.refresh_token]
            answer = world.refresh(answer.refresh_token)
        world.clock.now += 60
        texts += [answer.access_token, answer.refresh_token]
        world.refused(texts[1])
        world.refused(answer.refresh_token)
        world.refused(answer.refresh_token[:-4] + "AAAA")
        world.refused(answer.access_token)
        world.sessions.end(answer.refresh_token).run()
        world.sessions.end_all("user-1").run()
        world.grants = RuntimeError("database of users")
        with pytest.raises(UnavailableError):
            world.start()
        world.store.fails = {"list"}
        with pytest.raises(UnavailableError):
            world.sessions.list("user-1").run()
    assert len(caplog.records) > 10
    shown = [*(f"{record.getMessage()} {record.exc_text}" for record in caplog.records), repr(world.sessions)]
    shown += [repr(answer), repr(world.row(answer))]
    parts = {part for text in texts for part in text.split(".")}
    assert not [text for text in shown for part in parts if part in text]
    assert "subject='user-1'" in caplog.text
    assert world.row(answer).session_id in caplog.text


def test_what_a_subject_holds_is_escaped_in_logs(caplog: pytest.LogCaptureFixture) -> None:
    """A verified subject is escaped in logs."""
    world = World()
    with caplog.at_level(logging.INFO):
        world.start("user\nsession started: forged " + "x" * 100)
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    assert len(record.getMessage()) < 200


def test_an_on_event_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    """An `on_event` that raises is logged, and the login succeeds."""

    def on_event(event: SessionEvent) -> None:
        raise ValueError("no")

    assert World(on_event=on_event).start().scope == "reports:read"
    assert "on_event raised" in caplog.text
