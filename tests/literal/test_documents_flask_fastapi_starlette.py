"""The pages of the documentation, typed into `app.py` from the top and run by a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jwtguard.testing import RawRequest
from jwtguard.testing.conformance.browser import Browser
from tests.docs.journey import walk
from tests.literal.pages import GUIDE, PAGES, Block, blocks, python_blocks
from tests.literal.server import served

SECONDS = 120
Part = tuple[str, ...]
"""A page and some of its headings."""

SESSIONS = "docs/sessions.md"
PRELUDES: dict[str, Part] = {
    "docs/adapters.md": (GUIDE, "Use"),
    "docs/browser-storage.md": (SESSIONS, "The sessions"),
    "docs/frameworks.md": (GUIDE, "Use"),
    "docs/how-to-logout-everywhere.md": (SESSIONS, "The sessions"),
    "docs/how-to-single-page-application.md": (SESSIONS, "The sessions"),
    "docs/how-to-websockets.md": (GUIDE, "Use"),
}
"""What a page says that it takes over from another one."""

USED_ELSEWHERE = {
    "docs/other-frameworks.md": "tests/docs/test_other_frameworks_asgi_django.py",
    "docs/testing.md": "tests/docs/test_testing_flask.py",
}
"""A page that is more than one file, and the test that writes them."""


def used_here(page: str) -> list[Block]:
    """The blocks of a page that belong into `app.py`."""
    return [block for block in blocks(page) if block.language == "python" and block.file == "app.py"]


def write(folder: Path, *parts: Part) -> None:
    """The file that a reader of these parts has, beside the public key that the guide's configuration names."""
    found = [block for page, *headings in parts for block in python_blocks(page, *headings) if block.file == "app.py"]
    (folder / "app.py").write_text("\n\n".join(block.code for block in found), encoding="utf-8")
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    (folder / "public.pem").write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def run(folder: Path, *command: str) -> str:
    """What a command prints; raises AssertionError with its output if it fails."""
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("page", [page for page in PAGES if page not in USED_ELSEWHERE and used_here(page)])
def test_python(page: str, tmp_path: Path) -> None:
    """Every block of the page runs, after what it takes over from another page."""
    prelude = PRELUDES.get(page)
    write(tmp_path, *([] if prelude is None else [prelude]), (page,))

    run(tmp_path, sys.executable, "app.py")


def test_environment(tmp_path: Path) -> None:
    """The variables of the guide make a guard, which asks for a token everywhere."""
    write(tmp_path, (GUIDE, "Use"))
    (block,) = [block for block in blocks(GUIDE) if block.language == "sh"]
    code = "from jwtguard import Guard; guard = Guard.from_env(); print(guard.issuer, guard.rules)"

    assert run(tmp_path, "sh", "-ec", f'{block.code}"$0" -c "{code}"', sys.executable).startswith(
        "https://login.example Rules("
    )


FLASK = ("-m", "flask", "--app", "app", "run", "--port", "{port}")
UVICORN = ("-m", "uvicorn", "app:app", "--port", "{port}")
GUARDED: list[tuple[tuple[Part, ...], tuple[str, ...], str, bytes]] = [
    (((GUIDE, "Use", "Flask", "Issue tokens"),), FLASK, "/invoices", b"user-1"),
    (((GUIDE, "Use", "FastAPI", "Issue tokens"),), UVICORN, "/invoices", b"user-1"),
    (((GUIDE, "Use", "Starlette", "Issue tokens"),), UVICORN, "/invoices", b"user-1"),
    (
        ((GUIDE, "Use", "Issue tokens"), ("docs/frameworks.md", "FastAPI")),
        UVICORN,
        "/reports/2026-11",
        b"2026-11",
    ),
]


@pytest.mark.parametrize(
    ("parts", "command", "path", "expected"),
    GUARDED,
    ids=[f"{parts[-1][0]}-{parts[-1][2 if i < 3 else 1]}" for i, (parts, *_) in enumerate(GUARDED)],
)
def test_a_guarded_route(
    parts: tuple[Part, ...], command: tuple[str, ...], path: str, expected: bytes, tmp_path: Path
) -> None:
    """401 with the challenge without a token, and 200 with the one that the guide makes."""
    write(tmp_path, *parts)
    app = tmp_path / "app.py"
    app.write_text(f"{app.read_text(encoding='utf-8')}\nopen('token', 'w').write(text)\n", encoding="utf-8")
    with served(tmp_path, *command) as client:
        refused = client(RawRequest(target=path))
        assert (refused.status, refused.header("WWW-Authenticate")) == (401, 'Bearer realm="api"')
        bearer = ("Authorization", f"Bearer {(tmp_path / 'token').read_text(encoding='utf-8')}")
        admitted = client(RawRequest(target=path, headers=[bearer]))
        assert (admitted.status, expected in admitted.body) == (200, True)


@pytest.mark.parametrize(("heading", "command"), [("Flask", FLASK), ("FastAPI", UVICORN), ("Starlette", UVICORN)])
def test_sessions(heading: str, command: tuple[str, ...], tmp_path: Path) -> None:
    """docs/sessions.md: login, call, refresh, the list and logout, with cookies."""
    write(tmp_path, (SESSIONS, "The sessions", heading))
    with served(tmp_path, *command) as client:
        walk(client)


def test_single_page_application(tmp_path: Path) -> None:
    """docs/how-to-single-page-application.md: the request that the page sends after a login."""
    write(tmp_path, (SESSIONS, "The sessions"), ("docs/how-to-single-page-application.md", "The server"))
    with served(tmp_path, *FLASK) as client:
        browser = Browser(client)
        browser.login("ada", "a long password")
        assert browser.send("POST", "/notes", json_body={"text": "hello"}).json() == {"by": "ada", "text": "hello"}


KEYS, HEALTH = "/auth/.well-known/jwks.json", "/health"
PUBLIC = [
    ("docs/tutorial-flask.md", (), FLASK, KEYS),
    ("docs/tutorial-fastapi.md", (), UVICORN, KEYS),
    ("docs/tutorial-starlette.md", (), UVICORN, KEYS),
    ("docs/observability.md", ("Events", "Flask"), FLASK, HEALTH),
    ("docs/observability.md", ("Events", "FastAPI"), UVICORN, HEALTH),
]


@pytest.mark.parametrize(("page", "headings", "command", "path"), PUBLIC)
def test_a_public_route(
    page: str, headings: tuple[str, ...], command: tuple[str, ...], path: str, tmp_path: Path
) -> None:
    """The public keys of a tutorial, when all of it is typed in, and the health checks."""
    write(tmp_path, (page, *headings))
    with served(tmp_path, *command) as client:
        answer = client(RawRequest(target=path))
        assert (answer.status, sorted(answer.json())) == (200, ["keys"] if path == KEYS else ["parts", "status"])
