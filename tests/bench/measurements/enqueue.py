"""How fast tasks are taken in, one by one from a program, and one by one and in batches over HTTP. No worker runs.

A rate counts only if the database holds at least as many tasks as were confirmed.
"""

import json

import msgspec

from tests.bench.contenders.contender import Contender, Store
from tests.bench.measurements.case import Case, Field, reading
from tests.bench.measurements.http_clients import Load, load
from tests.bench.run.figures import Reading
from tests.bench.run.plan import Plan
from tests.bench.run.processes import BenchError

_TASK = {"task_name": "nothing", "module_path": "tests.bench.contenders.lapinq_tasks"}


def batch_cases(field: Field) -> list[Case]:
    """Over HTTP, of lapinq alone: a drain tells the rate from a program."""
    plan = field.plan
    connections = plan.http_batch_connections
    asked = Load("/api/v1/enqueue/batch", json.dumps([_TASK] * plan.batch), connections, plan.seconds)
    title = f"enqueue over HTTP, {plan.batch:,} a request, {connections} connections"
    return [_over_http(field.lapinq, plan, title, asked, plan.batch)]


def single_cases(field: Field) -> list[Case]:
    """One by one, many at the same time: from a program for all, over HTTP where there is a server."""
    plan = field.plan
    asked = Load("/api/v1/enqueue", json.dumps(_TASK), plan.http_connections, plan.seconds)
    title = f"single enqueue over HTTP, {plan.http_connections} connections"
    return [
        *(_from_program(one, plan) for one in field.taking_part("single")),
        *(_over_http(one, plan, title, asked, 1) for one in field.contenders if one.http_server),
    ]


def _from_program(contender: Contender, plan: Plan) -> Case:
    title = f"single enqueue, {plan.in_flight} in flight"

    def run() -> list[Reading]:
        with contender.fresh_database() as database, contender.opened(database) as store:
            store.prepare("CHECKPOINT")
            made = contender.produce(
                database, "single", "nothing", plan.seconds, plan.in_flight, limit=plan.limit
            )
            _check_stored(store, made.tasks)
        return [reading(contender, title, "tasks/s", made.rate)]

    return Case(title, contender, run)


def _over_http(contender: Contender, plan: Plan, title: str, asked: Load, tasks_a_request: int) -> Case:
    def run() -> list[Reading]:
        assert contender.http_server is not None
        with contender.fresh_database() as database, contender.opened(database) as store:
            store.prepare("CHECKPOINT")
            with contender.http_server(database) as port:
                answers = load(
                    contender.processes, msgspec.structs.replace(asked, port=port), limit=plan.limit
                )
            _check_stored(store, answers.confirmed * tasks_a_request)
        return [
            reading(contender, title, "tasks/s", answers.rate * tasks_a_request),
            reading(contender, f"{title}, p50 of a request", "ms", answers.p50_ms),
            reading(contender, f"{title}, p99 of a request", "ms", answers.p99_ms),
        ]

    return Case(title, contender, run)


def _check_stored(store: Store, confirmed: int) -> None:
    if (stored := store.stored()) < confirmed:
        raise BenchError(f"{confirmed} tasks were confirmed, {stored} are stored")
