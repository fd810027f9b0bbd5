"""Users as Django code expects them: one that is nothing but its token, and a look-up of those in the database.

>>> from jwtguard import Principal
>>> user = TokenUser(Principal(subject="17", roles=frozenset({"editor"})))
>>> user.pk, user.is_authenticated, user.is_staff, str(user)
('17', True, False, '17')

In `settings.py`, for the users of the database::

    JWTGUARD_USER = "jwtguard.django.users.by_primary_key"
"""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import ObjectDoesNotExist, ValidationError

from jwtguard.core.principal import Principal


@dataclass(frozen=True, slots=True)
class TokenUser:
    """A caller in the place of a user, for code that asks for no more than a name, without a look into the database.

    `pk` and `id` are the token's subject. Django's own permissions belong to users of the database: it has none.
    """

    principal: Principal

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = False
    is_superuser = False

    @property
    def pk(self) -> str:
        """The subject: what throttles count by."""
        return self.principal.identity

    @property
    def id(self) -> str:
        """The subject."""
        return self.pk

    @property
    def username(self) -> str:
        """The subject."""
        return self.pk

    def get_username(self) -> str:
        """The subject."""
        return self.pk

    def get_full_name(self) -> str:
        """The name in the token, else the subject."""
        return self.principal.display_name

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """No: write `HasPermission(...)`, which asks the token, or set `JWTGUARD_USER`."""
        return False

    def has_perms(self, perm_list: object, obj: object = None) -> bool:
        """No, as `has_perm`."""
        return False

    def has_module_perms(self, app_label: str) -> bool:
        """No, as `has_perm`."""
        return False

    def __str__(self) -> str:
        return self.principal.display_name


def by_primary_key(principal: Principal) -> object | None:
    """The active user of the database whose primary key is the token's subject; None if there is none.

    For tokens whose subjects are your own users' keys, as those of the shipped routes are. Not where a guard trusts
    somebody else's issuer: its user 1 is not yours.
    """
    from django.contrib.auth import get_user_model  # noqa: PLC0415 - for projects that have the app

    try:
        user = get_user_model()._default_manager.get(pk=principal.subject)
    except (ObjectDoesNotExist, ValueError, ValidationError):
        return None  # The latter two: the subject is no number, or no UUID.
    return user if user.is_active else None
