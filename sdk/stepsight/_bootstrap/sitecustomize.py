"""Imported by every Python under `stepsight run` at its start: installs hooks, steps aside.

Another sitecustomize that this one hides is imported as if it were not there. Must stay cheap:
no module is imported but the hooks.
"""

from __future__ import annotations

import sys


def _begin() -> None:
    here = __file__.rpartition("/")[0]
    try:
        # From this very folder, whose place on the path is given up at once.
        from stepsight_hooks import begin  # type: ignore[import-not-found]

        if sys.version_info >= (3, 10):  # noqa: UP036 - a step may run on any Python
            begin(here.rpartition("/")[0])
    except Exception as exc:  # noqa: BLE001 - a step must start, whatever is wrong with us
        sys.stderr.write(f"stepsight: no hooks in this process: {type(exc).__name__}: {exc}\n")
    finally:
        sys.path[:] = [each for each in sys.path if each != here]


def _chain() -> None:
    ours = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize as _other  # type: ignore[import-not-found] # noqa: F401 - for its effect
    except ImportError as exc:
        if exc.name != "sitecustomize":
            raise
        sys.modules["sitecustomize"] = ours


_begin()
_chain()
