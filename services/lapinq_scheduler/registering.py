"""Stores what modules declare, when a scheduler starts: schedules, limits, policies and circuit breakers.

Schedulers that start together do this one after another, and only the first changes anything. An operator's decisions
stay: a paused schedule remains paused, and what is from another source is left alone.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from lapinq_core.db.errors import is_away
from lapinq_core.db.pool import Pool
from lapinq_core.declaring import declared_in
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.limits.declared import DeclaredBreaker, DeclaredLimit, DeclaredPolicy, key_of
from lapinq_core.domain.schedules.definition import has_ended
from lapinq_core.domain.schedules.schedule import Definition
from lapinq_core.domain.schedules.schedule_file import MODULE
from lapinq_core.limits.declared import StoredRule, find_others
from lapinq_core.runtime.loops import succeed
from lapinq_core.schedules.applying import apply, author_of
from lapinq_core.schedules.comparing import Action, Gone, Others, Step, Wanted, WantedRule, module_of

log = logging.getLogger(__name__)


def declarations(modules: Sequence[str], program: str = "scheduler") -> list[Wanted | WantedRule]:
    """What these modules declare, without schedules that have ended. Imports the modules into `program`.

    Raises `lapinq_core.declaring.NotDeclared`, which names the module and the reason.
    """
    now = datetime.now(UTC)
    wanted: list[Wanted | WantedRule] = []
    for module, found in declared_in(modules, program).items():
        for one in found:
            if not isinstance(one, Definition):
                wanted.append(WantedRule(rule=one, source=MODULE + module))
            elif not has_ended(one, now):
                wanted.append(Wanted(definition=one, source=MODULE + module))
    return wanted


async def register(
    pool: Pool,
    wanted: Sequence[Wanted | WantedRule],
    modules: Sequence[str],
    stop: asyncio.Event,
) -> None:
    """Stores `wanted` as what `modules` declare. Returns when that is done or `stop` is set.

    Retries while the database is unavailable.
    """
    if not modules:
        return

    sources = [MODULE + module for module in modules]

    async def store() -> None:
        try:
            async with pool.connection() as conn:
                others = await find_others(conn, sources)
                steps = await apply(
                    conn,
                    wanted,
                    sources,
                    by=author_of(", ".join(modules)),
                    gone=Gone.PAUSED,
                    others=Others.LEFT,
                )
        except LapinqError as error:
            # Declarations were checked before. An error that only the database sees must not stop the other schedules.
            log.error("could not store what %s declares: %s", ", ".join(modules), error)  # noqa: TRY400
        else:
            _log(steps)
            _log_others(others, wanted)

    await succeed("store declarations", store, until=stop, expected=is_away)


def _log(steps: Sequence[Step]) -> None:
    for step in steps:
        if step.changes_something:
            log.info("%s %s: %s", step.kind, step.name, step.action)
        if step.action is Action.ELSEWHERE:
            log.error(
                "%s %s belongs to %s and stays unchanged; `lapinq apply --force` takes it over",
                step.kind,
                step.name,
                step.source or "no module or file",
            )
        elif step.action is Action.GONE and step.kind != Definition.kind:
            log.warning(
                "%s %s is no longer declared in %s, and stays in force; if no other program and no newer release"
                " declares it, `lapinq apply %s --prune` removes it",
                step.kind,
                step.name,
                module := module_of(step.source),
                module,
            )
        elif "source" in step.changes:
            log.warning("%s %s belonged to %s until now", step.kind, step.name, step.source)


def _log_others(others: Sequence[StoredRule], wanted: Sequence[Wanted | WantedRule]) -> None:
    """Another scheduler may have their modules; or nobody, since a module was renamed or left out."""
    here = {key_of(one.rule) for one in wanted if isinstance(one, WantedRule)}
    for one in others:
        kind, name = key_of(one.rule)
        if (kind, name) not in here:
            log.info(
                "%s %s was declared by %s, which is not a module of this scheduler, and stays in force; if no program"
                " declares it any more, %s removes it",
                kind,
                name,
                module_of(one.source),
                _REMOVALS[kind].format(name),
            )


_REMOVALS = {
    DeclaredLimit.kind: "`lapinq limit delete {}`",
    DeclaredPolicy.kind: "`lapinq queue set {}` with `none` for its rules",
    DeclaredBreaker.kind: "`lapinq breaker remove {}`",
}
