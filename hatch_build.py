"""Builds the collector's native library with cargo when stepsight is installed or packed.

Without cargo, or where the build fails, stepsight does without, more slowly, and says so;
STEPSIGHT_NATIVE=require makes that an error, STEPSIGHT_NATIVE=off builds nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import sys_tags


class NativeLibrary(BuildHookInterface):  # type: ignore[type-arg]  # hatchling leaves it open
    """Hook of the wheel, the editable one too."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's signature
        """Build the library and have it packed, in a wheel for this platform."""
        wanted = os.environ.get("STEPSIGHT_NATIVE", "")
        if wanted == "off":
            return
        crate = Path(self.root, "collector", "native")
        reason = _build(crate)
        if reason is None:
            built = crate / "target" / "release" / "libstepsight_native.so"
            if not built.exists():  # macOS
                built = built.with_suffix(".dylib")
            package = Path(self.root, "collector", "stepsight_collector", "native")
            _put(built, package / "stepsight_native.so")
            build_data["artifacts"].append("collector/stepsight_collector/native/*.so")
            build_data["pure_python"] = False
            # Called through ctypes, so one wheel serves every version of Python.
            build_data["tag"] = f"py3-none-{next(sys_tags()).platform}"
        elif wanted == "require":
            raise RuntimeError(f"The native library cannot be built: {reason}")
        else:
            self.app.display_warning(
                f"The collector's native library is left out: {reason} "
                "The collector works without it, and takes more CPU time for each record."
            )


def _build(crate: Path) -> str | None:
    """Run cargo; returns why there is no library, or None."""
    cargo = shutil.which("cargo")
    if cargo is None:
        return "there is no cargo. Install Rust (https://rustup.rs) and install stepsight again."
    command = [cargo, "build", "--release", "--locked", "--quiet"]
    done = subprocess.run(command, cwd=crate, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"cargo failed: {done.stderr[-2000:]}"


def _put(built: Path, target: Path) -> None:
    """Replace the library in one step: a process may have the old one mapped."""
    fresh = target.with_suffix(".new")
    shutil.copyfile(built, fresh)
    fresh.replace(target)
