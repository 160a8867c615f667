"""Whether the named limits that new tasks take from exist, and ever let them start.

Clients import it, whichever driver they have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.nearest import did_you_mean

if TYPE_CHECKING:
    import psycopg

    from lapinq_core.domain.tasks.task import NewTask

sql = sql_of(__name__)

Bursts = Mapping[str, float | None]
"""The most units that a task can take at once, by the name of the limit; None: any number."""


async def find_bursts(conn: psycopg.AsyncConnection, tasks: Sequence[NewTask]) -> Bursts:
    """Of the limits from which they take, as far as they exist; of others too, if one doesn't."""
    params = {"names": msgspec.json.encode(sorted(names_of(tasks))).decode()}
    return dict(await all_rows(conn, sql("find_limits"), params, prepare=True))


def names_of(tasks: Sequence[NewTask]) -> set[str]:
    """The limits from which they take."""
    return {name for task in tasks if task.limits for name in task.limits}


def check(tasks: Sequence[NewTask], bursts: Bursts, *, first: int | None = None) -> None:
    """Raises `InvalidValue` naming a limit that is not among `bursts`, or of which a task takes too many units.

    `first` is the number of the first task in its batch, None without a batch.
    """
    for number, task in enumerate(tasks, first or 0):
        for name, units in (task.limits or {}).items():
            if name not in bursts:
                problem = (
                    f"is not a limit that exists{did_you_mean(name, bursts)}; `lapinq limit set {name} --max-running"
                    " 10` creates it, `lapinq apply MODULE` those that a module declares"
                )
            elif (burst := bursts[name]) is not None and units > burst:
                problem = f"must be at most {burst:.15g}, the burst of the limit's rate: it could never start"
            else:
                continue
            raise InvalidValue(f"limits.{name}" if first is None else f"[{number}].limits.{name}", problem)
