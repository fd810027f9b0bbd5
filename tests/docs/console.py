"""What a document shows of a terminal, carried out: assignments, and requests by curl to an application at hand."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from jwtguard.testing.conformance.raw_clients import Client, RawRequest

_ASSIGNMENT = re.compile(r"(?P<name>[A-Z]+)=\$\((?P<command>.*)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One line after a prompt, and the lines below it that show what it prints."""

    line: str
    shown: list[str]


def commands(block: str) -> Iterator[Command]:
    """The commands of a block in `console` form."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, *shown = part.splitlines()
        yield Command(line=line, shown=[text for text in shown if text])


class Terminal:
    """A reader's terminal, in `folder`. `run` returns the output of a command that is not curl."""

    def __init__(self, run: Callable[[str], str], folder: Path) -> None:
        self._run = run
        self._folder = folder
        self._variables: dict[str, str] = {}
        self._jars: dict[str, dict[str, str]] = {}

    def carry_out(self, block: str, client: Client) -> None:
        """Carry out all commands of a block; each line that the block shows must be part of what is printed."""
        for command in commands(block):
            if assignment := _ASSIGNMENT.fullmatch(command.line):
                self._variables[assignment["name"]] = self._run(assignment["command"]).strip()
                continue
            is_curl = command.line.startswith("curl ")
            printed = self._curl(command.line, client) if is_curl else self._run(command.line)
            for line in command.shown:
                assert line in printed, f"{command.line}\nprints\n{printed}\nand not\n{line}"

    def _curl(self, line: str, client: Client) -> str:
        line = re.sub(r"\$\{?([A-Z]+)\}?", lambda name: self._variables[name[1]], line)
        words = iter(shlex.split(line)[1:])
        options: dict[str, str] = {}
        headers = [("Accept", "*/*")]
        for word in words:
            if word == "-H":
                name, _, value = next(words).partition(": ")
                headers.append((name, value))
            elif word in {"-d", "--json", "-o", "-b", "-c"}:
                options[word] = next(words)
            elif word != "-i":
                options["url"] = word
        if "-b" in options:
            headers.append(
                ("Cookie", "; ".join(f"{name}={value}" for name, value in self._jars[options["-b"]].items()))
            )
        answer = client(_request(options, headers))
        if "-c" in options:
            set_cookies = [value.partition(";")[0] for name, value in answer.headers if name.lower() == "set-cookie"]
            self._jars[options["-c"]] = dict(cookie.strip().split("=", 1) for cookie in set_cookies)
        if "-o" in options:
            (self._folder / options["-o"]).write_bytes(answer.body)
        fields = "".join(f"{name.title()}: {value}\n" for name, value in answer.headers)
        return f"HTTP/1.1 {answer.status}\n{fields}\n{answer.body.decode()}".replace("Www-", "WWW-").replace(
            '":"', '": "'
        )


def _request(options: Mapping[str, str], headers: list[tuple[str, str]]) -> RawRequest:
    url = urlsplit(options["url"])
    headers = [("Host", url.netloc), *headers]
    for option, content_type in (("--json", "application/json"), ("-d", "application/x-www-form-urlencoded")):
        if option in options:
            body = options[option].encode()
            headers += [("Content-Type", content_type), ("Content-Length", str(len(body)))]
            return RawRequest(method="POST", target=url.path, headers=headers, body=body)
    return RawRequest(method="GET", target=url.path, headers=headers)
