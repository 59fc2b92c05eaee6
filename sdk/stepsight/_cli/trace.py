"""`stepsight trace`: an operation as a waterfall."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from stepsight._cli.errors import CliError
from stepsight._cli.fields import SPAN_FIELDS
from stepsight._cli.options import api_option, format_option, make_api
from stepsight._cli.output import is_terminal, print_rows, styled
from stepsight._cli.progress import progress
from stepsight._cli.spark import bar
from stepsight._cli.table import fit, pad, terminal_width
from stepsight._cli.text import count, duration, one_line
from stepsight._cli.waterfall import Fold, Node, build_tree, rows_of, walk

if TYPE_CHECKING:
    from stepsight._cli.api import Api

__all__ = ["trace_command"]

PLAIN_BAR_WIDTH = 40
MIN_BAR_WIDTH = 12
MAX_INDENT = 24
DURATION_WIDTH = 12
LOG_WIDTH = 5
_OPERATION = re.compile(r"[0-9a-fA-F]{6,32}\Z")


@click.command("trace")
@click.argument("reference", metavar="OPERATION_ID|RUN")
@click.option("--depth", type=click.IntRange(1), help="Show this many levels of the tree.")
@click.option("--all", "whole", is_flag=True, help="Fold nothing, however many spans there are.")
@format_option()
@api_option
def trace_command(
    *, reference: str, depth: int | None, whole: bool, form: str, api: str | None
) -> None:
    """Show an operation as a waterfall of its spans.

    OPERATION_ID is one, or its first 6 or more digits; RUN stands for the run's operation. Where
    there are many spans, those of one name are folded to the failed and the slowest, and `~` is
    the median duration of the others; --all shows every one, as do the formats json, jsonl and csv.
    """
    with progress("Asking the collector for the operation"):
        operation = _find(make_api(api), reference)
    roots = build_tree(operation["spans"], operation["logs"])
    if form != "table":
        rows = ({**n.span, "depth": n.depth, "log_rows": n.log_rows} for n in walk(roots))
        print_rows(rows, form, SPAN_FIELDS)
        return
    _print_head(operation, roots)
    _print_waterfall(rows_of(roots, depth, whole=whole), roots)


def _find(api: Api, reference: str) -> dict[str, Any]:
    """The operation with this id, else that of the run."""
    if _OPERATION.match(reference):
        try:
            found: dict[str, Any] = api.get("operations", reference)
        except CliError as exc:
            if exc.exit_code != 1 or "fits" in exc.message:
                raise
            return _operation_of_run(api, reference, exc)
        return found
    return _operation_of_run(api, reference, None)


def _operation_of_run(api: Api, reference: str, no_operation: CliError | None) -> dict[str, Any]:
    try:
        run = api.get("runs", reference)["run"]
    except CliError as exc:
        if no_operation is None or "fits" in exc.message:
            raise
        raise CliError(
            f'no operation and no run has the id "{reference}".', no_operation.hint
        ) from exc
    if run["operation_id"] is None:
        raise CliError(
            f"run {run['run_id']} has no operation: none of its records carries a trace id.",
            "stepsight.span, or any OpenTelemetry instrumentation, makes one.",
        )
    operation: dict[str, Any] = api.get("operations", run["operation_id"])
    return operation


def _print_head(operation: dict[str, Any], roots: list[Node]) -> None:
    nodes = list(walk(roots))
    took_ms = max((node.end_ms for node in nodes), default=0)
    failed = sum(node.is_failed for node in nodes)
    parts = [count(len(nodes), "span"), duration(took_ms / 1000)]
    parts.append(count(sum(not row["event"] for row in operation["logs"]), "log row"))
    if failed:
        parts.append(styled(f"{failed} failed", "red"))
    click.echo(styled("Operation " + operation["operation_id"], "bold"))
    click.echo(f"  {', '.join(parts)}\n")


def _print_waterfall(rows: list[Node | Fold], roots: list[Node]) -> None:
    total_ms = max((node.end_ms for node in walk(roots)), default=0.0) or 1e-6
    labels = [_label(row) for row in rows]
    width = terminal_width()
    bar_width = PLAIN_BAR_WIDTH
    name_width = max((len(label) for label in labels), default=0)
    if is_terminal():
        fixed = DURATION_WIDTH + LOG_WIDTH + 6
        name_width = min(name_width, max(width - fixed - MIN_BAR_WIDTH, 16))
        bar_width = max(min(width - fixed - name_width, 60), 8)
    head = f"{pad('SPAN', name_width)}  {pad('TIMELINE', bar_width)}"
    title = f"{head}  {'DURATION':>{DURATION_WIDTH}}  {'LOG':>{LOG_WIDTH}}"
    click.echo(styled(title, "bold"))
    for row, label in zip(rows, labels, strict=True):
        name = pad(fit(label, name_width), name_width)
        _print_row(row, name, total_ms, bar_width)


def _label(row: Node | Fold) -> str:
    indent = "  " * row.depth
    if len(indent) > MAX_INDENT:
        indent = f"{f'{row.depth} >':<{MAX_INDENT}}"
    if isinstance(row, Node):
        return indent + ("✗ " if row.is_failed else "") + one_line(row.span["name"])
    what = f"more like {one_line(row.name)}" if row.name else "below"
    failed = f", {row.failed} failed" if row.failed else ""
    return f"{indent}… {len(row.nodes):,} {what}{failed}"


def _print_row(row: Node | Fold, name: str, total_ms: float, bar_width: int) -> None:
    if isinstance(row, Fold):
        start = min(node.start_ms for node in row.nodes)
        end = max(node.end_ms for node in row.nodes)
        logs = sum(node.log_rows for node in row.nodes)
        took, style, name_style = f"~{duration(row.median_ms / 1000)}", "dim", "dim"
    else:
        start, end, logs = row.start_ms, row.end_ms, row.log_rows
        took = duration(float(row.span["duration_ms"]) / 1000)
        style, name_style = ("red", "red") if row.is_failed else ("cyan", "")
    line = pad(bar(start, end, total_ms, bar_width), bar_width)
    rest = f"{took:>{DURATION_WIDTH}}  {logs or '':>{LOG_WIDTH}}"
    click.echo(f"{styled(name, name_style)}  {styled(line, style)}  {rest}".rstrip())
    if isinstance(row, Node) and row.is_failed and row.span["status_message"]:
        indent = " " * min(len(name) - len(name.lstrip()) + 2, MAX_INDENT)
        text = one_line(row.span["status_message"])
        if is_terminal():
            text = fit(text, max(terminal_width() - len(indent), 20))
        click.echo(indent + styled(text, "red"))
