"""Django's users: found by primary key, logged in by name as in Django's own form, logged out by a new password."""

from __future__ import annotations

import asyncio
import unicodedata
import uuid
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from tests.adapters.django_site import CSRF, with_settings

# isort: split
# Models can be defined once the line above has made the settings.
import pytest
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.db import OperationalError, connection, connections, models
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test.utils import override_settings
from django.urls import path

from jwtguard import (
    UNCHECKED,
    ConfigurationError,
    Event,
    Grants,
    Guard,
    InvalidGrantError,
    Principal,
    Rules,
    Sessions,
    TokenHeader,
    has_role,
    optional,
    optional_lenient,
)
from jwtguard.django import DjangoGuard, GuardMiddleware, requires
from jwtguard.django.users import TokenUser, active_user, by_primary_key, load, stamps_of
from jwtguard.stores.memory import MemoryStore
from jwtguard.testing import RawAnswer, RawRequest, asgi_client, wsgi_client
from jwtguard.testing.conformance.adapter_case import bearer, token
from jwtguard.testing.conformance.adapter_sites import guard_for_tests
from jwtguard.testing.conformance.browser import Browser
from tests.core.session_world import REFRESH_KEY, token_issuer
from tests.core.token_samples import Clock

MIDDLEWARE = "jwtguard.django.GuardMiddleware"
BY_KEY = "jwtguard.django.users.by_primary_key"
EVENTS: list[Event] = []
PLAIN = guard_for_tests(rules=UNCHECKED, on_event=EVENTS.append)
RULED = guard_for_tests(rules=Rules([]), on_event=EVENTS.append)
FOUND: list[str | None] = []
FAST = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STRONGER = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", *FAST]


@pytest.fixture(scope="module", autouse=True)
def _tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The tables of Django's users in a file, which all threads see, and four users."""
    before = connections.settings["default"]["NAME"]
    # Django does not close a database in memory, so the connection that other tests have opened is closed here.
    raw = connections["default"].connection
    if raw is not None:
        raw.close()
    del connections["default"]
    connections.settings["default"]["NAME"] = str(tmp_path_factory.mktemp("django") / "db.sqlite3")
    try:
        call_command("migrate", verbosity=0)
        with override_settings(PASSWORD_HASHERS=FAST):
            password = make_password("wonderland")
        for key, name, is_active in ((1, "ada", True), (10, "bob", True), (11, "eve", False), (2**62, "max", True)):
            User.objects.create(pk=key, username=name, password=password, is_active=is_active)
        yield
    finally:
        connections.close_all()
        del connections["default"]
        connections.settings["default"]["NAME"] = before


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """No settings of ours, and no middleware, to begin with."""
    EVENTS.clear()
    FOUND.clear()
    with override_settings(MIDDLEWARE=[], APPEND_SLASH=False, PASSWORD_HASHERS=FAST):
        yield


# by_primary_key.


@pytest.mark.parametrize("subject", ["1", "10", str(2**62)])
def test_exactly_the_primary_key(subject: str) -> None:
    """The user whose key is spelled like the subject."""
    user: Any = by_primary_key(Principal(subject=subject))
    assert str(user.pk) == subject


@pytest.mark.parametrize(
    "subject",
    [
        *("01", " 1", "1 ", "1_0", "+1", "-1", "1.0", "1e0", "0x1", "\uff11", "\u0661", "\xb9", "1\n", "\t1"),
        *("True", "None", "", "ada", "99", "11", str(10**19), str(10**40), "9" * 50, "1\x00", "\ud800", "1;", "[1]"),
    ],
    ids=ascii,
)
def test_what_is_no_primary_key(subject: str) -> None:
    """A subject that is no primary key, or that no database accepts, names no user and causes no error."""
    assert by_primary_key(Principal(subject=subject)) is None


def test_no_subject() -> None:
    """A token without `sub` has no user."""
    assert by_primary_key(Principal(subject=None)) is None


class Account(models.Model):
    """A user model of a project, with a UUID as its key and without `is_active`."""

    code: models.UUIDField[uuid.UUID, uuid.UUID] = models.UUIDField(primary_key=True)

    class Meta:
        app_label = "auth"
        managed = False
        db_table = "test_account"


class Member(models.Model):
    """One whose key is text."""

    name: models.CharField[str, str] = models.CharField(primary_key=True, max_length=20)

    class Meta:
        app_label = "auth"
        managed = False
        db_table = "test_member"


@pytest.fixture
def accounts() -> Iterator[None]:
    """Tables for both."""
    with connection.schema_editor() as editor:
        editor.create_model(Account)
        editor.create_model(Member)
    yield
    with connection.schema_editor() as editor:
        editor.delete_model(Account)
        editor.delete_model(Member)


def test_a_uuid(accounts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A UUID has one spelling; other spellings that Django reads name no user."""
    monkeypatch.setattr("django.contrib.auth.get_user_model", lambda: Account)
    code = uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
    account = Account.objects.create(code=code)
    assert active_user(str(code)) == account
    for other in (
        code.hex,
        str(code).upper(),
        f"{{{code}}}",
        f"urn:uuid:{code}",
        str(code.int),
        f" {code}",
        "1",
        "\x00",
    ):
        assert active_user(other) is None
    assert load(str(code)) == Grants()


def test_a_key_of_text(accounts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compared character by character, whatever the database takes for equal."""
    monkeypatch.setattr("django.contrib.auth.get_user_model", lambda: Member)
    Member.objects.create(name="ada")
    for other in ("Ada", "ada ", " ada", "ad\xe4", "ada\x00"):
        assert active_user(other) is None
    assert active_user("ada") == Member(name="ada")
    assert stamps_of(Member(name="ada")) == {"stamp": None, "stamp_fallbacks": ()}


# JWTGUARD_USER.


def who(request: HttpRequest) -> HttpResponse:
    """A view that says who `request.user` is."""
    return JsonResponse({"user": getattr(request.user, "username", None)})


async def who_async(request: HttpRequest) -> HttpResponse:
    """The same, as a coroutine."""
    user: Any = await request.auser()
    return JsonResponse({"user": getattr(user, "username", None)})


def deaf(request: HttpRequest) -> HttpResponse:
    """A view that asks for no user."""
    return HttpResponse("ok")


async def deaf_async(request: HttpRequest) -> HttpResponse:
    """The same, as a coroutine."""
    return HttpResponse("ok")


def ask(view: Any, *headers: tuple[str, str], asgi: bool = False, **changed: Any) -> RawAnswer:
    """The answer of a project with one view."""
    urls = ModuleType("urls")
    vars(urls)["urlpatterns"] = [path("", view)]
    with override_settings(**{"ROOT_URLCONF": urls, "JWTGUARD": PLAIN, "JWTGUARD_USER": BY_KEY, **changed}):
        client = asgi_client(ASGIHandler()) if asgi else wsgi_client(WSGIHandler())
        return client(RawRequest(method="GET", target="/", headers=headers))


PLACES: list[dict[str, Any]] = [
    {},
    {"MIDDLEWARE": [MIDDLEWARE], "JWTGUARD": PLAIN},
    {"MIDDLEWARE": [MIDDLEWARE], "JWTGUARD": RULED},
]
_places = pytest.mark.parametrize("place", PLACES, ids=["decorator", "middleware", "rules"])


@_places
@pytest.mark.parametrize(
    ("view", "asgi"),
    [(deaf, False), (deaf, True), (deaf_async, False), (deaf_async, True), (who, False), (who_async, True)],
)
@pytest.mark.parametrize("subject", ["11", "99", "01", "ada"])
def test_a_user_who_is_gone(subject: str, view: Any, asgi: bool, place: dict[str, Any]) -> None:
    """Deactivated, deleted or never there: 401 as for a broken token, whether or not the view asks for the user."""
    answer = ask(requires()(view), bearer(token(subject=subject)), asgi=asgi, **place)
    assert answer.status == 401
    assert 'error="invalid_token"' in (answer.header("WWW-Authenticate") or "")
    assert [(event.outcome, event.reason, event.subject) for event in EVENTS[-1:]] == [("refused", "user", subject)]


@_places
@pytest.mark.parametrize("asgi", [False, True])
def test_a_user_who_is_there(place: dict[str, Any], asgi: bool) -> None:
    """`request.user` and `request.auser` are that user."""
    for view in (who, who_async):
        answer = ask(requires()(view), bearer(token(subject="1")), asgi=asgi, **place)
        assert (answer.status, answer.json()) == (200, {"user": "ada"})


def test_a_middleware_with_rules_alone() -> None:
    """No decorator is needed for it."""
    place: dict[str, Any] = {"MIDDLEWARE": [MIDDLEWARE], "JWTGUARD": RULED}
    assert ask(deaf, bearer(token(subject="11")), **place).status == 401
    assert ask(who, bearer(token(subject="1")), **place).json() == {"user": "ada"}


@_places
def test_optional(place: dict[str, Any]) -> None:
    """A token whose user is gone is a broken one: refused where a token is optional, none where it is leniently so."""
    place = {} if place.get("JWTGUARD") is RULED else place
    gone = bearer(token(subject="11"))
    assert ask(requires(optional)(deaf), gone, **place).status == 401
    assert ask(requires(optional_lenient)(deaf), gone, **place).status == 200
    assert ask(requires(optional)(deaf), **place).status == 200


def test_a_missing_role_of_a_user_who_is_gone() -> None:
    """401 all the same: who is calling is asked before what they may do."""
    view = requires(has_role("admin"))(deaf)
    assert ask(view, bearer(token(subject="11"))).status == 401
    assert ask(view, bearer(token(subject="1"))).status == 403


def find(principal: Principal) -> Any:
    """A function that counts."""
    FOUND.append(principal.subject)
    return by_primary_key(principal)


async def find_async(principal: Principal) -> Any:
    """One that is async."""
    FOUND.append(principal.subject)
    return await User.objects.filter(pk=principal.subject).afirst()


def broken(principal: Principal) -> Any:
    """One whose database is out of reach."""
    raise OperationalError("no route to host")


def misconfigured(principal: Principal) -> Any:
    """One that says what is wrong."""
    raise ConfigurationError("write this instead")


@_places
@pytest.mark.parametrize("function", [find, find_async])
def test_once_a_request(function: Any, place: dict[str, Any]) -> None:
    """The user is looked up at most once a request, and never without a principal."""
    inner = requires()(who_async)
    view = requires()(inner)
    answer = ask(view, bearer(token(subject="1")), asgi=True, **{**place, "JWTGUARD_USER": function})
    assert answer.json() == {"user": "ada"}
    assert FOUND == ["1"]
    FOUND.clear()
    ask(requires(optional)(deaf_async), asgi=True, **{**place, "JWTGUARD": PLAIN, "JWTGUARD_USER": function})
    assert FOUND == []


def test_an_inactive_user_of_an_async_function() -> None:
    """An inactive user is refused, so a project's function need not look at `is_active`."""
    assert ask(requires()(deaf_async), bearer(token(subject="11")), asgi=True, JWTGUARD_USER=find_async).status == 401


def test_an_async_function_in_a_sync_stack(caplog: pytest.LogCaptureFixture) -> None:
    """An error at start where a middleware is in front, else at the first request: it says what to set."""
    with (
        override_settings(JWTGUARD=PLAIN, JWTGUARD_USER=find_async),
        pytest.raises(ConfigurationError, match="JWTGUARD_USER"),
    ):
        GuardMiddleware(deaf)
    assert ask(requires()(deaf), bearer(token(subject="1")), JWTGUARD_USER=find_async).status == 500
    assert "a function that is not async" in caplog.text


@_places
def test_a_database_that_is_out_of_reach(place: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """503, since a user who cannot be found must not be logged out; the log has the traceback."""
    answer = ask(requires()(deaf), bearer(token(subject="1")), **{**place, "JWTGUARD_USER": broken})
    assert (answer.status, answer.header("Retry-After")) == (503, "5")
    assert "JWTGUARD_USER raised OperationalError" in caplog.text
    assert "no route to host" in caplog.text


def test_a_function_that_says_what_is_wrong(caplog: pytest.LogCaptureFixture) -> None:
    """An error in the set-up stays one."""
    assert ask(requires()(deaf), bearer(token(subject="1")), JWTGUARD_USER=misconfigured).status == 500
    assert "write this instead" in caplog.text


def test_a_second_token_has_a_user_of_its_own() -> None:
    """Read from another place by an inner decorator, it speaks for another user, who must be there as well."""
    inner = requires(tokens_from=[TokenHeader("X-Token", from_proxy=False)])(who)
    headers = bearer(token(subject="1"))
    place: dict[str, Any] = {"MIDDLEWARE": [MIDDLEWARE], "JWTGUARD": RULED}
    assert ask(inner, headers, ("X-Token", token(subject="10")), **place).json() == {"user": "bob"}
    assert ask(inner, headers, ("X-Token", token(subject="11")), **place).status == 401


# A token in the place of a user.


def test_a_token_user_without_rights() -> None:
    """A user from a token has Django's attributes: empty managers, empty sets, and no permission."""
    user, anonymous = TokenUser(Principal(subject="17")), AnonymousUser()
    assert list(user.groups.all()) == list(user.user_permissions.all()) == []
    assert user.groups.model is Group
    assert user.user_permissions.model is Permission
    assert not user.groups.filter(name="admin").exists()
    for name in ("get_user_permissions", "get_group_permissions", "get_all_permissions"):
        assert getattr(user, name)() == getattr(anonymous, name)() == set()
        assert asyncio.run(getattr(user, f"a{name}")()) == set()
    for name, argument in (
        ("has_perm", "auth.add_user"),
        ("has_perms", ["auth.add_user"]),
        ("has_module_perms", "auth"),
    ):
        assert getattr(user, name)(argument) is getattr(anonymous, name)(argument) is False
        assert asyncio.run(getattr(user, f"a{name}")(argument)) is False
    assert user.has_perms([]) is anonymous.has_perms([]) is True
    for wrong in ("auth.add_user", 5):
        with pytest.raises(ValueError, match="iterable"):
            user.has_perms(wrong)  # type: ignore[arg-type]


# A changed password.


def sessions() -> Sessions:
    """Sessions of Django's users, with the shipped `load`."""
    return Sessions(
        issuer=token_issuer(), store=MemoryStore(), load=load, refresh_keys=[REFRESH_KEY], clock=Clock(), grace=None
    )


def test_the_shipped_load() -> None:
    """The groups are the roles; a user who is gone has no grants."""
    user = User.objects.get(pk=10)
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in ("editors", "admins")])
    assert load("10") == Grants(roles=["admins", "editors"], stamp=user.get_session_auth_hash())
    assert [load(subject) for subject in ("11", "99", "010", "ada", "\x00")] == [None] * 5


@pytest.mark.parametrize("way", ["set_password", "form", "unusable"])
def test_a_changed_password_ends_the_sessions(way: str) -> None:
    """By `set_password`, by the form of the admin and of a reset, or with no password any more."""
    from django.contrib.auth.forms import AdminPasswordChangeForm

    user = User.objects.create_user(f"carol-{way}", password="before")
    ours = sessions()
    answers = [ours.start(str(user.pk)).run() for _ in range(2)]
    if way == "form":
        form = AdminPasswordChangeForm(user, {"password1": "after-wards-9", "password2": "after-wards-9"})
        assert form.is_valid(), form.errors
        form.save()
    else:
        user.set_password("after" if way == "set_password" else None)
        user.save()
    for answer in answers:
        with pytest.raises(InvalidGrantError, match="credentials_changed"):
            ours.refresh(answer.refresh_token).run()
    assert ours.list(str(user.pk)).run() == []
    assert ours.refresh(ours.start(str(user.pk)).run().refresh_token).run()


def test_a_secret_key_that_was_rotated() -> None:
    """A hash under an earlier key counts for as long as that key is among the fallbacks."""
    ours = sessions()
    kept, lost = ours.start("1").run(), ours.start("1").run()
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=["a secret for tests, known to all"]):
        kept = ours.refresh(kept.refresh_token).run()
    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[]):
        assert ours.refresh(kept.refresh_token).run()
        with pytest.raises(InvalidGrantError, match="credentials_changed"):
            ours.refresh(lost.refresh_token).run()


# The shipped login.


def browser(routes: Any = None, *, asgi: bool = False, **changed: Any) -> tuple[Sessions, Browser]:
    """The shipped routes with Django's own users."""
    ours = sessions()
    issuer = ours.issuer
    guard = Guard(
        issuer=issuer.issuer, audience=issuer.audience, keys=issuer.verification_keys, clock=ours.clock, rules=Rules([])
    )
    urls = ModuleType("urls")
    settings: Any = routes or {}
    vars(urls)["urlpatterns"] = DjangoGuard(guard, ours, **settings).routes()
    given = {"ROOT_URLCONF": urls, "MIDDLEWARE": [CSRF], "APPEND_SLASH": False, "PASSWORD_HASHERS": FAST, **changed}
    app = with_settings(given, is_asgi=asgi)
    return ours, Browser(asgi_client(app) if asgi else wsgi_client(app))


NAMES = [
    "Zo\xeb",
    "\uff41\uff42\uff43",
    "\ufb01nn",
    "\u212bngstr\xf6m",
    "user name",
    "\u1e9b\u0323",
    "\xa0x\u2003",
    "mIxEd",
]


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD", " stripped ", "\tstripped\u3000"])
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_are_those_of_the_form(name: str, form: str) -> None:
    """The login finds the same user as Django's own form for each spelling of a name."""
    User.objects.filter(pk=500).delete()
    user = User(pk=500, username=User.normalize_username(name.strip()))
    user.set_password("wonderland")
    user.save()
    typed = form.replace("stripped", name) if "stripped" in form else unicodedata.normalize(form, name)  # type: ignore[arg-type]
    found = AuthenticationForm(None, {"username": typed, "password": "wonderland"})
    _, client = browser()
    answer = client.login(typed, "wonderland")
    assert found.is_valid()
    assert answer.status == 200
    user.delete()


def test_a_limit_for_each_name_counts_all_its_spellings() -> None:
    """`before_login` is told the name that is looked for, however it was typed."""
    told: list[str] = []
    _, client = browser({"before_login": lambda attempt: told.append(attempt.username)})
    for typed in ("ada", " ada ", "\uff41da", "ad\uff41\u3000"):
        client.login(typed, "guess")
    assert told == ["ada"] * 4


def test_a_function_of_the_project_gets_names_as_they_are() -> None:
    """A project's own function gets the name without normalization."""
    told: list[tuple[str, str]] = []
    _, client = browser({"authenticate": lambda name, password: told.append((name, password))})
    client.login(" \uff41da", "guess")
    assert told == [(" \uff41da", "guess")]


def test_a_name_that_is_too_long_to_be_normalized() -> None:
    """A name that is too long is refused without normalization."""
    _, client = browser()
    assert client.login("\ufdfa" * 200, "wonderland").status == 401


def test_without_djangos_own_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """A project may have backends alone; then a name stays as it was typed."""
    from jwtguard.django.routes import _as_in_a_form

    assert _as_in_a_form(" \uff41 ") == "a"
    monkeypatch.setattr("django.apps.apps.is_installed", lambda name: False)
    assert _as_in_a_form(" \uff41 ") == " \uff41 "


@pytest.mark.parametrize("asgi", [False, True])
@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", "guess"),
        ("unknown", "guess"),
        ("eve", "wonderland"),
        ("a\x00da", "wonderland"),
        ("ada", "wonder\x00land"),
        ("ada\ud800", "wonderland"),
        ("ada", "\udfff"),
        ("\ud800", "\x00"),
        ("1" * 500, "x"),
        ("ada", "x" * 500),
    ],
    ids=ascii,
)
def test_wrong_logins_look_alike(name: str, password: str, asgi: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """One 401 for all of them, and the password is hashed once for each: they take one time."""
    from django.contrib.auth.hashers import MD5PasswordHasher

    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counting(self: Any, secret: str, salt: str) -> str:
        hashed.append(secret)
        return encode(self, secret, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counting)
    _, client = browser(asgi=asgi)
    answer = client.send("POST", "/auth/login", json_body={"username": name, "password": password})
    assert (answer.status, answer.json()["detail"]) == (401, "The user name or the password is wrong.")
    assert len(hashed) == 1


class Numbered:
    """A backend of a project whose users log in with a number, as `get(number=username)` asks the database."""

    def authenticate(self, request: HttpRequest, username: str, password: str) -> Any:
        return User.objects.get(pk=int(username)) if password == "wonderland" else None


def test_names_that_a_backend_cannot_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that a backend cannot read is a 401, after the same work as any other name."""
    _, client = browser(AUTHENTICATION_BACKENDS=[f"{__name__}.Numbered"])
    assert client.login("1", "wonderland").status == 200
    assert client.login("one", "wonderland").status == 401


@pytest.mark.parametrize("asgi", [False, True])
def test_a_login_that_strengthens_the_hash(asgi: bool) -> None:
    """Django hashes the password anew at login; the session that starts then goes on."""
    user = User.objects.create(username="weak", password=make_password("wonderland"))
    _, client = browser(asgi=asgi, PASSWORD_HASHERS=STRONGER)
    pair = client.login("weak", "wonderland").json()
    assert User.objects.get(pk=user.pk).password.startswith("pbkdf2_sha256")
    sent = {"refresh_token": pair["refresh_token"]}
    assert client.send("POST", "/auth/refresh", json_body=sent).status == 200
    user.delete()


def test_a_reset_seen_by_the_routes() -> None:
    """The refresh token of before is answered 400, and the cookies are of no use any more."""
    user = User.objects.create_user("reset", password="before")
    _, client = browser()
    pair = client.login("reset", "before").json()
    user.set_password("after")
    user.save()
    answer = client.send("POST", "/auth/refresh", json_body={"refresh_token": pair["refresh_token"]})
    assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")
    assert client.login("reset", "after").status == 200
    user.delete()


def test_a_form_in_parts() -> None:
    """A multipart form, as Django's test client sends it, is read."""
    _, client = browser()
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % field
        for field in ((b"username", b"ada"), (b"password", b"wonderland"))
    )
    headers = [("Content-Type", "multipart/form-data; boundary=x")]
    assert client.send("POST", "/auth/login", headers=headers, body=body + b"--x--\r\n").status == 200
