"""What tasks wrote of their attempts, and what the database says of the same ones."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeVar

import psycopg

K = TypeVar("K", bound=Hashable)


class Run(NamedTuple):
    """What a task wrote of one attempt, in seconds of a clock that all processes share.

    If its process was killed, it ends with the last sign of life of that process.
    """

    task: str
    start: float
    end: float
    how: str
    """end, failed, closed or killed."""
    seq: int
    """The number of its claim."""
    started_at: float
    """The time of day."""

    @property
    def queue(self) -> str:
        """Tasks are named QUEUE.KEY.NUMBER."""
        return self.task.split(".")[0]

    @property
    def key(self) -> str:
        """What the task is about."""
        return self.task.split(".")[1]

    @property
    def number(self) -> int:
        """Its place among the tasks of the test, in the order of enqueueing."""
        return int(self.task.split(".")[2])


def runs_of(journal: Path, kills: Mapping[int, float] | None = None) -> list[Run]:
    """All attempts, by their start. `kills` says until when processes that were killed lived surely."""
    started = dict[tuple[str, int], tuple[float, int, float]]()
    last_of = dict[int, float]()
    runs: list[Run] = []
    for line in journal.read_text().splitlines():
        at, what, name, process, seq, clock = line.split()
        last_of[int(process)] = float(at)
        if what == "start":
            started[name, int(seq)] = float(at), int(process), float(clock)
        else:
            start, _, started_at = started.pop((name, int(seq)))
            runs.append(Run(name, start, float(at), what, int(seq), started_at))
    last_of.update(kills or {})
    runs += [
        Run(name, start, max(start, last_of[process]), "killed", seq, started_at)
        for (name, seq), (start, process, started_at) in started.items()
    ]
    return sorted(runs, key=lambda run: run.start)


def grouped(runs: Iterable[Run], by: Callable[[Run], K]) -> dict[K, list[Run]]:
    """The runs that have the same of something."""
    found = defaultdict[K, list[Run]](list)
    for run in runs:
        found[by(run)].append(run)
    return dict(found)


class Attempt(NamedTuple):
    """What the database says, in seconds of its clock."""

    task: str
    claimed_at: float
    finished_at: float
    outcome: str

    @property
    def queue(self) -> str:
        """As of `Run`."""
        return self.task.split(".")[0]

    @property
    def key(self) -> str:
        """As of `Run`."""
        return self.task.split(".")[1]


def attempts_of(database: str) -> list[Attempt]:
    """All of them, by their claims."""
    with psycopg.connect(database) as conn:
        rows = conn.execute(
            "SELECT t.args ->> 1, extract(epoch FROM a.claimed_at)::float8, extract(epoch FROM a.finished_at)::float8,"
            " a.outcome FROM lapinq_attempts a JOIN lapinq_tasks t ON t.id = a.task_id"
            " WHERE a.claimed_at IS NOT NULL ORDER BY a.claimed_at"
        ).fetchall()
    return [Attempt(*row) for row in rows]


def lags(runs: Iterable[Run], attempts: Iterable[Attempt]) -> list[float]:
    """From claim to start: of each run to the last claim of its task that the database knows of before it."""
    claims = defaultdict[str, list[float]](list)
    for attempt in attempts:
        claims[attempt.task].append(attempt.claimed_at)
    found: list[float] = []
    for run in runs:
        before = [at for at in claims[run.task] if at <= run.started_at]
        assert before, f"{run.task} started at {run.started_at}, before any claim"
        found.append(run.started_at - before[-1])
    return found
