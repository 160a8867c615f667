"""What a worker shows at a scrape: the tally of its tasks, and how it stands at that moment."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import Metric

from lapinq_core.db.connection_metrics import connection_metrics
from lapinq_core.db.notify.listener import Listener
from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.db.pool import Pool
from lapinq_core.monitoring import catalogue
from lapinq_core.monitoring.loop_times import LoopTimes
from lapinq_core.runtime.threads import any_thread
from lapinq_worker.liveness.membership import Membership
from lapinq_worker.liveness.rescuer import Rescuer
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.running.tally import Tally
from lapinq_worker.settling.settler import Settler

PART = "worker"


class WorkerMetrics:
    """The metrics of one worker. `times` are those of its maintenance loops."""

    def __init__(
        self,
        tally: Tally,
        pool: Pool,
        notifiers: Sequence[Notifier],
        listener: Listener,
        membership: Membership,
        dispatcher: Dispatcher,
        settler: Settler,
        rescuer: Rescuer,
    ) -> None:
        self._tally = tally
        self.times = LoopTimes(PART)
        self._pool = pool
        self._notifiers = notifiers
        self._listener = listener
        self._membership = membership
        self._dispatcher = dispatcher
        self._settler = settler
        self._rescuer = rescuer

    @any_thread
    def collect(self) -> Iterator[Metric]:
        yield from self._tally.collect()
        yield from self.times.collect()
        yield from connection_metrics(PART, self._pool, *self._notifiers)
        yield catalogue.LISTENING.of({(PART,): self._listener.connected})
        yield catalogue.LEASE_CURRENT.is_at(self._membership.is_current)
        busy = self._dispatcher.active
        yield catalogue.SLOTS.of({("busy",): busy, ("free",): max(0, self._dispatcher.limit - busy)})
        yield catalogue.CLAIMED_AHEAD.is_at(len(self._dispatcher.waiting))
        yield catalogue.UNWRITTEN.is_at(sum(map(len, self._settler.waiting())))
        yield catalogue.REFUSED.is_at(self._settler.lost_count)
        yield catalogue.RESCUED.is_at(self._rescuer.rescued_count)
