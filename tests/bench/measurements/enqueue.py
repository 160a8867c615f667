"""How fast tasks are taken in, in batches and one by one, from Python and over HTTP. No worker runs.

A rate counts only if the database holds at least as many tasks as were confirmed.
"""

import json
from collections.abc import Sequence

import msgspec
import psycopg

from tests.bench.contenders.contender import Contender
from tests.bench.contenders.lapinq_contender import Lapinq
from tests.bench.measurements.http_clients import Load, load
from tests.bench.run.figures import Case, Metric, Reading
from tests.bench.run.plan import Plan
from tests.bench.run.processes import BenchError

_TASK = {"task_name": "nothing", "module_path": "tests.bench.contenders.lapinq_tasks"}


def batch_cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """From Python over one connection for all, over HTTP for lapinq."""
    title = f"bulk enqueue from Python, {plan.batch} a call"
    return [
        *(_from_python(one, plan, title, "bulk", plan.tasks, plan.batch) for one in contenders),
        _over_http(
            lapinq,
            plan,
            f"enqueue over HTTP, {plan.batch} a request, {plan.http_batch_connections} connections",
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
    """One by one, many at the same time: from Python for all, over HTTP for lapinq."""
    title = f"single enqueue from Python, {plan.in_flight} in flight"
    return [
        *(_from_python(one, plan, title, "single", plan.seconds, plan.in_flight) for one in contenders),
        _over_http(
            lapinq,
            plan,
            f"single enqueue over HTTP, {plan.http_connections} connections",
            Load("/api/v1/enqueue", json.dumps(_TASK), plan.http_connections, plan.seconds),
            1,
        ),
    ]


def _from_python(contender: Contender, plan: Plan, title: str, verb: str, *numbers: float) -> Case:
    def run() -> list[Reading]:
        with contender.fresh_database() as database, psycopg.connect(database, autocommit=True) as conn:
            conn.execute("CHECKPOINT")
            produced = contender.produce(database, verb, "nothing", *numbers, limit=plan.limit)
            _check_stored(contender, conn, produced.tasks)
        return [Reading(Metric(title, "tasks/s", "more"), contender.name, produced.rate)]

    return Case(title, contender.name, run)


def _over_http(lapinq: Lapinq, plan: Plan, title: str, asked: Load, tasks_a_request: int) -> Case:
    def run() -> list[Reading]:
        with lapinq.fresh_database() as database, psycopg.connect(database, autocommit=True) as conn:
            conn.execute("CHECKPOINT")
            with lapinq.http_server(database) as port:
                answers = load(lapinq.processes, msgspec.structs.replace(asked, port=port), limit=plan.limit)
            _check_stored(lapinq, conn, answers.confirmed * tasks_a_request)
        readings = [Reading(Metric(title, "tasks/s", "more"), lapinq.name, answers.rate * tasks_a_request)]
        for name, value in (("p50", answers.p50_ms), ("p99", answers.p99_ms)):
            readings.append(
                Reading(Metric(f"{title}, {name} of a request", "ms", "less"), lapinq.name, value)
            )
        return readings

    return Case(title, lapinq.name, run)


def _check_stored(contender: Contender, conn: psycopg.Connection, confirmed: int) -> None:
    if (stored := contender.stored(conn)) < confirmed:
        raise BenchError(f"{confirmed} tasks were confirmed, {stored} are in the database")
