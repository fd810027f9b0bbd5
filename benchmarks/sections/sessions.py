"""Tokens beside sessions, in Django: what a request pays to know its caller, with and without asking a store.

Django's sessions get the best they can have: a connection that stays open, in a row of its own the default that does
not, and a view that only reads.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test.utils import override_settings
from django.urls import path

from benchmarks.callables import WSGIClient
from benchmarks.databases import folder, new_session, postgresql_server, redis_server, reporting, stores
from benchmarks.measuring import Batch, Findings, Pace, interleaved
from benchmarks.proof import Ask, prove, prove_guarded
from benchmarks.sections import django as django_section
from benchmarks.tokens import ISSUER, POOL, Mint
from jwtguard import SessionRevocation, SessionStore
from tests.processes import LOOPBACK

_ALGORITHM = "ES256"
_GROUP = "Django"
BETWEEN, LOOK_UP = "token and revocation, between look-ups", "token and revocation, a look-up"
_DATABASE = "django.contrib.sessions.backends.db"
_CACHE = "django.contrib.sessions.backends.cache"


class Router:
    """Sends Django's sessions to the database whose turn it is."""

    current: ClassVar[str] = "default"

    def db_for_read(self, model: object, **hints: object) -> str:
        """Django asks this for each query."""
        return self.current

    db_for_write = db_for_read


def measure(pace: Pace) -> Findings:
    """One group: all contenders serve the same view, for as many users in turn."""
    findings, mint, urls = Findings(), Mint(_ALGORITHM), ModuleType("urls")
    with contextlib.ExitStack() as open_things:
        databases = {"default": _sqlite(open_things.enter_context(folder()))}
        caches: dict[str, Any] = {}
        with reporting(findings.left_out):
            port = open_things.enter_context(postgresql_server()).port
            databases |= {"postgresql": _postgresql(port, None), "postgresql_each": _postgresql(port, 0)}
        with reporting(findings.left_out):
            port = open_things.enter_context(redis_server()).port
            caches["default"] = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": f"redis://{LOOPBACK}:{port}"}
        django_section.configure(
            urls,
            INSTALLED_APPS=["django.contrib.sessions"],
            DATABASES=databases,
            CACHES=caches,
            DATABASE_ROUTERS=["benchmarks.sections.sessions.Router"],
        )
        batches = _with_tokens(mint, urls, open_things.enter_context(stores([])))
        batches |= _with_sessions(urls, [*databases], has_cache=bool(caches))
        findings.series += interleaved(_GROUP, batches, pace)
    return findings


def _sqlite(path_of_folder: Path) -> dict[str, Any]:
    options = {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL"}
    name = str(path_of_folder / "django.db")
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": name, "CONN_MAX_AGE": None, "OPTIONS": options}


def _postgresql(port: int, max_age: int | None) -> dict[str, Any]:
    server = {"HOST": LOOPBACK, "PORT": port, "USER": "postgres", "NAME": "postgres"}
    return {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": max_age, **server}


def _with_tokens(mint: Mint, urls: ModuleType, found: Mapping[str, SessionStore]) -> dict[str, Batch]:
    """The bare view; ours without revocation; and ours with it, in each store: while the answer of the store is young
    enough, and when it has to be asked.
    """
    from jwtguard.django import DjangoGuard

    tokens = mint.tokens()
    guards = {"token, new": mint.guard(cache_size=0), "token, seen before": mint.guard()}
    for name, store in found.items():
        for number in range(len(tokens)):
            store.create(new_session(number, issuer=ISSUER), now=time.time())
        # One whose answers last for the whole run, and one whose answers are too old at once: the same code for both.
        for kind, staleness in ((BETWEEN, timedelta(hours=1)), (LOOK_UP, timedelta(microseconds=1))):
            revocation = SessionRevocation(store, max_staleness=staleness)
            guards[f"{kind}, {name}"] = mint.guard(revocation=revocation)
    views: dict[str, Any] = {"bare": django_section.bare}
    views |= {name: DjangoGuard(guard).requires()(django_section.ours) for name, guard in guards.items()}
    vars(urls)["urlpatterns"] = [path(f"{number}", view) for number, view in enumerate(views.values())]
    vars(urls)["urlpatterns"].append(path("session", _view))
    handler, batches = WSGIHandler(), {}
    for number, name in enumerate(views):
        client = WSGIClient(handler, f"/{number}")
        if name != "bare":
            prove_guarded(name, client.ask, mint)
        for token in tokens:
            client.ask(token)
        batches[name] = client.batch(tokens)
    return batches


def _view(request: HttpRequest) -> HttpResponse:
    subject = request.session.get("subject")
    if subject is None:
        return JsonResponse({"error": "no_session"}, status=401)
    return JsonResponse({"subject": subject})


def _with_sessions(urls: ModuleType, databases: Sequence[str], *, has_cache: bool) -> dict[str, Batch]:
    """The same view behind Django's own middleware, with its sessions in each place."""
    names = {"default": "SQLite", "postgresql": "PostgreSQL", "postgresql_each": "PostgreSQL, a connection a request"}
    kinds = [(f"Django session, {names[alias]}", _DATABASE, alias) for alias in databases]
    if has_cache:
        kinds.insert(0, ("Django session, Redis", _CACHE, "default"))
    batches = {}
    for alias in databases:
        Router.current = alias
        call_command("migrate", "sessions", database=alias, verbosity=0)
    for name, engine, alias in kinds:
        Router.current = alias
        with override_settings(
            MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"], SESSION_ENGINE=engine
        ):
            client = WSGIClient(WSGIHandler(), "/session")
        prove(name, _asking(client), good=_session(engine, 0), bad=_bad(engine), subject="user-0")
        cookies = [{"HTTP_COOKIE": f"sessionid={_session(engine, number)}"} for number in range(POOL)]
        batches[name] = _in_database(alias, client.batch_with(cookies))
    return batches


def _session(engine: str, number: int, *, seconds: int = 86400) -> str:
    session: Any = import_module(engine).SessionStore()
    session["subject"] = f"user-{number}"
    session.set_expiry(seconds)
    session.create()
    key: str = session.session_key
    return key


def _bad(engine: str) -> dict[str, str | None]:
    return {"no session": None, "a changed key": "a" * 32, "an expired session": _session(engine, 0, seconds=-60)}


def _asking(client: WSGIClient) -> Ask:
    return lambda key: client.ask_with({} if key is None else {"HTTP_COOKIE": f"sessionid={key}"})


def _in_database(alias: str, batch: Batch) -> Batch:
    def run(times: int) -> None:
        Router.current = alias
        batch(times)

    return run
