"""A step watched from outside: output, exit code, signal, memory, in any language.

The supervisor is a process of its own, so it outlives a killed step and delivers its last lines.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepsight import _cgroup
from stepsight._client import Client
from stepsight._console import Console
from stepsight._environment import environment_attributes
from stepsight._identity import detect_identity, outside_environment
from stepsight._marks import Marks
from stepsight._process import tree_use
from stepsight._redact import Redactor
from stepsight._resources import MachineUse
from stepsight._settings import load_settings, process_variables
from stepsight._traceback import find_exception

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Self

    from stepsight._identity import Identity

__all__ = ["Ending", "supervise"]

WITNESS = {"stepsight.witness": "supervisor"}
NOT_FOUND, NOT_EXECUTABLE = 127, 126
# What a step's leftover children may still print after its end; they may live for ever.
DRAIN_QUIET_S = 0.2
FORWARDED = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")


@dataclass(frozen=True)
class Ending:
    """How a command ended: `code` as a shell gives it, `signal_name` such as SIGKILL or empty.

    `oom_kills` counts the processes of the container that were killed for memory meanwhile.
    """

    code: int
    signal_name: str = ""
    peak_bytes: int = 0
    cpu_s: float = 0.0
    message: str = ""
    oom_kills: int = 0


def supervise(
    command: list[str],
    *,
    experiment_name: str | None = None,
    parent_run_id: str | None = None,
    step_name: str | None = None,
    dimensions: Mapping[str, str] | None = None,
    **settings: Any,
) -> int:
    """Run a command as a step; returns its exit code, 128 + n for signal n.

    Raises ConfigError when a setting cannot be used, before anything is started. Must be called
    on the main thread: it handles signals while the command runs.
    """
    loaded = load_settings(settings)
    if loaded.disabled:
        return _run_alone(command)
    identity = detect_identity(
        parent_run_id=parent_run_id,
        step_name=step_name,
        default_name=guess_name(command),
        experiment_name=experiment_name,
        dimensions=dimensions,
        # Under another supervisor or in a step, it is a step of its own.
        environ=outside_environment(os.environ),
    )
    return Supervisor(command, loaded, identity).run()


def guess_name(command: list[str]) -> str:
    """The step's name by its command: `python -u train.py` is train, `make data` is make."""
    program = Path(command[0]).name
    if program.startswith(("python", "pypy")):
        arguments = iter(command[1:])
        for argument in arguments:
            if argument == "-m":
                return next(arguments, program).rpartition(".")[2]
            if argument in {"-W", "-X"}:
                next(arguments, None)
            elif argument == "-c":
                break
            elif not argument.startswith("-"):
                return Path(argument).stem
    return Path(program).stem


class Supervisor:
    """One command, from its start to its end."""

    def __init__(self, command: list[str], settings: Any, identity: Identity) -> None:
        self._command = command
        self._settings = settings
        self._pid = 0
        self._asked_to_stop = ""
        self._machine = MachineUse()
        self._client = Client(settings, identity, self._heartbeat)
        self._console = Console(self._line)

    def run(self) -> int:
        """Start the command, watch it, tell its end; returns the exit code."""
        ooms_before = _cgroup.oom_kills()
        line = Redactor.of(self._settings).command_line(self._command)
        if self._client.identity.speaks:  # else rank 0's supervisor does
            self._event("start", "started", {"process.command_line": line})
            self._tell_environment()
        try:
            ending = self._watch()
        except OSError as exc:
            ending = _not_started(self._command[0], exc)
        ending = replace(ending, oom_kills=max(0, _cgroup.oom_kills() - ooms_before))
        if ending.signal_name == "SIGKILL" and ending.oom_kills:
            ending = replace(ending, message=_cgroup.describe(ending.peak_bytes))
        self._tell_end(ending)
        self._client.close(self._settings.exit_timeout_s)
        return ending.code

    def _watch(self) -> Ending:
        environment = {
            **os.environ,
            **self._client.identity.environment(),
            "STEPSIGHT_ENDPOINT": self._settings.endpoint,
            "STEPSIGHT_MAIN": f"{self._client.identity.step_id}:parent-{os.getpid()}",
            "STEPSIGHT_SUPERVISED": "1",
            "PYTHONUNBUFFERED": "1",
            **(_python_path() if self._settings.bootstrap else {}),
        }
        with self._console as console, Marks() as marks:
            process = subprocess.Popen(
                self._command,
                stdout=console.child_stdout,
                stderr=console.child_stderr,
                env={**environment, "STEPSIGHT_SUPERVISOR_PIPE": str(marks.path)},
            )
            self._pid = process.pid
            console.started(marks)
            with _Signals(self._forward, self._resize) as signals:
                console.resize()  # it may have happened before the handler stood
                while True:
                    console.pump(signals.fileno(), None)
                    signals.drain()
                    pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                    if pid:
                        break
                process.returncode = os.waitstatus_to_exitcode(status)
                while console.pump(signals.fileno(), DRAIN_QUIET_S):
                    signals.drain()
            console.finish(recover=process.returncode < 0)
        return _ending(process.returncode, usage)

    def _forward(self, number: int) -> None:
        """Pass a signal on; Ctrl-C on a terminal has reached the command by itself."""
        self._asked_to_stop = signal.Signals(number).name
        if number == signal.SIGINT and _is_foreground():
            return
        try:
            os.kill(self._pid, number)
        except ProcessLookupError:
            self._asked_to_stop = ""

    def _resize(self) -> None:
        """Tell the command, which is on terminals of ours, that the window has another size."""
        self._console.resize()
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGWINCH)

    def _line(self, stream: str, line: str) -> None:
        self._client.log(line, scope="stepsight.stdio", attributes={"log.iostream": stream})

    def _heartbeat(self) -> None:
        if self._pid:
            machine = self._machine.read(3 * self._settings.heartbeat_s)
            use = {**tree_use(self._pid), **machine}
            self._event("heartbeat", "is running", {**use, **self._client.counts()})

    def _tell_environment(self) -> None:
        settings, identity = self._settings, self._client.identity
        if settings.environment:
            environ = process_variables()
            self._client.event(
                "stepsight.step.environment",
                f"environment of step {identity.step_name}",
                {**WITNESS},
                lambda: environment_attributes(
                    settings, identity, environ, self._command, is_python=False
                ),
            )

    def _event(self, what: str, said: str, attributes: dict[str, Any]) -> None:
        interval = {"stepsight.heartbeat.interval_s": self._settings.heartbeat_s}
        body = f"step {self._client.identity.step_name} {said}"
        self._client.event(f"stepsight.step.{what}", body, {**WITNESS, **interval, **attributes})

    def _tell_end(self, ending: Ending) -> None:
        stopped = self._asked_to_stop and ending.code != 0
        status = "Completed" if ending.code == 0 else "Canceled" if stopped else "Failed"
        cause: dict[str, Any] = {}
        if status == "Failed":
            cause = find_exception(self._console.last_errors)
            if ending.message:
                kind = "OutOfMemoryKilled" if ending.signal_name else "CommandNotStarted"
                cause = {"exception.type": kind, "exception.message": ending.message}
        speaks = self._client.identity.speaks
        if speaks:
            self._client.own_span(
                failed=status == "Failed",
                reason=str(cause.get("exception.message", "")),
                attributes={"process.exit.code": ending.code},
            )
        ooms = {"stepsight.oom_kills": ending.oom_kills} if ending.oom_kills else {}
        signal_name = {"process.exit.signal": ending.signal_name} if ending.signal_name else {}
        self._event(
            "end" if speaks else "heartbeat",
            f"{status.lower()} with {ending.signal_name or f'exit code {ending.code}'}",
            {
                "stepsight.status": status,
                "process.exit.code": ending.code,
                **signal_name,
                **cause,
                **ooms,
                "stepsight.memory.peak": ending.peak_bytes,
                "process.cpu.time": ending.cpu_s,
                **self._client.counts(),
            },
        )


class _Signals:
    """While open, signals wake the pump and are passed on; afterwards they are as before."""

    def __init__(self, forward: Callable[[int], None], resize: Callable[[], None]) -> None:
        self._forward = forward
        self._resize = resize
        self._before: dict[int, Any] = {}
        self._read, self._write = os.pipe()

    def __enter__(self) -> Self:
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for name in FORWARDED:
            number = getattr(signal, name)
            self._before[number] = signal.signal(number, lambda n, _frame: self._forward(n))
        self._before[signal.SIGWINCH] = signal.signal(
            signal.SIGWINCH, lambda _n, _frame: self._resize()
        )
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda _n, _frame: None)
        # A command that ended before the handler stood would never wake us.
        os.write(self._write, b"\0")
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._wakeup_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """Readable when a signal came."""
        return self._read

    def drain(self) -> None:
        """Forget that signals came."""
        try:
            while os.read(self._read, 4096):
                pass
        except BlockingIOError:
            pass


def _python_path() -> dict[str, str]:
    """PYTHONPATH with the folder whose sitecustomize a Python step begins with."""
    bootstrap = str(Path(__file__).parent / "_bootstrap")
    before = [each for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each]
    return {"PYTHONPATH": os.pathsep.join([bootstrap, *(e for e in before if e != bootstrap)])}


def _ending(returncode: int, usage: Any) -> Ending:
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    cpu_s = usage.ru_utime + usage.ru_stime
    if returncode >= 0:
        return Ending(returncode, "", peak, cpu_s)
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"SIG{-returncode}"
    return Ending(128 - returncode, name, peak, cpu_s)


def _not_started(program: str, exc: OSError) -> Ending:
    missing = isinstance(exc, FileNotFoundError)
    reason = "there is no such command" if missing else exc.strerror or str(exc)
    message = f'cannot run "{program}": {reason}'
    sys.stderr.write(f"stepsight run: {message}\n")
    return Ending(NOT_FOUND if missing else NOT_EXECUTABLE, message=message)


def _is_foreground() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _run_alone(command: list[str]) -> int:
    try:
        code = subprocess.call(command)
    except OSError as exc:
        return _not_started(command[0], exc).code
    return 128 - code if code < 0 else code
