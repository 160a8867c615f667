"""How long a task waits for an idle worker: from just before the enqueue call to the first line of its function.

Single tasks come 20 to 30 ms apart from another process on the same machine, whose clock both read. The first ones warm
everything up and are not counted.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.contenders import marks
from tests.bench.contenders.contender import Contender
from tests.bench.contenders.lapinq_contender import Lapinq
from tests.bench.run.figures import Case, Metric, Reading, percentile
from tests.bench.run.plan import Plan
from tests.bench.run.processes import BenchError, Child

WARM_UP = 20
ARRIVE_SECONDS = 30.0

_Produce = Callable[[int], object]


def cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """From a program for all; for lapinq also of plain functions, and over HTTP."""
    return [
        *(
            _direct(one, plan, "coroutines", "arrive", "start latency")
            for one in contenders
            if "latency" in one.measures
        ),
        _direct(lapinq, plan, "processes", "arrive_plain", "start latency, plain function in a process"),
        _over_http(lapinq, plan, "start latency, over HTTP"),
    ]


def _direct(contender: Contender, plan: Plan, kind: str, function: str, title: str) -> Case:
    def run() -> list[Reading]:
        with contender.fresh_database() as database:

            def produce(count: int) -> object:
                return contender.produce(database, "latency", function, count, limit=plan.limit)

            return _measure(contender, plan, database, kind, title, produce)

    return Case(title, contender.about.name, run)


def _over_http(lapinq: Lapinq, plan: Plan, title: str) -> Case:
    def run() -> list[Reading]:
        with lapinq.fresh_database() as database, lapinq.http_server(database) as port:

            def produce(count: int) -> object:
                return lapinq.produce(database, "latency-http", "arrive", port, count, limit=plan.limit)

            return _measure(lapinq, plan, database, "coroutines", title, produce)

    return Case(title, lapinq.about.name, run)


def _measure(
    contender: Contender, plan: Plan, database: str, kind: str, title: str, produce: _Produce
) -> list[Reading]:
    with tempfile.TemporaryDirectory() as name, contender.worker(database, kind, Path(name)) as worker:
        produce(WARM_UP)
        _wait_for(Path(name), worker, WARM_UP)
        produce(plan.samples)
        waits = _wait_for(Path(name), worker, WARM_UP + plan.samples)[WARM_UP:]
    return [
        Reading(Metric(f"{title}, p50", "ms", "less"), contender.about.name, percentile(waits, 0.50)),
        Reading(Metric(f"{title}, p99", "ms", "less"), contender.about.name, percentile(waits, 0.99)),
    ]


def _wait_for(directory: Path, worker: Child, count: int) -> list[float]:
    give_up = time.monotonic() + ARRIVE_SECONDS
    while len(waits := marks.waits(directory)) < count:
        worker.check_alive()
        if time.monotonic() > give_up:
            raise BenchError(f"{len(waits)} of {count} tasks arrived: {worker.tail()}")
        time.sleep(0.05)
    return waits
