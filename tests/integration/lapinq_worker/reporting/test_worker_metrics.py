"""What a worker shows to Prometheus after tasks ran."""

from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.monitoring.metrics import Metrics
from lapinq_worker.worker import Worker
from tests.integration.lapinq_worker.desk import Desk, task_of, until
from tests.support.deployment.scraping import Scraped
from tests.support.sample import tasks

SLOTS = 30
"""One for each task, so none is released behind slow ones: a released task's wait counts once more."""


def batch() -> list[NewTask]:
    """Coroutines and functions in children; some fail with a retry to come, one for good; one is fire and forget."""
    return [
        *(task_of(tasks.aadd, 1, 1, queue_name="fast") for _ in range(14)),
        *(task_of(tasks.add, 1, 1, queue_name="plain") for _ in range(5)),
        *(task_of(tasks.afail, "no", queue_name="fast", retry_delay=600) for _ in range(5)),
        task_of(tasks.fail, "no", queue_name="plain", max_retries=0),
        task_of(tasks.aadd, 1, 1, queue_name="fast", ttl_seconds=0),
    ]


def scrape(worker: Worker) -> Scraped:
    metrics = Metrics()
    metrics.show(worker)
    return Scraped(metrics.text()[0].decode())


def has_ended(seen: Scraped) -> bool:
    return (
        seen.total("lapinq_task_outcomes_total") == 26
        and seen.value("lapinq_worker_slots", state="busy") == 0
        and seen.value("lapinq_listener_connected", part="worker") == 1
        and bool(seen.value("lapinq_chore_seconds_count", part="worker", chore="promote"))
    )


async def test_what_it_ran_is_counted(desk: Desk) -> None:
    async with desk.working(worker_concurrency=SLOTS) as worker:
        await desk.hand_in_many(batch())
        await until(lambda: has_ended(scrape(worker)))
        seen = scrape(worker)
    for queue, task, outcome, count in (
        ("fast", "aadd", "completed", 15),
        ("plain", "add", "completed", 5),
        ("fast", "afail", "retried", 5),
        ("plain", "fail", "failed", 1),
    ):
        counted = seen.value("lapinq_task_outcomes_total", queue=queue, task=task, outcome=outcome)
        assert counted == count, task
    for name in ("run", "wait"):
        assert seen.value(f"lapinq_task_{name}_seconds_count", queue="fast") == 20
        assert seen.value(f"lapinq_task_{name}_seconds_count", queue="plain") == 6
    assert seen.value("lapinq_task_wait_seconds_bucket", queue="plain", le="60.0") == 6
    assert seen.value("lapinq_worker_slots", state="free") == SLOTS
    assert seen.value("lapinq_worker_lease_current") == 1
    for name in ("worker_claimed_ahead", "task_results_refused_total", "tasks_rescued_total"):
        assert seen.value(f"lapinq_{name}") == 0, name
    assert seen.value("lapinq_chore_failures_total", part="worker", chore="promote") == 0
