"""What reaches into Python processes under `stepsight run`: docs/explanation/bootstrap.md.

This folder is on their PYTHONPATH, so that Python itself imports `sitecustomize` at its start.
"""
