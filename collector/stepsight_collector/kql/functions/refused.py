"""Functions of KQL that are refused, each with what to write instead."""

from __future__ import annotations

from typing import Final

__all__ = ["REFUSED"]

_NO_CLUSTER: Final = "There is one store here, without principals, databases or extents."
_HLL: Final = "Use dcount(column), which is exact for small sets and within 1 % for large ones."
_GEO: Final = "Functions on places on the globe are not built."
_DIGEST: Final = "Use percentile(column, 95) on the rows."

REFUSED: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            "current_principal", "current_principal_details", "current_principal_is_member_of",
            "current_cluster_endpoint", "current_database", "current_node_id", "cursor_after",
            "cursor_before_or_at", "cursor_current", "extent_id", "extent_tags", "row_id",
        ),
        _NO_CLUSTER,
    ),
    "ingestion_time": "Use timestamp, the time at which the record was made.",
    **dict.fromkeys(("dcount_hll", "hll_merge", "hll", "hll_if", "hll_isvalid"), _HLL),
    **dict.fromkeys(
        (
            "tdigest", "tdigest_merge", "merge_tdigest", "percentile_tdigest",
            "percentiles_array_tdigest", "percentrank_tdigest", "rank_tdigest",
        ),
        _DIGEST,
    ),
    **dict.fromkeys(
        (
            "geo_distance_2points", "geo_point_in_circle", "geo_point_in_polygon",
            "geo_point_to_geohash", "geo_point_to_h3cell", "geo_point_to_s2cell",
            "geo_info_from_ip_address",
        ),
        _GEO,
    ),
    "series_stats": "Use series_stats_dynamic(series), which gives one bag.",
    "series_fit_line": "Use series_fit_line_dynamic(series), which gives one bag.",
    **dict.fromkeys(
        (
            "series_decompose", "series_decompose_anomalies", "series_decompose_forecast",
            "series_outliers", "series_periods_detect", "series_fir", "series_iir", "series_fft",
            "series_fit_2lines", "series_seasonal",
        ),
        "Models of series are not built; take the rows with summarize, and compute them in Python.",
    ),
    "parse_xml": "XML is not read; use extract(pattern, group, text).",
    "parse_user_agent": "User agents are not taken apart; use extract(pattern, group, text).",
    "bin_auto": "Give the size: bin(timestamp, 1h).",
    "new_guid": "A query gives the same answer each time; ids are not made in it.",
    "row_window_session": "Sessions are not built; use prev(timestamp) and compare.",
    "row_rank": "Use row_rank_dense(column) or row_rank_min(column).",
    "materialized_view": _NO_CLUSTER,
    "external_table": "Data outside of the store cannot be reached.",
    "estimate_data_size": "Sizes of rows are not known; statistics of a query say what it read.",
}  # fmt: skip
