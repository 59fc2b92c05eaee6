"""The sample pipeline behind `stepsight demo`: handwritten digits, four steps, four processes.

The steps use the public API of stepsight only, so they double as examples.
"""
