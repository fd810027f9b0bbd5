"""A slip of the hand in a FastAPI application is an error when the route is made, and no client says who it is."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Annotated, Any, Generic, Optional, TypeVar

import pytest
from fastapi import APIRouter, Body, Cookie, Depends, FastAPI, Header, Query, Request, Security, WebSocket
from fastapi.params import Depends as DependsClass
from fastapi.testclient import TestClient
from pydantic import BaseModel, TypeAdapter, create_model

from jwtguard import UNCHECKED, ConfigurationError, Guard, Principal, Requirement, VerifiedToken, has_role, optional
from jwtguard.asgi import ASGIGuard, GuardMiddleware, requires
from jwtguard.fastapi import FastAPIGuard
from jwtguard.testing import RawRequest, asgi_client, principal
from jwtguard.testing.conformance.adapter_sites import guard_for_tests
from jwtguard.testing.conformance.route_sites import route_site

AUTH = FastAPIGuard(guard_for_tests())
SITE = route_site("bearer")
SHOWN = r"Annotated\[Principal, auth.requires\(\)\]"
Alias = Annotated[Principal, AUTH.requires]
T = TypeVar("T")


class Mine(Principal):
    """A subclass of the application's own."""

    __slots__ = ()


@dataclasses.dataclass
class Holder(Generic[T]):
    """A dataclass with anything in it."""

    value: T


def taking(annotation: Any, default: Any = dataclasses.MISSING) -> Callable[..., Any]:
    """A function with one parameter of this annotation."""

    async def view(caller: Any) -> str:
        raise AssertionError

    view.__annotations__["caller"] = annotation
    if default is not dataclasses.MISSING:
        view.__defaults__ = (default,)
    return view


def taken_by_a_class(annotation: Any) -> type:
    """A class whose constructor has one parameter of this annotation, to be a dependency."""

    class Service:
        def __init__(self, caller: Any) -> None:
            raise AssertionError

    Service.__init__.__annotations__["caller"] = annotation
    return Service


ANNOTATIONS: list[Any] = [
    # The parentheses forgotten.
    Annotated[Principal, AUTH.requires],
    Annotated[Principal | None, AUTH.requires],
    Annotated[dict[str, Any], AUTH.requires],
    Annotated[Request, AUTH.requires],
    Annotated[None, AUTH.requires],
    Annotated[str, Query(), AUTH.requires],
    Annotated[Principal, Depends(AUTH.requires)],
    Alias,
    Optional[Alias],  # noqa: UP045
    "Alias",
    # Nothing that says where it comes from.
    Principal,
    Principal | None,
    Optional[Principal],  # noqa: UP045
    list[Principal],
    dict[str, Principal],
    tuple[Principal, ...],
    Annotated[Principal, "the caller"],
    Annotated[Principal, AUTH],
    Annotated[Principal, AUTH.guard],
    Annotated[Principal, has_role("admin")],
    "Principal",
    "Principal | None",
    Mine,
    Holder[Principal],
    VerifiedToken,
    Guard,
    FastAPIGuard,
    Requirement,
    # A place in the request.
    Annotated[Principal, Body()],
    Annotated[Principal, Query()],
    Annotated[Principal, Header()],
    Annotated[Principal, Cookie()],
    # The constructor as a dependency.
    Annotated[Principal, Depends()],
    Annotated[Any, Depends(Principal)],
    Annotated[Principal, Security()],
    Annotated[Mine, Depends()],
    Annotated[Any, Depends(functools.partial(Principal, issuer="x"))],
    Annotated[VerifiedToken, Depends()],
    Annotated[FastAPIGuard, Depends()],
    # A dependency inside another.
    Annotated[Principal, Depends(AUTH.requires())],
    Annotated[Principal, Security(AUTH.requires(has_role("admin")), scopes=["read"])],
]


@pytest.mark.parametrize("annotation", ANNOTATIONS)
def test_annotations(annotation: Any) -> None:
    """A parameter that would take the caller from the request is an error that shows what to write."""
    app = FastAPI()
    with pytest.raises(ConfigurationError, match=SHOWN):
        app.get("/")(taking(annotation))
    with pytest.raises(ConfigurationError, match=SHOWN):
        app.websocket("/ws")(taking(annotation))


@pytest.mark.parametrize("annotation", ANNOTATIONS)
def test_annotations_further_in(annotation: Any) -> None:
    """A wrong annotation in a dependency, or in those of a router or an application, is refused."""
    for dependency in (taking(annotation), taken_by_a_class(annotation)):
        with pytest.raises(ConfigurationError, match=SHOWN):
            FastAPI().get("/")(taking(Any, Depends(dependency)))
        with pytest.raises(ConfigurationError, match=SHOWN):
            APIRouter(dependencies=[Depends(dependency)]).get("/")(taking(str))


@pytest.mark.parametrize("default", [Depends(), Depends(Principal), AUTH.requires, Depends(AUTH.requires()), None])
def test_defaults(default: Any) -> None:
    """A wrong dependency as the default of a parameter is refused."""
    with pytest.raises(ConfigurationError, match=SHOWN):
        FastAPI().post("/")(taking(Principal, default))


@pytest.mark.parametrize("dependency", [AUTH.requires, Depends(AUTH.requires()), Depends(Principal)])
def test_lists_of_dependencies(dependency: Any) -> None:
    """A wrong entry in the dependencies of an application, a router or a route is a ConfigurationError."""
    with pytest.raises(ConfigurationError, match=SHOWN):
        FastAPI(dependencies=[dependency]).get("/")(taking(str))
    with pytest.raises(ConfigurationError, match=SHOWN):
        APIRouter(dependencies=[dependency]).get("/")(taking(str))
    with pytest.raises(ConfigurationError, match=SHOWN):
        FastAPI().get("/", dependencies=[dependency])(taking(str))


@pytest.mark.parametrize("decorator", [AUTH.requires, AUTH.requires(), AUTH.requires(has_role("admin"))])
def test_decorators(decorator: Any) -> None:
    """On the line of a decorator it is an error that says where it belongs."""
    with pytest.raises(ConfigurationError, match=SHOWN):
        decorator(taking(str))


@pytest.mark.parametrize("model", [Principal, list[Principal], VerifiedToken, Principal | None])
def test_answers(model: Any) -> None:
    """A caller as a whole is no answer: it would show all claims."""
    app, view = FastAPI(), taking(str)
    with pytest.raises(ConfigurationError, match="names the fields that it shows"):
        app.get("/", response_model=model)(view)
    view.__annotations__["return"] = model
    with pytest.raises(ConfigurationError, match="names the fields that it shows"):
        app.get("/")(view)


@pytest.mark.parametrize("kind", [Principal, VerifiedToken, Guard, Requirement])
def test_pydantic(kind: Any) -> None:
    """Pydantic has no schema for what comes from the guard, in a model or alone."""
    with pytest.raises(ConfigurationError, match=f"^{kind.__name__} is never read from a request"):
        TypeAdapter(kind)
    with pytest.raises(ConfigurationError, match=SHOWN):
        create_model("Model", caller=(kind, ...))
    with pytest.raises(ConfigurationError, match=SHOWN):
        create_model("Model", caller=(kind, ...), __config__={"arbitrary_types_allowed": True})


@pytest.mark.parametrize("inside", [AUTH.requires, AUTH.requires(), AUTH.requires(optional)])
def test_inside_another_annotation(inside: Any) -> None:
    """In a part of the annotation FastAPI does not look for a dependency, and nothing would be guarded."""
    hidden: Any = Annotated[str, inside]
    for annotation in (Optional[hidden], list[hidden], dict[str, hidden], Holder[hidden]):  # noqa: UP045
        with pytest.raises(ConfigurationError, match="inside a union, a list or a model"):
            FastAPI().get("/")(taking(annotation, None))
    with pytest.raises(ConfigurationError, match="inside a union, a list or a model"):
        create_model("Model", caller=(hidden, ...))


def called_in_a_view() -> None:
    """What Flask's users may expect to work."""
    AUTH.requires(has_role("admin"))


async def called_in_an_async_view() -> None:
    """The same without a thread."""
    AUTH.requires(has_role("admin"))


@pytest.mark.parametrize("call", [called_in_a_view, called_in_an_async_view, lambda: AUTH.requires()])
def test_called_while_a_request_is_answered(call: Any) -> None:
    """`requires` that is called in a view or a dependency guards nothing, so the request fails."""
    app = FastAPI()
    app.get("/view")(call)
    app.get("/dependency", dependencies=[Depends(call)])(taking_nothing)
    for path in ("/view", "/dependency"):
        with pytest.raises(ConfigurationError, match="was called while a request is answered"):
            TestClient(app).get(path)


async def taking_nothing() -> str:
    """A view."""
    return "open"


LOST = "Annotated[OnlyForTypeCheckers | None, AUTH.requires()]"


def lost() -> FastAPI:
    """An application whose view names what only type checkers import."""
    app = FastAPI()
    app.get("/")(taking(LOST, None))
    return app


def lost_further_in() -> FastAPI:
    """The same in a dependency, of a router."""
    app, router = FastAPI(), APIRouter(dependencies=[Depends(taking(LOST, None))])
    router.get("/")(taking_nothing)
    app.include_router(router)
    return app


@pytest.mark.parametrize("make", [lost, lost_further_in])
def test_names_that_only_type_checkers_know(make: Callable[[], FastAPI]) -> None:
    """FastAPI loses the guard with the name that it cannot find: the application does not start."""
    inside, with_init_app = make(), make()
    inside.add_middleware(GuardMiddleware, guard=guard_for_tests(rules=UNCHECKED))
    AUTH.init_app(with_init_app)
    for app in (inside, with_init_app, GuardMiddleware(make(), guard=guard_for_tests(rules=UNCHECKED))):
        with pytest.raises(ConfigurationError, match="not under `if TYPE_CHECKING:`"), TestClient(app):
            raise AssertionError
        with pytest.raises(ConfigurationError, match=r"cannot read `caller: Annotated\[OnlyForTypeCheckers"):
            asgi_client(app)(RawRequest())


def test_names_of_others_that_only_type_checkers_know() -> None:
    """An unresolvable annotation that has nothing to do with jwtguard is no error."""
    app = FastAPI()
    app.get("/")(taking("OnlyForTypeCheckers", None))
    app.get("/open")(taking_nothing)
    AUTH.init_app(app)
    assert asgi_client(app)(RawRequest(target="/open")).status == 200


# What is right stays so.


def test_right_spellings() -> None:
    """With parentheses it works in each place, and asks for a token."""
    app = FastAPI(dependencies=[AUTH.requires()])
    caller: Any = AUTH.requires()

    @app.get("/annotated", dependencies=[AUTH.requires(has_role("admin"))])
    async def annotated(caller: Annotated[Principal, AUTH.requires()]) -> str:
        raise AssertionError

    @app.get("/default")
    async def default(caller: Principal = caller) -> str:
        raise AssertionError

    @app.websocket("/ws")
    async def socket(websocket: WebSocket, caller: Annotated[Principal | None, AUTH.requires(optional)]) -> None:
        raise AssertionError

    for path in ("/annotated", "/default"):
        assert asgi_client(app)(RawRequest(target=path)).status == 401


def test_identity() -> None:
    """`auth.requires` can be compared, shown and kept in a set, as typing does with what stands in `Annotated`."""
    other = FastAPIGuard(guard_for_tests())
    assert AUTH.requires == AUTH.requires
    assert AUTH.requires != other.requires
    assert len({AUTH.requires, other.requires}) == 2
    assert "_Requires" in repr(AUTH.requires)
    assert isinstance(AUTH.requires, DependsClass)


def test_overrides_with_a_caller_for_tests() -> None:
    """Tests of an application put a caller of their own in the place of the dependency."""
    app = FastAPI()
    requires: Any = AUTH.requires()

    @app.get("/")
    async def view(caller: Principal = requires) -> list[str]:
        return [str(caller.subject), *caller.roles]

    app.dependency_overrides[requires.dependency] = lambda: principal("alice", roles=["admin"])
    assert asgi_client(app)(RawRequest()).json() == ["alice", "admin"]


class Model(BaseModel):
    """A body of the application's own."""

    subject: str


def test_models_beside_the_caller() -> None:
    """Bodies go on being read beside a caller from the guard."""
    app = FastAPI()

    @app.post("/")
    async def view(body: Model, caller: Annotated[Principal, AUTH.requires()]) -> str:
        raise AssertionError

    assert asgi_client(app)(RawRequest(method="POST")).status == 401


# The shipped routes below a prefix of `include_router`.


def mounted(prefix: str, *, within: str = "", jwks: bool = False) -> FastAPI:
    """An application whose shipped routes were included with a prefix, and in another router with one."""
    app, outer, auth = FastAPI(), APIRouter(prefix=within), FastAPIGuard(SITE.guard, SITE.sessions, **SITE.settings)
    outer.include_router(auth.jwks_route() if jwks else auth.routes(), prefix=prefix)
    app.include_router(outer)
    return app


@pytest.mark.parametrize(
    ("prefix", "within", "jwks"), [("/auth", "", False), ("/v1", "", False), ("", "/v1", False), ("/v1", "", True)]
)
def test_prefixes(prefix: str, within: str, *, jwks: bool) -> None:
    """The application does not start, and says where the prefix goes."""
    app = mounted(prefix, within=within, jwks=jwks)
    with pytest.raises(ConfigurationError, match=r"include_router\(auth\.routes\("), TestClient(app):
        raise AssertionError


def test_prefixes_without_a_lifespan() -> None:
    """Where no server runs the lifespan, the routes themselves say so."""
    request = RawRequest(method="POST", target="/v1/auth/login")
    with pytest.raises(ConfigurationError, match="/auth/login stands at /v1/auth/login"):
        asgi_client(mounted("/v1"))(request)


def test_routers_without_a_prefix() -> None:
    """In a router without a prefix, and in an application that is mounted somewhere, they are where they say."""
    outer = FastAPI()
    outer.mount("/v1", mounted(""))
    with TestClient(mounted("")) as client:
        assert client.get("/auth/.well-known/jwks.json").status_code == 200
    assert asgi_client(outer)(RawRequest(target="/v1/auth/.well-known/jwks.json")).status == 200


@pytest.mark.parametrize(
    "decorator",
    [requires(guard=AUTH.guard), ASGIGuard(AUTH.guard).requires(has_role("admin"))],
    ids=["function", "method"],
)
@pytest.mark.parametrize("value", [dict[str, Any], dict[str, Any] | None, str, list[str]], ids=str)
def test_the_decorator_of_asgi_is_no_annotation(decorator: Any, value: Any) -> None:
    """FastAPI would ignore it and read the parameter from the request."""

    def endpoint(caller: Any) -> None:
        raise AssertionError

    endpoint.__annotations__["caller"] = Annotated[value, decorator]
    with pytest.raises(ConfigurationError, match=r"auth = FastAPIGuard\(guard\)"):
        FastAPI().post("/x")(endpoint)
