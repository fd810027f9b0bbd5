"""No block of code on a page is left out: each is used literally, or is named here with the reason why it cannot be."""

from __future__ import annotations

from tests.literal.pages import PAGES, ROOT, Block, blocks

ONE_FILE = "tests/literal/test_documents_flask_fastapi_starlette.py"
DJANGO = "tests/literal/test_documents_django.py"
OTHERS = {
    ("README.md", "console"): "tests/examples/test_demo.py",
    ("README.md", "sh"): "tests/examples/test_readme.py",
    ("README.md", "python"): "tests/examples/test_readme.py",
    ("README.md", "json"): "tests/examples/test_readme.py",
    ("docs/guide.md", "sh"): ONE_FILE,
    ("docs/browser-storage.md", "html"): "tests/docs/test_browser_storage_examples.py",
    ("docs/browser-storage.md", "js"): "tests/docs/test_browser_storage_examples.py",
    ("docs/checking-an-app.md", "console"): "tests/docs/test_checking_an_app_flask.py",
    ("docs/cli.md", "console"): "tests/docs/test_cli_flask.py",
    ("docs/debugger.md", "console"): "tests/cli/test_debugger_document.py",
    ("docs/how-to-mcp.md", "python"): "tests/providers/test_authorization_server.py",
    ("docs/other-frameworks.md", "python"): "tests/docs/test_other_frameworks_asgi_django.py",
    ("docs/sessions-stores.md", "console"): "tests/docs/test_stores_sqlalchemy_redis.py",
    ("docs/testing.md", "python"): "tests/docs/test_testing_flask.py",
    ("docs/tutorial-django.md", "console"): "tests/docs/test_tutorials_examples.py",
    ("docs/tutorial-fastapi.md", "console"): "tests/docs/test_tutorials_examples.py",
    ("docs/tutorial-flask.md", "console"): "tests/docs/test_tutorials_examples.py",
    ("docs/tutorial-starlette.md", "console"): "tests/docs/test_tutorials_examples.py",
}
"""The tests that use the blocks of a page in one language."""

NOT_USED = {
    ("docs/frameworks.md", "console"): "installs from the index",
    ("docs/how-to-single-page-application.md", "js"): "examples/flask_app has the page, and tests try it in a browser",
    ("docs/how-to-store.md", "sql"): "the statement of a store that the reader writes",
    ("docs/how-to-websockets.md", "js"): "a line for a page of the reader's",
    ("docs/ideas.md", "text"): "a diagram",
    ("docs/performance.md", "console"): "takes ten minutes",
    ("docs/scale.md", "console"): "takes ten minutes",
    ("docs/sessions.md", "console"): "tests/docs/journey.py sends the same requests",
    ("docs/sessions-stores.md", "python no-run"): "parts of a function, and of a file of Alembic, that the reader has",
}


def used_by(block: Block) -> str | None:
    """The test that uses the block, or the reason why none does."""
    key = (block.page, block.language)
    if block.language == "python" and key not in OTHERS:
        return DJANGO if block.file.startswith("project/") else ONE_FILE if block.file == "app.py" else None
    return OTHERS.get(key) or NOT_USED.get(key)


def test_each_block_is_used() -> None:
    """A page that gets code or settings gets a literal test with it."""
    found = [block for page in PAGES for block in blocks(page)]

    assert [f"{block.page}:{block.line} {block.language}" for block in found if used_by(block) is None] == []


def test_no_entry_is_left_over() -> None:
    """The tables name blocks and tests that are there."""
    found = {(block.page, block.language) for page in PAGES for block in blocks(page)}

    assert (OTHERS.keys() | NOT_USED.keys()) - found == set()
    assert [name for name in (ONE_FILE, DJANGO, *OTHERS.values()) if not (ROOT / name).is_file()] == []
    assert OTHERS.keys() & NOT_USED.keys() == set()
