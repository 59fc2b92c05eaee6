"""Tabular operators: each takes a relation and gives another.

One module a family. A binder is a function of the context, the input relation, the operator's
syntax, and the scope, in which the variables are.
"""
