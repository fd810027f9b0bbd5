"""The usual colours of a token's three parts: header red, payload purple, signature blue.

>>> [coloured.style for coloured in token_text("aa.bb.cc").spans]
['bold red', 'bold magenta', 'bold blue']
"""

from __future__ import annotations

from rich.text import Text

from jwtguard.cli.output import printable

HEADER, PAYLOAD, SIGNATURE = "bold red", "bold magenta", "bold blue"
"""Styles of rich. Bold ones, which are readable on dark and on light terminals."""
PARTS = (HEADER, PAYLOAD, SIGNATURE)
GOOD, BAD, WARNING, FAINT = "bold green", "bold red", "yellow", "dim"


def token_text(text: str) -> Text:
    """A token with each of its parts in the part's colour; nothing in it can drive the terminal."""
    coloured = Text()
    for index, part in enumerate(text.split(".")):
        if index:
            coloured.append(".")
        coloured.append(printable(part), style=PARTS[index] if index < len(PARTS) else "")
    return coloured
