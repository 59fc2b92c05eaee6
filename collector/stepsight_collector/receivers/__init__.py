"""Protocol ends: OTLP over HTTP and gRPC, into the write-ahead log."""
