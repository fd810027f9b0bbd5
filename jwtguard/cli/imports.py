"""What a project names as `module:attribute`: its guard, or its application.

>>> from types import SimpleNamespace
>>> from jwtguard import Guard, SigningKey
>>> guard = Guard(issuer="i", audience="a", keys=SigningKey.generate("HS256").verification_key)
>>> guard_of(SimpleNamespace(guard=guard), "project:auth") is guard  # as FlaskGuard, FastAPIGuard and ASGIGuard have it
True
"""

from __future__ import annotations

import ast
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from jwtguard.cli.output import Problem, printable
from jwtguard.core.errors import JWTGuardError
from jwtguard.guard import Guard

DJANGO = "django"
"""In place of `module:attribute`: what Django's settings say."""


def load_guard(name: str) -> Guard:
    """The guard at `module:attribute`, or the one of Django's settings for `django`; raises `Problem`."""
    if name == DJANGO:
        set_up_django()
        try:
            found: Guard = import_module("jwtguard.django.settings").default_guard()
        except JWTGuardError as error:
            raise Problem(f"--guard django: {error.detail}") from None
        return found
    return guard_of(load(name, option="--guard"), name)


def guard_of(found: object, name: str) -> Guard:
    """`found` itself, or the guard inside it; raises `Problem`, which calls it by `name`."""
    try:
        guard = found if isinstance(found, Guard) else getattr(found, "guard", None)
    except Exception as error:  # noqa: BLE001 - a property may raise what it likes: a FlaskGuard outside its app does
        raise Problem(f"{name} has no guard of its own: {_said(error)}") from None
    if isinstance(guard, Guard):
        return guard
    raise Problem(
        f"{name} is a {type(found).__name__}, and --guard needs a Guard, or a FlaskGuard, FastAPIGuard or ASGIGuard"
        " that was made with one"
    )


def load_app(name: str) -> Any:  # noqa: ANN401 - an application of any framework
    """The application at `module:app`, or what `module:create_app()` returns; for `django` its WSGI application."""
    if name == DJANGO:
        set_up_django()
        return import_module("django.core.wsgi").get_wsgi_application()
    return load(name, option="--app")


def load(name: str, *, option: str) -> Any:  # noqa: ANN401 - whatever stands there
    """What stands at `module:attribute`, or what the call `module:function("argument")` returns; raises `Problem`.

    The current folder comes first on the path, as with `python -m` and `flask run`.
    """
    module_name, colon, expression = name.partition(":")
    if not colon or not module_name or not expression:
        raise Problem(f"{option} is module:name, as in {option} project.auth:guard; found {name!r}")
    attributes, arguments = _parsed(expression, name, option)
    _look_here()
    value: Any = _imported(module_name, option)
    for attribute in attributes:
        try:
            value = getattr(value, attribute)
        except AttributeError:
            raise Problem(f"{option} {name}: {_kind(value)} has no {attribute!r}") from None
    if arguments is None:
        return value
    try:
        return value(*arguments)
    except Exception as error:  # noqa: BLE001 - the project's own code
        raise Problem(f"{option} {name}: the call raised {_said(error)}") from None


def _look_here() -> None:
    """Put the current folder on the path, first, as `python -m` does."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)


def set_up_django() -> None:
    """Set Django up by `DJANGO_SETTINGS_MODULE`; raises `Problem`."""
    if find_spec("django") is None:
        raise Problem("Django is not installed here: pip install 'jwtguard-middleware[django]'")
    if not os.environ.get("DJANGO_SETTINGS_MODULE"):
        raise Problem("set DJANGO_SETTINGS_MODULE, as in DJANGO_SETTINGS_MODULE=project.settings jwtguard …")
    _look_here()
    try:
        import_module("django").setup()
    except Exception as error:  # noqa: BLE001 - the project's own code
        raise Problem(f"Django cannot be set up: {_said(error)}") from None


def _parsed(expression: str, name: str, option: str) -> tuple[list[str], list[object] | None]:
    """The attributes to follow, and the arguments if the last is to be called."""
    arguments: list[object] | None = None
    try:
        node = ast.parse(expression, mode="eval").body
        if isinstance(node, ast.Call) and not node.keywords:
            arguments, node = [ast.literal_eval(argument) for argument in node.args], node.func
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            return [node.id, *attributes], arguments
    except (SyntaxError, ValueError):
        pass
    raise Problem(f"{option} is module:name or module:function(), found {name!r}")


def _imported(module_name: str, option: str) -> object:
    try:
        return import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            raise Problem(
                f"{option}: there is no module {error.name!r} here: run jwtguard in the folder that holds it, with the"
                " Python that your application runs with (python -m jwtguard …)"
            ) from None
        raise Problem(f"{option}: importing {module_name} raised {_said(error)}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the project's own code
        raise Problem(f"{option}: importing {module_name} raised {_said(error)}") from None


def _kind(value: object) -> str:
    return f"the module {value.__name__}" if isinstance(value, ModuleType) else f"a {type(value).__name__}"


def _said(error: BaseException) -> str:
    text = printable(str(error).strip().partition("\n")[0])
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
