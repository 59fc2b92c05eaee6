"""Stands for opencensus where OpenCensus is not installed, under `stepsight run` only."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
