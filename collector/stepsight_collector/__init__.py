"""The collector: receives telemetry, keeps it, answers queries."""
