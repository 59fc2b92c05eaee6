"""What is installed, with a Rust compiler and without."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = "stepsight_collector/native/stepsight_native.so"


def build(directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build a wheel from a copy of what git would have."""
    source = directory / "source"
    files = subprocess.check_output(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, text=True
    )
    for name in files.splitlines():
        if name.startswith(("collector/", "sdk/")) or "/" not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    return subprocess.run(
        [*(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(directory), str(source))],
        env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def wheel(directory: Path) -> Path:
    (found,) = directory.glob("*.whl")
    return found


def path_without_cargo() -> str:
    return os.pathsep.join(
        folder
        for folder in os.environ["PATH"].split(os.pathsep)
        if not Path(folder, "cargo").exists()
    )


@pytest.mark.skipif(shutil.which("cargo") is None, reason="there is no cargo")
def test_a_wheel_has_the_library_and_serves_every_python_of_the_platform(tmp_path: Path) -> None:
    built = build(tmp_path, STEPSIGHT_NATIVE="require")

    assert built.returncode == 0, built.stderr
    assert LIBRARY in zipfile.ZipFile(wheel(tmp_path)).namelist()
    assert "-py3-none-" in wheel(tmp_path).name
    assert not wheel(tmp_path).name.endswith("-any.whl")


def test_without_a_compiler_there_is_a_wheel_without_the_library(tmp_path: Path) -> None:
    built = build(tmp_path, PATH=path_without_cargo())

    assert built.returncode == 0, built.stderr
    assert LIBRARY not in zipfile.ZipFile(wheel(tmp_path)).namelist()
    assert wheel(tmp_path).name.endswith("-py3-none-any.whl")


def test_whoever_requires_the_library_is_told_what_is_missing(tmp_path: Path) -> None:
    built = build(tmp_path, PATH=path_without_cargo(), STEPSIGHT_NATIVE="require")

    assert built.returncode != 0
    assert "The native library cannot be built: there is no cargo" in built.stdout + built.stderr
