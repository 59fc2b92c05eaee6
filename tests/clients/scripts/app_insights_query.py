"""The older client of the query API, azure-applicationinsights, with its key in a header.

Arguments: endpoint, application, key, query, timespan. Prints the answer, or the error's code.
"""

from __future__ import annotations

import json
import sys

from azure.applicationinsights import ApplicationInsightsDataClient
from azure.applicationinsights.models import ErrorResponseException, QueryBody
from msrest.authentication import ApiKeyCredentials

endpoint, application, key, query, timespan = sys.argv[1:]
credentials = ApiKeyCredentials(in_headers={"x-api-key": key})
client = ApplicationInsightsDataClient(credentials, base_url=endpoint + "/v1")
try:
    answer = client.query.execute(application, QueryBody(query=query, timespan=timespan or None))
except ErrorResponseException as exc:
    inner = exc.error.error
    while inner.innererror:
        inner = inner.innererror
    print(json.dumps({"code": exc.error.error.code, "message": inner.message}))
else:
    print(
        json.dumps(
            [
                {
                    "name": table.name,
                    "columns": [[column.name, column.type] for column in table.columns],
                    "rows": table.rows,
                }
                for table in answer.tables
            ]
        )
    )
