"""How long a task waits for an idle worker, and how late a delayed one starts.

From just before the enqueue call, or from the time it was scheduled for, to the first line of its function. Single
tasks come from another process on the same machine, whose clock both read: 20 to 30 ms apart, or for 20 ms to 2 s later
and half of them for less than 0.2 s. The first ones warm everything up and are not counted.
"""

from collections.abc import Callable

import psycopg

from tests.bench.contenders import lapinq_refill
from tests.bench.contenders.contender import Contender
from tests.bench.measurements.case import Case, Field, reading, working
from tests.bench.run.figures import Reading, percentile
from tests.bench.run.plan import Plan
from tests.bench.run.processes import BenchError

WARM_UP = 20
ARRIVE_SECONDS = 30.0


def cases(field: Field) -> list[Case]:
    """From a program for all; for lapinq also of plain functions, and over HTTP."""
    lapinq, plan, title = field.lapinq, field.plan, "start latency"
    return [
        *(_case(one, plan, title, "latency") for one in field.taking_part("latency")),
        _case(
            lapinq,
            plan,
            f"{title}, plain function in a process",
            "latency",
            function="arrive_plain",
            kind="processes",
        ),
        _case(lapinq, plan, f"{title}, over HTTP", "latency-http"),
    ]


def delayed_cases(field: Field) -> list[Case]:
    """Of lapinq: over HTTP, also beside tasks that are due in a year, and stored by a program that tells nobody."""
    lapinq, plan, title = field.lapinq, field.plan, "delayed start"

    def wait_for_a_year(database: str) -> None:
        with psycopg.connect(database, autocommit=True) as conn:
            lapinq_refill.add(conn, lapinq_refill.DELAYED, "later", plan.backlog, delay="1 year")

    beside = f"{title}, {plan.backlog:,} due in a year"
    return [
        _case(lapinq, plan, f"{title}, over HTTP", "delayed-http"),
        _case(lapinq, plan, beside, "delayed-http", beforehand=wait_for_a_year),
        _case(lapinq, plan, f"{title}, stored by a program", "delayed"),
    ]


def _case(
    contender: Contender,
    plan: Plan,
    title: str,
    verb: str,
    *,
    function: str = "arrive",
    kind: str = "coroutines",
    beforehand: Callable[[str], None] = lambda _database: None,
) -> Case:
    def run() -> list[Reading]:
        with contender.fresh_database() as database:
            beforehand(database)
            if verb.startswith("delayed"):
                with contender.opened(database) as store:
                    store.prepare("VACUUM (ANALYZE)")
                    store.prepare("CHECKPOINT")
            if contender.http_server and verb.endswith("-http"):
                with contender.http_server(database) as port:
                    waits = _measured(contender, plan, database, kind, verb, function, port)
            else:
                waits = _measured(contender, plan, database, kind, verb, function)
        if min(waits) < 0:
            raise BenchError(f"a task started {-min(waits):.1f} ms early")
        return [
            reading(contender, f"{title}, p{share}", "ms", percentile(waits, share / 100))
            for share in (50, 99)
        ]

    return Case(title, contender, run)


def _measured(
    contender: Contender, plan: Plan, database: str, kind: str, verb: str, function: str, *port: int
) -> list[float]:
    with working(contender, database, kind) as worker:
        for count, arrived in ((WARM_UP, WARM_UP), (plan.samples, WARM_UP + plan.samples)):
            contender.produce(database, verb, function, *port, count, limit=plan.limit)
            worker.child.wait_until(
                lambda arrived=arrived: len(worker.waits()) >= arrived,
                ARRIVE_SECONDS,
                f"not {arrived} tasks arrived",
            )
        return worker.waits()[WARM_UP:]
