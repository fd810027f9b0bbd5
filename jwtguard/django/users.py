"""Users as Django code expects them: one that is nothing but its token, and a look-up of those in the database.

>>> from jwtguard import Principal
>>> user = TokenUser(Principal(subject="17", roles=frozenset({"editor"})))
>>> user.pk, user.is_authenticated, user.is_staff, str(user)
('17', True, False, '17')

In `settings.py`, for the users of the database::

    JWTGUARD_USER = "jwtguard.django.users.by_primary_key"
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypedDict

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models.manager import EmptyManager

from jwtguard.core.sessions.grants import Grants
from jwtguard.core.tokens.principal import Principal


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

    @property
    def groups(self) -> Any:  # noqa: ANN401 - a manager
        """None: an empty manager."""
        from django.contrib.auth.models import Group  # noqa: PLC0415 - for projects that have the app

        return EmptyManager(Group)

    @property
    def user_permissions(self) -> Any:  # noqa: ANN401 - a manager
        """None: an empty manager."""
        from django.contrib.auth.models import Permission  # noqa: PLC0415 - as above

        return EmptyManager(Permission)

    def get_user_permissions(self, obj: object = None) -> set[str]:
        """None: write `HasPermission(...)`, which asks the token, or set `JWTGUARD_USER`."""
        return set()

    def get_group_permissions(self, obj: object = None) -> set[str]:
        """None, as `get_user_permissions`."""
        return set()

    def get_all_permissions(self, obj: object = None) -> set[str]:
        """None, as `get_user_permissions`."""
        return set()

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """No, as `get_user_permissions`."""
        return False

    def has_perms(self, perm_list: Iterable[str], obj: object = None) -> bool:
        """Whether the list is empty; raises ValueError for a string, as Django's users do."""
        if isinstance(perm_list, str) or not isinstance(perm_list, Iterable):
            raise ValueError("perm_list must be an iterable of permissions.")
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        """No, as `get_user_permissions`."""
        return False

    async def aget_user_permissions(self, obj: object = None) -> set[str]:
        """`get_user_permissions`."""
        return self.get_user_permissions(obj)

    async def aget_group_permissions(self, obj: object = None) -> set[str]:
        """`get_group_permissions`."""
        return self.get_group_permissions(obj)

    async def aget_all_permissions(self, obj: object = None) -> set[str]:
        """`get_all_permissions`."""
        return self.get_all_permissions(obj)

    async def ahas_perm(self, perm: str, obj: object = None) -> bool:
        """`has_perm`."""
        return self.has_perm(perm, obj)

    async def ahas_perms(self, perm_list: Iterable[str], obj: object = None) -> bool:
        """`has_perms`."""
        return self.has_perms(perm_list, obj)

    async def ahas_module_perms(self, app_label: str) -> bool:
        """`has_module_perms`."""
        return self.has_module_perms(app_label)

    def __str__(self) -> str:
        return self.principal.display_name


def by_primary_key(principal: Principal) -> object | None:
    """The active user of the database whose primary key is the token's subject; None if there is none.

    For tokens whose subjects are your own users' keys, as those of the shipped routes are. Not where a guard trusts
    the issuer of another party: its user 1 is not yours.
    """
    return None if principal.subject is None else active_user(principal.subject)


def active_user(subject: str) -> Any | None:  # noqa: ANN401 - the project's own model
    """The active user of the database whose primary key is spelled exactly as `subject`; None if there is none.

    Django's look-up alone would find user 1 for "01", " 1" and "1_0" for user 10.
    """
    from django.contrib.auth import get_user_model  # noqa: PLC0415 - for projects that have the app

    try:
        user = get_user_model()._default_manager.get(pk=subject)
    except (ObjectDoesNotExist, TypeError, ValueError, OverflowError, ValidationError):
        return None  # All but the first: the subject is no number, or no UUID, or no text that the database can hold.
    return user if str(user.pk) == subject and getattr(user, "is_active", True) else None


class Stamps(TypedDict):
    """Arguments of `Grants`."""

    stamp: str | None
    stamp_fallbacks: tuple[str, ...]


def stamps_of(user: object) -> Stamps:
    """The stamps of a user's password, for `Grants(..., **stamps_of(user))`: another password ends the sessions.

    They are the hashes by which Django's own sessions end (`get_session_auth_hash`), with those under earlier secret
    keys (`SECRET_KEY_FALLBACKS`). A user model without such a hash has no stamp.
    """
    current: Callable[[], str] | None = getattr(user, "get_session_auth_hash", None)
    earlier: Callable[[], Iterable[str]] | None = getattr(user, "get_session_auth_fallback_hash", None)
    return {
        "stamp": None if current is None else current(),
        "stamp_fallbacks": () if current is None or earlier is None else tuple(earlier()),
    }


def load(subject: str) -> Grants | None:
    """Today's grants of a user of the database, for `Sessions(load=...)`; None for one who may not log in any more.

    The roles are the names of the user's groups. Any change of the password ends the user's sessions at their next
    refresh: the admin's password form, a password reset, `set_password`. For other grants write a function of your own
    with `active_user` and `stamps_of`.
    """
    user = active_user(subject)
    if user is None:
        return None
    groups = user.groups.order_by("name").values_list("name", flat=True) if hasattr(user, "groups") else ()
    return Grants(roles=groups, **stamps_of(user))
