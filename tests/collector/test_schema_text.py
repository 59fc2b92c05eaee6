"""The schema's macros: every word has one meaning, and nothing of them is left."""

from __future__ import annotations

import pytest

from stepsight_collector.store import schema


def test_no_macro_is_left_in_a_statement() -> None:
    left = {each.name for each in schema.load_migrations() if "@" in each.sql}

    assert not left


def test_a_block_hides_no_other_word() -> None:
    assert not schema._blocks().keys() & (schema._WORDS.keys() | schema._CALLS.keys())


def test_a_block_is_expanded_with_the_words_in_it() -> None:
    sql = schema.expand("CREATE TABLE t (\n    @metric_columns\n)\n@metric_table")

    assert "MetricName LowCardinality(String)" in sql
    assert "toYYYYMMDD(TimeUnix)" in sql
    assert "--" not in sql


def test_an_unknown_word_is_refused() -> None:
    with pytest.raises(KeyError, match="nothing"):
        schema.expand("SELECT @nothing")
