"""The step run's own story: start, heartbeat and end events, and how the process ended."""

from __future__ import annotations

import os
import platform
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from stepsight._exceptions import exception_attributes
from stepsight._process import own_use, peak_memory_bytes
from stepsight._settings import process_variables

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from stepsight._client import Client

__all__ = ["Lifecycle", "install_hooks"]

WITNESS = {"stepsight.witness": "process"}
SIGTERM_FLUSH_S = 2.0


class Lifecycle:
    """Events of one process. Only the main process of a step speaks of its start and end."""

    def __init__(self, *, is_main: bool) -> None:
        self._is_main = is_main
        self._client: Client | None = None
        self._status = "Completed"
        self._exit_code = 0
        self._extra: dict[str, Any] = {}
        self._machine: Any = None
        self._is_forked = False

    def start(self, client: Client) -> None:
        """Send the start event and, after it, what the step runs in."""
        self._client = client
        if not self._is_main:
            return
        settings, identity, argv = client.settings, client.identity, list(sys.argv)
        attributes = {
            **WITNESS,
            "stepsight.heartbeat.interval_s": settings.heartbeat_s,
            "process.runtime.version": platform.python_version(),
        }

        def command() -> dict[str, Any]:
            from stepsight._redact import Redactor

            return {"process.command_line": Redactor.of(settings).command_line(argv)}

        name = identity.step_name
        client.event("stepsight.step.start", f"step {name} started", attributes, command)
        if settings.environment:
            environ = process_variables()

            def environment() -> dict[str, Any]:
                from stepsight._environment import environment_attributes

                return environment_attributes(settings, identity, environ, argv)

            body = f"environment of step {name}"
            client.event("stepsight.step.environment", body, {**WITNESS}, environment)

    def heartbeat(self) -> None:
        """Send a sign of life; called by the worker."""
        client = self._client
        if client is None:
            return
        attributes = {
            **WITNESS,
            "stepsight.heartbeat.interval_s": client.settings.heartbeat_s,
            **own_use(),
            "stepsight.memory.peak": peak_memory_bytes(),
            **self._machine_use(client),
            **client.counts(),
        }
        client.event("stepsight.step.heartbeat", "heartbeat", attributes)
        functions = sys.modules.get("stepsight._step")
        if functions is not None:
            functions.beat(client)

    def _machine_use(self, client: Client) -> dict[str, Any]:
        """Of one process on a machine is enough; a supervisor, if there is one, says it itself."""
        if not client.identity.is_first_here or client.identity.is_supervised or self._is_forked:
            return {}
        if self._machine is None:
            from stepsight._resources import MachineUse

            self._machine = MachineUse()
        return dict(self._machine.read(3 * client.settings.heartbeat_s))

    def failed(self, kind: type[BaseException], value: BaseException, trace: Any) -> None:
        """Note the exception that ends the process."""
        self._status, self._exit_code = "Failed", 1
        if issubclass(kind, KeyboardInterrupt):
            self._status, self._exit_code = "Canceled", 130
            self._extra = {"process.exit.signal": "SIGINT"}
            return
        self._extra = dict(exception_attributes(kind, value, trace))

    def exiting(self, code: object) -> None:
        """Note the argument of sys.exit()."""
        self._exit_code = code if isinstance(code, int) else 0 if code is None else 1
        if self._exit_code != 0:
            self._status = "Failed"
            if isinstance(code, str):
                self._extra = {"exception.message": code}

    def terminated(self, name: str, number: int) -> None:
        """Note the signal that ends the process."""
        self._status, self._exit_code = "Canceled", 128 + number
        self._extra = {"process.exit.signal": name}

    def outcome(self, status: str, reason: str = "") -> None:
        """Note what the script itself says: run.complete(), run.fail(), run.cancel()."""
        self._status = status
        if reason:
            self._extra = {"exception.message": reason}

    def become_worker(self) -> None:
        """A forked child speaks of neither start nor end."""
        self._is_main = False
        self._is_forked = True
        self._extra = {}
        functions = sys.modules.get("stepsight._step")
        if functions is not None:
            functions.forget()

    def end(self, client: Client) -> None:
        """Send the step's span and the end event; a worker sends its last counts."""
        if not self._is_main:
            if self._is_forked and not self._extra and not client.was_used():
                return  # a fork that recorded nothing has nothing to count, and costs nothing
            # How a rank failed is in no end event: rank 0 sends the only one.
            attributes = {**WITNESS, **client.counts(), **self._extra}
            client.event("stepsight.step.heartbeat", "worker ended", attributes)
            return
        if not client.identity.is_supervised:
            client.own_span(
                failed=self._status == "Failed",
                reason=str(self._extra.get("exception.message", "")),
                attributes={"process.exit.code": self._exit_code},
            )
        attributes = {
            **WITNESS,
            "stepsight.status": self._status,
            "process.exit.code": self._exit_code,
            **self._extra,
            "stepsight.memory.peak": peak_memory_bytes(),
            "process.cpu.time": own_use()["process.cpu.time"],
            **client.counts(),
        }
        body = f"step {client.identity.step_name} {self._status.lower()}"
        client.event("stepsight.step.end", body, attributes)


def install_hooks() -> None:
    """Learn how the process ends; every hook calls what was there before."""
    _wrap_excepthook()
    _wrap_exit()
    _wrap_threading_excepthook()
    if threading.current_thread() is threading.main_thread():
        _handle_sigterm()


def _current() -> Lifecycle | None:
    from stepsight import _state

    return _state.lifecycle


def _wrap_excepthook() -> None:
    previous = sys.excepthook

    def hook(kind: type[BaseException], value: BaseException, trace: Any) -> None:
        lifecycle = _current()
        if lifecycle is not None:
            lifecycle.failed(kind, value, trace)
        previous(kind, value, trace)

    sys.excepthook = hook


def _wrap_exit() -> None:
    # SystemExit reaches no hook, and atexit is not told the code; `raise SystemExit(3)` stays
    # unseen in the process, which is one reason why a supervisor is believed more.
    previous = sys.exit

    def leave(status: Any = None, /) -> None:
        lifecycle = _current()
        if lifecycle is not None and threading.current_thread() is threading.main_thread():
            lifecycle.exiting(status)
        previous(status)

    sys.exit = leave  # type: ignore[assignment]


def _wrap_threading_excepthook() -> None:
    previous: Callable[[Any], Any] = threading.excepthook

    def hook(args: Any) -> None:
        from stepsight import _state

        client = _state.client
        if client is not None and args.exc_value is not None:
            name = args.thread.name if args.thread is not None else "?"
            client.log(
                f"thread {name} ended by {args.exc_type.__name__}: {args.exc_value}",
                scope="threading",
                severity=17,
                level="ERROR",
                attributes=dict(
                    exception_attributes(args.exc_type, args.exc_value, args.exc_traceback)
                ),
            )
        previous(args)

    threading.excepthook = hook


def _handle_sigterm() -> None:
    """Say goodbye on SIGTERM, only where the script leaves it to the system."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def leave(number: int, _frame: FrameType | None) -> None:
        from stepsight import _state

        lifecycle = _state.lifecycle
        if lifecycle is not None:
            lifecycle.terminated(signal.Signals(number).name, number)
        _state.shutdown_bounded(SIGTERM_FLUSH_S)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, leave)
