"""The process's one client, and how it comes and goes: init, fork, end."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from stepsight._client import Client
    from stepsight._lifecycle import Lifecycle
    from stepsight._logging import RecordCapture

__all__ = ["ensure", "flush", "init", "shutdown"]

client: Client | None = None
lifecycle: Lifecycle | None = None
capture: RecordCapture | None = None
_lock = threading.RLock()
_hooks_installed = False
# os._exit() is called to be gone at once; what is not sent by then waits on disk.
OS_EXIT_FLUSH_S = 2.0


def init(
    *,
    parent_run_id: str | None = None,
    step_id: str | None = None,
    step_name: str | None = None,
    experiment_name: str | None = None,
    dimensions: dict[str, str] | None = None,
    **settings: Any,
) -> None:
    """Begin to record this process as a step run. Calling it again changes nothing.

    Arguments win over the environment. `dimensions` go on every record. Settings are those of
    docs/reference/sdk-settings.md by name, `endpoint="http://…"` for example.

    Raises ConfigError when a setting cannot be used; nothing later raises into user code.
    """
    from stepsight._identity import detect_identity
    from stepsight._settings import load_settings

    with _lock:
        if client is not None:
            return
        loaded = load_settings(settings)
        if loaded.disabled:
            return
        identity = detect_identity(
            parent_run_id=parent_run_id,
            step_id=step_id,
            step_name=step_name,
            experiment_name=experiment_name,
            dimensions=dimensions,
        )
        _begin(loaded, identity)


def _begin(settings: Any, identity: Any) -> None:
    global client, lifecycle  # noqa: PLW0603 - one client a process is the design
    from stepsight._client import Client
    from stepsight._lifecycle import Lifecycle

    created = Lifecycle(is_main=identity.speaks)
    client = Client(settings, identity, created.heartbeat)
    lifecycle = created
    if not identity.is_worker:
        os.environ.update(identity.environment())
        os.environ["STEPSIGHT_MAIN"] = f"{identity.step_id}:{os.getpid()}"
    created.start(client)
    _install_capture(client)
    _install_hooks()
    if settings.instrument == "auto":
        from stepsight._instrument import instrument

        instrument()


def ensure() -> Client | None:
    """The client, made with defaults if init() was not called; None when disabled.

    A setting that cannot be used is said once on stderr, since nobody is there to catch it.
    """
    if client is None:
        from stepsight.errors import ConfigError

        try:
            init()
        except ConfigError as exc:
            global _complained  # noqa: PLW0603 - once a process
            if not _complained and sys.__stderr__ is not None:
                _complained = True
                sys.__stderr__.write(f"stepsight: nothing is recorded: {exc}\n")
    return client


_complained = False


def is_offline() -> bool:
    """Whether nothing but this process says which run it belongs to."""
    if client is None:
        return True
    identity = client.identity
    told = identity.is_supervised or identity.is_worker or "AZUREML_RUN_ID" in os.environ
    return not told and identity.parent_run_id == identity.step_id


def flush(timeout_s: float = 5.0) -> bool:
    """Send what was recorded so far; False if that took longer than `timeout_s`."""
    return client.flush(timeout_s) if client is not None else True


def shutdown(timeout_s: float | None = None) -> None:
    """End the step run: deliver or spool everything, put stdout and logging back.

    Called by itself at the end of the process. Takes at most `timeout_s` seconds, by default the
    setting `exit_timeout_s`.
    """
    global client, lifecycle, capture  # noqa: PLW0603 - see _begin
    with _lock:
        ending, events = client, lifecycle
        if ending is None or events is None:
            return
        from stepsight import _stdio

        _stdio.uninstall()
        if capture is not None:
            capture.uninstall()
        events.end(ending)
        ending.close(ending.settings.exit_timeout_s if timeout_s is None else timeout_s)
        client = lifecycle = capture = None
        os.environ.pop("STEPSIGHT_MAIN", None)


def shutdown_bounded(timeout_s: float) -> None:
    """Shut down on a thread of its own, and go on without it when the time is over.

    For signal handlers and the like: what they interrupt may hold a lock that shutdown() needs.
    """
    thread = threading.Thread(target=shutdown, args=(timeout_s,), daemon=True)
    try:
        thread.start()
    except RuntimeError:  # interpreter shutdown: no thread starts, and none is interrupted
        shutdown(timeout_s)
        return
    thread.join(2 * timeout_s)


def _install_capture(started: Client) -> None:
    global capture  # noqa: PLW0603 - see _begin
    from stepsight import _stdio
    from stepsight._logging import ConsoleHandler, RecordCapture

    settings = started.settings
    capture = RecordCapture(started)
    if settings.capture_logging:
        capture.install()
    ours = logging.getLogger("stepsight")
    if not any(isinstance(one, ConsoleHandler) for one in ours.handlers):
        ours.addHandler(ConsoleHandler())
    _stdio.handler_codes.add(ConsoleHandler.emit.__code__)
    on_record = capture.capture if settings.capture_logging else _never

    def capture_line(stream: str, line: str) -> None:
        if client is not None:
            client.log(line, scope="stepsight.stdio", attributes={"log.iostream": stream})

    if settings.supervised:
        _stdio.install_marks(settings.supervisor_pipe, on_record)
    elif settings.capture_stdio:
        _stdio.install(capture_line, on_record)


def _never(_record: logging.LogRecord) -> bool:
    return False


def _install_hooks() -> None:
    global _hooks_installed  # noqa: PLW0603 - hooks cannot be taken back
    if _hooks_installed:
        return
    _hooks_installed = True
    atexit.register(shutdown)
    _leave_by_exit()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_child=_after_fork)
    from stepsight import _lifecycle

    _lifecycle.install_hooks()
    from stepsight._bootstrap.stepsight_hooks import install_mirrors

    install_mirrors()


def _before_fork() -> None:
    if client is not None:
        client.before_fork()


def _after_fork() -> None:
    """A child records on, as a worker of the same step, with a queue of its own."""
    global _lock  # noqa: PLW0603 - the parent's lock may be held for ever
    _lock = threading.RLock()
    if client is not None and lifecycle is not None:
        from stepsight import _stdio

        _stdio.reset()
        lifecycle.become_worker()
        client.after_fork()


def _leave_by_exit() -> None:
    """Deliver before os._exit() too: multiprocessing's forked children end by it."""
    leave = os._exit

    def deliver_and_leave(status: int) -> NoReturn:
        if lifecycle is not None and client is not None:
            from stepsight import _stdio

            lifecycle.exiting(status)
            if client.was_used() or _stdio.is_unfinished():
                shutdown_bounded(OS_EXIT_FLUSH_S)
        leave(status)

    os._exit = deliver_and_leave
