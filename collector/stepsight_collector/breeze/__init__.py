"""The Application Insights wire protocol ("Breeze") as OTLP.

Bytes in, OTLP protobuf requests out: no web framework, no files, no clock. Data flows one way:
framing → envelope → logs, spans, points → batch → response.
Mapping: docs/reference/breeze-mapping.md.
"""

from stepsight_collector.breeze.batch import OtlpRequest, Translated, translate
from stepsight_collector.breeze.live import LiveMetrics
from stepsight_collector.breeze.response import encode_reply, reply_status

__all__ = [
    "LiveMetrics",
    "OtlpRequest",
    "Translated",
    "encode_reply",
    "reply_status",
    "translate",
]
