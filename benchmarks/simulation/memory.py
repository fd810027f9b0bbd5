"""How many tokens a process finds in its memory of verified ones, where users are spread over many processes.

>>> few = simulate(Setting(processes=1, users=100, seconds=600.0))
>>> many = simulate(Setting(processes=100, users=100, seconds=600.0))
>>> few > many
True
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from benchmarks.simulation.events import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """`users` ask `rate` times a second, of a process by chance; each has a new token every `token_lifetime` seconds.

    A process remembers `entries` tokens; the one that came first makes room.
    """

    processes: int
    users: int = 10_000
    rate: float = 1.0
    token_lifetime: float = 300.0
    entries: int = 1024
    seconds: float = 1800.0
    seed: int = 20261123


def expected(setting: Setting) -> float:
    """The share of requests whose token is remembered, where nothing, or nearly everything, makes room for others.

    Heard of `n` times on average in its life, a token is new once if at all: a share of `(1 - exp(-n)) / n`. If far
    more tokens are in use than fit, each that comes is there with the chance `entries / users`.
    """
    heard = setting.rate / setting.processes * setting.token_lifetime
    return min(1 - -math.expm1(-heard) / heard, setting.entries / setting.users)


def simulate(setting: Setting) -> float:
    """The same, by letting users ask one of the processes, which stands for all. The first third is not counted."""
    chance, timeline = random.Random(setting.seed), Timeline()
    rate = setting.users * setting.rate / setting.processes
    renewed = [chance.uniform(0, setting.token_lifetime) for _ in range(setting.users)]
    remembered: dict[tuple[int, int], None] = {}
    asked = found = 0

    def request() -> None:
        nonlocal asked, found
        now, user = timeline.now, chance.randrange(setting.users)
        timeline.at(now + chance.expovariate(rate), request)
        token = (user, int((now + renewed[user]) // setting.token_lifetime))
        is_counted = now >= setting.seconds / 3
        asked += is_counted
        if token in remembered:
            found += is_counted
            return
        if len(remembered) >= setting.entries:
            del remembered[next(iter(remembered))]
        remembered[token] = None

    timeline.at(chance.expovariate(rate), request)
    timeline.run(until=setting.seconds)
    return found / max(asked, 1)
