"""Stores what a file or modules declare. `comparing` decides the steps.

One caller at a time applies. Everything is checked first. Then each limit, policy and circuit breaker is stored in a
transaction of its own, because claims wait for its row; then all schedules in one, which may take from these limits. If
somebody else changes one in between, their change is not overwritten: it is compared again.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import psycopg

from lapinq_core.db.rows import first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.accounts.account import ActorKind
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.limits.declared import DeclaredLimit, key_of
from lapinq_core.domain.schedules.definition import WrongSchedules
from lapinq_core.limits import declared, named_limits
from lapinq_core.limits.declared import StoredRule
from lapinq_core.people.audit import Author
from lapinq_core.schedules import schedules
from lapinq_core.schedules.comparing import (
    Action,
    Gone,
    Others,
    Step,
    Wanted,
    WantedRule,
    compare,
    compare_gone,
    compare_rule,
    problems_of,
    who_pauses,
    why_gone,
)
from lapinq_core.schedules.schedules import (
    OtherVersion,
    Schedule,
    ScheduleExists,
    ScheduleFilter,
    UnknownSchedule,
)

sql = sql_of(__name__)
_PAGE = 500
_TRIES = 5


class KeptElsewhere(LapinqError):
    """Another source owns some of the declarations, or they were set by hand; `steps` are those."""

    def __init__(self, steps: list[Step]) -> None:
        places = (f"{step.label} ({'by hand' if step.source is None else step.source})" for step in steps)
        super().__init__(f"kept elsewhere: {', '.join(places)}")
        self.steps = steps

    def __reduce__(self) -> tuple[type["KeptElsewhere"], tuple[list[Step]]]:
        return type(self), (self.steps,)


class StillTaken(LapinqError):
    """Tasks wait for limits that would be deleted, and would start without them."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"waiting tasks still take from {', '.join(f'limit {name}' for name in names)}")
        self.names = names

    def __reduce__(self) -> tuple[type["StillTaken"], tuple[Sequence[str]]]:
        return type(self), (self.names,)


async def apply(
    conn: psycopg.AsyncConnection,
    wanted: Sequence[Wanted | WantedRule],
    sources: Sequence[str],
    *,
    by: Author,
    gone: Gone,
    others: Others = Others.REFUSED,
    is_dry: bool = False,
) -> list[Step]:
    """Makes what these sources have equal to `wanted`, whose names are unique for each kind.

    Returns a step for each: limits, policies and circuit breakers, then schedules; of both the wanted ones first. With
    `is_dry` it changes nothing and returns the same steps.

    Raises `WrongSchedules` and `KeptElsewhere`, before it changes anything; also `StillTaken`, unless others are taken.
    """
    rules = [one for one in wanted if isinstance(one, WantedRule)]
    planned = [one for one in wanted if isinstance(one, Wanted)]
    steps = await _compare_rules(conn, rules, sources, gone, others)
    if not is_dry and any(step.changes_something for step in steps.values()):
        await _apply_schedules(conn, planned, sources, by, gone, others, is_dry=True)  # may raise
        steps = await _apply_rules(conn, rules, steps, by, gone, others)
    return [*steps.values(), *await _apply_schedules(conn, planned, sources, by, gone, others, is_dry=is_dry)]


_RuleSteps = dict[tuple[str, str], Step]
"""By kind and name."""


async def _compare_rules(
    conn: psycopg.AsyncConnection,
    wanted: Sequence[WantedRule],
    sources: Sequence[str],
    gone: Gone,
    others: Others,
) -> _RuleSteps:
    by_name = {key_of(one.rule): one for one in wanted}
    found = await declared.find(conn, by_name, sources)
    names = [*by_name, *sorted(found.keys() - by_name.keys())]
    steps = {name: compare_rule(by_name.get(name), found.get(name), gone, others) for name in names}
    refused = [step for step in steps.values() if step.action is Action.ELSEWHERE]
    if refused and others is Others.REFUSED:
        raise KeptElsewhere(refused)
    if others is not Others.TAKEN:
        await _check_not_taken(conn, steps.values())
    return steps


async def _check_not_taken(conn: psycopg.AsyncConnection, steps: Iterable[Step]) -> None:
    deleted = {
        step.name for step in steps if (step.kind, step.action) == (DeclaredLimit.kind, Action.DELETED)
    }
    limits = await named_limits.list_limits(conn) if deleted else []
    if taken := [one.name for one in limits if one.name in deleted and one.waiting]:
        raise StillTaken(taken)


async def _apply_rules(
    conn: psycopg.AsyncConnection,
    wanted: Sequence[WantedRule],
    steps: _RuleSteps,
    by: Author,
    gone: Gone,
    others: Others,
) -> _RuleSteps:
    by_name = {key_of(one.rule): one for one in wanted}
    done: _RuleSteps = {}
    for name, step in steps.items():
        done[name] = step
        if step.changes_something:
            async with conn.transaction():
                await _lock(conn)
                found = (await declared.find(conn, [name])).get(name)
                if name in by_name or found is not None:
                    done[name] = compare_rule(by_name.get(name), found, gone, others)
                    await _take_rule(conn, by_name.get(name), found, done[name], by)
            await declared.raise_fence(conn, name)
    return done


async def _take_rule(
    conn: psycopg.AsyncConnection, wanted: WantedRule | None, found: StoredRule | None, step: Step, by: Author
) -> None:
    if step.action is Action.DELETED:
        assert found is not None
        await declared.remove(conn, found.rule, by=by)
    elif step.changes_something:
        assert wanted is not None
        await declared.put(conn, wanted.rule, wanted.source, by=by)


async def _apply_schedules(
    conn: psycopg.AsyncConnection,
    wanted: Sequence[Wanted],
    sources: Sequence[str],
    by: Author,
    gone: Gone,
    others: Others,
    *,
    is_dry: bool,
) -> list[Step]:
    tries = _TRIES
    while True:
        try:
            async with conn.transaction():
                return await _apply(conn, wanted, sources, by, gone, others, is_dry=is_dry)
        except (OtherVersion, ScheduleExists, UnknownSchedule):  # somebody else changed a schedule in between
            tries -= 1
            if not tries:
                raise


async def _apply(
    conn: psycopg.AsyncConnection,
    wanted: Sequence[Wanted],
    sources: Sequence[str],
    by: Author,
    gone: Gone,
    others: Others,
    *,
    is_dry: bool,
) -> list[Step]:
    now = await _lock(conn)
    wanted = sorted(wanted, key=lambda one: one.definition.name)
    found = {one.name: one for source in sources for one in await _all_of(conn, source)}
    for name in {one.definition.name for one in wanted} - found.keys():
        if (one := await schedules.get_schedule(conn, name)) is not None:
            found[name] = one
    steps = [compare(one, found.get(one.definition.name), others, now) for one in wanted]
    refused = [step for step in steps if step.action is Action.ELSEWHERE]
    if refused and others is Others.REFUSED:
        raise KeptElsewhere(refused)
    if problems := problems_of(steps, wanted, now):
        raise WrongSchedules(problems)
    names = {step.name for step in steps}
    left = [found[name] for name in sorted(found.keys() - names)]
    gone_steps = [compare_gone(one, gone) for one in left]
    if not is_dry:
        for one, step in zip(wanted, steps, strict=True):
            await _take(conn, one, found.get(step.name), step, by)
        for one, step in zip(left, gone_steps, strict=True):
            await _leave(conn, one, step, by)
    return steps + gone_steps


async def _take(
    conn: psycopg.AsyncConnection, wanted: Wanted, found: Schedule | None, step: Step, by: Author
) -> None:
    name, enabled = step.name, wanted.enabled
    if step.action is Action.CREATED:
        await schedules.create(conn, wanted.definition, by=by, source=wanted.source)
    elif step.action is Action.CHANGED:
        assert found is not None
        fields = step.changes.keys() - {"enabled"}
        if fields:
            changes = {field: getattr(wanted.definition, field) for field in fields - {"source"}}
            await schedules.change(conn, name, changes, found.version, by=by, source=wanted.source)
        if "enabled" not in step.changes:
            return
        _, enabled = step.changes["enabled"]
        if enabled:
            await schedules.resume(conn, name, by=by)
    else:
        return
    if enabled is False:
        await schedules.pause(conn, name, f"disabled in {wanted.source}", by=by)


async def _leave(conn: psycopg.AsyncConnection, found: Schedule, step: Step, by: Author) -> None:
    if step.action is Action.DELETED:
        await schedules.delete(conn, step.name, by=by)
    elif step.action is Action.PAUSED:
        assert found.source is not None
        await schedules.pause(conn, step.name, why_gone(found.source), by=author_of(who_pauses(found.source)))


def author_of(module: str) -> Author:
    """The author of changes that a module requests."""
    return Author(actor_kind=ActorKind.COMMAND_LINE, actor=module)


async def _lock(conn: psycopg.AsyncConnection) -> datetime:
    return await first_value(conn, sql("lock_applying"))


async def _all_of(conn: psycopg.AsyncConnection, source: str) -> list[Schedule]:
    found: list[Schedule] = []
    after: str | None = None
    while True:
        page, after = await schedules.list_schedules(conn, ScheduleFilter(source=source), _PAGE, after)
        found += page
        if after is None:
            return found
