"""A token as people read it: its parts in their colours, dates as dates, what cannot be read with the reason.

>>> view = TokenView.of("eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjE4MDAwMDAyNDB9.c2ln", now=1_800_000_000)
>>> view.claims, view.signature_bytes, view.problems
({'exp': 1800000240}, 3, ())
>>> TokenView.of("eyJhbGciOiJIUzI1NiJ9.e30", now=0).problems
('form: The signature is missing: copy the whole token.',)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from rich.console import Console
from rich.text import Text

from jwtguard.cli.output import BAD, FAINT, HEADER, PAYLOAD, SIGNATURE, printable
from jwtguard.core.errors import MalformedTokenError
from jwtguard.core.tokens.claims_policy import MAX_NUMERIC_DATE
from jwtguard.core.tokens.encoding import decode_segment
from jwtguard.explanation.faults import json_fault, part_fault
from jwtguard.explanation.moments import DATES, moment
from jwtguard.explanation.remedies import remedy
from jwtguard.explanation.token_context import TokenContext, read_part

MAX_RAW = 2000
"""Characters of a part that is shown though it is no JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """The parts of a token, not verified. `problems` say what cannot be read, and why."""

    header: Mapping[str, Any] | None
    claims: Mapping[str, Any] | None
    raw: Mapping[str, str]
    signature_bytes: int | None
    problems: tuple[str, ...]
    now: float

    @classmethod
    def of(cls, text: str, *, now: float) -> Self:
        """Take `text` apart; `now` is in seconds since the epoch."""
        parts = text.split(".")
        problems, raw = [], {}
        if len(parts) != 3:
            reason = "encrypted" if len(parts) == 5 else "form"
            problems.append(f"{reason}: {remedy(TokenContext.alone(text, now=now), reason)}")
        for name, part in zip(("header", "payload"), parts if len(parts) in {2, 3} else parts[:1], strict=False):
            fault, content = _fault(part)
            if fault is not None and len(parts) in {2, 3, 5}:
                problems.append(f"{name}: {fault}")
                if content:
                    raw[name] = content
        signature = parts[2] if len(parts) == 3 else None
        if signature is not None and (fault := "it is empty" if not signature else part_fault(signature)):
            problems.append(f"signature: {fault}")
            signature = None
        return cls(
            header=read_part(parts[0]),
            claims=read_part(parts[1]) if len(parts) in {2, 3} else None,
            raw=raw,
            signature_bytes=None if signature is None else len(decode_segment(signature.encode("ascii"))),
            problems=tuple(problems),
            now=now,
        )

    def as_json(self) -> dict[str, Any]:
        """The same for programs; dates by the names of their claims, as in RFC 3339."""
        return {
            "header": self.header,
            "payload": self.claims,
            "signature_bytes": self.signature_bytes,
            "dates": {name: date for name in DATES if (date := _date((self.claims or {}).get(name))) is not None},
            "problems": list(self.problems),
        }

    def print_to(self, out: Console) -> None:
        """Print the parts."""
        for title, style, members in (("Header", HEADER, self.header), ("Payload", PAYLOAD, self.claims)):
            if members is not None:
                out.print(Text(title, style=f"{style} underline"))
                for line in self._lines(members, style, are_claims=title == "Payload"):
                    out.print(line)
                out.print()
            elif title.lower() in self.raw:
                out.print(Text(f"{title}, as it is", style=f"{style} underline"))
                out.print(Text(printable(self.raw[title.lower()]), style=style))
                out.print()
        if self.signature_bytes is not None:
            out.print(Text("Signature", style=f"{SIGNATURE} underline"))
            out.print(Text(f"{self.signature_bytes} bytes", style=SIGNATURE))
        for problem in self.problems:
            out.print(Text(printable(problem), style=BAD))

    def _lines(self, members: Mapping[str, Any], style: str, *, are_claims: bool) -> list[Text]:
        lines = [Text("{", style=style)]
        for index, (name, value) in enumerate(members.items()):
            # Member by member, since a claim of a claim is no date, whatever it is called.
            written = json.dumps({name: value}, indent=2, ensure_ascii=False).split("\n")[1:-1]
            comma = "," if index < len(members) - 1 else ""
            text = "\n".join(printable(line) for line in written) + comma
            line = Text(text, style=style)
            if are_claims and name in DATES:
                line.append(f"  {printable(moment(value, now=self.now))}", style=FAINT)
            lines.append(line)
        return [*lines, Text("}", style=style)]


def _fault(part: str) -> tuple[str | None, str]:
    """What is wrong with a part, and what it says all the same."""
    fault = "it is empty" if not part else part_fault(part)
    if fault is not None:
        return fault, ""
    try:
        data = decode_segment(part.encode("ascii"))
    except (MalformedTokenError, UnicodeEncodeError):  # pragma: no cover - part_fault has tried it
        return "it cannot be read", ""
    fault = json_fault(data)
    return fault, "" if fault is None else data[:MAX_RAW].decode("utf-8", "replace")


def _date(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_NUMERIC_DATE:
        return None
    return datetime.fromtimestamp(value, UTC).isoformat().replace("+00:00", "Z")
