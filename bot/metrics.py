"""``/metrics``, with the setting METRICS: figures for Prometheus, counted in this process or read from the database when asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from bot.bundles.watch import Watch
from bot.core import App
from bot.measuring import ACKNOWLEDGEMENT, CALL, DELIVERY, STEP, Measured
from storage.models import State, now

ACKNOWLEDGED_WITHIN = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3)
"""Seconds; Slack gives three."""
ANSWERED_WITHIN = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30)


class Metrics:
    """Follows what is measured; one for each running app."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"numberdesk_{name}", text, labels, registry=self._registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"numberdesk_{name}", text, labels, registry=self._registry)

        self._acknowledgements = Histogram(
            "numberdesk_acknowledgement_seconds",
            "Until the answer to what somebody did in Slack was ready",
            ("kind", "outcome"),
            buckets=ACKNOWLEDGED_WITHIN,
            registry=self._registry,
        )
        self._calls = counter("calls", "Tries of calls to Slack and Twilio", "platform", "method", "outcome")
        self._answers = Histogram(
            "numberdesk_call_seconds",
            "How long a try of a call took",
            ("platform",),
            buckets=ANSWERED_WITHIN,
            registry=self._registry,
        )
        self._steps = counter("steps", "Steps of purchases that were tried", "step", "outcome")
        self._deliveries = counter("deliveries", "Tries to deliver what Slack is owed", "kind", "outcome")
        self._worker = gauge("worker", "1 where this process is the worker")
        self._owed = gauge("outbox_rows", "What Slack is owed and has not got yet")
        self._oldest_owed = gauge("outbox_oldest_seconds", "Age of the oldest of it")
        self._waiting = gauge("purchases_waiting", "Purchases that are not finished", "state")
        self._oldest_waiting = gauge(
            "purchases_oldest_seconds", "Since when the oldest of them waits", "state"
        )
        self._lag = gauge("poll_lag_seconds", "Since the worker has read the account's bundles last")

    @contextmanager
    def follow(self, it: Measured) -> Iterator[None]:
        try:
            yield
        finally:
            labels = it.labels
            if it.what == ACKNOWLEDGEMENT:
                self._acknowledgements.labels(labels["kind"], it.outcome).observe(it.seconds)
            elif it.what == CALL:
                self._calls.labels(labels["platform"], labels["method"], it.outcome).inc()
                self._answers.labels(labels["platform"]).observe(it.seconds)
            elif it.what == STEP:
                self._steps.labels(labels["step"], it.outcome).inc()
            elif it.what == DELIVERY:
                self._deliveries.labels(labels["kind"], it.outcome).inc()

    async def text(self, app: App, watch: Watch) -> tuple[bytes, str]:
        """All of it in Prometheus' format, and what that is called. watch: whose reading may have fallen behind."""
        moment = now()
        owed, oldest = await app.store.owed_in_all()
        self._owed.set(owed)
        self._oldest_owed.set((moment - oldest).total_seconds() if oldest else 0)
        waiting = await app.store.waiting_in_all()
        for state in (State.AWAITING_APPROVAL, State.IN_PROGRESS, State.NEEDS_CHANGES, State.FAILED):
            count, since = waiting.get(state, (0, None))
            self._waiting.labels(state).set(count)
            self._oldest_waiting.labels(state).set((moment - since).total_seconds() if since else 0)
        self._worker.set(app.office.is_ours)
        read_at = watch.read_at
        self._lag.set((moment - read_at).total_seconds() if read_at else float("nan"))
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4
