"""The table of the steady drains: a line a burden, with the rate and the database's time a task by fifths."""

from collections.abc import Sequence

from tests.bench.run.figures import Figure

TITLE = "steady drain"
DATABASE_TIME = "processor time of the database per task"
WORKER_TIME = "processor time of the worker per task"
SLOWEST = "slowest fifth"
UNDISTURBED = "the undisturbed rate"
BY_FIFTHS = "lowest ratio of a fifth and the same one undisturbed"
HEAD = (
    "beside",
    "tasks/s by fifths, thousands",
    "database, µs a task",
    "worker, µs a task",
    f"{SLOWEST} / undisturbed rate",
    BY_FIFTHS,
)


def is_steady(figure: Figure) -> bool:
    return figure.metric.name.startswith(f"{TITLE}, ")


def rows(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    """One for each burden, in the order they come. Each figure is the median of its runs."""
    medians = {figure.metric.name: figure.median for figure in figures if is_steady(figure)}
    return [_row(name.removesuffix(", fifth 1"), medians) for name in medians if name.endswith(", fifth 1")]


def _row(burden: str, medians: dict[str, float]) -> tuple[str, ...]:
    def by_fifths(suffix: str, scale: float = 1.0) -> str:
        names = [f"{burden}, fifth {fifth}{suffix}" for fifth in range(1, 6)]
        return ", ".join(f"{medians[name] / scale:.1f}" for name in names if name in medians)

    slowest, alone, ratio = (medians.get(f"{burden}, {which}") for which in (SLOWEST, UNDISTURBED, BY_FIFTHS))
    return (
        burden.removeprefix(f"{TITLE}, "),
        by_fifths("", 1000.0),
        by_fifths(f", {DATABASE_TIME}"),
        by_fifths(f", {WORKER_TIME}"),
        f"{slowest / alone:.2f}" if slowest and alone else "",
        f"{ratio:.2f}" if ratio else "",
    )
