"""What each daemon shows to Prometheus after tasks ran, for tools that judge it.

`python -m tests.support.deployment.scrapes DIRECTORY` writes a file each, called `api`, `worker` and `scheduler`.
"""

import sys
from pathlib import Path

import httpx

from tests.support.database import postgres
from tests.support.deployment.scraping import Scraped
from tests.support.eventually import eventually
from tests.support.programs.daemons import Daemon
from tests.support.rows.enqueueing import enqueue_all
from tests.support.rows.factories import new_task
from tests.support.sample import tasks


def main() -> None:
    """Runs a few tasks and scrapes everybody."""
    directory = Path(sys.argv[1])
    with (
        postgres.server() as server,
        postgres.template(server) as template,
        postgres.private_database(server, template) as database,
        Daemon("lapinq-api", "--port", "0", "--database-url", database) as api,
        Daemon("lapinq-worker", "--metrics-port", "0", "--database-url", database) as worker,
        Daemon("lapinq-scheduler", "--metrics-port", "0", "--database-url", database) as scheduler,
    ):
        module = tasks.__name__
        ends = [
            new_task(task_name=name, module_path=module, max_retries=0) for name in ("add", "afail", "aadd")
        ]
        enqueue_all(database, ends)
        urls = {
            "api": f"{api.url}/metrics",
            "worker": worker.metrics_url,
            "scheduler": scheduler.metrics_url,
        }
        seen = (
            ("lapinq_task_outcomes_total", "worker", len(ends)),
            ("lapinq_chore_seconds_count", "scheduler", 1),
        )
        for metric, name, least in seen:
            eventually(lambda: Scraped(_scrape(urls[name])).total(metric) >= least, timeout=30)  # noqa: B023  # at once
        for name, url in urls.items():
            (directory / name).write_text(_scrape(url))


def _scrape(url: str) -> str:
    response = httpx.get(url, trust_env=False)
    response.raise_for_status()
    return response.text


if __name__ == "__main__":
    main()
