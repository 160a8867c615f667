"""Puts a worker together and runs it: fetcher, dispatcher, pools, settler, heartbeat, rescuer, maintenance.

When it is told to stop it claims nothing more and shuts down (`shutdown`): running tasks get the grace time. After
that, or when it is told again, it releases the tasks that still run, and ends.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial

from prometheus_client.core import Metric

from lapinq_core.db.errors import is_away
from lapinq_core.db.notify.channels import (
    BREAKERS_CHANNEL,
    DELAYED_CHANNEL,
    READY_CHANNEL,
    WAIT_CHANNEL,
    WATCH_CHANNEL,
)
from lapinq_core.db.notify.listener import Listener
from lapinq_core.db.notify.notifier import Notifier, done_notifier
from lapinq_core.db.pinned_session import PinnedSession
from lapinq_core.db.pool import make_pool
from lapinq_core.domain.tasks.diagnostics.task_lines import TASKS
from lapinq_core.domain.tasks.outcome import WorkerLost
from lapinq_core.fleet import workers
from lapinq_core.importing import load_middleware
from lapinq_core.intake.enqueueing import Taken
from lapinq_core.runtime.loops import Loop, Service, stop_all
from lapinq_core.runtime.settings import Settings
from lapinq_core.runtime.threads import any_thread
from lapinq_core.tasks.actions import CANCEL_CHANNEL
from lapinq_core.tasks.due_notices import DueTimer
from lapinq_core.upkeep.duty import DUTY_CHANNEL, Duty
from lapinq_core.upkeep.maintenance import run_maintenance
from lapinq_worker.blocked_loop.guard import make_guard
from lapinq_worker.blocked_loop.handover import Handover
from lapinq_worker.claiming.answering import channels_for
from lapinq_worker.claiming.claimer import Claimer
from lapinq_worker.claiming.fetcher import Fetcher
from lapinq_worker.claiming.hints import Hints
from lapinq_worker.claiming.inbox import Inbox
from lapinq_worker.claiming.polling import Polling
from lapinq_worker.claiming.queue_settings import choice_of
from lapinq_worker.claiming.unanswered import UnansweredClaims
from lapinq_worker.drain import Draining
from lapinq_worker.liveness.canceller import Canceller
from lapinq_worker.liveness.health import HealthMeter
from lapinq_worker.liveness.membership import Membership
from lapinq_worker.liveness.rescuer import Rescuer
from lapinq_worker.reporting.banner import say_what_it_serves
from lapinq_worker.reporting.metrics import WorkerMetrics
from lapinq_worker.reporting.rates import log_rates, wants_rates
from lapinq_worker.reporting.registered import Registration
from lapinq_worker.reporting.reports import Reports
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.running.functions import Functions
from lapinq_worker.running.pools.pool_set import PoolSet, logs_tasks
from lapinq_worker.running.time_limits import limits_of
from lapinq_worker.settling.completion_notices import CompletionNotices
from lapinq_worker.settling.settler import Settler
from lapinq_worker.settling.step_store import StepStore
from lapinq_worker.shutdown import FLUSH_SECONDS, Shutdown

POOL_SIZE = 3
POOL_TIMEOUT_SECONDS = 10.0
CLAIM_SECONDS = 5.0
LOOP_TICK_SECONDS = 0.5


class Worker:
    """One worker on the running event loop. `run` may be called once. `is_dismissed` says that somebody asked it to
    stop through the database.

    The way of a task::

        Fetcher ──▸ Inbox ──▸ Dispatcher ──▸ a pool of PoolSet ──▸ Dispatcher ──▸ Settler
        claims      imports   starts         runs                  on_ended       writes

    Who announces what, and who hears it::

        Listener     lapinq_ready, …_ready_N   Fetcher.heard
                     lapinq_cancel             Canceller.heard ──▸ the pool that runs it
                     lapinq_wait               CompletionNotices.heard
                     lapinq_watch              LiveLogs.heard
                     lapinq_delayed            DueTimer.heard ──▸ maintenance promotes
                     lapinq_duty               Duty.heard ──▸ maintenance, or none
                     lapinq_breakers           Membership.breakers_changed ──▸ a heartbeat now
        Dispatcher   on_low                    Fetcher.slot_freed
        Fetcher      on_idle                   Draining.check ──▸ stop
        Fetcher, Inbox   on_more, on_released  Notifier.wake ──▸ other workers
        Settler      before_write              ProgressReporter.flush
                     on_ready                  Notifier.wake ──▸ other workers
                     on_delayed                DueTimer.fire_in
                     on_written                Fetcher.ends_written
                     notices                   CompletionNotices ──▸ Notifier ──▸ servers
        Inbox, Canceller   on_ended            Settler.add, for jobs that never start
        StepStore    on_taken                  Notifier.wake, DueTimer.fire_in
        Rescuer      on_ready                  Notifier.wake
        Membership   on_declared_dead          drop what waits, interrupt what runs
                     on_claiming_changed       Dispatcher.start_what_fits, Fetcher.heard
                     on_stop_requested         stop, as on SIGTERM
                     on_cancel_requested       Canceller.stop
                     on_cancel_noticed         LoopGuard, in the heartbeat's thread

    `LoopGuard` watches the loop from a thread. When the loop is blocked, `Handover` settles and releases everything.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        drain: bool = False,
        reexec: Callable[[], None] | None = None,
        ends_tainted: bool = False,
    ) -> None:
        """With `drain` it stops when its queues are empty. `reexec` re-executes the program (`blocked_loop`); None if
        the program is not ours. With `ends_tainted` it stops by itself once it `is_tainted`, and the caller re-executes
        the program."""
        assert settings.database_url is not None, "the caller resolves the database"
        self._settings = settings
        url, direct = settings.database_url, settings.listen_database_url or settings.database_url
        choice, limits = choice_of(settings), limits_of(settings)
        self._stop = asyncio.Event()
        self._insisted = asyncio.Event()
        self._was_told = False
        self.is_dismissed = False
        self._ends_tainted = ends_tainted

        # Connections
        self._pool = make_pool(url, "lapinq-worker", POOL_SIZE, timeout=POOL_TIMEOUT_SECONDS, min_size=1)
        session = PinnedSession(direct, "lapinq-worker claim")
        self._listener = Listener(direct, "lapinq-worker listen")
        self._notifier = Notifier(self._pool)
        self._done_notifier = done_notifier(self._pool)

        # Its place in the fleet, what it does for all, and what it reports
        self._membership = Membership(
            url,
            self._pool,
            settings,
            choice.named,
            on_declared_dead=self._drop_claims,
            on_claiming_changed=self._claiming_changed,
            on_stop_requested=self._stop_for_good,
            health=lambda: self._health_meter.measure(),
            on_cancel_requested=self._cancel,
            on_cancel_noticed=self._cancel_noticed,
        )
        self._due_timer, self._duty = DueTimer(), Duty()
        self._rescuer = Rescuer(
            self._pool,
            lambda: self._membership.judging_time,
            self._notifier.wake,
            place=lambda: self._membership.place,
        )
        self._reports = Reports(self._pool, self._membership, settings.worker_release)

        # The way of a task, from its end to its beginning: each part is given those that come after it
        self._notices = CompletionNotices(self._done_notifier.wake)
        self._settler = Settler(
            direct,
            self._notifier.wake,
            on_delayed=self._due_timer.fire_in,
            on_written=lambda: self._fetcher.ends_written(),
            before_write=self._reports.progress.flush,
            notices=self._notices,
            tally=self._reports.tally,
            failed=self._reports.failures,
            shared=session,
        )
        self._dispatcher = Dispatcher(
            settings.worker_concurrency,
            self._settler.add,
            on_low=lambda: self._fetcher.slot_freed(),
            may_start=self._may_start,
            starts=self._reports.tally.starts,
        )
        self._steps = StepStore(self._pool, settings.allowed_modules, self._spawned, settings.public_url)
        self._pools = PoolSet(self._dispatcher, settings, limits)
        self._canceller = Canceller(self._dispatcher, self._pools.all, self._settler.add)
        functions = Functions(
            settings.allowed_modules,
            settings.worker_timeout,
            self._has_module,
            load_middleware(settings.worker_middleware),
            TASKS if logs_tasks(settings) else None,
        )
        self._hints = Hints(choice, self._membership)
        self._inbox = Inbox(
            self._dispatcher,
            functions,
            self._reports.host(limits, url, self._steps, settings.max_payload_size),
            self._membership,
            self._reports.tally,
            poll_interval=settings.worker_poll_interval,
            may_claim=self._may_claim,
            on_ended=self._settler.add,
            on_imported=self._hints.look_everywhere,
            on_released=self._notifier.wake,
        )
        self._unanswered = UnansweredClaims()
        polling = Polling(settings.worker_poll_interval, self._membership)
        self._fetcher = Fetcher(
            session,
            choice,
            self._hints,
            self._inbox,
            polling,
            Claimer(choice, self._inbox, self._membership, polling, self._unanswered, limits),
            self._membership,
            hears=lambda: self._listener.is_proven,
            on_more=self._notifier.wake,
            on_idle=Draining(choice, self._settler, self._stop.set).check if drain else None,
        )

        # What watches these parts
        self._health_meter = HealthMeter(
            self._dispatcher,
            self._pools.children.pids,
            lambda: self._membership.is_quiet or self._stop.is_set(),
        )
        self._registration = Registration(
            self._pool, self._membership, lambda: {*settings.worker_imports, *functions.modules}
        )
        self._metrics = WorkerMetrics(
            self._reports.tally,
            self._pool,
            (self._notifier, self._done_notifier),
            self._listener,
            self._membership,
            self._dispatcher,
            self._settler,
            self._rescuer,
        )
        handover = Handover(
            direct,
            self._membership,
            self._settler,
            self._dispatcher,
            self._inbox,
            self._unanswered,
            self._pools.all,
        )
        self._guard = make_guard(settings, self._membership.name, self._pools.coroutines, handover, reexec)
        self._subscribe()

    def _spawned(self, taken: Taken) -> None:
        self._notifier.wake(taken.queues)
        if taken.due_in is not None:
            self._due_timer.fire_in(taken.due_in)

    def _cancel(self, task_id: str, token: str) -> None:
        self._canceller.stop(task_id, token)

    def _cancel_noticed(self, task_id: str, token: str) -> None:
        self._guard.cancel_requested(task_id, token)

    async def _has_module(self, module_path: str) -> str | None:
        async with self._pool.connection() as conn:
            return await workers.has_module(conn, module_path)

    def _subscribe(self) -> None:
        listener = self._listener
        listener.subscribe(READY_CHANNEL, self._fetcher.heard)
        listener.subscribe_varying(lambda: channels_for(self._membership.place), self._fetcher.heard)
        listener.subscribe(CANCEL_CHANNEL, self._canceller.heard)
        listener.subscribe(WAIT_CHANNEL, self._notices.heard)
        listener.subscribe(WATCH_CHANNEL, self._reports.live_logs.heard)
        listener.subscribe(DELAYED_CHANNEL, self._due_timer.heard)
        listener.subscribe(DUTY_CHANNEL, self._duty.heard)
        listener.subscribe(BREAKERS_CHANNEL, self._membership.breakers_changed)

    @property
    def is_tainted(self) -> bool:
        """Whether a coroutine that refused to end was left behind on the event loop, and the worker should be replaced.

        It claims nothing more, lets running tasks end, and stops.
        """
        return self._ends_tainted and self._pools.coroutines.abandoned_count > 0 and not self.is_dismissed

    def stop(self) -> None:
        """First call: let running tasks finish. Second: release them now."""
        (self._insisted if self._was_told else self._stop).set()
        self._was_told = True

    @any_thread
    def why_not_ready(self) -> str | None:
        """Why it can't claim tasks now; None when it can."""
        return "it is stopping" if self._stop.is_set() else self._membership.why_not_ready()

    @any_thread
    def collect(self) -> Iterable[Metric]:
        """Its metrics."""
        return self._metrics.collect()

    async def run(self) -> None:
        """Works until `stop` is called and everything is settled or released."""
        await self._pool.open()
        try:
            await self._membership.join(self._stop)
            if not self._stop.is_set():
                await self._work()
        finally:
            self._guard.stop()
            self._membership.stop_beating()
            await self._pool.close()

    async def _work(self) -> None:
        self._membership.start_beating()
        self._guard.start()
        fetcher = Service("fetcher", lambda: self._fetcher.run(self._stop))
        until_stop, until_the_end = self._services_until_stop(), self._services_until_the_end()
        everything = [*until_the_end, fetcher, *until_stop]
        try:
            for service in everything:
                service.start(on_ended=self._stop.set)  # none ends by itself; one that did has a bug
            say_what_it_serves(self._settings, self._membership.id, self._membership.name)
            await self._stop.wait()
            for service in until_stop:
                service.stop()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLAIM_SECONDS):
                    await fetcher.wait()
            fetcher.stop()
            await self._shut_down()
        finally:
            await stop_all(everything, FLUSH_SECONDS)
        for service in everything:
            if service.error is not None:
                raise service.error

    def _services_until_stop(self) -> list[Service]:
        settings = self._settings
        rates = partial(log_rates, self._dispatcher, self._settler, as_json=settings.json_log)
        return [
            Service("listener", lambda: self._listener.run(self._stop)),
            Service(
                "maintenance",
                partial(
                    run_maintenance,
                    self._pool,
                    self._notifier,
                    self._stop,
                    self._metrics.times,
                    cleanup_interval=settings.cleanup_interval,
                    due_timer=self._due_timer,
                    duty=self._duty,
                    living=self._living,
                ),
            ),
            Loop(
                "rescuer",
                lambda: self._rescuer.turn(settings.stale_recovery_interval),
                expected=is_away,
                observe=self._metrics.times.of("rescuer"),
            ),
            Loop("registered tasks", self._registration.turn, expected=is_away),
            *([Service("rates", rates)] if wants_rates(settings) else []),
        ]

    def _services_until_the_end(self) -> list[Service]:
        return [
            Service("settler", self._settler.run),
            Service("steps", self._steps.run),
            Service("notifier", self._notifier.run),
            Service("notifier of ends", self._done_notifier.run),
            *self._reports.services(self._metrics.times),
            Service("tick", self._tick),
            *(Service("pool", pool.run) for pool in self._pools.all),
        ]

    async def _shut_down(self) -> None:
        shutdown = Shutdown(
            self._pool,
            self._membership,
            self._inbox,
            self._unanswered,
            self._dispatcher,
            self._settler,
            self._notifier,
            self._pools.interrupt,
            self._reports,
        )
        await shutdown.run(self._settings.shutdown_grace, self._insisted)

    def _drop_claims(self) -> None:
        self._dispatcher.take_unstarted()
        # Others rescue them, and their starts are used up.
        self._pools.interrupt(WorkerLost(self._membership.name))

    def _claiming_changed(self) -> None:
        self._dispatcher.start_what_fits()
        self._fetcher.heard("")

    def _stop_for_good(self) -> None:
        self.is_dismissed = True
        self._stop.set()

    async def _tick(self) -> None:
        while True:
            self._membership.loop_turned()
            self._guard.loop_turned()
            self._dispatcher.start_what_fits()
            self._settler.tell_left_out()
            self._reports.tally.count_ends()  # also those of fire-and-forget tasks, which no statement settles
            if self.is_tainted and not self._dispatcher.in_hand and not self._stop.is_set():
                self._stop.set()
            await asyncio.sleep(LOOP_TICK_SECONDS)

    def _may_start(self) -> bool:
        return self._membership.is_current and not self._stop.is_set()

    def _may_claim(self) -> bool:
        return self._may_start() and not self._settler.is_full and not self.is_tainted

    def _living(self) -> int:
        return self._membership.place.living
