"""Sessions in Django's admin: a list to look at, and an action that ends the chosen ones.

>>> SessionAdmin.actions
('revoke',)

The change permission allows to end sessions. No row can be added, edited or deleted here: a login writes it.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.db import connections, router
from django.db.models import FloatField, QuerySet, Value
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from django.utils.translation import ngettext

from jwtguard.core.events import log_fields
from jwtguard.django.models import Session
from jwtguard.django.store import DjangoStore
from jwtguard.stores.sql_sessions import CLOCKS

logger = logging.getLogger("jwtguard")


if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Session]
else:
    _Admin = admin.ModelAdmin  # Not generic when it runs.


@admin.register(Session)
class SessionAdmin(_Admin):
    """The list of sessions, newest first."""

    list_display = ("subject", "label", "state", "started", "last_refreshed", "expires", "session_id")
    list_filter = ("issuer",)
    search_fields = ("subject", "label", "session_id")
    ordering = ("-created_at",)
    actions = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        """All sessions, each with the time by the clock that its dates were written by.

        They are read where they are written: a replica may show a session as alive that has ended.
        """
        sessions = super().get_queryset(request).using(router.db_for_write(Session))
        clock = CLOCKS.get(connections[sessions.db].vendor)
        if clock is None:
            return sessions.annotate(read_at=Value(time.time()))
        return sessions.annotate(read_at=RawSQL(clock, (), output_field=FloatField()))  # noqa: S611 - a constant

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: a login writes the row."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        """Never: there is nothing to edit."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        """Never: housekeeping deletes dead rows, and until then they are a record."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Session | None = None) -> bool:
        """With the permission to view or change sessions."""
        return super().has_view_permission(request, obj) or self.has_revoke_permission(request)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """With the permission to change sessions."""
        return super().has_change_permission(request)

    @admin.action(description="End the selected sessions", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        """End the chosen sessions: they cannot be rotated any more, and guards with revocation refuse their
        tokens.
        """
        store, ended = DjangoStore(using=router.db_for_write(Session)), 0
        for session_id, subject in queryset.values_list("session_id", "subject"):
            if store.revoke(session_id, now=time.time()):
                ended += 1
                logger.info(
                    "session ended: subject=%s sid=%s reason=admin",
                    ascii(subject)[:64],
                    ascii(session_id),
                    extra=log_fields("session_ended", reason="admin", subject=subject, session_id=session_id),
                )
        text = ngettext("%(count)d session was ended.", "%(count)d sessions were ended.", ended)
        self.message_user(request, text % {"count": ended}, messages.SUCCESS)

    @admin.display(description="state")
    def state(self, session: Session) -> str:
        """As it was when the list was made."""
        read_at: float = vars(session)["read_at"]
        return "revoked" if session.revoked_at is not None else "alive" if read_at < session.expires_at else "expired"

    @admin.display(description="started", ordering="created_at")
    def started(self, session: Session) -> datetime:
        """When the user logged in."""
        return session.started

    @admin.display(description="last refreshed", ordering="refreshed_at")
    def last_refreshed(self, session: Session) -> datetime | None:
        """When the session was last rotated."""
        return session.last_refreshed

    @admin.display(description="expires", ordering="expires_at")
    def expires(self, session: Session) -> datetime:
        """When it ends by itself."""
        return session.expires
