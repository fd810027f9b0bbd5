"""What sessions are in Redis: the keys, the Lua scripts, and the order in which they run.

>>> sessions = RedisSessions(client=None, prefix="jwtguard:")
>>> sessions.row_key("s1")
'jwtguard:{s1}'

A session is one hash. A sorted set for each subject names its sessions. In a cluster the two may lie on different
nodes, so no script touches both: the row is written first and named second, and its tokens are handed out after that.
No command and no script does more than a bounded amount of work, since Redis runs one at a time for all its clients.
The steps are flows, so one text serves the sync and the async store.
"""

from __future__ import annotations

import functools
import hashlib
import heapq
from collections.abc import Iterator, Sequence
from typing import Any

from redis.exceptions import NoScriptError

from jwtguard.core.flow import Call, Steps, flow
from jwtguard.core.sessions.grace import MAX_CLOCK_STEP
from jwtguard.core.sessions.store_protocol import (
    MAX_LISTED,
    MAX_SESSION_ID,
    MAX_TEXT,
    NewSession,
    RotationRequest,
    RotationResult,
    Session,
    is_storable,
)
from jwtguard.stores.rows import Row

PAGE = 100
"""Sessions that are asked about in one trip, so that other clients need not wait long for the server."""

_FIELDS = Row._fields[1:]  # All but the id, which the key says.


class Script:
    """A Lua script on one key, sent by its digest."""

    __slots__ = ("digest", "text")

    def __init__(self, text: str) -> None:
        self.text = _PRELUDE + text
        self.digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


# Times are text, since Redis cuts the numbers that a script returns to integers.
_PRELUDE = f"""
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local function seconds(number) return string.format('%.6f', number) end
local function delete_at(number) redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', number * 1000)) end
local function whole_row()
    return {{seconds(now), redis.call('HMGET', KEYS[1], {", ".join(f"'{name}'" for name in _FIELDS)})}}
end
"""
_CREATE = Script("""
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
local expires_at, ends_at = now + tonumber(ARGV[3]), now + tonumber(ARGV[4])
redis.call('HSET', KEYS[1], 'issuer', ARGV[1], 'subject', ARGV[2], 'generation', '0', 'created_at', seconds(now),
    'expires_at', seconds(expires_at), 'ends_at', seconds(ends_at))
if ARGV[5] then redis.call('HSET', KEYS[1], 'label', ARGV[5]) end
delete_at(expires_at)
return seconds(ends_at)
""")
_ROTATE = Script(f"""
local row = redis.call('HMGET', KEYS[1], 'generation', 'refreshed_at', 'revoked_at', 'expires_at', 'ends_at')
if not row[1] then return false end
local is_alive = not row[3] and now < tonumber(row[4])
local age = row[2] and now - tonumber(row[2])
local is_late = not age or age < -{MAX_CLOCK_STEP} or math.max(age, 0) >= tonumber(ARGV[2])
if is_alive and is_late and tonumber(row[1]) == tonumber(ARGV[1]) then
    local expires_at = math.min(now + tonumber(ARGV[3]), tonumber(row[5]))
    redis.call('HINCRBY', KEYS[1], 'generation', 1)
    redis.call('HSET', KEYS[1], 'refreshed_at', seconds(now), 'expires_at', seconds(expires_at))
    delete_at(expires_at)
    return 1
end
return whole_row()
""")
_FIND = Script("""
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
return whole_row()
""")
# An ended session stays as long as it could have lived at most, so that it is known for what it is.
_REVOKE = Script("""
local row = redis.call('HMGET', KEYS[1], 'revoked_at', 'expires_at', 'ends_at')
if not row[2] then return false end
if row[1] then return 0 end
redis.call('HSET', KEYS[1], 'revoked_at', seconds(now))
delete_at(tonumber(row[3]))
if now < tonumber(row[2]) then return 1 end
return 0
""")
# Of the index. Its members are scored by when their rows can no longer be there. A few of those go at each login.
_NAME = Script("""
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', seconds(now), 'LIMIT', 0, 64)) do
    redis.call('ZREM', KEYS[1], dead)
end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
delete_at(tonumber(redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]))
""")


class RedisSessions:
    """The flows of both stores. Each yields commands of `client`, sync or async."""

    __slots__ = ("_client", "_prefix")

    def __init__(self, client: Any, prefix: str) -> None:  # noqa: ANN401 - sync or async, one node or a cluster
        self._client = client
        self._prefix = prefix

    def row_key(self, session_id: str) -> str:
        """The key of a session, with a hash tag of its own."""
        return f"{self._prefix}{{{session_id}}}"

    def index_key(self, issuer: str, subject: str) -> str:
        """The key of a subject's sessions. A digest, since names of users may hold anything, `{` too."""
        name = f"{len(issuer)}:{issuer}{subject}"
        return f"{self._prefix}subject:{hashlib.sha256(name.encode()).hexdigest()}"

    @flow
    def create(self, session: NewSession) -> Steps[None]:
        """Write a new row; raises KeyError if its id is taken."""
        label = () if session.label is None else (session.label,)
        idle_lifetime = min(session.idle_lifetime, session.absolute_lifetime)
        values = (session.issuer, session.subject, idle_lifetime, session.absolute_lifetime, *label)
        ends_at = yield from self._run(_CREATE, self.row_key(session.session_id), *values)
        if ends_at is None:
            raise KeyError("this session id is taken")
        yield from self._run(_NAME, self.index_key(session.issuer, session.subject), session.session_id, ends_at)

    @flow
    def rotate(self, rotation: RotationRequest, grace: float, idle_lifetime: float) -> Steps[RotationResult]:
        """Rotate, or say what the row is like."""
        if not is_storable(rotation.session_id, MAX_SESSION_ID):
            return RotationResult(is_rotated=False)
        values = (rotation.generation, grace, idle_lifetime)
        answer = yield from self._run(_ROTATE, self.row_key(rotation.session_id), *values)
        if answer == 1:
            return RotationResult(is_rotated=True)
        if answer is None:
            return RotationResult(is_rotated=False)
        row, now = _row(rotation.session_id, answer)
        return row.not_rotated(now)

    @flow
    def find(self, session_id: str) -> Steps[Session | None]:
        """The session of this id; None if it expired, for then it is gone."""
        if not is_storable(session_id, MAX_SESSION_ID):
            return None
        answer = yield from self._run(_FIND, self.row_key(session_id))
        return None if answer is None else _session(session_id, answer)

    @flow
    def find_many(self, session_ids: Sequence[str]) -> Steps[Sequence[Session]]:
        """The sessions of these ids that there are."""
        named = [session_id for session_id in session_ids if is_storable(session_id, MAX_SESSION_ID)]
        answers = yield from self._run_for_each(_FIND, named)
        return [_session(session_id, answer) for session_id, answer in answers if answer is not None]

    @flow
    def list(self, issuer: str, subject: str) -> Steps[Sequence[Session]]:
        """The live sessions of a subject, newest first."""
        newest: dict[str, Session] = {}  # By id, since a scan may name a session twice.
        cursor, is_first = 0, True
        while cursor or is_first:
            cursor, session_ids = yield from self._named(issuer, subject, cursor)
            is_first = False
            answers = yield from self._run_for_each(_FIND, session_ids)
            sessions = [_session(session_id, answer) for session_id, answer in answers if answer is not None]
            # A row comes before its name, so where there is none it is not to come; nor does an ended one come back.
            kept = {session.session_id for session in sessions if session.state != "revoked"}
            yield from self._forget(issuer, subject, [name for name in session_ids if name not in kept])
            newest.update((session.session_id, session) for session in sessions if session.is_alive)
            newest = {
                session.session_id: session
                for session in heapq.nlargest(MAX_LISTED, newest.values(), key=lambda session: session.created_at)
            }
        return [*newest.values()]

    @flow
    def revoke(self, session_id: str) -> Steps[bool]:
        """End a session; whether it was alive."""
        if not is_storable(session_id, MAX_SESSION_ID):
            return False
        answer = yield from self._run(_REVOKE, self.row_key(session_id))
        return bool(answer == 1)

    @flow
    def revoke_all(self, issuer: str, subject: str) -> Steps[int]:
        """End all sessions of a subject, some at a time; how many were alive."""
        ended, cursor, is_first = 0, 0, True
        while cursor or is_first:
            cursor, session_ids = yield from self._named(issuer, subject, cursor)
            is_first = False
            answers = yield from self._run_for_each(_REVOKE, session_ids)
            ended += sum(answer or 0 for _, answer in answers)
            yield from self._forget(issuer, subject, session_ids)
        return ended

    def _named(self, issuer: str, subject: str, cursor: int) -> Steps[tuple[int, Sequence[str]]]:
        """Some sessions of a subject, and the cursor of the next ones, which is 0 at the end.

        A scan names everything that is there from its beginning to its end, whatever is added or removed meanwhile.
        """
        if not (is_storable(issuer, MAX_TEXT) and is_storable(subject, MAX_TEXT)):
            return 0, []
        index = self.index_key(issuer, subject)
        following, members = yield Call(functools.partial(self._client.zscan, index, cursor=cursor, count=PAGE))
        return int(following), [_text(member) for member, _ in members]

    def _forget(self, issuer: str, subject: str, session_ids: Sequence[str]) -> Steps[None]:
        """Take names out of the index."""
        if session_ids:
            yield Call(functools.partial(self._client.zrem, self.index_key(issuer, subject), *session_ids))

    def _run_for_each(self, script: Script, session_ids: Sequence[str]) -> Steps[Sequence[tuple[str, Any]]]:
        """What a script answers for each of these sessions; None for those that are gone."""
        found: list[tuple[str, Any]] = []
        for page in _pages(session_ids):
            answers = yield from self._run_together(script, page)
            found += zip(page, answers, strict=True)
        return found

    def _run_together(self, script: Script, session_ids: Sequence[str]) -> Steps[Sequence[Any]]:
        """Run a script for each session, on one trip to each node, and one more to nodes that do not know it."""
        answers = [*(yield from self._pipelined("EVALSHA", script.digest, session_ids))]
        untaught = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if untaught:
            taught = yield from self._pipelined("EVAL", script.text, [session_ids[place] for place in untaught])
            for place, answer in zip(untaught, taught, strict=True):
                answers[place] = answer
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def _pipelined(self, command: str, script: str, session_ids: Sequence[str]) -> Steps[Sequence[Any]]:
        pipeline = self._client.pipeline(transaction=False)
        for session_id in session_ids:
            pipeline.execute_command(command, script, 1, self.row_key(session_id))
        answers: Sequence[Any] = yield Call(functools.partial(pipeline.execute, raise_on_error=False))
        return answers

    def _run(self, script: Script, key: str, *values: object) -> Steps[Any]:
        try:
            return (yield Call(functools.partial(self._client.evalsha, script.digest, 1, key, *values)))
        except NoScriptError:  # The server was restarted: this teaches it the script.
            pass
        return (yield Call(functools.partial(self._client.eval, script.text, 1, key, *values)))


def _pages(session_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (session_ids[start : start + PAGE] for start in range(0, len(session_ids), PAGE))


def _row(session_id: str, answer: Sequence[Any]) -> tuple[Row, float]:
    now, (issuer, subject, label, generation, *times) = answer
    return (
        Row(
            session_id,
            _text(issuer),
            _text(subject),
            None if label is None else _text(label),
            int(generation),
            *(None if time is None else float(time) for time in times),  # type: ignore[arg-type]
        ),
        float(now),
    )


def _session(session_id: str, answer: Sequence[Any]) -> Session:
    row, now = _row(session_id, answer)
    return row.session(now)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
