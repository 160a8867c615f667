"""What each daemon shows to Prometheus after tasks ran, for tools that judge it: `python -m tests.support.scrapes DIRECTORY`
writes a file each, called `api`, `worker` and `scheduler`.
"""

import sys
from pathlib import Path

import httpx

from tests.support import postgres, tasks
from tests.support.enqueueing import enqueue_all
from tests.support.eventually import eventually
from tests.support.factories import new_task
from tests.support.processes import Program
from tests.support.scraping import Scraped


def main() -> None:
    """Runs a few tasks and scrapes everybody."""
    directory = Path(sys.argv[1])
    with (
        postgres.server() as server,
        postgres.template(server) as template,
        postgres.private_database(server, template) as database,
        _Daemon("lapinq_api.cli", "--port", "0", "--database-url", database) as api,
        _Daemon("lapinq_worker.cli", "--metrics-port", "0", "--database-url", database) as worker,
        _Daemon("lapinq_scheduler.cli", "--metrics-port", "0", "--database-url", database) as scheduler,
    ):
        module = tasks.__name__
        ends = [new_task(task_name=name, module_path=module, max_retries=0) for name in ("add", "afail", "aadd")]
        enqueue_all(database, ends)
        worker_url, scheduler_url = (
            program.said(r"metrics at (http://\S+/metrics)")[1] for program in (worker, scheduler)
        )
        eventually(
            lambda: Scraped(_scrape(worker_url)).total("lapinq_task_outcomes_total") == len(ends), timeout=30
        )
        eventually(lambda: Scraped(_scrape(scheduler_url)).total("lapinq_chore_seconds_count") > 0)
        address = api.said(r"http://[\w.:\[\]]+:\d+").group(0)
        urls = {"api": f"{address}/metrics", "worker": worker_url, "scheduler": scheduler_url}
        for name, url in urls.items():
            (directory / name).write_text(_scrape(url))


def _scrape(url: str) -> str:
    response = httpx.get(url, trust_env=False)
    response.raise_for_status()
    return response.text


class _Daemon(Program):
    """`python -m MODULE ARGUMENTS`, one of the three programs of the images."""

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", *arguments]


if __name__ == "__main__":
    main()
