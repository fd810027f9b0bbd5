"""What is measured: one module a section, each with `measure(pace)` that returns `Findings`.

>>> [section.name for section in SECTIONS if section.parts]
['django']
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.tokens import ALGORITHMS


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section. Each runs in a process of its own, which is ended after `seconds`.

    With `parts`, in a process for each: `measure(pace, part)`.
    """

    name: str
    title: str
    seconds: int
    parts: tuple[str, ...] = ()


SECTIONS = (
    Section(name="verify", title="one verification, beside the bare signature and other libraries", seconds=120),
    Section(name="flask", title="what a guard adds to a request in Flask", seconds=120),
    Section(name="fastapi", title="what a guard adds to a request in FastAPI", seconds=120),
    Section(
        name="starlette", title="what a guard adds to a request in Starlette, new tokens and known ones", seconds=120
    ),
    # Django and its extensions are configured once in a process, algorithm and all.
    Section(name="django", title="what a guard adds to a request in Django", seconds=60, parts=ALGORITHMS),
    Section(name="refusing", title="refusing beside accepting", seconds=90),
    Section(name="http", title="over HTTP: uvicorn, asked by wrk", seconds=480),
    Section(name="sessions", title="tokens and revocation beside Django's sessions", seconds=150),
    Section(name="rotation", title="taking a turn beside the raw driver", seconds=90),
    Section(name="memory", title="memory of a remembered token", seconds=60),
    Section(name="imports", title="import times", seconds=180),
    Section(name="growth", title="cost against sizes and numbers", seconds=120),
    Section(name="stores", title="what a session weighs in each store", seconds=120),
    Section(name="stores-at-size", title="a login among a thousand sessions and among a million", seconds=480),
    Section(name="simulation", title="from one process to ten thousand, simulated", seconds=120),
)
BY_NAME = {section.name: section for section in SECTIONS}
