"""Who may talk to the debugger: only the page that it served itself.

>>> gate = Gate(8899)
>>> gate.origin
'http://127.0.0.1:8899'
>>> headers = Message()
>>> headers["Host"] = "evil.example:8899"  # a name that an attacker points to this machine (DNS rebinding)
>>> gate.check_address(headers)
Traceback (most recent call last):
    ...
jwtguard.cli.debugger.problems.RefusedError: 421: ask http://127.0.0.1:8899, by that very name

A server on 127.0.0.1 can be reached by every page that the user has open, and by every user of the machine. Four things
stand in their way, each of which would do against most of them: the Host must be the address, so no other name leads
here; the Origin must be ours; where a browser says which site a request comes from (Fetch Metadata), it must be this
one; and a call carries a token that only the page knows, in a header field that no other site's page can send without
being asked first. The page gets it from the fragment of its address, which is never sent anywhere.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from email.message import Message

from jwtguard.cli.debugger.problems import RefusedError
from jwtguard.core.forks import Lock

HOST = "127.0.0.1"
TOKEN_HEADER = "X-JWTGuard-Debugger"
TICKET_LIFETIME = 120.0
"""Seconds from the start until the link that was opened in the browser is worth nothing."""


class Gate:
    """Checks requests to the debugger on `port`; each check raises `RefusedError` or returns nothing.

    Addresses of pages are handed to browsers as arguments, which every user of the machine can list. So what is opened
    holds a ticket, good once and for two minutes, and the page redeems it for the token. `token` and `ticket` are
    random by default, `clock` counts seconds.
    """

    def __init__(
        self,
        port: int,
        *,
        token: str | None = None,
        ticket: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._authority = f"{HOST}:{port}"
        self.origin = f"http://{self._authority}"
        self._token = secrets.token_urlsafe(32) if token is None else token
        self._ticket = secrets.token_urlsafe(32) if ticket is None else ticket
        self._is_redeemed = False
        self._lock = Lock("debugger")
        self._clock = clock
        self._tickets_end = clock() + TICKET_LIFETIME

    @property
    def link(self) -> str:
        """The address of the page with the token, for the eyes of who started it."""
        return f"{self.origin}/#token={self._token}"

    @property
    def ticket_link(self) -> str:
        """The address of the page with the ticket, for opening a browser."""
        return f"{self.origin}/#ticket={self._ticket}"

    def check_address(self, headers: Message) -> None:
        """Every request: it asks for this very address, once (RFC 9110 §7.2, §7.4)."""
        if headers.get_all("Host") != [self._authority]:
            raise RefusedError(421, f"ask {self.origin}, by that very name")

    def check_navigation(self, headers: Message) -> None:
        """The page and its parts: opened by the user or by the page itself, never inside another page."""
        self._check_site(headers)
        if headers.get("Sec-Fetch-Dest") in {"iframe", "frame", "embed", "object", "fencedframe"}:
            raise RefusedError(403, "the debugger is a page of its own, and never part of another")

    def check_call(self, headers: Message) -> None:
        """A call: sent by our own page, which knows the token."""
        self.check_own_page(headers)
        tokens = headers.get_all(TOKEN_HEADER, [])
        if len(tokens) != 1 or not _equal(tokens[0], self._token):
            raise RefusedError(
                403, "open the page by the link that the terminal shows: this address is that of another start"
            )

    def check_own_page(self, headers: Message) -> None:
        """A call from our own page, whether it knows the token or is about to ask for it."""
        # Browsers send Origin with every POST (Fetch §3.1), so its absence tells of something that is no browser.
        if headers.get_all("Origin") != [self.origin]:
            raise RefusedError(403, f"only the page at {self.origin} may call this")
        self._check_site(headers, allowed={"same-origin"})

    def redeem(self, ticket: str) -> str:
        """The token, for the ticket; once."""
        with self._lock:
            is_late = self._is_redeemed or self._clock() > self._tickets_end
            if not _equal(ticket, self._ticket) or is_late:
                raise RefusedError(
                    403,
                    "this link was used already, or not within two minutes: open the one that the terminal shows."
                    " If the page never came up before, another user of this machine used it: press Ctrl-C and start"
                    " anew",
                )
            self._is_redeemed = True
        return self._token

    def _check_site(
        self, headers: Message, *, allowed: frozenset[str] | set[str] = frozenset({"same-origin", "none"})
    ) -> None:
        sites = headers.get_all("Sec-Fetch-Site", [])
        if sites and (len(sites) > 1 or sites[0] not in allowed):
            raise RefusedError(403, "another page sent you here: open the link that the terminal shows")


def _equal(given: str, expected: str) -> bool:
    # Bytes, since compare_digest refuses text beyond ASCII; "surrogateescape" is how header fields arrive.
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("ascii"))
