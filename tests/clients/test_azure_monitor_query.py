"""azure-monitor-query's LogsQueryClient, unmodified, against a collector with TLS and tokens."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import trustme
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ServiceRequestError
from azure.monitor.query import (
    LogsBatchQuery,
    LogsQueryClient,
    LogsQueryError,
    LogsQueryPartialResult,
    LogsQueryResult,
    LogsQueryStatus,
)
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.filterwarnings("ignore:ssl NPN")

SCRIPTS = Path(__file__).parent / "scripts"
WRITE, READ, READ_ALL = "write-token-of-digits", "read-token-of-digits", "read-token-of-everything"
WORKSPACE = "22222222-3333-4444-8555-666666666666"
RESOURCE = "subscriptions/s/resourceGroups/g/providers/Microsoft.Insights/components/Digits"
TOKENS = f"""
[[tokens]]
name = "steps"
project = "digits"
token = "{WRITE}"

[[tokens]]
name = "scripts"
project = "digits"
role = "read"
token = "{READ}"

[[tokens]]
name = "operators"
project = "*"
role = "read"
token = "{READ_ALL}"

[[projects]]
name = "digits"
ids = ["{WORKSPACE}"]
"""
# Pairs of five million and a hundred thousand numbers.
ENDLESS = (
    "range a from 1 to 5000000 step 1 | extend k = 1 | join kind=inner "
    "(range b from 1 to 100000 step 1 | extend k = 1) on k | summarize total = sum(a % b)"
)
MAX_ROWS = 2000
HOUR_AGO = datetime.now(tz=timezone.utc) - timedelta(hours=1)


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


class StaticToken:
    """A credential of azure-core that gives one of our tokens."""

    def __init__(self, token: str) -> None:
        self.token = token

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken(self.token, int(time.time()) + 3600)


class Served:
    """A collector's addresses, and clients of it."""

    def __init__(self, addresses: dict[str, str], authority: Path) -> None:
        self.ui = addresses["ui"].replace("127.0.0.1", "localhost")
        self.http = addresses["otlp_http"]
        self.authority = str(authority)
        self.clients: list[LogsQueryClient] = []

    def client(self, token: str = READ, endpoint: str = "") -> LogsQueryClient:
        made = LogsQueryClient(
            StaticToken(token),
            endpoint=endpoint or self.ui,
            connection_verify=self.authority,
            retry_total=0,
        )
        self.clients.append(made)
        return made


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("azure")
    authority = trustme.CA()
    leaf = authority.issue_cert("localhost", "127.0.0.1")
    leaf.cert_chain_pems[0].write_to_path(folder / "tls.crt")
    leaf.private_key_pem.write_to_path(folder / "tls.key")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    (folder / "tokens.toml").write_text(TOKENS)
    ready = folder / "ready.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "stepsight_collector", "--data", str(folder / "data"),
         "--grpc-port", "off", "--http-port", "0", "--ui-port", "0", "--ready-file", str(ready),
         "--tls-cert", str(folder / "tls.crt"), "--tls-key", str(folder / "tls.key"),
         "--tokens-file", str(folder / "tokens.toml"), "--query-max-rows", str(MAX_ROWS)],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    wait_for(lambda: ready.exists() or process.poll() is not None)
    found = Served(json.loads(ready.read_text()), folder / "ca.pem")
    send(found)
    yield found
    for client in found.clients:
        client.close()
    process.terminate()
    assert process.wait(60) == 0


def send(served: Served) -> None:
    """Two log lines of the project, an hour ago and now."""
    import http.client
    import ssl

    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for moment, text in ((HOUR_AGO, "an hour ago"), (datetime.now(tz=timezone.utc), "now")):
        record = records.add(time_unix_nano=int(moment.timestamp() * 1e9), severity_number=13)
        record.body.string_value = text
        record.attributes.add(key="run_type").value.string_value = "training"
    parts = urlsplit(served.http)
    connection = http.client.HTTPSConnection(
        "localhost", parts.port, context=ssl.create_default_context(cafile=served.authority)
    )
    headers = {"Content-Type": "application/x-protobuf", "Authorization": f"Bearer {WRITE}"}
    connection.request("POST", "/v1/logs", request.SerializeToString(), headers)
    assert connection.getresponse().read() == b""
    connection.close()
    client = served.client()
    wait_for(
        lambda: table(client.query_workspace("digits", "traces | count", timespan=None)) == [[2]]
    )


def table(result: Any) -> list[list[Any]]:
    assert result.status == LogsQueryStatus.SUCCESS, result.partial_error
    (found,) = result.tables
    assert found.name == "PrimaryResult"
    return [list(row) for row in found.rows]


def refused(ask: Callable[[], Any]) -> HttpResponseError:
    with pytest.raises(HttpResponseError) as caught:
        ask()
    return caught.value


VALUES: list[tuple[str, str, Any]] = [
    ("true", "bool", True),
    ("bool(null)", "bool", None),
    ("int(-5)", "int", -5),
    ("long(9223372036854775807)", "long", 9223372036854775807),
    ("long(null)", "long", None),
    ("real(0.1)", "real", 0.1),
    ("real(nan)", "real", "NaN"),
    ("real(+inf)", "real", "Infinity"),
    ("decimal(1.25)", "decimal", "1.25"),
    ("'it\\'s \"é😀\"'", "string", 'it\'s "é😀"'),
    (
        "datetime(2026-11-25 01:02:03.1234567)",
        "datetime",
        datetime(2026, 11, 25, 1, 2, 3, 123456, tzinfo=timezone.utc),
    ),
    ("1d + 2h + 3m + 4.5s", "timespan", "1.02:03:04.5000000"),
    ("guid(74be27de-1e4e-49d9-b579-fe0b331d3642)", "guid", "74be27de-1e4e-49d9-b579-fe0b331d3642"),
    ('dynamic({"b":[1,2.5,null],"a":"x"})', "dynamic", '{"b":[1,2.5,null],"a":"x"}'),
    ("dynamic(null)", "dynamic", None),
    ("parse_json('[1,2]')[1]", "dynamic", "2"),
]  # fmt: skip


def test_each_type_of_value_arrives(served: Served) -> None:
    query = "print " + ", ".join(f"c{i} = {value[0]}" for i, value in enumerate(VALUES))

    result = served.client().query_workspace("digits", query, timespan=None)

    assert isinstance(result, LogsQueryResult)
    (found,) = result.tables
    assert found.columns_types == [value[1] for value in VALUES]
    assert list(found.rows[0]) == [value[2] for value in VALUES]
    assert found.rows[0]["c3"] == 9223372036854775807


def test_customdimensions_are_json_text(served: Served) -> None:
    query = "AppTraces | project Properties, Properties.run_type | take 1"

    (row,) = table(served.client().query_workspace("digits", query, timespan=None))

    assert json.loads(row[0])["run_type"] == "training"
    assert row[1] == "training"


@pytest.mark.parametrize(
    ("timespan", "expected"),
    [
        (None, ["an hour ago", "now"]),
        (timedelta(days=1), ["an hour ago", "now"]),
        (timedelta(minutes=10), ["now"]),
        ((HOUR_AGO - timedelta(minutes=1), timedelta(minutes=5)), ["an hour ago"]),
        (
            (HOUR_AGO - timedelta(minutes=1), HOUR_AGO + timedelta(minutes=1)),
            ["an hour ago"],
        ),
        ((HOUR_AGO - timedelta(days=2), HOUR_AGO - timedelta(days=1)), []),
    ],
)
def test_every_form_of_timespan(served: Served, timespan: Any, expected: list[str]) -> None:
    query = "traces | project message | order by message asc"

    result = served.client().query_workspace("digits", query, timespan=timespan)

    assert table(result) == [[text] for text in expected]


@pytest.mark.parametrize("endpoint", ["{}", "{}/", "{}/v1"])
@pytest.mark.parametrize("workspace", ["digits", "DIGITS", WORKSPACE])
def test_a_workspace_is_a_project_however_it_is_called(
    served: Served, endpoint: str, workspace: str
) -> None:
    client = served.client(endpoint=endpoint.format(served.ui))

    assert table(client.query_workspace(workspace, "traces | count", timespan=None)) == [[2]]


@pytest.mark.parametrize("resource", [RESOURCE, "/" + RESOURCE])
def test_a_resource_is_a_project_too(served: Served, resource: str) -> None:
    client = served.client()

    assert table(client.query_resource(resource, "traces | count", timespan=None)) == [[2]]


def test_statistics_come_when_asked_for(served: Served) -> None:
    query = "traces | summarize n = count() by message"
    client = served.client()

    plain = client.query_workspace("digits", query, timespan=None)
    full = client.query_workspace(
        "digits", query, timespan=None, include_statistics=True, server_timeout=30
    )

    assert isinstance(plain, LogsQueryResult)
    assert isinstance(full, LogsQueryResult)
    assert plain.statistics is None
    assert full.statistics is not None
    figures = full.statistics["query"]
    assert figures["executionTime"] > 0
    assert figures["datasetStatistics"][0]["tableRowCount"] == 2
    assert figures["inputDatasetStatistics"]["rows"]["scanned"] >= 2


def test_a_visualization_comes_when_asked_for(served: Served) -> None:
    query = "traces | summarize n = count() by message | render piechart with (title='Lines')"
    client = served.client()

    plain = client.query_workspace("digits", query, timespan=None)
    drawn = client.query_workspace("digits", query, timespan=None, include_visualization=True)
    bare = client.query_workspace("digits", "print 1", timespan=None, include_visualization=True)

    assert isinstance(plain, LogsQueryResult)
    assert isinstance(drawn, LogsQueryResult)
    assert isinstance(bare, LogsQueryResult)
    assert plain.visualization is None
    assert drawn.visualization is not None
    assert drawn.visualization["visualization"] == "piechart"
    assert drawn.visualization["title"] == "Lines"
    assert bare.visualization is not None
    assert bare.visualization["visualization"] is None
    assert bare.visualization.keys() == drawn.visualization.keys()


def test_rows_over_the_limit_make_a_partial_result(served: Served) -> None:
    query = f"range n from 1 to {MAX_ROWS + 5} step 1"

    result = served.client().query_workspace("digits", query, timespan=None)

    assert isinstance(result, LogsQueryPartialResult)
    assert [list(row) for row in result.partial_data[0].rows] == [
        [n] for n in range(1, MAX_ROWS + 1)
    ]
    assert result.partial_error is not None
    assert result.partial_error.code == "PartialError"
    assert result.partial_error.details is not None
    inner = result.partial_error.details[0]["innererror"]
    assert inner["code"] == "-2133196797"
    assert f"exceed the set limit of {MAX_ROWS} records" in inner["message"]
    assert "E_QUERY_RESULT_SET_TOO_LARGE" in inner["message"]


@pytest.mark.parametrize(
    ("query", "kind", "says"),
    [
        ("traces | whre x", "SyntaxError", "query:1:10"),
        ("traces | where mesage == 'x'", "SemanticError", "mesage"),
        ("trace | take 1", "SemanticError", "trace"),
    ],
)
def test_a_query_that_is_wrong_is_explained(
    served: Served, query: str, kind: str, says: str
) -> None:
    error = refused(lambda: served.client().query_workspace("digits", query, timespan=None))

    assert error.status_code == 400
    assert error.error is not None
    assert error.error.code == "BadArgumentError"
    inner = error.error.innererror
    assert inner is not None
    assert inner["code"] == kind
    assert says in inner["innererror"]["message"]
    assert says in str(error)


def test_a_query_over_its_server_timeout_is_a_gateway_timeout(served: Served) -> None:
    client = served.client()

    error = refused(
        lambda: client.query_workspace("digits", ENDLESS, timespan=None, server_timeout=1)
    )

    assert error.status_code == 504
    assert error.error is not None
    assert error.error.code == "GatewayTimeout"
    assert "longer than 1 seconds" in str(error)


@pytest.mark.parametrize(
    ("workspace", "token", "code"),
    [
        ("other", READ, "InsufficientAccessError"),
        ("stepsight", READ, "InsufficientAccessError"),
        ("digits", WRITE, "InsufficientAccessError"),
        ("digits", "a-token-that-nobody-has", "InvalidAuthenticationToken"),
    ],
)
def test_what_may_not_be_read_is_forbidden(
    served: Served, workspace: str, token: str, code: str
) -> None:
    client = served.client(token)

    error = refused(lambda: client.query_workspace(workspace, "traces | count", timespan=None))

    assert (error.status_code, error.error and error.error.code) == (403, code)


def test_no_token_is_an_authentication_error(served: Served) -> None:
    from azure.core.pipeline.policies import SansIOHTTPPolicy

    client = LogsQueryClient(
        StaticToken(""), endpoint=served.ui, connection_verify=served.authority,
        authentication_policy=SansIOHTTPPolicy(),
    )  # fmt: skip

    error = refused(lambda: client.query_workspace("digits", "traces | count", timespan=None))

    assert error.status_code == 401
    assert "The 'Authorization' header is missing" in str(error)


def test_further_workspaces_may_be_the_same_project_only(served: Served) -> None:
    def ask(token: str, *others: str) -> Any:
        return served.client(token).query_workspace(
            "digits", "traces | count", timespan=None, additional_workspaces=list(others)
        )

    assert table(ask(READ, WORKSPACE, "Digits")) == [[2]]
    assert refused(lambda: ask(READ, "stepsight")).status_code == 403
    mixed = refused(lambda: ask(READ_ALL, "stepsight"))
    assert mixed.status_code == 400
    assert "one query reads one project" in str(mixed)


def test_each_query_of_a_batch_has_its_own_end(served: Served) -> None:
    requests = [
        LogsBatchQuery("digits", "traces | count", timespan=timedelta(days=1)),
        LogsBatchQuery("digits", "traces | whre", timespan=None),
        LogsBatchQuery("digits", f"range n from 1 to {MAX_ROWS + 1} step 1", timespan=None),
        LogsBatchQuery("other", "traces | count", timespan=None),
        LogsBatchQuery("digits", ENDLESS, timespan=None, server_timeout=1),
        LogsBatchQuery(WORKSPACE, "print 5", timespan=None, include_statistics=True),
    ]

    one, two, three, four, five, six = served.client().query_batch(requests)

    assert isinstance(one, LogsQueryResult)
    assert table(one) == [[2]]
    assert isinstance(two, LogsQueryError)
    assert two.code == "BadArgumentError"
    assert "whre" in two.message
    assert isinstance(three, LogsQueryPartialResult)
    assert len(three.partial_data[0].rows) == MAX_ROWS
    assert isinstance(four, LogsQueryError)
    assert four.code == "InsufficientAccessError"
    assert isinstance(five, LogsQueryError)
    assert five.code == "GatewayTimeout"
    assert isinstance(six, LogsQueryResult)
    assert table(six) == [[5]]
    assert six.statistics is not None
    assert math.isfinite(six.statistics["query"]["executionTime"])


def test_a_batch_larger_than_the_line_is_answered_whole(served: Served) -> None:
    requests = [LogsBatchQuery("digits", f"print {n}", timespan=None) for n in range(60)]

    results = served.client().query_batch(requests)

    assert [table(each) for each in results] == [[[n]] for n in range(60)]


def ask_as_before(served: Served, *arguments: str) -> Any:
    """Ask with azure-applicationinsights, in a process of its own."""
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "app_insights_query.py"), served.ui, *arguments],
        env={**os.environ, "REQUESTS_CA_BUNDLE": served.authority},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_older_client_asks_an_application_with_a_key(served: Served) -> None:
    query = "traces | where message == 'now' | project message, customDimensions.run_type"

    answer = ask_as_before(served, "digits", READ, query, "PT1H")

    assert answer == [
        {
            "name": "PrimaryResult",
            "columns": [["message", "string"], ["customDimensions_run_type", "dynamic"]],
            "rows": [["now", "training"]],
        }
    ]


def test_the_older_client_reads_errors(served: Served) -> None:
    wrong = ask_as_before(served, "digits", READ, "traces | where mesage == 'x'", "")
    foreign = ask_as_before(served, "other", READ, "traces | count", "")

    assert wrong["code"] == "BadArgumentError"
    assert "mesage" in wrong["message"]
    assert foreign["code"] == "InsufficientAccessError"


HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "query-from-azure-sdk.md"


def test_the_how_tos_script_runs_as_it_stands(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    script = HOW_TO.read_text().split("```python\n")[1].split("```")[0]
    for theirs, ours in (
        ("kJ2-replace-this-read-token", READ),
        ("https://stepsight.example:8050", served.ui),
        ('"ca.pem"', repr(served.authority)),
        ("22222222-3333-4444-5555-666666666666", WORKSPACE),
        ("SeverityLevel >= 3", "SeverityLevel >= 2"),
    ):
        assert theirs in script
        script = script.replace(theirs, ours)

    names: dict[str, Any] = {}
    exec(compile(script, str(HOW_TO), "exec"), names)  # noqa: S102 - our own documentation
    served.clients.append(names["client"])

    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 2
    assert all("'training'" in row for row in rows)


def test_without_tls_the_sdk_itself_refuses(served: Served) -> None:
    client = served.client(endpoint=served.ui.replace("https:", "http:"))

    with pytest.raises(ServiceRequestError) as caught:
        client.query_workspace("digits", "traces | count", timespan=None)

    assert "ServiceRequestError: " + str(caught.value) in HOW_TO.read_text()
