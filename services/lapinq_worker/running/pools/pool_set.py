"""The pools of one worker."""

import logging

from lapinq_core.domain.tasks.diagnostics.task_lines import TASKS
from lapinq_core.domain.tasks.outcome import Outcome
from lapinq_core.runtime.settings import Settings
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.running.pools.event_loop import EventLoopPool
from lapinq_worker.running.pools.processes import ProcessPool
from lapinq_worker.running.pools.threads import ThreadPool
from lapinq_worker.running.time_limits import Limits


class PoolSet:
    """Coroutines run on the event loop, plain functions in child processes or threads, isolated tasks in children."""

    def __init__(self, dispatcher: Dispatcher, settings: Settings, limits: Limits) -> None:
        self.coroutines = EventLoopPool(dispatcher, settings.worker_concurrency, limits)
        self.children = ProcessPool(dispatcher, settings, limits, logs_tasks=logs_tasks(settings))
        self.all: list[EventLoopPool | ProcessPool | ThreadPool] = [self.coroutines, self.children]
        if settings.worker_pool == "threads":
            threads = ThreadPool(dispatcher, limits)
            self.all.append(threads)
            dispatcher.use(threads, isolated=self.children)
        else:
            dispatcher.use(self.children, isolated=self.children)

    def interrupt(self, outcome: Outcome) -> None:
        """Stops all running jobs. They end as `outcome`."""
        for pool in self.all:
            pool.interrupt(outcome)


def logs_tasks(settings: Settings) -> bool:
    """Whether starts and ends of attempts are logged."""
    return settings.worker_task_log and TASKS.isEnabledFor(logging.INFO)
