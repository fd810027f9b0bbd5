"""Subjects that are read off real applications: Flask's guard and sessions, Django's debug mode."""

from __future__ import annotations

import pytest
from django.test.utils import override_settings
from flask import Flask

from jwtguard import Rule, has_role
from jwtguard.doctor import DoctorContext, examine
from jwtguard.doctor.application import check_debug
from jwtguard.flask import FlaskGuard
from tests.adapters.django_site import CSRF
from tests.doctor.contexts import codes
from tests.inventory.apps import guard_with, sessions_with


def test_flask() -> None:
    """Guard, sessions and store are found in the application, though they were not named."""
    guard, sessions = guard_with(Rule("/admin/", has_role("admin"))), sessions_with()
    app = Flask(__name__, static_folder=None)
    auth = FlaskGuard(guard, sessions, authenticate=lambda username, password: None)
    auth.init_app(app)
    app.register_blueprint(auth.routes())
    app.debug = True

    found = DoctorContext.of(app=app, workers=2, asks_network=False)
    assert (found.guards, found.sessions, found.stores) == ((guard,), (sessions,), (sessions.store,))
    assert codes(examine(found)) == [
        ("error", "key_generated"),
        ("error", "refresh_key_generated"),
        ("error", "memory_store"),
        ("warning", "rule_idle"),
        ("note", "debug"),
    ]


@pytest.mark.parametrize("debug", [True, False])
def test_django(*, debug: bool) -> None:
    """DEBUG is found where the application is a handler of Django's."""
    from django.core.handlers.wsgi import WSGIHandler

    with override_settings(DEBUG=debug, ROOT_URLCONF=(), MIDDLEWARE=[CSRF]):
        assert codes(check_debug(DoctorContext.of(app=WSGIHandler()))) == ([("note", "debug")] if debug else [])
