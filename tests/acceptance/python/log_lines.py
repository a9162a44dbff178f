"""Logs lines as a Python service does: the standard logging module, the OpenTelemetry SDK, an OTLP exporter.

Usage: log_lines.py http|grpc URL COUNT    with the token, if any, in $ANDON_TOKEN
Prints one JSON object per line that was logged: its number, trace and span.
"""

import json
import logging
import os
import sys

from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider


def exporter_of(protocol, url, headers):
    """Makes the exporter that the protocol's users make."""
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter

        return OTLPLogExporter(endpoint=url, insecure=True, headers=tuple(headers.items()), timeout=10)
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

    return OTLPLogExporter(endpoint=f"{url}/v1/logs", headers=headers, timeout=10)


def main():
    protocol, url, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    token = os.environ.get("ANDON_TOKEN")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    # The exporter says on this way what it could not send.
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)

    resource = Resource.create({"service.name": f"python-{protocol}", "service.version": "1.2.3"})
    provider = LoggerProvider(resource=resource)
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter_of(protocol, url, headers)))
    tracer = TracerProvider(resource=resource).get_tracer("acceptance")

    logger = logging.getLogger("acceptance.orders")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(LoggingHandler(level=logging.INFO, logger_provider=provider))

    for number in range(count):
        with tracer.start_as_current_span("order") as span:
            level = logging.ERROR if number % 10 == 0 else logging.INFO
            extra = {"order": number, "amount": number + 0.5, "customer": f"customer-{number}"}
            logger.log(level, "order %d was paid: ünïcødé", number, extra=extra)
            context = span.get_span_context()
            print(json.dumps({"order": number, "trace": f"{context.trace_id:032x}", "span": f"{context.span_id:016x}"}))
    provider.force_flush(30_000)
    provider.shutdown()


main()
