"""Compares schedules, limits, policies and circuit breakers in the database with those that a file or module declares.

Pure; `applying` executes the steps.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.limits.declared import Rule
from lapinq_core.domain.schedules.definition import Problem, has_ended
from lapinq_core.domain.schedules.schedule import Definition, ScheduleState, check_definition
from lapinq_core.domain.schedules.schedule_file import MODULE
from lapinq_core.limits.declared import StoredRule
from lapinq_core.schedules.schedules import Schedule, differences


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as its source declares it; `enabled` is None if the source doesn't say whether it is paused."""

    definition: Definition
    source: str
    enabled: bool | None = None


class WantedRule(msgspec.Struct, frozen=True, kw_only=True):
    """A limit, a policy or a circuit breaker as its source declares it."""

    rule: Rule
    source: str


class Gone(StrEnum):
    """What to do with what its source no longer has."""

    LEFT = "left"
    PAUSED = "paused"
    """Schedules only. Other declarations stay in force: without them more would start than anybody wanted."""
    DELETED = "deleted"


class Others(StrEnum):
    """Steps for declarations that another source owns, or that were set by hand."""

    REFUSED = "refused"
    LEFT = "left"
    TAKEN = "taken"


class Action(StrEnum):
    """What happens to a schedule, a limit, a policy or a circuit breaker."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    GONE = "gone"
    """Its source no longer has it, and it stays unchanged."""
    PAUSED = "paused"
    """Its source no longer has it."""
    DELETED = "deleted"
    """Its source no longer has it."""
    ELSEWHERE = "elsewhere"
    """It is kept in another source or in none, and stays unchanged."""
    ENDED = "ended"
    """Its end has passed: it stays unchanged, or is not created."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to one. `changes` maps fields, including `enabled` and `source`, to their values before and
    after, or to "changed" if these may be secret. `source` is where it was kept before."""

    name: str
    action: Action
    kind: str = Definition.kind
    changes: dict[str, Any] = {}
    source: str | None = None

    @property
    def changes_something(self) -> bool:
        return self.action in _CHANGING

    @property
    def label(self) -> str:
        """The name, after the kind of what is no schedule."""
        return self.name if self.kind == Definition.kind else f"{self.kind} {self.name}"


_CHANGING = frozenset({Action.CREATED, Action.CHANGED, Action.PAUSED, Action.DELETED})


def module_of(source: str | None) -> str | None:
    """The module's name, if the source is a module; None for files."""
    return source.removeprefix(MODULE) if source is not None and source.startswith(MODULE) else None


def why_gone(source: str) -> str:
    """The reason given for pausing a schedule that its source no longer has."""
    return f"no longer declared in {module_of(source) or source}"


def who_pauses(source: str) -> str:
    """The actor recorded for that."""
    return module_of(source) or source


def compare(wanted: Wanted, found: Schedule | None, others: Others, now: datetime) -> Step:
    """What happens to a wanted schedule, if `found` has its name."""
    name = wanted.definition.name
    is_over = has_ended(wanted.definition, now)
    if found is None:
        return Step(name=name, action=Action.ENDED if is_over else Action.CREATED)
    if not _may_take(wanted.source, found.source, others):
        return Step(name=name, action=Action.ELSEWHERE, source=found.source)
    if is_over and (found.state is ScheduleState.ENDED or found.definition == wanted.definition):
        return Step(name=name, action=Action.ENDED, source=found.source)
    changes = differences(found.definition, wanted.definition)
    if found.source != wanted.source:
        changes["source"] = [found.source, wanted.source]
    is_enabled = found.paused_at is None
    if is_enabled is not _wanted_enabled(wanted, found):
        changes["enabled"] = [is_enabled, not is_enabled]
    action = Action.CHANGED if changes else Action.UNCHANGED
    return Step(name=name, action=action, changes=changes, source=found.source)


def compare_rule(wanted: WantedRule | None, found: StoredRule | None, gone: Gone, others: Others) -> Step:
    """What happens to a limit, a policy or a circuit breaker. `wanted` is None if its source no longer has it, `found`
    if none with its name is stored; one of them is given."""
    if wanted is None:
        assert found is not None
        action = Action.DELETED if gone is Gone.DELETED else Action.GONE
        return Step(name=found.rule.name, kind=found.rule.kind, action=action, source=found.source)
    rule, changes = wanted.rule, dict[str, Any]()
    if found is None:
        action = Action.CREATED
    elif not _may_take(wanted.source, found.source, others):
        action = Action.ELSEWHERE
    else:
        for field in rule.__struct_fields__:
            before, after = getattr(found.rule, field), getattr(rule, field)
            if before != after:
                changes[field] = [before, after]
        if found.source != wanted.source:
            changes["source"] = [found.source, wanted.source]
        action = Action.CHANGED if changes else Action.UNCHANGED
    return Step(
        name=rule.name, kind=rule.kind, action=action, changes=changes, source=found.source if found else None
    )


def compare_gone(found: Schedule, gone: Gone) -> Step:
    """What happens to a schedule that its source no longer has."""
    action = Action.GONE
    if gone is Gone.DELETED:
        action = Action.DELETED
    elif gone is Gone.PAUSED and found.state is ScheduleState.ACTIVE:
        action = Action.PAUSED
    return Step(name=found.name, action=action, source=found.source)


def problems_of(steps: Sequence[Step], wanted: Sequence[Wanted], now: datetime) -> list[Problem]:
    """What is wrong with the schedules to create or change."""
    moved = {step.name for step in steps if step.action in (Action.CREATED, Action.CHANGED)}
    problems: list[Problem] = []
    for one in wanted:
        if one.definition.name in moved:
            try:
                check_definition(one.definition, now)
            except InvalidValue as error:
                problems.append(Problem(one.definition.name, error.loc, error.msg))
    return problems


def _may_take(source: str, kept: str | None, others: Others) -> bool:
    # A module may be renamed and a function may move; from elsewhere only on request.
    both_modules = module_of(source) is not None and module_of(kept) is not None
    return source == kept or both_modules or others is Others.TAKEN


def _wanted_enabled(wanted: Wanted, found: Schedule) -> bool:
    if wanted.enabled is not None:
        return wanted.enabled
    return found.paused_at is None or _was_gone(found)


def _was_gone(found: Schedule) -> bool:
    """Whether it is paused only because a module no longer had it, which has it again now."""
    return (
        found.source is not None
        and module_of(found.source) is not None
        and (found.paused_by, found.pause_reason) == (who_pauses(found.source), why_gone(found.source))
    )
