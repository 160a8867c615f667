"""Stores the schedules that modules declare, when a scheduler starts.

Schedulers that start together do this one after another, and only the first changes anything. An operator's decisions
stay: a paused schedule remains paused, and a schedule from another source is left alone.
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
from lapinq_core.runtime.loops import succeed
from lapinq_core.schedules.applying import apply, author_of
from lapinq_core.schedules.comparing import Action, Gone, Others, Step, Wanted

log = logging.getLogger(__name__)


def declarations(modules: Sequence[str], program: str = "scheduler") -> list[Wanted]:
    """The schedules that these modules declare, without those that have ended. Imports the modules into `program`.

    Raises `lapinq_core.declaring.NotDeclared`, which names the module and the reason.
    """
    now = datetime.now(UTC)
    return [
        Wanted(definition=definition, source=MODULE + module)
        for module, definitions in declared_in(modules, program).items()
        for definition in definitions
        if not has_ended(definition, now)
    ]


async def register(
    pool: Pool,
    wanted: Sequence[Wanted],
    modules: Sequence[str],
    stop: asyncio.Event,
) -> None:
    """Stores `wanted` as the schedules of `modules`. Returns when that is done or `stop` is set.

    Retries while the database is unavailable.
    """
    if not modules:
        return

    async def store() -> None:
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
            # Declarations were checked before. An error that only the database sees must not stop the other schedules.
            log.error("could not store the schedules of %s: %s", ", ".join(modules), error)  # noqa: TRY400
        else:
            _log(steps)

    await succeed("store schedules", store, until=stop, expected=is_away)


def _log(steps: Sequence[Step]) -> None:
    for step in steps:
        if step.changes_something:
            log.info("schedule %s: %s", step.name, step.action)
        if step.action is Action.ELSEWHERE:
            log.error(
                "schedule %s belongs to %s and stays unchanged; `lapinq schedule apply --force` takes it over",
                step.name,
                step.source or "no module or file",
            )
        elif "source" in step.changes:
            log.warning("schedule %s belonged to %s until now", step.name, step.source)
