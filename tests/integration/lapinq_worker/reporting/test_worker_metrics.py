"""What a worker shows to Prometheus after tasks ran."""

from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.monitoring.metrics import Metrics
from lapinq_worker.worker import Worker
from tests.integration.lapinq_worker.desk import Desk, until
from tests.support.deployment.scraping import Scraped
from tests.support.rows.factories import new_task
from tests.support.sample import tasks

MODULE = tasks.__name__

SLOTS = 60
"""One for each task of `batch`, so none is released behind slow ones: a released task's wait counts once more."""


def batch() -> list[NewTask]:
    """Forty on the event loop, ten in children; five fail with a retry to come, one for good; one fire and forget."""
    return [
        *(new_task(task_name="aadd", module_path=MODULE, queue_name="fast") for _ in range(40)),
        *(new_task(queue_name="plain") for _ in range(10)),
        *(
            new_task(task_name="afail", module_path=MODULE, queue_name="fast", args=["no"], retry_delay=600)
            for _ in range(5)
        ),
        new_task(task_name="fail", module_path=MODULE, queue_name="plain", args=["no"], max_retries=0),
        new_task(task_name="aadd", module_path=MODULE, queue_name="fast", ttl_seconds=0),
    ]


def scrape(worker: Worker) -> Scraped:
    metrics = Metrics()
    metrics.show(worker)
    return Scraped(metrics.text()[0].decode())


def has_ended(seen: Scraped) -> bool:
    return (
        seen.total("lapinq_task_outcomes_total") == 57
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
        ("fast", "aadd", "completed", 41),
        ("plain", "add", "completed", 10),
        ("fast", "afail", "retried", 5),
        ("plain", "fail", "failed", 1),
    ):
        counted = seen.value("lapinq_task_outcomes_total", queue=queue, task=task, outcome=outcome)
        assert counted == count, task
    for name in ("run", "wait"):
        assert seen.value(f"lapinq_task_{name}_seconds_count", queue="fast") == 46
        assert seen.value(f"lapinq_task_{name}_seconds_count", queue="plain") == 11
    assert seen.value("lapinq_task_wait_seconds_bucket", queue="plain", le="60.0") == 11
    assert seen.value("lapinq_worker_slots", state="free") == SLOTS
    assert seen.value("lapinq_worker_lease_current") == 1
    for name in ("worker_claimed_ahead", "task_results_refused_total", "tasks_rescued_total"):
        assert seen.value(f"lapinq_{name}") == 0, name
    assert seen.value("lapinq_chore_failures_total", part="worker", chore="promote") == 0
