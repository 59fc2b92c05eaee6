"""Reference pages that are made from code: `make docs` writes them, a test compares them.

python docs/generate.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stepsight._cli.fields import ROWS
from stepsight._cli.main import COMMANDS, cli
from stepsight_collector.breeze import fields
from stepsight_collector.exposition import families
from stepsight_collector.metrics import Metrics
from stepsight_collector.settings import ROWS as COLLECTOR_ROWS
from stepsight_collector.wal import WalUsage

# A script sees its own directory only; the test that runs it, not even that.
sys.path.insert(0, str(Path(__file__).parents[1]))
from docs.kql_pages import KQL_PAGES
from docs.sdk_pages import SDK_PAGES
from docs.table_pages import TABLE_PAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["PAGES"]

REFERENCE = Path(__file__).parent / "reference"

CLI_HEAD = """\
# Command line reference

Made by `make docs` from the commands themselves.

`stepsight COMMAND --help` prints the same. A RUN is a run id, the beginning of one, a run's name
(the newest of that name), `@last` (the newest run) or `@last-failed`. Times are UTC. The commands
that read ask the collector at `--api`, else `STEPSIGHT_API`, else `http://127.0.0.1:8050`, with
`STEPSIGHT_TOKEN` as bearer token if it is set; they need no engine.

## Exit codes

| code | means |
|---|---|
| 0 | done; `logs --follow`: the run ended Completed (or Reused) |
| 1 | the thing asked about failed or does not exist; `doctor`: something is wrong |
| 1 | `logs --follow`: the run ended Failed, Canceled or NotResponding |
| 2 | wrong usage; `query`: a question in KQL that does not compile |
| 3 | no collector can be reached |
| 130 | ended by Ctrl-C |

`stepsight run` ends with the exit code of the command that it runs. A reader that goes away
(`stepsight logs @last | head`) is no error: 0.

## Formats

`--format table` is for people: on a terminal it fits the width and is coloured, unless `NO_COLOR`
is set; in a pipe every line is whole and plain. It may change. Control characters in telemetry
are shown as escapes (`\\x1b`), so a log line cannot steer a terminal; colour codes are dropped.

`json` is an array of row objects, `jsonl` one object a line, `csv` has a line of names, nested
values as JSON. Fields and their order are stable: new ones are added at the end. Values are those
of the [query API](api.md): times ISO 8601 with `Z`, durations in seconds unless the name says
otherwise, absent values `null`, and the texts `"NaN"`, `"Infinity"`, `"-Infinity"`.

Of a question in KQL, a datetime is such a time with seven digits, a timespan is as KQL prints it
(`1.02:03:04.5000000`), a dynamic is the value itself. In parquet, numbers, booleans and times keep
their types; a timespan is text and a dynamic JSON.

## Files

| where | holds |
|---|---|
| `~/.config/stepsight/queries/NAME.kql` | your query `@NAME`; a first line `// …` describes it |
| `~/.local/state/stepsight/history.kql` | what was typed at the prompt; only you can read it |

`XDG_CONFIG_HOME` and `XDG_STATE_HOME` stand for `~/.config` and `~/.local/state`; on macOS both are
below `~/Library/Application Support/stepsight`, on Windows below `%APPDATA%\\stepsight`. A saved
query of yours goes before ours of the same name.

## Rows

| command | a row is | fields |
|---|---|---|
"""


def cli_page() -> str:
    """The page of the command line."""
    rows = "".join(
        f"| `{command}` | {meaning} | {', '.join(f'`{name}`' for name in names) or _QUERY} |\n"
        for command, meaning, names in ROWS
    )
    return f"{CLI_HEAD}{rows}\n{''.join(_sections())}".rstrip() + "\n"


_QUERY = "the columns of the query; a name that comes again gets `_2`, `_3` … at its end"


def _sections() -> Iterator[str]:
    context = click.Context(cli, info_name="stepsight")
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        sub = click.Context(command, info_name=name, parent=context)
        yield f"## stepsight {name}\n\n"
        usage = " ".join([sub.command_path, *command.collect_usage_pieces(sub)])
        yield f"    {usage}\n\n{_help_text(command)}\n\n"
        yield from _option_table(command, sub) if name != "up" else _collector_options()


def _help_text(command: click.Command) -> str:
    paragraphs = (command.help or "").split("\n\n")
    return "\n\n".join(
        "    " + text.partition("\n")[2].strip()
        if text.startswith("\b")
        else " ".join(text.split())
        for text in paragraphs
    )


def _option_table(command: click.Command, context: click.Context) -> Iterator[str]:
    yield "| option | means |\n|---|---|\n"
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and record[1] and "--help" not in parameter.opts:
            option, text = (part.replace("|", "\\|") for part in record)
            yield f"| `{option}` | {' '.join(text.split())} |\n"
    yield "\n"


def _collector_options() -> Iterator[str]:
    yield "| option | variable | default | means |\n|---|---|---|---|\n"
    for row in COLLECTOR_ROWS:
        default = "" if row.default in {None, ""} else f"`{row.default}`"
        unit = f" In {row.unit}." if row.unit else ""
        flag = f"`{row.flag}`" if row.flag else ""
        yield f"| {flag} | `{row.env}` | {default} | {row.doc}{unit} |\n"
    yield "\n"


METRICS_HEAD = """\
# The collector's own metrics

Made by `make docs` from the code that writes them.

`GET /metrics` on the OTLP/HTTP port (4318) shows them in Prometheus' text format. The same figures
are stored every `self_metrics_interval_s` as OTLP metrics of project `stepsight`, in the tables
`otel_metrics_sum`, `otel_metrics_gauge` and `otel_metrics_histogram`. Counters start at 0 with the
process. Labels: `signal` is `logs`, `traces` or `metrics`; `reason` says why; `agent` is the first
word of a client's User-Agent, the first fifty by name and then `other`; `volume` is `wal` or
`store`.

| OTLP name | Prometheus name | kind | means |
|---|---|---|---|
"""


def metrics_page() -> str:
    """The page of the collector's own metrics."""
    rows = "".join(
        f"| `{each.name}` | `{each.prometheus_name}` | {each.kind} | {each.help} |\n"
        for each in families(Metrics(), WalUsage(0, 0, 0.0))
    )
    return METRICS_HEAD + rows


BREEZE = REFERENCE / "breeze-mapping.md"


def breeze_page() -> str:
    """The page of the App Insights protocol: written by hand but for the tables at its end."""
    head, begin, rest = BREEZE.read_text("utf-8").partition("<!-- tables: begin -->\n")
    _, end, tail = rest.partition("<!-- tables: end -->")
    sections = (
        ("Envelope", fields.ENVELOPE),
        ("Tags", fields.TAGS),
        *fields.BASES.items(),
        ("MetricData.metrics[]", fields.METRIC_POINT),
    )
    others = ", ".join(f"`{tag}`" for tag in fields.RESOURCE_TAGS)
    tables = "".join(_mapping_table(title, rows) for title, rows in sections)
    return f"{head}{begin}{tables}\nTags that go to the resource: {others}.\n\n{end}{tail}"


def _mapping_table(title: str, rows: tuple[fields.Field, ...]) -> str:
    lines = [f"\n### {title}\n", "| field | OTLP | App Insights column |", "|---|---|---|"]
    if title in fields.ITEM_TYPES:
        mark = fields.ITEM_TYPES[title]
        lines.append(f"| (none) | `{fields.ITEM_TYPE}` = `{mark}` | itemType |")
    lines += [f"| `{row.name}` | {row.target} | {row.column or '(none)'} |" for row in rows]
    return "\n".join(lines) + "\n"


SETTINGS_HEAD = """\
# Settings of the collector

Made by `make docs` from the table of settings itself.

What is given on the command line goes before the environment, the environment before the file
`stepsight.toml` in the working directory (its table `[collector]`), the file before the default. A
setting without an option is a secret: command lines can be read by every user of a machine.

"""
SETTINGS_TAIL = """\

Example of a file:

```toml
[collector]
host = "0.0.0.0"
tokens_file = "/etc/stepsight/tokens.toml"
tls_cert = "/etc/stepsight/tls/tls.crt"
tls_key = "/etc/stepsight/tls/tls.key"
wal_quota_bytes = 17179869184
```

The tokens file is described in [Secure the collector](../how-to/secure-the-collector.md).
"""


def settings_page() -> str:
    """The page of the collector's settings."""
    lines = ["| in the file | option | variable | default | means |\n|---|---|---|---|---|\n"]
    for row in COLLECTOR_ROWS:
        default = "" if row.default in {None, ""} else f"`{row.default}`"
        unit = f" In {row.unit}." if row.unit else ""
        flag = f"`{row.flag}`" if row.flag else ""
        lines.append(f"| `{row.name}` | {flag} | `{row.env}` | {default} | {row.doc}{unit} |\n")
    return SETTINGS_HEAD + "".join(lines) + SETTINGS_TAIL


PAGES: dict[Path, Callable[[], str]] = {
    REFERENCE / "cli.md": cli_page,
    REFERENCE / "settings.md": settings_page,
    REFERENCE / "collector-metrics.md": metrics_page,
    BREEZE: breeze_page,
    **SDK_PAGES,
    **TABLE_PAGES,
    **KQL_PAGES,
}


def main() -> None:
    """Write every page."""
    for path, page in PAGES.items():
        path.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
