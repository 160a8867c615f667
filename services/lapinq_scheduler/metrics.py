"""The metrics of the scheduler: maintenance, schedules, webhook deliveries and notifications."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import Metric

from lapinq_core.db.connection_metrics import connection_metrics
from lapinq_core.db.notify.listener import Listener
from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.db.pool import Pool
from lapinq_core.domain.alerts.rule import Channel
from lapinq_core.domain.schedules.ticks import TickOutcome
from lapinq_core.domain.webhooks.webhook import WebhookState
from lapinq_core.monitoring import catalogue
from lapinq_core.monitoring.loop_times import LoopTimes
from lapinq_core.monitoring.tallies import Histogram
from lapinq_core.schedules.firing import HandledTick

PART = "scheduler"
CRON_PART = "cron"
LATENESS_BOUNDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 60.0, 600.0, 3600.0)


class SchedulerMetrics:
    """Metrics of one process's maintenance. `times` measures its loops."""

    def __init__(self, pool: Pool, notifier: Notifier, listener: Listener) -> None:
        self.times = LoopTimes(PART)
        self._pool = pool
        self._notifier = notifier
        self._listener = listener

    def collect(self) -> Iterator[Metric]:
        yield from self.times.collect()
        yield catalogue.LISTENING.of({(PART,): self._listener.connected})
        yield from connection_metrics(PART, self._pool, self._notifier)


class CronMetrics:
    """Metrics of one process that fires schedules. `times` measures its passes."""

    def __init__(self, pool: Pool, notifier: Notifier) -> None:
        self.times = LoopTimes(CRON_PART)
        self._pool = pool
        self._notifier = notifier
        self._ticks = {(outcome.value,): 0 for outcome in TickOutcome}
        self._lateness = Histogram(LATENESS_BOUNDS)

    def count(self, ticks: Sequence[HandledTick]) -> None:
        """Counts ticks that this process handled."""
        for tick in ticks:
            self._ticks[tick.outcome.value,] += 1
        self._lateness.observe_all([tick.late_by for tick in ticks])

    def collect(self) -> Iterator[Metric]:
        yield catalogue.TICKS.of(self._ticks)
        yield catalogue.TICK_LATENESS.of_histograms({(): self._lateness})
        yield from self.times.collect()
        yield from connection_metrics(CRON_PART, self._pool, self._notifier)


class DeliveryMetrics:
    """Counts the deliveries of one process by outcome."""

    def __init__(self) -> None:
        self._tries: dict[tuple[str, ...], int] = dict.fromkeys(
            [("delivered",), ("failed",), ("given_up",)], 0
        )

    def count(self, state: WebhookState) -> None:
        """Counts a delivery that left its webhook in `state`: pending if it failed."""
        self._tries["failed" if state is WebhookState.PENDING else state.value,] += 1

    def collect(self) -> Iterator[Metric]:
        yield catalogue.WEBHOOK_TRIES.of(self._tries)


class NotificationMetrics:
    """Counts the messages of one process by channel and outcome."""

    def __init__(self) -> None:
        outcomes = ("sent", "failed", "given_up")
        self._tries = {(channel.value, outcome): 0 for channel in Channel for outcome in outcomes}

    def sent(self, channel: Channel) -> None:
        self._tries[channel.value, "sent"] += 1

    def failed(self, channel: Channel, *, is_final: bool) -> None:
        """Counts a message that was not accepted; with `is_final` it is not tried again."""
        self._tries[channel.value, "given_up" if is_final else "failed"] += 1

    def collect(self) -> Iterator[Metric]:
        yield catalogue.NOTIFICATION_TRIES.of(self._tries)
