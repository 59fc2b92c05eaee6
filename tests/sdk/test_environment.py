"""What is recorded of the environment of a step."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from stepsight._environment import environment_attributes, installed_packages
from stepsight._git import git_state
from stepsight._identity import detect_identity
from stepsight._settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

GIT = shutil.which("git")
needs_git = pytest.mark.skipif(GIT is None, reason="git makes the repositories of these tests")


def recorded(environ: dict[str, str], *argv: str, **settings: Any) -> dict[str, Any]:
    return environment_attributes(
        load_settings(settings, {}), detect_identity(environ=environ), environ, argv
    )


def test_packages_are_those_that_importlib_finds() -> None:
    # It reads half a thousand files for that, and needs the e-mail parser.
    expected: dict[str, str] = {}
    for each in importlib.metadata.distributions():
        expected.setdefault(re.sub(r"[-_.]+", "-", each.name).lower(), each.version)

    assert installed_packages(sys.path) == sorted(f"{k}=={v}" for k, v in expected.items())


def test_packages_of_paths_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(b"PK")

    assert installed_packages([str(tmp_path / "archive.zip"), str(tmp_path / "none")]) == []


def test_python_system_and_command_are_recorded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    found = recorded({"STEPSIGHT_IMAGE": "train:7"}, "train.py", "--token", "abc")

    assert found["process.command_args"] == ["train.py", "--token", "***"]
    assert found["process.working_directory"] == str(tmp_path)
    assert found["process.runtime.name"] == sys.implementation.name
    assert found["process.executable.path"] == sys.executable
    assert found["container.image.name"] == "train:7"
    assert found["os.type"] == os.uname().sysname.lower()
    assert found["system.cpu.logical.count"] == len(os.sched_getaffinity(0))
    assert re.fullmatch(r"[0-9a-f]{16}", found["stepsight.environment.packages_hash"])


def test_chosen_variables_are_recorded_without_secrets() -> None:
    environ = {
        "OMP_NUM_THREADS": "4",
        "HF_TOKEN": "hf_x",
        "HF_ENDPOINT": "https://me:pw@hub/",
        "HOME": "/root",
        "TZ": "UTC",
    }

    assert recorded(environ)["stepsight.environment.variables"] == {
        "HF_ENDPOINT": "https://me:***@hub/",
        "HF_TOKEN": "***",
        "OMP_NUM_THREADS": "4",
        "TZ": "UTC",
    }
    only_home = recorded(environ, environment_variables="HO*")["stepsight.environment.variables"]
    assert only_home == {"HOME": "/root"}


def test_a_long_value_is_cut() -> None:
    found = recorded({"PYTHONPATH": "x" * 5000})["stepsight.environment.variables"]["PYTHONPATH"]

    assert (len(found), found[-1]) == (2000, "…")


def test_of_a_command_in_any_language_nothing_is_said_about_our_python() -> None:
    found = environment_attributes(
        load_settings({}, {}), detect_identity(environ={}), {}, ["make"], is_python=False
    )

    assert found["process.command_args"] == ["make"]
    assert not {name for name in found if "runtime" in name or "packages" in name}


def git(folder: Path, *arguments: str) -> str:
    assert GIT is not None
    identity = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        [GIT, *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "train.py").write_text("print(1)\n")
    (folder / "README").write_text("x\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    git(folder, "remote", "add", "origin", "https://me:secret@host/code.git")
    return folder


@needs_git
def test_commit_branch_and_address_are_read_without_git(repository: Path) -> None:
    assert git_state(repository / "src") == {
        "vcs.ref.head.revision": git(repository, "rev-parse", "HEAD"),
        "vcs.ref.head.name": "main",
        "vcs.repository.url.full": "https://me:secret@host/code.git",
        "stepsight.vcs.dirty": False,
    }


@needs_git
def test_the_address_is_recorded_without_its_password(
    monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    monkeypatch.chdir(repository)

    assert recorded({})["vcs.repository.url.full"] == "https://me:***@host/code.git"


@needs_git
def test_a_packed_branch_a_detached_head_and_a_worktree_are_understood(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    git(repository, "pack-refs", "--all")
    packed = git_state(repository)
    git(repository, "worktree", "add", "-q", "-b", "other", "../other")
    worktree = git_state(repository.parent / "other")
    git(repository, "checkout", "-q", "--detach")
    detached = git_state(repository)

    assert packed["vcs.ref.head.revision"] == commit
    assert (worktree["vcs.ref.head.revision"], worktree["vcs.ref.head.name"]) == (commit, "other")
    assert worktree["stepsight.vcs.dirty"] is False
    assert detached["vcs.ref.head.revision"] == commit
    assert "vcs.ref.head.name" not in detached


@needs_git
@pytest.mark.parametrize("change", ["grown", "same size", "removed"])
def test_a_changed_file_makes_it_dirty(repository: Path, change: str) -> None:
    path = repository / "src" / "train.py"
    if change == "removed":
        path.unlink()
    else:
        path.write_text("print(12)\n" if change == "grown" else "print(2)\n")
        os.utime(path, ns=(0, 0))

    assert git_state(repository)["stepsight.vcs.dirty"] is True


@needs_git
def test_a_touched_and_a_new_file_do_not_make_it_dirty(repository: Path) -> None:
    os.utime(repository / "README", ns=(0, 0))
    (repository / "output.csv").write_text("1\n")

    assert git_state(repository)["stepsight.vcs.dirty"] is False


@needs_git
def test_what_was_added_but_not_committed_is_not_called_clean(repository: Path) -> None:
    (repository / "README").write_text("y\n")
    git(repository, "add", "README")

    assert git_state(repository).get("stepsight.vcs.dirty") is not False


@needs_git
def test_a_broken_index_costs_only_the_word_about_changes(repository: Path) -> None:
    (repository / ".git" / "index").write_bytes(b"DIRC\0\0\0\2\0\0\0\7short")

    state = git_state(repository)
    assert "stepsight.vcs.dirty" not in state
    assert state["vcs.ref.head.name"] == "main"


def test_outside_of_a_repository_nothing_is_said(tmp_path: Path) -> None:
    assert git_state(tmp_path) == {}
