"""Queries in KQL over the store: what they may name, how they are run, and what they cost.

Knows the store and `kql`, and nothing of the web.
"""
