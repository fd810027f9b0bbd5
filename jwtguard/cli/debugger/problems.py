"""What the debugger's server answers when it does not do what it was asked.

>>> RefusedError(404, "there is no such page").body
b'{"title": "Not Found", "status": 404, "detail": "there is no such page"}'
"""

from __future__ import annotations

import json
from http import HTTPStatus


class RefusedError(Exception):
    """A request that is refused with an HTTP `status`; `detail` says to a person what was expected.

    `allow` are the methods that there are, for a 405 (RFC 9110 §15.5.6).
    """

    def __init__(self, status: int, detail: str, *, allow: str | None = None) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail
        self.allow = allow

    @property
    def body(self) -> bytes:
        """The problem document (RFC 9457)."""
        title = HTTPStatus(self.status).phrase
        return json.dumps({"title": title, "status": self.status, "detail": self.detail}).encode("ascii")
