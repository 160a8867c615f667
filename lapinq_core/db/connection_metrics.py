"""The metrics of a part's database connections."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.db.pool import Pool
from lapinq_core.monitoring import catalogue


def connection_metrics(part: str, pool: Pool, *notifiers: Notifier) -> Iterator[Metric]:
    """The metrics of the pool and the notifiers of `part`. Any thread may call it."""
    stats = pool.get_stats()
    size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
    yield catalogue.POOL_CONNECTIONS.of({(part, "busy"): max(0, size - idle), (part, "idle"): idle})
    yield catalogue.POOL_WAITING.of({(part,): stats.get("requests_waiting", 0)})
    if notifiers:
        yield catalogue.NOTIFICATIONS.of({(part,): sum(notifier.sent_count for notifier in notifiers)})
