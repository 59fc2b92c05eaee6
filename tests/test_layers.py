"""Who may import whom, read from the code: DESIGN's rules as a test."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
COLLECTOR, SDK = ROOT / "collector" / "stepsight_collector", ROOT / "sdk" / "stepsight"
WEB = ("starlette", "uvicorn")
ENVIRONMENT = ("os.environ", "os.getenv", "environ", "getenv")


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Name below the package, and file: `receivers.http`, `app`."""
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        yield ".".join(parts).removesuffix(".__init__") or "__init__", path


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file imports anywhere, but for typing only."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return frozenset(found)


def importers(root: Path, *packages: str) -> list[str]:
    return [
        name
        for name, path in modules(root)
        if any(
            each == package or each.startswith(package + ".")
            for each in imports(path)
            for package in packages
        )
    ]


def within(names: list[str], *allowed: str) -> list[str]:
    """The names outside of the allowed modules and packages."""
    return [
        name
        for name in names
        if not any(name == each or name.startswith(each + ".") for each in allowed)
    ]


def test_the_rules_see_imports() -> None:
    assert "store.engine" in importers(COLLECTOR, "clickhouse_connect")
    assert "receivers.http" in importers(COLLECTOR, "starlette", "stepsight_collector.errors")


def test_the_sdk_imports_nothing_of_the_collector() -> None:
    # The commands that start a collector hand over to it.
    assert within(importers(SDK, "stepsight_collector"), "_cli.up", "_cli.demo") == []


def test_the_collector_imports_nothing_of_the_sdk() -> None:
    assert importers(COLLECTOR, "stepsight") == []


def test_only_the_store_imports_clickhouse() -> None:
    assert within(importers(COLLECTOR, "clickhouse_connect", "chdb"), "store") == []


def test_only_api_receivers_and_app_import_the_web_framework() -> None:
    assert within(importers(COLLECTOR, *WEB), "api", "receivers", "app") == []


def test_the_log_knows_nothing_but_itself_errors_and_the_native_library() -> None:
    below = "stepsight_collector."
    for name, path in modules(COLLECTOR):
        if name.startswith("wal"):
            ours = {each.removeprefix(below) for each in imports(path) if each.startswith(below)}
            assert within(sorted(ours), "wal", "errors", "native") == [], name


def test_breeze_is_pure() -> None:
    below = "stepsight_collector."
    for name, path in modules(COLLECTOR):
        if name.startswith("breeze"):
            ours = {each.removeprefix(below) for each in imports(path) if each.startswith(below)}
            assert within(sorted(ours), "breeze", "errors", "wal.record") == [], name


def test_kql_is_pure() -> None:
    below = "stepsight_collector."
    for name, path in modules(COLLECTOR):
        if name.startswith("kql"):
            ours = {each.removeprefix(below) for each in imports(path) if each.startswith(below)}
            assert within(sorted(ours), "kql") == [], name
            tops = {each.partition(".")[0] for each in imports(path)}
            assert tops <= sys.stdlib_module_names | {"stepsight_collector"}, name


def test_receivers_do_not_reach_past_the_log() -> None:
    names = importers(
        COLLECTOR,
        "stepsight_collector.store",
        "stepsight_collector.loader",
        "stepsight_collector.api",
    )
    assert [name for name in names if name.startswith("receivers")] == []


def test_only_the_loader_and_the_app_hold_the_log_and_the_store() -> None:
    both = set(importers(COLLECTOR, "stepsight_collector.store")) & set(
        importers(COLLECTOR, "stepsight_collector.wal")
    )
    # poison: the loader's way with a segment that the store refuses.
    assert within(sorted(both), "loader", "poison", "app") == []


@pytest.mark.parametrize(
    ("root", "allowed"),
    [
        (COLLECTOR, ("settings",)),
        # Besides settings and identity: children inherit, and the demo is a driver of processes.
        (SDK, ("_settings", "_identity", "_state", "_pipeline", "_supervisor", "_cli", "_demo")),
    ],
)
def test_only_the_settings_read_the_environment(root: Path, allowed: tuple[str, ...]) -> None:
    readers = []
    for name, path in modules(root):
        used = {
            ast.unparse(node)
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, (ast.Attribute, ast.Name))
        }
        if used & {"os.environ", "os.getenv"}:
            readers.append(name)

    assert within(readers, *allowed) == []


def test_importing_the_sdk_touches_the_standard_library_only() -> None:
    for name, path in modules(SDK):
        # The stand-ins import each other, as the packages that they stand for do.
        if name.startswith(("_cli", "_demo", "_stand_ins")):
            continue
        tops = {ast_name.partition(".")[0] for ast_name in top_level_imports(path)}
        assert tops <= sys.stdlib_module_names | {"stepsight"}, name


def top_level_imports(path: Path) -> set[str]:
    """What a file imports when it is imported itself."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found
