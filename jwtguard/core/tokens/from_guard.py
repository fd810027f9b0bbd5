"""What comes from the guard alone: pydantic, and so FastAPI, refuses to read it from a request.

>>> class Caller(FromGuard): ...
>>> try:
...     Caller.__get_pydantic_core_schema__(Caller, None)
... except ConfigurationError as error:
...     print(error)
Caller is never read from a request and never sent as an answer: to take the caller from the guard, write \
`caller: Annotated[Principal, auth.requires()]`, with parentheses; an answer names the fields that it shows

FastAPI reads a parameter from the query or the body unless it is told otherwise, and fills the constructor of a class
that serves as a dependency in the same way. So one forgotten word would let each client say who it is.
"""

from __future__ import annotations

from typing import NoReturn

from jwtguard.core.errors import ConfigurationError


class FromGuard:
    """A base of classes whose objects no request may bring: pydantic has no schema for them, and says what to write."""

    __slots__ = ()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> NoReturn:
        """What pydantic asks a class for when it builds a schema; raises `ConfigurationError`."""
        raise ConfigurationError(never_read(cls.__name__))


class NoParameter:
    """The same for one parameter: `subject: Annotated[str, NoParameter(never_read("Principal"))]`.

    On a parameter of a constructor it keeps FastAPI from calling the class as a dependency. `problem` is the message.
    The annotation must be an object, not a string: so no `from __future__ import annotations` in that module.
    """

    __slots__ = ("_problem",)

    def __init__(self, problem: str) -> None:
        self._problem = problem

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> NoReturn:
        """What pydantic asks the metadata of a type for; raises `ConfigurationError`."""
        raise ConfigurationError(self._problem)


def never_read(name: str) -> str:
    """What is wrong where FastAPI would read `name` from a request, with what to write instead."""
    return (
        f"{name} is never read from a request and never sent as an answer: to take the caller from the guard, write"
        " `caller: Annotated[Principal, auth.requires()]`, with parentheses; an answer names the fields that it shows"
    )
