"""docs/sessions.md: Django, with its own users and database."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.db import connection
from django.test.utils import override_settings

from jwtguard.testing import wsgi_client
from tests.adapters import django_site
from tests.docs.journey import walk
from tests.docs.sessions_page import PAGE


def test_django(monkeypatch: pytest.MonkeyPatch) -> None:
    """The project of the page does what the page says."""
    assert django_site  # It has set Django up, without which there is no user.
    from django.contrib.auth.models import User

    blocks = [block.partition("```\n")[0] for block in PAGE.read_text("utf-8").split("```python\n")]
    (module,) = (block for block in blocks if "DjangoStore()" in block)
    (settings,) = (block for block in blocks if block.startswith("INSTALLED_APPS"))
    (urls,) = (block for block in blocks if "urlpatterns" in block)
    auth = ModuleType("project.auth")
    exec(module, vars(auth))
    monkeypatch.setitem(sys.modules, "project", ModuleType("project"))
    monkeypatch.setitem(sys.modules, "project.auth", auth)
    chosen: dict[str, Any] = {}
    exec(settings, chosen)
    changed = {name: value for name, value in chosen.items() if name.isupper() and name != "INSTALLED_APPS"}
    with override_settings(**changed, APPEND_SLASH=False):
        importlib.reload(importlib.import_module("jwtguard.django.urls"))
        urlconf = ModuleType("project.urls")
        exec(urls, vars(urlconf))
        with override_settings(ROOT_URLCONF=urlconf):
            call_command("migrate", verbosity=0, run_syncdb=True)
            try:
                User.objects.create_user("ada", password="a long password")
                walk(wsgi_client(WSGIHandler()))
            finally:
                connection.close()
