"""KQL: text in, ClickHouse SQL out. Pure; knows neither the store nor the web.

text → lexer → parser → syntax tree → binder (scalars, operators) → plan → emit → SQL
"""
