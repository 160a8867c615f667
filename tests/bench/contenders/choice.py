"""Which contenders `--with` may name."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import click

from tests.bench.contenders.contender import Contender, Place
from tests.bench.contenders.peers import (
    awa,
    celery,
    dramatiq,
    graphile_worker,
    original_lapinq,
    pg_boss,
    pgqueuer,
    procrastinate,
    taskiq,
)

PEERS: dict[str, Callable[[Place], AbstractContextManager[Sequence[Contender]]]] = {
    "graphile-worker": graphile_worker.contenders,
    "pg-boss": pg_boss.contenders,
    "pgqueuer": pgqueuer.contenders,
    "procrastinate": procrastinate.contenders,
    "awa": awa.contenders,
    "taskiq": taskiq.contenders,
    "celery": celery.contenders,
    "dramatiq": dramatiq.contenders,
    "lapinq-1.3.0": original_lapinq.contenders,
}


def chosen(names: str | None) -> list[str]:
    """Of a comma list, or `all`. Raises `click.UsageError`."""
    if names == "all":
        return list(PEERS)
    given = names.split(",") if names else []
    if unknown := set(given) - set(PEERS):
        raise click.UsageError(f"--with knows all, {', '.join(PEERS)}, not {', '.join(sorted(unknown))}")
    return given
