"""How often the issuer's JWK Set is fetched, by how many processes at once, and what a new key sets off.

>>> simulate(Setting(processes=10)).refreshes <= 60  # an hour: each process, each ten minutes
True
"""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass

from benchmarks.simulation.events import Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Each process gets `rate` requests a second, with tokens of any age up to `token_lifetime`.

    A set is fetched again after `lifetime`, when the next request comes. The issuer changes its key once, half-way:
    it publishes the new one `ahead` of signing with it. The processes start within `start_within`. Times in seconds.
    """

    processes: int
    rate: float = 10.0
    lifetime: float = 600.0
    token_lifetime: float = 300.0
    ahead: float = 0.0
    start_within: float = 600.0
    hours: float = 6.0
    seed: int = 20261123


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`refreshes`: fetches an hour because the set had grown old; `searches`: fetches in all because of the new key;
    `peak`: most fetches of any second after the start.
    """

    refreshes: float
    searches: int
    peak: int


def expected(setting: Setting) -> Outcome:
    """By the theory of renewals: a cycle of `lifetime` and the wait for the next request.

    The first token of the new key reaches a process `wait` seconds after the change, on average, unless an ordinary
    fetch comes before it. Nothing simple can be said about the peak.
    """
    cycle = setting.lifetime + 1 / setting.rate
    wait = math.sqrt(math.pi * setting.token_lifetime / (2 * setting.rate))
    searches = setting.processes * max(0.0, 1 - (wait + setting.ahead) / cycle)
    return Outcome(refreshes=setting.processes * 3600 / cycle, searches=round(searches), peak=0)


def simulate(setting: Setting) -> Outcome:
    """Follow each process from one fetch to the next. Requests between fetches change nothing and are skipped: when the
    next one comes is drawn from the distribution that a steady stream of them has.
    """
    chance, timeline = random.Random(setting.seed), Timeline()
    end = setting.hours * 3600
    signs_from = end / 2
    published_at = signs_from - setting.ahead
    warm = setting.start_within + setting.lifetime
    fetched_at = [0.0] * setting.processes
    refreshes = searches = 0
    fetches: Counter[int] = Counter()

    def fetch(process: int) -> None:
        fetched_at[process] = begun = timeline.now
        if begun >= warm:
            fetches[int(begun)] += 1
        asked_again = begun + setting.lifetime + chance.expovariate(setting.rate)
        timeline.at(asked_again, lambda: refresh(process, begun))

    def refresh(process: int, begun: float) -> None:
        nonlocal refreshes
        if fetched_at[process] == begun:  # No search happened in between.
            refreshes += timeline.now >= warm
            fetch(process)

    def meet_new_key(process: int) -> None:
        nonlocal searches
        if fetched_at[process] < published_at:
            searches += 1
            fetch(process)

    for process in range(setting.processes):
        timeline.at(chance.uniform(0, setting.start_within), lambda process=process: fetch(process))  # type: ignore[misc]
        # Tokens signed since the change are a share of all that grows from nothing, evenly over their lifetime: so the
        # first one comes after a time whose square is exponentially distributed.
        wait = math.sqrt(2 * setting.token_lifetime * chance.expovariate(setting.rate))
        timeline.at(signs_from + wait, lambda process=process: meet_new_key(process))  # type: ignore[misc]
    timeline.run(until=end)
    hours = (end - warm) / 3600
    return Outcome(refreshes=refreshes / hours, searches=searches, peak=max(fetches.values(), default=0))
