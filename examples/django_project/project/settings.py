"""A small Django project: users log in with a password, and their token travels in a header or in a cookie.

From the root of the repository::

    python examples/django_project/manage.py migrate
    python examples/django_project/manage.py example_users
    python examples/django_project/manage.py runserver
"""

from __future__ import annotations

import os

from django.core.management.utils import get_random_secret_key

from examples.keys import DATA, kept

SECRET_KEY = os.environ.get("EXAMPLE_DJANGO_SECRET_KEY") or kept(DATA / "django-secret-key", get_random_secret_key)
DEBUG = os.environ.get("EXAMPLE_DEBUG") == "1"
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "jwtguard.django",  # brings the system checks
    "accounts",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "jwtguard.django.GuardMiddleware",  # behind AuthenticationMiddleware, where a project has that
]
JWTGUARD = "accounts.tokens.guard"
JWTGUARD_USER = "accounts.tokens.user_of"

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
