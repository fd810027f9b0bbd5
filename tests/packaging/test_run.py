"""tests/run.py: what it says before tox runs, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import run

ROOT = Path(run.ROOT)


@pytest.mark.parametrize("argument", ["-h", "--help"])
def test_help_is_its_own(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The text of this program, not that of tox, and nothing runs."""
    assert run.main([argument]) == 0
    assert "--fast" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (["-e", "py312,lint"], "py312, lint: "),
        (["-e", "fast", "--", "-e", "x"], "fast: "),
        ([], f"{', '.join(run.listed_environments())}: "),
    ],
)
def test_the_start(
    chosen: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The environments are named, and how long the last run of the same ones took."""
    monkeypatch.setattr(run, "WORK", tmp_path / "tox")
    monkeypatch.setattr(run, "DURATIONS", tmp_path / "tox" / "durations.json")
    run.announce(chosen)
    first = capsys.readouterr().out
    assert first.startswith(said)
    assert "last run" not in first
    run.keep_duration(chosen, 754.6)
    run.announce(chosen)
    assert "the last run of these took 12 min 35 s" in capsys.readouterr().out
    run.announce([*chosen, "-q"])
    assert "last run" not in capsys.readouterr().out


def test_ctrl_c_ends_all_children() -> None:
    """What tox has started ends with it."""
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    program = f"import sys; from tests.run import to_the_end; sys.exit(to_the_end([sys.executable, '-c', {parent!r}]))"
    started = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with started:
        assert started.stdout is not None
        pid = int(started.stdout.readline())
        started.send_signal(signal.SIGINT)
        assert started.wait(60) == 130
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
