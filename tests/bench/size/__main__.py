"""What a long history costs: `python -m tests.bench.size --finished 10000000`.

Fills a new database as `tests.bench.dashboard.seed` does, and measures how much disk it takes, how long vacuum and
ANALYZE take, how long requests take that read it, and how fast it is deleted. With `--database-url` it measures a
database that the seed has filled before, and deletes from it last.
"""

from contextlib import ExitStack

import click

from lapinq_core.db.migrate import migrate
from tests.bench.dashboard import seed
from tests.bench.run.facts import machine_facts
from tests.bench.run.server import own_server
from tests.bench.size import deletion, requests, storage
from tests.support.database import postgres

_PARTS = {"storage": storage.lines, "requests": requests.lines, "deletion": deletion.lines}


@click.command()
@click.option("--finished", default=1_000_000, show_default=True, help="Tasks that have ended.")
@click.option("--weeks", default=6, show_default=True, help="Over which they are spread.")
@click.option("--only", help=f"Some of {','.join(_PARTS)}.")
@click.option("--database-url", help="A database that tests.bench.dashboard.seed has filled.")
def main(finished: int, weeks: int, only: str | None, database_url: str | None) -> None:
    """Prints a line for each figure."""
    click.echo(machine_facts())
    with ExitStack() as stack:
        if database_url is None:
            server = stack.enter_context(own_server(None))
            database_url = stack.enter_context(postgres.private_database(server))
            migrate(database_url)
            seed.seed(database_url, finished, 1000, weeks=weeks)
        for part in only.split(",") if only else _PARTS:
            for line in _PARTS[part](database_url):
                click.echo(line)


if __name__ == "__main__":
    main()
