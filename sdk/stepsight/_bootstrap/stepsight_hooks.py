"""Hooks that wait for an import: nothing of ours is loaded before a step uses what we watch.

Imports nothing but sys, since every Python under `stepsight run` pays for it.
"""

from __future__ import annotations

import sys

# typing alone costs 5 ms; type checkers know the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

__all__ = ["ImportHook", "begin", "install_mirrors"]

# Modules whose logging calls are recorded too, and the function of stepsight._mirror that does it.
MIRRORED = {
    "azureml.core.run": "patch_azureml",
    "mlflow.tracking._tracking_service.client": "patch_mlflow",
    "opencensus.ext.azure.log_exporter": "patch_opencensus",
}


def begin(package: str) -> None:
    """Install everything; `package` is the folder of stepsight itself.

    Modules of the stand-ins come last on the path: what is installed is found before them.
    """
    patches: dict[str, Callable[[Any], None]] = {"logging": watch_logging}
    hook = ImportHook({**patches, **_mirrors()}, package)
    sys.meta_path.insert(0, hook)
    hook.catch_up()
    sys.path.append(package + "/_stand_ins")


def install_mirrors() -> None:
    """Mirror what is imported, now or later; for a process that called init()."""
    # By name: under a bootstrap, this module is there a second time.
    if not any(type(finder).__name__ == ImportHook.__name__ for finder in sys.meta_path):
        hook = ImportHook(_mirrors(), "")
        sys.meta_path.insert(0, hook)
        hook.catch_up()


class ImportHook:
    """A finder that finds nothing itself, but has a module patched when it has been imported.

    Finds stepsight in `package`, where the process has none of its own.
    """

    def __init__(self, patches: dict[str, Callable[[Any], None]], package: str) -> None:
        self._patches = patches
        self._package = package

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The spec that the other finders have, its loader followed by the patch."""
        patch = self._patches.get(name)
        if patch is None and name != "stepsight":
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if finder is not self and find else None
            if spec is not None:
                if patch is not None and hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader, patch)
                return spec
        return self._own_spec() if name == "stepsight" and self._package else None

    def catch_up(self) -> None:
        """Patch what was imported before."""
        for name, patch in self._patches.items():
            if name in sys.modules:
                _guard(patch, sys.modules[name])

    def _own_spec(self) -> Any:
        import importlib.util

        return importlib.util.spec_from_file_location(
            "stepsight",
            self._package + "/__init__.py",
            submodule_search_locations=[self._package],
        )


class _Loader:
    """Stands for a module's loader until the module is loaded."""

    def __init__(self, loader: Any, patch: Callable[[Any], None]) -> None:
        self._loader = loader
        self._patch = patch

    def create_module(self, spec: Any) -> Any:
        """What the loader makes."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Load it, with the loader back in its place, then patch it."""
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        _guard(self._patch, module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


def watch_logging(logging: Any) -> None:
    """Begin to record at the first record that a logger handles, and not lose that one."""
    import _thread

    original = logging.Logger.callHandlers
    lock = _thread.RLock()
    begun: list[bool] = []
    ready: list[bool] = []

    def call_handlers(logger: Any, record: Any) -> None:
        if not ready:
            # Another thread waits here; our own, when beginning itself logs, passes.
            with lock:
                if not begun:
                    begun.append(True)
                    _guard(_ensure, None)
                    ready.append(True)
        now = logging.Logger.callHandlers
        (original if now is call_handlers else now)(logger, record)

    call_handlers.stepsight_original = original  # type: ignore[attr-defined]
    logging.Logger.callHandlers = call_handlers


def _ensure(_module: Any) -> None:
    from stepsight import _state

    _state.ensure()


def _mirrors() -> dict[str, Callable[[Any], None]]:
    def mirror(function: str) -> Callable[[Any], None]:
        def patch(module: Any) -> None:
            from stepsight import _mirror

            getattr(_mirror, function)(module)

        return patch

    return {name: mirror(function) for name, function in MIRRORED.items()}


def _guard(function: Callable[[Any], None], module: Any) -> None:
    try:
        function(module)
    except Exception as exc:  # noqa: BLE001 - the script's import or log call must go on
        sys.stderr.write(f"stepsight: {function.__name__} failed: {type(exc).__name__}: {exc}\n")
