"""Pages with questions in KQL and their real answers: `python docs/examples.py` writes the answers.

A block ```kql is asked and the block ```text after it is its answer; of a block ```console, each
line that begins with `$ ` is run and what follows is its output. All of it on the recorded sample
pipeline (docs/cookbook/record.py), on a terminal of 100 columns without colours. A test compares.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import termios
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

# A script sees its own directory only; the test that runs it, not even that.
sys.path.insert(0, str(Path(__file__).parents[1]))
from docs.cookbook.record import read_recording

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PAGES", "answered", "recorded_runs"]

DOCS = Path(__file__).parent
PAGES = (
    *sorted((DOCS / "cookbook").glob("*.md")),
    DOCS / "how-to" / "ask-questions-in-kql.md",
)
WIDTH = 100
TIMEOUT_S = 60.0
_BLOCK = re.compile(r"```(kql|console)\n(.*?)```\n(?:\n```text\n.*?```\n)?", re.DOTALL)
# What an answer cost is never the same twice.
_COST = re.compile(r"^[\d,]+ rows? in .* read$", re.MULTILINE)
_TOOK = re.compile(r"(?m)^(  )[\d.]+ m?s in all, [\d.]+ m?s of it to compile$")


@contextmanager
def recorded_runs(folder: Path) -> Iterator[str]:
    """A collector with the recorded runs in it; gives the address that the command line reads."""
    ready = folder / "ready.json"
    command = [sys.executable, "-m", "stepsight_collector", "--grpc-port", "off", "--http-port"]
    command += ["0", "--ui-port", "0", "--data", str(folder / "data"), "--ready-file", str(ready)]
    with (folder / "collector.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait_until(ready.exists, process)
        addresses = json.loads(ready.read_text("utf-8"))
        for signal, body in read_recording():
            _ask(addresses["otlp_http"], f"/v1/{signal}", body)
        _wait_until(lambda: not _status(addresses["ui"])["wal"]["bytes"], process)
        yield addresses["ui"]
    finally:
        process.terminate()
        process.wait(TIMEOUT_S)


def _wait_until(is_so: object, process: subprocess.Popen[bytes]) -> None:
    assert callable(is_so)
    deadline = time.monotonic() + TIMEOUT_S
    while not is_so():
        assert process.poll() is None, "the collector ended"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _status(ui: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads(_ask(ui, "/api/status"))
    return found


def _ask(address: str, path: str, body: bytes | None = None) -> bytes:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=TIMEOUT_S)
    method = "GET" if body is None else "POST"
    connection.request(method, path, body, {"Content-Type": "application/x-protobuf"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status == 200, content  # noqa: PLR2004 - HTTP's own
    return content


def answered(page: str, api: str, home: Path) -> str:
    """The page with the answers that its questions have now."""

    def fill(match: re.Match[str]) -> str:
        kind, text = match[1], match[2]
        if kind == "kql":
            shown = _run(["stepsight", "query", text], api, home)
            return f"```kql\n{text}```\n\n```text\n{shown}```\n"
        return f"```console\n{_session(text, api, home)}```\n"

    return _BLOCK.sub(fill, page)


def _session(text: str, api: str, home: Path) -> str:
    parts = []
    for command in re.findall(r"(?m)^\$ .*(?:\n> .*)*", text):
        typed = re.sub(r"\n> ", "\n", command[2:])
        parts.append(f"{command}\n{_run(shlex.split(typed), api, home)}")
    return "\n".join(parts)


def _run(command: list[str], api: str, home: Path) -> str:
    """What a command prints on a terminal, with what it says on stderr after that."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, WIDTH, 0, 0))
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STEPSIGHT_", "COLUMNS"))}
    places = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")}
    environment = {**kept, **places, "STEPSIGHT_API": api, "NO_COLOR": "1", "TERM": "xterm"}
    process = subprocess.Popen(
        [sys.executable, "-m", "stepsight._cli.main", *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=side,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=DOCS,
    )
    os.close(side)
    shown = b"".join(iter(lambda: _read(main), b"")).decode().replace("\r\n", "\n")
    os.close(main)
    assert process.stderr is not None
    said = process.stderr.read().decode().replace(str(home), "~")
    process.stderr.close()
    process.wait(TIMEOUT_S)
    text = shown + _COST.sub("", said).strip("\n")
    text = _TOOK.sub(r"\g<1>12 ms in all, 1.5 ms of it to compile", text.replace(str(home), "~"))
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines()) + "\n"


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # how Linux says that nobody writes any more
        return b""


def main() -> None:
    """Write the answers into every page."""
    with tempfile.TemporaryDirectory(prefix="stepsight-docs-") as name:
        folder = Path(name)
        with recorded_runs(folder) as api:
            for path in PAGES:
                path.write_text(answered(path.read_text("utf-8"), api, folder), encoding="utf-8")


if __name__ == "__main__":
    main()
