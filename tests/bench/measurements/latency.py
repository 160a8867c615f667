"""How long a task waits for an idle worker, and how late a delayed one starts.

From just before the enqueue call, or from the time it was scheduled for, to the first line of its function. Single
tasks come from another process on the same machine, whose clock both read: 20 to 30 ms apart, or for 20 ms to 2 s later
and half of them for less than 0.2 s. The first ones warm everything up and are not counted.
"""

from contextlib import ExitStack

import psycopg

from tests.bench.contenders import lapinq_refill
from tests.bench.contenders.contender import Contender
from tests.bench.measurements.case import Case, Field, percentiles, working
from tests.bench.run.figures import Reading
from tests.bench.run.plan import Plan
from tests.bench.run.processes import BenchError

WARM_UP = 20
ARRIVE_SECONDS = 30.0


def cases(field: Field) -> list[Case]:
    """From a program for all; for lapinq also in a transaction of its own, of plain functions, and over HTTP."""
    lapinq, plan, title = field.lapinq, field.plan, "start latency"
    return [
        *(_case(one, plan, title, "latency") for one in field.taking_part("latency")),
        _case(lapinq, plan, f"{title}, in the caller's transaction", "in-transaction"),
        _case(lapinq, plan, f"{title}, plain function in a process", "latency", kind="processes"),
        _case(lapinq, plan, f"{title}, over HTTP", "latency", is_over_http=True),
    ]


def delayed_cases(field: Field) -> list[Case]:
    """Of lapinq: over HTTP, also beside tasks that are due in a year, and without a server."""
    lapinq, plan, title = field.lapinq, field.plan, "delayed start"
    beside = f"{title}, {plan.backlog:,} due in a year"
    return [
        _case(lapinq, plan, f"{title}, over HTTP", "delayed", is_over_http=True),
        _case(lapinq, plan, beside, "delayed", is_over_http=True, due_in_a_year=plan.backlog),
        _case(lapinq, plan, f"{title}, without a server", "delayed"),
    ]


def _case(
    contender: Contender,
    plan: Plan,
    title: str,
    verb: str,
    *,
    kind: str = "coroutines",
    is_over_http: bool = False,
    due_in_a_year: int = 0,
) -> Case:
    function = "arrive_plain" if kind == "processes" else "arrive"

    def run() -> list[Reading]:
        with ExitStack() as stack:
            database = stack.enter_context(contender.fresh_database())
            if verb == "delayed":
                _prepare(database, due_in_a_year)
            place = database
            if is_over_http and contender.http_server:
                place = f"http://127.0.0.1:{stack.enter_context(contender.http_server(database))}"
            worker = stack.enter_context(working(contender, database, kind))
            for count, arrived in ((WARM_UP, WARM_UP), (plan.samples, WARM_UP + plan.samples)):
                contender.produce(place, verb, function, count, limit=plan.limit)
                worker.child.wait_until(
                    lambda arrived=arrived: len(worker.waits()) >= arrived,
                    ARRIVE_SECONDS,
                    f"not {arrived} tasks arrived",
                )
            waits = worker.waits()[WARM_UP:]
        if min(waits) < 0:
            raise BenchError(f"a task started {-min(waits):.1f} ms early")
        return percentiles(contender, f"{title}, {{}}", waits)

    return Case(title, contender, run)


def _prepare(database: str, due_in_a_year: int) -> None:
    with psycopg.connect(database, autocommit=True) as conn:
        lapinq_refill.add(conn, lapinq_refill.DELAYED, "later", due_in_a_year, delay="1 year")
        conn.execute("VACUUM (ANALYZE)")
        conn.execute("CHECKPOINT")
