"""Stores what modules declare, at the start of a scheduler.

Several that start at once do this one after the other, and all but the first find nothing to do. What a person decided
stays: a schedule that is paused remains so, one that is kept elsewhere is left alone.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from lapinq_core.db.errors import is_away
from lapinq_core.db.pool import Pool
from lapinq_core.declaring import declared_in
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.schedules.definition import has_ended
from lapinq_core.domain.schedules.schedule_file import MODULE
from lapinq_core.runtime.loops import StopLoop, run_every
from lapinq_core.schedules.applying import apply, author_of
from lapinq_core.schedules.comparing import Action, Gone, Others, Step, Wanted

log = logging.getLogger(__name__)


def declarations(modules: Sequence[str]) -> list[Wanted]:
    """What these modules declare, to be stored; without what has ended, which is as good as not declared. Imports them.

    Raises `lapinq_core.declaring.NotDeclared`, which says what is wrong with which.
    """
    now = datetime.now(UTC)
    return [
        Wanted(definition=definition, source=MODULE + module)
        for module, definitions in declared_in(modules).items()
        for definition in definitions
        if not has_ended(definition, now)
    ]


async def register(
    pool: Pool,
    wanted: Sequence[Wanted],
    modules: Sequence[str],
    stop: asyncio.Event,
) -> None:
    """Makes the schedules of `modules` those that are wanted; returns once that is done, or `stop` is set.

    While the database is away it tries again.
    """
    if not modules:
        return

    async def turn() -> None:
        try:
            async with pool.connection() as conn:
                steps = await apply(
                    conn,
                    wanted,
                    [MODULE + module for module in modules],
                    by=author_of(", ".join(modules)),
                    gone=Gone.PAUSED,
                    others=Others.LEFT,
                )
        except LapinqError as error:
            # It was looked at when it was declared. What only the database knows must not keep the rest from firing.
            log.error("the schedules of %s are not stored: %s", ", ".join(modules), error)  # noqa: TRY400
        else:
            _log(steps)
        raise StopLoop

    await run_every("store schedules", turn, interval=0.0, stop=stop, expected=is_away)


def _log(steps: Sequence[Step]) -> None:
    for step in steps:
        if step.changes_something:
            log.info("schedule %s: %s", step.name, step.action)
        if step.action is Action.ELSEWHERE:
            log.error(
                "schedule %s is kept in %s, and is left as it is; `lapinq schedule apply --force` takes it over",
                step.name,
                step.source or "no module or file",
            )
        elif "source" in step.changes:
            log.warning("schedule %s was kept in %s until now", step.name, step.source)
