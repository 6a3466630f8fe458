"""Traces for OpenTelemetry, with the setting OTEL_EXPORTER_OTLP_ENDPOINT: whatever is measured, as a span.

Loaded only then, for its libraries are an extra (``traces``). A span has what its measure has and what the log says it is about: no
content, no person, and no error's text.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode

from bot import logs
from bot.measuring import Measured

PATIENCE = 3.0
"""Seconds for the collector to take what it is sent, and for the last of it at the end."""
NOT_WELL = ("failed", "no answer", "cut off")


class Traces:
    """Follows what is measured; one for each running app."""

    def __init__(self, endpoint: str, headers: str) -> None:
        """headers: ``name=value``, several with commas."""
        pairs = (each.partition("=") for each in headers.split(",") if "=" in each)
        exporter = OTLPSpanExporter(
            endpoint=f"{endpoint.rstrip('/')}/v1/traces",
            headers={name.strip(): value.strip() for name, _, value in pairs},
            timeout=PATIENCE,
        )
        self._provider = TracerProvider(resource=Resource({"service.name": "numberdesk"}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))  # in a thread of its own
        self._tracer = self._provider.get_tracer("numberdesk")

    @contextmanager
    def follow(self, it: Measured) -> Iterator[None]:
        labels = {**it.labels, **logs.what_about()}
        with self._tracer.start_as_current_span(
            " ".join((it.what, *it.labels.values())),
            attributes=labels,
            record_exception=False,  # its text may quote somebody
            set_status_on_exception=False,
        ) as span:
            try:
                with logs.about(trace=f"{span.get_span_context().trace_id:032x}"):
                    yield
            finally:
                span.set_attribute("outcome", it.outcome)
                if it.outcome in NOT_WELL:
                    span.set_status(Status(StatusCode.ERROR))

    def close(self) -> None:
        """Sends what is left, for a moment: a collector that does not answer holds up no end."""
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(PATIENCE)
