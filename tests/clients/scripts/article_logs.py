"""The logging of the Azure docs' article on pipelines and Application Insights, as it is there.

"Collect machine learning pipeline log files in Application Insights": a handler without arguments,
a connection string in the environment, and recommended custom dimensions. Arguments: run id,
run_type, and how often each level is logged.
"""

from __future__ import annotations

import logging
import sys

from opencensus.ext.azure.log_exporter import AzureLogHandler

RUN_ID, RUN_TYPE, TIMES = sys.argv[1], sys.argv[2], int(sys.argv[3])


def main() -> None:
    logger = logging.getLogger(__name__)
    logger.setLevel(logging.DEBUG)
    logger.addHandler(logging.StreamHandler())
    azure = AzureLogHandler()
    logger.addHandler(azure)
    custom_dimensions = {
        "parent_run_id": RUN_ID,
        "step_id": f"{RUN_ID}-step",
        "step_name": "train",
        "experiment_name": "digits",
        "run_url": f"https://portal.example/runs/{RUN_ID}",
        "run_type": RUN_TYPE,
    }
    for level in (logging.INFO, logging.WARNING, logging.ERROR):
        for number in range(TIMES):
            name = logging.getLevelName(level).lower()
            logger.log(level, "%s %d of %s", name, number, RUN_TYPE, extra={
                "custom_dimensions": custom_dimensions
            })  # fmt: skip
    azure.close()


if __name__ == "__main__":
    main()
