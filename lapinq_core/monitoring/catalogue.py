"""Every metric of lapinq by name: kind, help and labels. `docs/operate/metrics.md` explains them."""

from collections.abc import Mapping
from typing import Literal

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from lapinq_core.monitoring.tallies import Histogram

Labels = tuple[str, ...]
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Measure(msgspec.Struct, frozen=True):
    """One metric. The methods make the form that prometheus-client writes, from values by label values."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: Labels = ()

    def is_at(self, value: float) -> Family:
        """With this value; for a metric without labels."""
        return self.of({(): value})

    def of(self, values: Mapping[Labels, float]) -> Family:
        """With these values; for a counter or a gauge. Another thread may keep counting in `values`."""
        kind = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        family = kind(self.name, self.help, labels=self.labels)
        for labels, value in list(values.items()):
            family.add_metric(labels, value)
        return family

    def of_histograms(self, histograms: Mapping[Labels, Histogram]) -> Family:
        """The same for histograms."""
        family = HistogramMetricFamily(self.name, self.help, labels=self.labels)
        for labels, histogram in list(histograms.items()):
            buckets, total = histogram.read()
            family.add_metric(labels, [(_le(bound), count) for bound, count in buckets], total)
        return family


def _le(bound: float) -> str:
    return "+Inf" if bound == float("inf") else str(bound)


BUILD_INFO = Measure("lapinq_build_info", "gauge", "The running version of lapinq; always 1", ("version",))

# What the API queries from the database at a scrape

TASKS = Measure("lapinq_tasks", "gauge", "Task counts by queue and status", ("queue", "status"))
OLDEST_READY = Measure(
    "lapinq_oldest_ready_age_seconds",
    "gauge",
    "Seconds that the first ready task has been ready",
    ("queue",),
)
STARTABLE = Measure(
    "lapinq_startable_tasks",
    "gauge",
    "Ready tasks that no pause, limit or circuit breaker holds back, up to 1000; of queues with limits",
    ("queue",),
)
PAUSED = Measure("lapinq_queue_paused", "gauge", "Always 1, for each paused queue", ("queue",))
CIRCUIT_BREAKERS = Measure(
    "lapinq_circuit_breaker_state",
    "gauge",
    "State of a circuit breaker: 0 closed, 1 half open, 2 open",
    ("kind", "name"),
)
OVERDUE = Measure(
    "lapinq_delayed_overdue_seconds",
    "gauge",
    "Seconds that the first delayed task is overdue",
)
WEBHOOKS_OVERDUE = Measure(
    "lapinq_webhooks_overdue_seconds", "gauge", "Seconds that the first pending webhook is overdue"
)
SCHEDULES_OVERDUE = Measure(
    "lapinq_schedules_overdue_seconds",
    "gauge",
    "Seconds that the first unhandled tick of a schedule is overdue",
)
DATABASE_UP = Measure("lapinq_database_up", "gauge", "Whether the database answered for this scrape")
BREAKER_OPEN = Measure(
    "lapinq_database_breaker_open",
    "gauge",
    "Whether the API answers 503 immediately because the database is unavailable",
)

# The API

HTTP_REQUESTS = Measure(
    "lapinq_http_request_seconds",
    "histogram",
    "Seconds from a request to the end of its response",
    ("method", "route", "status"),
)
ENQUEUED = Measure(
    "lapinq_tasks_enqueued_total", "counter", "Tasks received over HTTP and stored", ("queue", "way")
)

# Workers

WAITS = Measure(
    "lapinq_task_wait_seconds",
    "histogram",
    "Seconds from a task's enqueue or due time to its first claim",
    ("queue",),
)
RUNS = Measure("lapinq_task_run_seconds", "histogram", "Run time of attempts in seconds", ("queue",))
OUTCOMES = Measure(
    "lapinq_task_outcomes_total", "counter", "How attempts ended", ("queue", "task", "outcome")
)
RESCUED = Measure(
    "lapinq_tasks_rescued_total", "counter", "Tasks rescued from dead workers or ended past their deadline"
)
REFUSED = Measure(
    "lapinq_task_results_refused_total",
    "counter",
    "Results dropped because the worker had lost the task's lease",
)
SLOTS = Measure("lapinq_worker_slots", "gauge", "Slots of the worker, busy and free", ("state",))
CLAIMED_AHEAD = Measure("lapinq_worker_claimed_ahead", "gauge", "Prefetched tasks that wait for a slot")
UNWRITTEN = Measure("lapinq_worker_unwritten_results", "gauge", "Results not stored yet")
LEASE_CURRENT = Measure(
    "lapinq_worker_lease_current", "gauge", "Whether the worker's heartbeats reach the database"
)
LISTENING = Measure(
    "lapinq_listener_connected", "gauge", "Whether the process receives notifications", ("part",)
)

# Delivery of webhooks and notifications

WEBHOOK_TRIES = Measure(
    "lapinq_webhook_tries_total", "counter", "Deliveries of webhooks by outcome", ("outcome",)
)

NOTIFICATION_TRIES = Measure(
    "lapinq_notification_tries_total",
    "counter",
    "Messages of notification rules by channel and outcome",
    ("channel", "outcome"),
)

# Firing of schedules

TICKS = Measure("lapinq_schedule_ticks_total", "counter", "Ticks of schedules by outcome", ("outcome",))
TICK_LATENESS = Measure(
    "lapinq_schedule_lateness_seconds",
    "histogram",
    ("Seconds from the planned time of a tick until it was handled"),
)

# Every part of a process

CHORES = Measure(
    "lapinq_chore_seconds",
    "histogram",
    "Duration of passes of maintenance jobs in seconds",
    ("part", "chore"),
)
CHORE_FAILURES = Measure(
    "lapinq_chore_failures_total", "counter", "Failed passes of maintenance jobs", ("part", "chore")
)
CHORE_LAG = Measure(
    "lapinq_chore_lag_seconds",
    "gauge",
    "Seconds since the next pass of a maintenance job was due",
    ("part", "chore"),
)
POOL_CONNECTIONS = Measure(
    "lapinq_database_pool_connections", "gauge", "Connections of the pool", ("part", "state")
)
POOL_WAITING = Measure(
    "lapinq_database_pool_waiting", "gauge", "Requests that wait for a connection of the pool", ("part",)
)
NOTIFICATIONS = Measure(
    "lapinq_notifications_total",
    "counter",
    "Notifications sent: queues with work, delayed tasks due soon, and ended tasks that someone waits for",
    ("part",),
)

EVERY = tuple(each for each in vars().values() if isinstance(each, Measure))
