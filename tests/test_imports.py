"""Imports point one way: every arrow between the rooms of the package is one of those listed here."""

from __future__ import annotations

import ast
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = Path(str(find_spec("jwtguard").origin)).parent  # type: ignore[union-attr]
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__") for path in FILES}
BARE = {
    *("flask", "werkzeug", "django", "asgiref", "starlette", "fastapi", "sqlalchemy", "redis"),
    *("rest_framework", "drf_spectacular", "click", "rich", "opentelemetry"),
}
"""What the extras bring: nothing but its adapter, its store or its tool may name it."""
SLOW = {"asyncio", "urllib", "urllib.request", "urllib.parse", "sqlite3", "concurrent.futures", "ssl", "socket"}
"""What takes long to import, and is imported where it is first used."""

KEYS = {"key_sources", "key_rotation", "trust"}
SHARED = KEYS | {
    "admission",
    "authentication",
    "core",
    "guard",
    "configuration",
    "request_auth",
    "user_lookup",
    "view_metadata",
    "providers",
    "stores",
    "endpoints",
}
"""What an adapter may build on."""
ROOMS: dict[str, set[str]] = {
    "": {"core", "guard", "token_issuer"} | KEYS,
    "core": {"core"},
    "key_sources": {"core", "key_sources"},
    "key_rotation": {"core", "key_sources", "key_rotation"},
    "trust": {"core", "key_sources", "trust"},
    "providers": {"core", "key_sources", "trust", "providers"},
    "migration": {"core", "key_sources", "trust"},
    "stores": {"core", "stores"},
    "configuration": {"core", "providers", "guard", "configuration"} | KEYS,
    "authentication": {"core"} | KEYS,
    "admission": {"core", "authentication"} | KEYS,
    "guard": {"core", "configuration", "authentication", "admission"} | KEYS,
    "token_issuer": {"core", "guard"},
    "request_auth": {"core", "admission", "authentication", "guard"},
    "user_lookup": {"core", "authentication", "guard", "request_auth"},
    "view_metadata": {"core", "guard"},
    "websocket_lifetime": {"core", "guard", "request_auth"},
    "endpoints": {
        "core",
        "admission",
        "authentication",
        "guard",
        "key_sources",
        "request_auth",
        "view_metadata",
        "endpoints",
    },
    "asgi": SHARED | {"websocket_lifetime", "asgi"},
    "fastapi": SHARED | {"asgi"},
    "flask": SHARED | {"flask_openapi"},
    "flask_openapi": SHARED,
    "litestar": SHARED | {"asgi"},
    "ninja": SHARED | {"django"},
    "django": SHARED | {"guard_checks", "django"},
    "guard_checks": {"core", "guard"},
    "health": {"core", "guard"} | KEYS,
    "otel": {"core", "key_sources"},
    "inventory": SHARED | {"asgi", "django", "inventory"},
    "doctor": SHARED | {"guard_checks", "doctor", "inventory"},
    "explanation": {"core", "admission", "authentication", "guard", "explanation"},
    "cli": SHARED | {"cli", "guard_checks", "doctor", "explanation", "inventory", ""},
    "__main__": {"cli"},
    "testing": SHARED | {"testing", ""},
}
"""For each room the rooms that it may import."""
OTHERS: dict[str, set[str]] = {
    "core.tokens.algorithms": {"jwt", "cryptography"},
    "core.tokens.key_loading": {"cryptography"},
    "core.tokens.keys": {"cryptography"},
    "cli.refused_keys": {"jwt", "cryptography"},
    "core.event_loops": {"anyio", "trio"},
    "asgi": {"starlette"},
    "fastapi": {"fastapi", "starlette"},
    "flask": {"flask", "werkzeug"},
    "flask_openapi": {"flask"},
    "django": {"django", "asgiref"},
    "litestar": {"litestar"},
    "ninja": {"ninja", "django", "asgiref"},
    "django.rest_framework.authentication": {"django", "rest_framework"},
    "django.rest_framework.handler": {"django", "rest_framework"},
    "django.rest_framework.permissions": {"django", "rest_framework"},
    "django.rest_framework.refusals": {"rest_framework"},
    "django.spectacular": {"drf_spectacular"},
    "inventory.flask_app": {"flask", "werkzeug"},
    "inventory.starlette_app": {"fastapi"},
    "inventory.django_urls": {"django"},
    "stores.redis": {"redis"},
    "stores.redis_sessions": {"redis"},
    "stores.session_table": {"sqlalchemy"},
    "stores.sqlalchemy": {"sqlalchemy"},
    "testing": {"pytest"},
    "cli": {"click", "rich"},
    "otel": {"opentelemetry"},
}
"""Who may import what other people wrote, by room or by module."""
STRICTER = {
    "django.store": {
        *("core", "stores.housekeeping", "stores.query_timeout", "stores.sql_sessions", "stores.sql_store"),
        *("django.models",),
    },
    "stores.conflicts": {"core"},
    "stores.housekeeping": {"core", "stores.conflicts"},
    "stores.query_timeout": {"core"},
    "stores.sql_sessions": {"core", "stores.conflicts", "stores.housekeeping", "stores.rows"},
    "stores.sql_store": {"core", "stores.housekeeping", "stores.sql_sessions"},
    "django.models": {"core", "django.fields"},
    "django.fields": {"core", "stores.sql_sessions"},
}
"""For single modules the rooms, and the modules beside them, that they may import."""


def _module(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def _imports(nodes: Iterator[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if node.module == "jwtguard":
                # Modules by their package's name; everything else is a public name, which stands in the package itself.
                modules = [f"jwtguard.{alias.name}" for alias in node.names if f"jwtguard.{alias.name}" in MODULES]
                yield from modules or ["jwtguard"]
            else:
                yield str(node.module)


def _at_module_level(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported: none inside functions or `if TYPE_CHECKING`."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _found(look: Callable[[Path], list[str]], paths: Iterable[Path] = FILES) -> dict[str, list[str]]:
    """What `look` finds wrong, by module: one test for all modules, and each finding in its message."""
    return {_module(path): wrong for path in paths if (wrong := look(path))}


def _wrong_arrows(path: Path) -> list[str]:
    module = _module(path)
    room = module.split(".")[0]
    ours = STRICTER.get(module, ROOMS[room])
    others = OTHERS.get(module, OTHERS.get(room, set()))
    wrong = []
    for name in set(_imports(ast.walk(_tree(path)))):
        first, _, rest = name.partition(".")
        if first == "jwtguard":
            if not {rest, rest.split(".")[0]} & ours:
                wrong.append(name)
        elif first not in sys.stdlib_module_names and first not in others:
            wrong.append(name)
    return wrong


def test_every_arrow_is_allowed() -> None:
    """Wherever in the file it stands, an import goes to a room that may be imported from there."""
    assert _found(_wrong_arrows) == {}


def test_slow_modules_are_imported_where_they_are_used() -> None:
    """Nothing slow is imported with the core or the guard."""
    light = [path for path in FILES if _module(path).split(".")[0] in {"core", "guard"}]
    assert _found(lambda path: sorted(set(_imports(_at_module_level(_tree(path)))) & SLOW), light) == {}


def test_walk_sees_arrows() -> None:
    """The walk itself finds an import in every place where one can stand."""
    source = """
        import a
        def f(): import b.c
        class X: from d import e
        if TYPE_CHECKING: import g
        else: import h
        """
    tree = ast.parse(textwrap.dedent(source))
    assert set(_imports(ast.walk(tree))) == {"a", "b.c", "d", "g", "h"}
    assert set(_imports(_at_module_level(tree))) == {"a", "d", "h"}
    named = ast.parse("from jwtguard import guard, core")
    assert set(_imports(ast.walk(named))) == {"jwtguard.guard", "jwtguard.core"}
    assert set(_imports(ast.walk(ast.parse("from jwtguard import Guard")))) == {"jwtguard"}


def _loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter holds after `statement`."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    # Beside the package, wherever that is installed; -I would lose a checkout that was put on PYTHONPATH.
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    return set(run.stdout.split())


def test_importing_jwtguard_is_light() -> None:
    """`import jwtguard` loads no framework, and of the slow modules none that PyJWT does not load by itself."""
    ours = _loaded_by("import jwtguard") - _loaded_by(
        "import jwt, jwt.algorithms, cryptography.hazmat.primitives.serialization"
    )
    assert ours & (BARE | SLOW) == set()
    assert {name.split(".")[0] for name in ours} & BARE == set()


def test_one_logic_needs_no_loop() -> None:
    """Verifying a token from sync code never imports asyncio."""
    statement = (
        "from tests.samples import guard, token, asgi\n"
        "from jwtguard import authenticated\n"
        "guard().admit(asgi([('Authorization', 'Bearer ' + token())]), authenticated).run()"
    )
    root = Path(__file__).resolve().parent.parent
    loaded = _loaded_by(f"import sys\nsys.path.append({str(root)!r})\n{statement}")
    assert "asyncio" not in loaded - _loaded_by("pass")


NAMED_TUPLE = {"_asdict", "_fields", "_make", "_replace"}
"""Public methods of `typing.NamedTuple`, whose underscore keeps them apart from the fields."""
OF_OTHERS = {
    "_default_manager": "Django documents `Model._default_manager`",
    "_dont_enforce_csrf_checks": "Django's test client sets it; no public name skips the check of one request",
    "_get_current_object": "Werkzeug documents `LocalProxy._get_current_object`",
    "_meta": "Django documents `Model._meta`",
    "_request": "Django REST Framework documents `Request._request`",
}
"""Names with an underscore in objects of other packages, and why they may be read."""


def _is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def _names_of(tree: ast.Module) -> set[str]:
    """The names that a module defines: functions, classes, variables, slots, and attributes of `self` and `cls`."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_own(node.value):
            found.add(node.attr)
    return found


def _is_own(node: ast.expr) -> bool:
    """Whether `node` is the object or the class that the method belongs to."""
    return (isinstance(node, ast.Name) and node.id in {"self", "cls"}) or ast.unparse(node) == "super()"


def _private_reads(tree: ast.Module) -> list[str]:
    """The places where a module reads or imports a name with an underscore that another module defines."""
    own = _names_of(tree) | NAMED_TUPLE | set(OF_OTHERS)
    wrong = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            parts = [part for alias in node.names for part in alias.name.split(".")]
            parts += str(getattr(node, "module", "")).split(".")
            wrong += [f"line {node.lineno}: import of {part}" for part in parts if _is_private(part)]
        elif (
            isinstance(node, ast.Attribute)
            and _is_private(node.attr)
            and node.attr not in own
            and not _is_own(node.value)
        ):
            wrong.append(f"line {node.lineno}: {ast.unparse(node)}")
    return wrong


def test_no_module_reads_private_names_of_another() -> None:
    """A name with an underscore is used in the module that defines it, and nowhere else."""
    assert _found(lambda path: _private_reads(_tree(path))) == {}


@pytest.mark.parametrize(
    "source",
    [
        "from a import _b",
        "from a._b import c",
        "import a._b",
        "a._b",
        "a._b = 1",
        "f()._b",
        "class X:\n def f(self): return self.other._b",
    ],
)
def test_private_reads_are_seen(source: str) -> None:
    """Each way to reach a private name of another module is found."""
    assert len(_private_reads(ast.parse(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from a import b as _b\n_b.c",
        "class X:\n _b: int\n def f(self, other): return self._a, other._b, super()._c, type(self).__name__",
        "class X:\n def f(self, other):\n  self._b = 1\n  return other._b",
        "row._replace(a=1)",
        "model._meta",
    ],
)
def test_own_names_may_be_read(source: str) -> None:
    """Names of the module itself, of Python, of NamedTuple and of the list are no finding."""
    assert _private_reads(ast.parse(source)) == []


LAYERS = ("tokens", "http", "access", "sessions")
"""The folders of the core: each may import those before it, and the modules beside the folders."""
INSIDE_FUNCTIONS = {
    "__main__": "an import of the module runs no command",
    "asgi.connection": "event_loops imports asyncio, which a program of plain requests need not load",
    "flask": "only an application with an OpenAPI document needs flask_openapi",
    "asgi.middleware": "websocket_lifetime imports asyncio, which a program of plain requests need not load",
    "core.flow": "event_loops imports asyncio, which a synchronous program need not load",
    "cli.completion": "the commands load when one is run",
    "django.store": "Django's models load after its applications",
    "fastapi": "the description of the routes is made only where they are mounted",
    "inventory.applications": "each walker imports a framework that need not be installed",
}
"""The modules that import another module of the package inside a function, and why."""


def _modules_named(node: ast.AST) -> Iterator[str]:
    """The modules of the package that an import names, as they stand below it."""
    if isinstance(node, ast.Import):
        found = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        below = [f"{node.module}.{alias.name}" for alias in node.names]
        found = [name if name in MODULES else str(node.module) for name in below]
    else:
        return
    yield from (name.removeprefix("jwtguard.") for name in found if name.startswith("jwtguard."))


def _cycle(graph: dict[str, set[str]]) -> list[str]:
    """The modules that lie on a cycle of imports, or lead to one: taken away are those that import none of the rest."""
    left = dict(graph)
    while free := [module for module, named in left.items() if not named & left.keys()]:
        for module in free:
            del left[module]
    return sorted(left)


def test_no_import_cycles() -> None:
    """The imports between modules have no cycle, those inside functions and for type checkers included."""
    graph = {_module(path): {to for node in ast.walk(_tree(path)) for to in _modules_named(node)} for path in FILES}
    assert {"guard", "core.flow", "django.decorators"} <= graph.keys()
    assert "core.errors" in graph["guard"]
    assert _cycle({module: named - {module} for module, named in graph.items()}) == []


def test_cycles_are_seen() -> None:
    """The search itself finds a cycle of two and of three modules, and none in a tree."""
    assert _cycle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert _cycle({"a": {"b"}, "b": {"a"}, "c": set()}) == ["a", "b"]
    assert _cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c"]


def _upward(path: Path) -> list[str]:
    layer = _module(path).split(".")[1]
    above = LAYERS[LAYERS.index(layer) + 1 :] if layer in LAYERS else LAYERS
    named = {to for node in ast.walk(_tree(path)) for to in _modules_named(node)}
    return [to for to in sorted(named) if to.split(".")[1:2] and to.split(".")[1] in above]


def test_layers_of_the_core() -> None:
    """Inside the core, tokens import no http, http imports no access, and access imports no sessions."""
    assert _found(_upward, [path for path in FILES if _module(path).startswith("core.")]) == {}


def _late(path: Path) -> list[str]:
    tree = _tree(path)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return sorted({to for function in functions for node in ast.walk(function) for to in _modules_named(node)})


def test_imports_inside_functions_have_a_reason() -> None:
    """A module of the package is imported at the top of a file, except where the table says why not."""
    late = _found(_late)
    assert late.keys() == INSIDE_FUNCTIONS.keys(), late
