"""`python3 examples/demo.py`, from where all that it wants is installed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.examples.servers import ROOT, environment, python

DEMO = str(ROOT / "examples" / "demo.py")


def demo(*arguments: str, data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        python(DEMO, "--here", *arguments),
        cwd=data,
        env=environment(data),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_once(tmp_path: Path) -> None:
    """The demo shows a login, calls, refusals with their challenges, a refresh and a logout, and ends."""
    done = demo("--once", "--port", "0", data=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    answers = re.findall(r"^   (\d{3}) ", done.stdout, re.MULTILINE)
    assert answers == ["200", "200", "200", "401", "403", "200", "403", "401", "200", "200", "204", "401", "400"]
    assert done.stdout.count('WWW-Authenticate: Bearer realm="api"') == 5
    assert "Every answer was the expected one." in done.stdout
    assert not re.search(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", done.stdout), "a whole token was shown"
