"""Stands for azureml where azureml-core is not installed, under `stepsight run` only."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
