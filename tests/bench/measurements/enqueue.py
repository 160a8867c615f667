"""How fast tasks are taken in, one by one from a program, and one by one and in batches over HTTP. No worker runs.

A rate counts only if the database holds at least as many tasks as were confirmed.
"""

import json
from collections.abc import Sequence

import msgspec

from tests.bench.contenders.contender import Contender, Processes, Store, TakesHttp
from tests.bench.contenders.lapinq_contender import Lapinq
from tests.bench.measurements.http_clients import Load, load
from tests.bench.run.figures import Case, Metric, Reading
from tests.bench.run.plan import Plan
from tests.bench.run.processes import BenchError

_TASK = {"task_name": "nothing", "module_path": "tests.bench.contenders.lapinq_tasks"}


def batch_cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """Over HTTP, of lapinq alone: a drain tells the rate from a program."""
    del contenders
    return [
        _over_http(
            lapinq,
            lapinq.processes,
            plan,
            f"enqueue over HTTP, {plan.batch:,} a request, {plan.http_batch_connections} connections",
            Load(
                "/api/v1/enqueue/batch",
                json.dumps([_TASK] * plan.batch),
                plan.http_batch_connections,
                plan.seconds,
            ),
            plan.batch,
        ),
    ]


def single_cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """One by one, many at the same time: from a program for all, over HTTP where there is a server."""
    return [
        *(_from_program(one, plan) for one in contenders if "single" in one.measures),
        *(
            _over_http(
                one,
                lapinq.processes,
                plan,
                f"single enqueue over HTTP, {plan.http_connections} connections",
                Load("/api/v1/enqueue", json.dumps(_TASK), plan.http_connections, plan.seconds),
                1,
            )
            for one in contenders
            if isinstance(one, TakesHttp)
        ),
    ]


def _from_program(contender: Contender, plan: Plan) -> Case:
    title = f"single enqueue, {plan.in_flight} in flight"

    def run() -> list[Reading]:
        with contender.fresh_database() as database, contender.opened(database) as store:
            store.checkpoint()
            produced = contender.produce(
                database, "single", "nothing", plan.seconds, plan.in_flight, limit=plan.limit
            )
            _check_stored(store, produced.tasks)
        return [Reading(Metric(title, "tasks/s", "more"), contender.about.name, produced.rate)]

    return Case(title, contender.about.name, run)


def _over_http(
    contender: TakesHttp, processes: Processes, plan: Plan, title: str, asked: Load, tasks_a_request: int
) -> Case:
    def run() -> list[Reading]:
        with contender.fresh_database() as database, contender.opened(database) as store:
            store.checkpoint()
            with contender.http_server(database) as port:
                answers = load(processes, msgspec.structs.replace(asked, port=port), limit=plan.limit)
            _check_stored(store, answers.confirmed * tasks_a_request)
        readings = [
            Reading(Metric(title, "tasks/s", "more"), contender.about.name, answers.rate * tasks_a_request)
        ]
        for name, value in (("p50", answers.p50_ms), ("p99", answers.p99_ms)):
            readings.append(
                Reading(Metric(f"{title}, {name} of a request", "ms", "less"), contender.about.name, value)
            )
        return readings

    return Case(title, contender.about.name, run)


def _check_stored(store: Store, confirmed: int) -> None:
    if (stored := store.stored()) < confirmed:
        raise BenchError(f"{confirmed} tasks were confirmed, {stored} are stored")
