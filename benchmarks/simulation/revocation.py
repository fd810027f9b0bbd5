"""How often sessions are looked up, and how long an ended one is still let in, where many processes each remember.

>>> alone = simulate(Setting(processes=1, sessions=50, seconds=60.0))
>>> many = simulate(Setting(processes=1000, sessions=50, seconds=60.0))
>>> alone.look_ups < many.look_ups
True
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from benchmarks.simulation.events import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """`sessions` of users who each ask `rate` times a second, of a process by chance; times in seconds."""

    processes: int
    sessions: int = 1000
    rate: float = 1.0
    max_staleness: float = 5.0
    access_token_lifetime: float = 300.0
    seconds: float = 600.0
    seed: int = 20261123


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A second's `look_ups` and `refreshes`; `let_in`: requests of a session that had ended, for each that ended; and
    the longest time after its end, in seconds, at which one of them still came in.
    """

    look_ups: float
    refreshes: float
    let_in: float
    longest: float


def expected(setting: Setting) -> Outcome:
    """What the theory of renewals says, in the long run.

    Each process hears of each session at random, `rate / processes` times a second. It asks the store, goes by the
    answer for `max_staleness`, and asks again when it next hears of it: a cycle of `max_staleness + 1 / heard`.
    """
    heard, staleness = setting.rate / setting.processes, setting.max_staleness
    let_in = setting.rate * heard * staleness**2 / (2 * (1 + heard * staleness))
    return Outcome(
        look_ups=setting.sessions * setting.rate / (1 + heard * staleness),
        refreshes=setting.sessions / (setting.access_token_lifetime + 1 / setting.rate),
        let_in=let_in,
        longest=staleness,
    )


def simulate(setting: Setting) -> Outcome:
    """Let the users click. The first third is not counted, for everything is new then."""
    chance, timeline = random.Random(setting.seed), Timeline()
    warm = setting.seconds / 3
    asked_at: dict[tuple[int, int], float] = {}
    counts = {"look_ups": 0, "refreshes": 0, "let_in": 0}
    ends_at = [chance.uniform(warm, setting.seconds - setting.max_staleness) for _ in range(setting.sessions)]
    expires_at = [chance.uniform(0, setting.access_token_lifetime) for _ in range(setting.sessions)]
    longest = 0.0

    def click(session: int) -> None:
        nonlocal longest
        now, process = timeline.now, chance.randrange(setting.processes)
        has_ended = now >= ends_at[session]
        timeline.at(now + chance.expovariate(setting.rate), lambda: click(session))
        known = asked_at.get((process, session))
        if known is None or now - known >= setting.max_staleness:
            if has_ended:
                return  # Refused; and from here on this process knows.
            asked_at[process, session] = now
            counts["look_ups"] += now >= warm
        elif has_ended:
            counts["let_in"] += 1
            longest = max(longest, now - ends_at[session])
        if now >= expires_at[session] and not has_ended:
            expires_at[session] = now + setting.access_token_lifetime
            counts["refreshes"] += now >= warm

    for session in range(setting.sessions):
        timeline.at(chance.expovariate(setting.rate), lambda session=session: click(session))  # type: ignore[misc]
    timeline.run(until=setting.seconds)
    # Ended sessions ask for nothing: a second of a session is one in which it was alive.
    alive = sum(ends - warm for ends in ends_at) / setting.sessions
    return Outcome(
        look_ups=counts["look_ups"] / alive,
        refreshes=counts["refreshes"] / alive,
        let_in=counts["let_in"] / setting.sessions,
        longest=longest,
    )
