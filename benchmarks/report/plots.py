"""The plots: what each shows is a plain value, so that a test can tell an old picture by its data's fingerprint.

>>> from dataclasses import replace
>>> one = Plot(kind="bars", title="t", axis="x", rows=["a"], series={"s": [1.0]})
>>> one.fingerprint() == replace(one, rows=["b"]).fingerprint()
False
"""

from __future__ import annotations

import hashlib
import itertools
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.measuring import LIMIT
from benchmarks.report.figures import said
from benchmarks.report.performance_tables import slopes
from benchmarks.report.scale_tables import simulated
from benchmarks.report.targets import ALGORITHMS, FRAMEWORKS, added
from benchmarks.results import NotMeasuredError, Results

# Okabe and Ito's, which people with any kind of colour vision tell apart; the first is ours.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#999999")
_OURS = ("jwtguard", "token")
_MARK = "data sha256 "


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """`bars`: for each row one bar of each series. `lines`: each series over the numbers in `rows`.

    None where there is nothing to show. `is_log`: of the axis of values.
    """

    kind: Literal["bars", "lines"]
    title: str
    axis: str
    rows: Sequence[str | float]
    series: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    is_log: bool = False

    def fingerprint(self) -> str:
        """Tells one picture's content from another's, whatever drew it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def plots(results: Results) -> Iterator[tuple[str, Sequence[Plot]]]:
    """The file names, each with the panels in it; what was not measured is left out."""
    for name, panels in (
        ("verify", _verify),
        ("requests", _requests),
        ("http", _http),
        ("sessions", _sessions),
        ("growth", _growth),
        ("look-ups", _look_ups),
        ("fetches", _fetches),
    ):
        try:
            yield name, list(panels(results))
        except NotMeasuredError:
            continue


def _median(rounds: Sequence[float]) -> float:
    return float(f"{statistics.median(rounds):.4g}")


def _verify(results: Results) -> Iterator[Plot]:
    names = ("jwtguard", "PyJWT", "joserfc", LIMIT)
    series = {name: [_median(results.rounds("verify", group, name)) for group in ALGORITHMS] for name in names}
    yield Plot(kind="bars", title="One verification", axis="µs", rows=ALGORITHMS, series=series)


def _requests(results: Results) -> Iterator[Plot]:
    for section, framework in FRAMEWORKS.items():
        names = [name for name in results.names(section, ALGORITHMS[0]) if not name.startswith(("bare", "jwtguard,"))]
        series = {
            name: [
                _median(added(results, section, group, name)) if name in results.names(section, group) else None
                for group in ALGORITHMS
            ]
            for name in names
        }
        yield Plot(kind="bars", title=framework, axis="µs added to a request", rows=ALGORITHMS, series=series)


def _http(results: Results) -> Iterator[Plot]:
    for framework in ("Starlette", "FastAPI"):
        names = sorted(results.names("http", framework), key=lambda name: not name.startswith("jwtguard"))
        if not names:
            raise NotMeasuredError("http")
        for what, group in (("requests/s", framework), ("p99, ms", f"{framework}, p99")):
            values = [_median(results.rounds("http", group, name)) for name in names]
            yield Plot(kind="bars", title=framework, axis=what, rows=names, series={"": values})


def _sessions(results: Results) -> Iterator[Plot]:
    names = [name for name in results.names("sessions", "Django") if name != "bare"]
    if not names:
        raise NotMeasuredError("sessions")
    values = [_median(added(results, "sessions", "Django", name)) for name in names]
    yield Plot(kind="bars", title="Django", axis="µs added to a request", rows=names, series={"": values}, is_log=True)


def _growth(results: Results) -> Iterator[Plot]:
    for group, points, medians, slope, unit in slopes(results):
        values = [float(f"{median:.4g}") for median in medians]
        title = f"{group}: {slope.kind}"
        yield Plot(kind="lines", title=title, axis=f"µs ({unit})", rows=list(points), series={"": values})


def _look_ups(results: Results) -> Iterator[Plot]:
    rows = simulated("revocation", results)
    series = {"simulated": [row["look_ups"] for row in rows], "theory": [row["look_ups_expected"] for row in rows]}
    processes = [row["processes"] for row in rows]
    yield Plot(kind="lines", title="Look-ups of a session", axis="a second (processes)", rows=processes, series=series)


def _fetches(results: Results) -> Iterator[Plot]:
    rows = simulated("keys", results)
    series = {
        "an hour": [row["refreshes"] for row in rows],
        "for a new key": [row["searches"] for row in rows],
        "most in a second": [row["peak"] for row in rows],
        "most in a second, started at once": [row["peak_together"] for row in rows],
    }
    processes = [row["processes"] for row in rows]
    yield Plot(
        kind="lines",
        title="Fetches of the JWK Set",
        axis="fetches (processes)",
        rows=processes,
        series=series,
        is_log=True,
    )


def fingerprint_of(panels: Sequence[Plot]) -> str:
    """Of a whole picture."""
    return hashlib.sha256("".join(panel.fingerprint() for panel in panels).encode()).hexdigest()


def fingerprint_in(path: Path) -> str | None:
    """What a picture says it was drawn from."""
    _, found, rest = path.read_text(encoding="utf-8").partition(_MARK)
    return rest[:64] if found else None


def draw_all(results: Results, folder: Path) -> list[Path]:
    """Draw them as SVG; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_draw(panels, folder / f"{name}.svg") for name, panels in plots(results)]


def _draw(panels: Sequence[Plot], path: Path) -> Path:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # Text stays text, which can be searched and read aloud, and no date or random name makes two runs differ.
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "jwtguard", "font.size": 9, "axes.spines.top": False}
    names = list(dict.fromkeys(name for panel in panels for name in panel.series))
    colours = dict(zip(names, itertools.cycle(_COLOURS), strict=False))
    with mpl.rc_context({**settings, "axes.spines.right": False}):
        columns = min(len(panels), 2)
        lines = -(-len(panels) // columns)
        figure = Figure(figsize=(10.0 if columns > 1 else 8.0, _height(panels) * lines), layout="constrained")
        for axes, panel in itertools.zip_longest(figure.subplots(lines, columns, squeeze=False).flat, panels):
            _panel(axes, panel, colours)
        handles = {
            name: handle for axes in figure.axes for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        if len(names) > 1:
            shown = [handles[name] for name in names]
            figure.legend(shown, names, loc="outside lower center", ncols=4, frameon=False)
        title = "; ".join(dict.fromkeys(panel.title for panel in panels))
        about: Any = {"Date": None, "Title": title, "Description": f"{_MARK}{fingerprint_of(panels)}"}
        figure.savefig(path, format="svg", metadata=about)
    return path


def _height(panels: Sequence[Plot]) -> float:
    """Inches for one line of panels: enough for the bars of the one that has most."""
    most = max(len(panel.rows) * len(panel.series) if panel.kind == "bars" else 0 for panel in panels)
    return max(2.4, 0.9 + 0.19 * most)


def _panel(axes: Any, panel: Plot | None, colours: Mapping[str, str]) -> None:
    if panel is None:  # The last line has one too few.
        axes.set_visible(False)
        return
    axes.set_title(panel.title, loc="left", fontsize=9)
    (_bars if panel.kind == "bars" else _lines)(axes, panel, colours)


def _lines(axes: Any, panel: Plot, colours: Mapping[str, str]) -> None:
    # Dashes too, for those who see no colours.
    for (name, values), style in zip(panel.series.items(), ("-", "--", "-.", ":"), strict=False):
        axes.plot(panel.rows, values, color=colours[name], linestyle=style, marker="o", markersize=3, label=name)
    # Ten thousand processes, or a thousand rules, stand beside one.
    if max(map(float, panel.rows)) > 50 * min(map(float, panel.rows)):
        axes.set_xscale("log")
    if panel.is_log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_ylabel(panel.axis)


def _bars(axes: Any, panel: Plot, colours: Mapping[str, str]) -> None:
    thick = 0.8 / len(panel.series)
    for place, (name, values) in enumerate(panel.series.items()):
        at = [row + place * thick for row in range(len(panel.rows))]
        # Of a single series each bar is a contender: ours in one colour, the others in another.
        own = [_COLOURS[0] if str(row).startswith(_OURS) else _COLOURS[1] for row in panel.rows]
        colour = own if len(panel.series) == 1 else colours[name]
        shown = [0.0 if value is None else value for value in values]
        bars = axes.barh(at, shown, height=thick * 0.9, color=colour, label=name)
        axes.bar_label(bars, labels=["" if value is None else said(value) for value in values], padding=2, fontsize=7)
    axes.set_yticks([row + 0.4 - thick / 2 for row in range(len(panel.rows))], [str(row) for row in panel.rows])
    axes.invert_yaxis()
    axes.set_xlabel(panel.axis)
    if panel.is_log:
        axes.set_xscale("log")
    axes.margins(x=0.12)
