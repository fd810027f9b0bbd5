"""`manage.py example_users`: two users to try the project with."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Adds ada, who is in the groups admin and analysts, and bob, who is in none."

    def handle(self, *args: object, **options: object) -> None:
        for name, groups in {"ada": ["admin", "analysts"], "bob": []}.items():
            if not User.objects.filter(username=name).exists():
                user = User.objects.create_user(name, password=f"example-password-of-{name}")
                user.groups.set([Group.objects.get_or_create(name=group)[0] for group in groups])
        self.stdout.write("ada and bob are there; their passwords are example-password-of-ada and …-of-bob.")
