"""`python -m stepsight_collector` is `stepsight up`."""

from __future__ import annotations

import sys

from stepsight_collector.app import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m stepsight_collector"))
