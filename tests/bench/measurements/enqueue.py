"""How fast tasks are taken in, one by one from a program, and one by one and in batches over HTTP. No worker runs.

A rate counts only if the database holds at least as many tasks as were confirmed.
"""

import json

from tests.bench.contenders.contender import Contender, Store
from tests.bench.measurements.case import Case, Field, percentiles, reading
from tests.bench.measurements.http_clients import load
from tests.bench.run.figures import Reading
from tests.bench.run.plan import Plan
from tests.bench.run.processes import BenchError

_TASK = {"task_name": "nothing", "module_path": "tests.bench.contenders.lapinq_tasks"}


def batch_cases(field: Field) -> list[Case]:
    """Over HTTP, of lapinq alone: a drain tells the rate from a program."""
    plan = field.plan
    title = f"enqueue over HTTP, {plan.batch:,} a request, {plan.http_batch_connections} connections"
    return [_over_http(field.lapinq, plan, title, plan.http_batch_connections, plan.batch)]


def single_cases(field: Field) -> list[Case]:
    """One by one, many at the same time: from a program for all, over HTTP where there is a server."""
    plan = field.plan
    title = f"single enqueue over HTTP, {plan.http_connections} connections"
    return [
        *(_from_program(one, plan) for one in field.taking_part("single")),
        *(_over_http(one, plan, title, plan.http_connections) for one in field.contenders if one.http_server),
    ]


def _from_program(contender: Contender, plan: Plan) -> Case:
    title = f"single enqueue, {plan.in_flight} in flight"
    numbers = (plan.seconds, plan.in_flight)

    def run() -> list[Reading]:
        with contender.fresh_database() as database, contender.opened(database) as store:
            store.prepare("CHECKPOINT")
            made = contender.produce(database, "single", "nothing", *numbers, limit=plan.limit)
            _check_stored(store, made.tasks)
        return [reading(contender, title, "tasks/s", made.rate)]

    return Case(title, contender, run)


def _over_http(contender: Contender, plan: Plan, title: str, connections: int, batch: int = 0) -> Case:
    """Single tasks, or `batch` a request."""
    path, body = ("/api/v1/enqueue/batch", [_TASK] * batch) if batch else ("/api/v1/enqueue", _TASK)

    def run() -> list[Reading]:
        assert contender.http_server is not None
        with contender.fresh_database() as database, contender.opened(database) as store:
            store.prepare("CHECKPOINT")
            with contender.http_server(database) as port:
                asked = (port, path, json.dumps(body), connections, plan.seconds)
                answers = load(contender.processes, *asked, limit=plan.limit)
            _check_stored(store, answers.confirmed * (batch or 1))
        rate = reading(contender, title, "tasks/s", answers.rate * (batch or 1))
        return [rate, *percentiles(contender, f"{title}, {{}} of a request", answers.times_ms)]

    return Case(title, contender, run)


def _check_stored(store: Store, confirmed: int) -> None:
    if (stored := store.stored()) < confirmed:
        raise BenchError(f"{confirmed} tasks were confirmed, {stored} are stored")
