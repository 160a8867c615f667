"""Every metric of lapinq's own, by name: kind, meaning and labels. `docs/operate/metrics.md` explains them."""

from collections.abc import Mapping
from typing import Literal

import msgspec
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from lapinq_core.runtime.tallies import Histogram

Labels = tuple[str, ...]
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


class Measure(msgspec.Struct, frozen=True):
    """One metric. The methods make what prometheus-client writes out of it, from values by the labels' values."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: Labels = ()

    def is_at(self, value: float) -> Family:
        """With this value; for a metric without labels."""
        return self.of({(): value})

    def of(self, values: Mapping[Labels, float]) -> Family:
        """With these values; for a counter or a gauge. Another thread may go on counting in `values`."""
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


BUILD_INFO = Measure(
    "lapinq_build_info", "gauge", "The version of lapinq that runs here; always 1", ("version",)
)

# What the API asks the database for at a scrape

TASKS = Measure("lapinq_tasks", "gauge", "Task counts by queue and status", ("queue", "status"))
OLDEST_READY = Measure(
    "lapinq_oldest_ready_age_seconds",
    "gauge",
    "Seconds since the first task in line was enqueued or became due",
    ("queue",),
)
PAUSED = Measure("lapinq_queue_paused", "gauge", "Always 1; there for queues that are paused", ("queue",))
OVERDUE = Measure(
    "lapinq_delayed_overdue_seconds",
    "gauge",
    "Seconds since the first delayed task, not yet made ready, was due",
)
WEBHOOKS_OVERDUE = Measure(
    "lapinq_webhooks_overdue_seconds", "gauge", "Seconds since the first webhook that waits was due"
)
SCHEDULES_OVERDUE = Measure(
    "lapinq_schedules_overdue_seconds",
    "gauge",
    "Seconds since the first tick that nobody has dealt with was due",
)
DATABASE_UP = Measure("lapinq_database_up", "gauge", "Whether the database answered for this scrape")
BREAKER_OPEN = Measure(
    "lapinq_database_breaker_open",
    "gauge",
    "Whether requests are answered 503 at once because the database is away",
)

# The API

HTTP_REQUESTS = Measure(
    "lapinq_http_request_seconds",
    "histogram",
    "Seconds from a request to the end of its answer",
    ("method", "route", "status"),
)
ENQUEUED = Measure(
    "lapinq_tasks_enqueued_total", "counter", "Tasks taken in over HTTP and stored", ("queue", "way")
)

# Workers

WAITS = Measure(
    "lapinq_task_wait_seconds",
    "histogram",
    "Seconds from a task's enqueueing or due time to its first claim",
    ("queue",),
)
RUNS = Measure("lapinq_task_run_seconds", "histogram", "Seconds that an attempt ran", ("queue",))
OUTCOMES = Measure(
    "lapinq_task_outcomes_total", "counter", "How attempts ended", ("queue", "task", "outcome")
)
RESCUED = Measure(
    "lapinq_tasks_rescued_total", "counter", "Tasks taken from lost workers or past their deadline"
)
REFUSED = Measure(
    "lapinq_task_results_refused_total",
    "counter",
    "Ends of attempts dropped because others had the task by then",
)
SLOTS = Measure("lapinq_worker_slots", "gauge", "Places to run a task, by whether one runs there", ("state",))
CLAIMED_AHEAD = Measure("lapinq_worker_claimed_ahead", "gauge", "Tasks claimed that wait for a free place")
UNWRITTEN = Measure("lapinq_worker_unwritten_results", "gauge", "Ends of attempts that wait to be written")
LEASE_CURRENT = Measure(
    "lapinq_worker_lease_current", "gauge", "Whether the signs of life of this worker get through"
)
LISTENING = Measure("lapinq_listener_connected", "gauge", "Whether notifications are heard", ("part",))

# Who delivers webhooks

WEBHOOK_TRIES = Measure(
    "lapinq_webhook_tries_total", "counter", "Tries to deliver a webhook, by what came of them", ("outcome",)
)

# Who fires schedules

TICKS = Measure(
    "lapinq_schedule_ticks_total", "counter", "Ticks of schedules, by what was done", ("outcome",)
)
TICK_LATENESS = Measure(
    "lapinq_schedule_lateness_seconds", "histogram", "Seconds from the planned instant of a tick to its task"
)

# Every part of a process

CHORES = Measure(
    "lapinq_chore_seconds", "histogram", "Seconds that a pass of the upkeep took", ("part", "chore")
)
CHORE_FAILURES = Measure(
    "lapinq_chore_failures_total", "counter", "Passes of the upkeep that failed", ("part", "chore")
)
CHORE_LAG = Measure(
    "lapinq_chore_lag_seconds",
    "gauge",
    "Seconds since the next pass of the upkeep was to begin",
    ("part", "chore"),
)
POOL_CONNECTIONS = Measure(
    "lapinq_database_pool_connections", "gauge", "Connections of the pool", ("part", "state")
)
POOL_WAITING = Measure(
    "lapinq_database_pool_waiting", "gauge", "Who waits for a connection of the pool", ("part",)
)
NOTIFICATIONS = Measure(
    "lapinq_notifications_total",
    "counter",
    "Notifications sent: queues that have work, delayed tasks due soon, and ends that are waited for",
    ("part",),
)

EVERY = tuple(each for each in vars().values() if isinstance(each, Measure))
