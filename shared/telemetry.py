"""Metrics and logs. Every metric of Hadir is named here, with what it tells; logs never carry payloads.

Prometheus naming: base units, `_total` for counters, no ids as labels.
"""

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from shared import spans, trace

DECODE_REASONS = (
    "missing_header",
    "bad_header",
    "unsupported_specversion",
    "null_value",
    "missing_key",
    "bad_key",
    "wrong_key",
    "foreign_source",
    "too_large",
    "nul_character",
    "duplicate_name",
    "schema",
)
"""Why a record cannot be read. Those of records that cannot be handled are not known beforehand."""

DELAY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300)


class Metrics:
    """The metrics of one service, on a registry of its own, so that four services can share a process."""

    def __init__(self, service: str) -> None:  # noqa: PLR0915 - one for each metric
        self.service = service
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)

        def counter(name: str, tells: str, *labels: str) -> Counter:
            return Counter(name, tells, labels, registry=registry)

        def gauge(name: str, tells: str, *labels: str) -> Gauge:
            return Gauge(name, tells, labels, registry=registry)

        def histogram(name: str, tells: str, *labels: str) -> Histogram:
            return Histogram(name, tells, labels, registry=registry, buckets=DELAY_BUCKETS)

        gauge("hadir_info", "1, labelled with the service this process part belongs to", "service").labels(
            service
        ).set(1)
        # Consumers: is a projection behind, and by how much as people feel it?
        self.records_gone = counter(
            "hadir_consumer_records_gone_total", "Records deleted before this group read them", "group", "topic"
        )
        self.consumer_lag = gauge(
            "hadir_consumer_lag_records",
            "Records that may be read and are not committed yet",
            "group",
            "topic",
            "partition",
        )
        self.held_records = gauge(
            "hadir_consumer_held_records",
            "Records that nobody may read yet, behind a producer's open transaction",
            "group",
            "topic",
            "partition",
        )
        self.consumer_lag_seconds = gauge(
            "hadir_consumer_lag_seconds",
            "Age of the oldest record that may be read and is not committed yet, as far as it is known",
            "group",
            "topic",
            "partition",
        )
        self.event_age = histogram(
            "hadir_event_age_seconds",
            "Wall time from the record's Kafka timestamp to its commit here",
            "group",
        )
        self.batch_records = counter("hadir_consumed_records_total", "Records read and committed", "group")
        self.batch_seconds = histogram("hadir_batch_seconds", "Time one batch took, commit included", "group")
        self.handler_failures = counter(
            "hadir_handler_failures_total", "Batches that failed and will be read again", "group", "error"
        )
        self.events_skipped = counter(
            "hadir_events_skipped_total",
            "Records passed over: heartbeats, and types this version does not know",
            "group",
            "reason",
        )
        self.dead_letters = counter(
            "hadir_dead_letters_total",
            "Records that cannot be read or handled, set aside",
            "group",
            "reason",
        )
        self.dead_letters_waiting = gauge(
            "hadir_dead_letters_waiting", "Records set aside that nobody has replayed or dropped", "group"
        )
        self.dead_letter_stops = counter(
            "hadir_dead_letter_stops_total", "Times a partition was at its dead letter limit", "group"
        )
        self.stopped_partitions = gauge(
            "hadir_consumer_stopped_partitions", "Partitions not read on: too many dead letters", "group"
        )
        self.rebalances = counter("hadir_rebalances_total", "Partitions taken away from this member", "group")
        self.fact_conflicts = counter(
            "hadir_fact_conflicts_total",
            "Two different events with the same fact key and revision; the greater ce_id won",
            "table",
        )
        # Background tasks: does one fail again and again, behind doors that answer?
        self.task_failures = counter("hadir_task_failures_total", "Failures of background tasks", "task")
        self.task_failing = gauge(
            "hadir_task_failing_seconds", "For how long a background task has failed without success", "task"
        )
        # Outbox: is anything this service promised still unpublished?
        self.outbox_rows = gauge("hadir_outbox_rows", "Rows waiting in the outbox (estimate above 10,000)")
        self.outbox_age = gauge("hadir_outbox_age_seconds", "Age of the oldest row waiting in the outbox")
        self.outbox_published = counter("hadir_outbox_published_total", "Records published", "topic")
        self.outbox_failures = counter("hadir_outbox_failures_total", "Relay rounds that failed", "error")
        self.outbox_held = gauge("hadir_outbox_held_keys", "Keys held back: a record is too large for its topic")
        self.relay_leads = gauge("hadir_outbox_relay_leads", "1 while this process is the active relay")
        # Terminals: do their lines become punches, and who calls that nobody knows?
        self.terminal_lines = counter(
            "hadir_terminal_lines_total", "Lines of terminals, by what became of them", "became"
        )
        self.terminal_waiting = gauge(
            "hadir_terminal_waiting_lines", "Lines of terminals that have become no punch", "reason"
        )
        self.terminal_strangers = counter(
            "hadir_terminal_strangers_total", "Calls of terminals that are not believed", "why"
        )
        # Evidence of place: is it looked at, and does it go in time?
        self.punches_judged = counter("hadir_punches_judged_total", "Punches whose place was looked at")
        self.flags_raised = counter("hadir_flags_raised_total", "Flags that are new or have grown", "kind")
        self.positions_purged = counter(
            "hadir_positions_purged_total", "Rows from which where people were, and with what, is gone", "what"
        )
        self.positions_overdue = gauge(
            "hadir_positions_overdue_seconds", "So long ago the oldest known position or device should have gone"
        )
        # Notifications: is anyone told anything, and is it a flood?
        self.notifications = counter("hadir_notifications_total", "Messages put into inboxes", "kind")
        # What leaves the house: does it, in time, and to whom not?
        self.deliveries = counter("hadir_deliveries_total", "Deliveries that have ended", "way", "state")
        self.delivery_tries = counter(
            "hadir_delivery_tries_total",
            "Parcels handed over or put off, by what became of them",
            "way",
            "became",
        )
        self.delivery_seconds = histogram(
            "hadir_delivery_seconds",
            "Wall time from when a message might go until it was handed over; "
            "of one that met a failure, from when it was written",
            "way",
        )
        self.delivery_waiting = gauge("hadir_delivery_waiting", "Deliveries that wait", "way")
        self.delivery_age = gauge(
            "hadir_delivery_oldest_seconds", "For how long the oldest delivery that waits is overdue", "way"
        )
        self.delivery_dead = gauge("hadir_delivery_dead", "Dead letters of deliveries", "way")
        self.delivery_breakers = gauge(
            "hadir_delivery_breakers_open", "Servers that are taken to be down: what is for them waits", "way"
        )
        # Counters: does one burn its error budget?
        self.budgets_burning = gauge(
            "hadir_budgets_burning", "Service points that burn, or have spent, their error budget", "window"
        )
        # Reporting: do figures follow from the newest facts, and at what cost?
        self.steps_waiting = gauge(
            "hadir_steps_waiting_rows", "Rows that wait to be computed anew (at most 10,000 are counted)", "table"
        )
        self.steps_age = gauge("hadir_steps_age_seconds", "For how long the oldest of them has waited")
        self.board_seconds = histogram(
            "hadir_board_seconds", "Wall time from the acceptance of a check-in until the board's figures have it"
        )
        self.steps_computed = counter("hadir_steps_computed_total", "Rows computed anew from the facts", "table")
        self._of_log(gauge)
        self._of_requests(counter, histogram)

    def _of_log(self, gauge: Callable[..., Gauge]) -> None:
        # The log's trees: is what was recorded bound by a checkpoint, and is it still what it was?
        self.log_waiting = gauge(
            "hadir_log_waiting_seconds", "Business time for which the oldest record waits for a checkpoint"
        )
        self.log_differing = gauge(
            "hadir_log_differing", "Partitions that are not what was counted; nothing is signed for them"
        )

    def _of_requests(self, counter: Callable[..., Counter], histogram: Callable[..., Histogram]) -> None:
        # HTTP: rate, errors, duration.
        self.http_requests = counter("hadir_http_requests_total", "Requests", "method", "route", "status")
        self.http_seconds = histogram("hadir_http_request_seconds", "Time to answer", "method", "route")
        self.group_commit_items = Histogram(
            "hadir_group_commit_items",
            "Requests that shared one transaction",
            registry=self.registry,
            buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500),
        )

    def know_group(self, group: str) -> None:
        """Counters of a group begin at 0: `increase` does not see a series that begins with its first count."""
        for reason in DECODE_REASONS:
            self.dead_letters.labels(group, reason)
        self.events_skipped.labels(group, "unknown_type")
        self.dead_letters_waiting.labels(group)
        for of_group in (self.dead_letter_stops, self.stopped_partitions, self.batch_records, self.rebalances):
            of_group.labels(group)


class Answers:
    """Counts and times requests by door. A kind of answer is looked up once: those to check-ins are alike."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def count(
        self, method: str, route: str, status: int, seconds: float, *, hop: str | None, came: str | None
    ) -> None:
        """One more request was answered. `hop`: the traceparent of its own, `came`: the one that it brought."""
        kind = (method, route, status)
        if kind not in self._series:
            counted = self._metrics.http_requests.labels(method, route, str(status))
            self._series[kind] = counted, self._metrics.http_seconds.labels(method, route)
        counted, timed = self._series[kind]
        counted.inc()
        timed.observe(seconds, trace.exemplar(hop))
        if (exporter := spans.of(self._metrics.service)) is not None:
            exporter.span(
                f"{method} {route}",
                hop,
                began_ns=spans.since_ns(seconds),
                parent=came,
                kind="server",
                attributes={
                    "http.request.method": method,
                    "http.route": route,
                    "http.response.status_code": status,
                },
                failed=status >= 500,
            )


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    """What a line says beside its message: `extra={"fields": ...}`."""
    return getattr(record, "fields", {})


class JsonLines(logging.Formatter):
    """A line of the log as one JSON object; `exception` is the traceback, `trace_id` and `span_id` its hop."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (traceparent := trace.current()) is not None:
            line["trace_id"], line["span_id"] = trace.id_of(traceparent), trace.span_of(traceparent)
        line.update(_fields(record))
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class Sparing(logging.Filter):
    """Lets one line a minute through of what is said again and again, and tells how many were held back.

    Kafka's client library says the same of every attempt to connect, a hundred times a second: its lines are one
    voice. Lines of our own take part where they give the name of their voice as `extra={"sparing": ...}`.
    """

    def __init__(self, *, every_s: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every_s = every_s
        self._clock = clock
        self._spoken: dict[str, float] = {}
        self._held: dict[str, int] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        voice = getattr(record, "sparing", None)
        if record.name.partition(".")[0] == "aiokafka" or record.name == "hadir.kafka":
            voice = "kafka's client"
        elif record.name.startswith("opentelemetry."):
            voice = "the collector's client"
        if not isinstance(voice, str):
            return True
        with self._lock:
            now = self._clock()
            spoken = self._spoken.get(voice)
            if spoken is not None and now - spoken < self._every_s:
                self._held[voice] = self._held.get(voice, 0) + 1
                return False
            self._spoken[voice] = now
            if held := self._held.pop(voice, 0):
                record.fields = {**_fields(record), "held_back": held}
        return True


def configure_logging(level: str) -> None:
    """One JSON object a line on standard error, for every logger of the process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(Sparing())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("aiokafka", "hadir.kafka", "alembic", "httpx", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
