"""Drains of other tasks than empty ones that end well, and of tasks that arrive meanwhile. Of lapinq alone."""

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.bench.contenders.contender import Contender
from tests.bench.contenders.lapinq_contender import Lapinq
from tests.bench.measurements.drain import Load, case, wait_for_more, wait_for_the_end
from tests.bench.run.figures import Case, Metric, Reading
from tests.bench.run.plan import Plan

FAILURES = Metric("drain of failures", "tasks/s", "more")
RETRIES = Metric("drain of failures and their retries", "attempts/s", "more")
LARGE = Metric("drain, 10 kB of arguments", "tasks/s", "more")
SPREAD = Metric("drain of a hundred queues", "tasks/s", "more")
TOGETHER = Metric("producer and worker together", "tasks/s", "more")

_WARM_UP = 1_000

_LOADS = {
    FAILURES: Load("fail", "bulk-once", fails=True, share=0.4),
    RETRIES: Load("fail_once", "bulk-retried", runs_of_a_task=2, share=0.3),
    LARGE: Load("nothing_with", "bulk-large", share=0.2),
    SPREAD: Load(verb="bulk-spread", share=0.5),
}


def cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """Of lapinq alone."""
    del contenders
    drains = [case(lapinq, plan, metric, load) for metric, load in _LOADS.items()]
    return [*drains, Case(TOGETHER.name, lapinq.about.name, lambda: _together(lapinq, plan))]


def _together(lapinq: Lapinq, plan: Plan) -> list[Reading]:
    """From the first task that a producer's call brought until the last one ended, with a worker that is warm."""
    with ExitStack() as stack:
        database = stack.enter_context(lapinq.fresh_database())
        store = stack.enter_context(lapinq.opened(database))
        store.checkpoint()
        marked = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        worker = stack.enter_context(lapinq.worker(database, "coroutines", marked))

        def produce(tasks: int) -> None:
            lapinq.produce(database, "bulk", "nothing", tasks, plan.batch, limit=plan.limit)

        produce(_WARM_UP)
        give_up = time.time() + plan.limit
        wait_for_the_end([marked], [worker], store, _WARM_UP, Load(), give_up)
        with ThreadPoolExecutor(1) as pool:
            producing = pool.submit(produce, plan.tasks)
            begun = wait_for_more(marked, worker, _WARM_UP, give_up)
            wait_for_the_end([marked], [worker], store, _WARM_UP + plan.tasks, Load(), give_up)
            seconds = time.time() - begun
            producing.result()
    return [Reading(TOGETHER, lapinq.about.name, plan.tasks / seconds)]
