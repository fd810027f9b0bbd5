"""A small Django project with sessions, kept by its own ORM: both tokens are in cookies that no script can read.

From the root of the repository::

    python examples/django_project/manage.py migrate
    python examples/django_project/manage.py example_users
    python examples/django_project/manage.py runserver

The access token is good for five minutes; then a page asks `POST /auth/refresh`. One that does such things, with its
script, is in the Flask example.
"""

from __future__ import annotations

import os

from examples.keys import DATA, secret

SECRET_KEY = secret("django", DATA)
DEBUG = os.environ.get("EXAMPLE_DEBUG") == "1"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "jwtguard.django",  # brings the table of sessions, and system checks
    "accounts",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "jwtguard.django.GuardMiddleware",  # behind AuthenticationMiddleware, where a project has that
]
JWTGUARD = "accounts.tokens.guard"
JWTGUARD_USER = "jwtguard.django.users.by_primary_key"
JWTGUARD_SESSIONS = "accounts.tokens.sessions"
JWTGUARD_ROUTES = {"delivery": "cookies", "before_login": "accounts.tokens.login_limit"}

ROOT_URLCONF = "project.urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA / "django.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
USE_TZ = True
# Errors, and why the guard refused a request: outside of DEBUG Django would print neither.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
