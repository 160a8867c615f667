"""The states of `ShownState` in SQL: the table that holds tasks of a state, and what sets them apart there."""

from collections.abc import Set as AbstractSet
from enum import Enum
from typing import LiteralString

from lapinq_core.domain.tasks.shown_state import ShownState


class Table(Enum):
    """A table that holds tasks by state."""

    READY = "ready"
    DELAYED = "delayed"
    RUNNING = "running"
    ENDED = "ended"

    @property
    def source(self) -> LiteralString:
        """The table in SQL; for `ENDED` all attempts, of which only the final ones count."""
        match self:
            case Table.READY:
                return "lapinq_ready"
            case Table.DELAYED:
                return "lapinq_delayed"
            case Table.RUNNING:
                return "lapinq_running"
            case Table.ENDED:
                return "lapinq_attempts"


TABLE_OF: dict[ShownState, Table] = {
    ShownState.READY: Table.READY,
    ShownState.PAUSED: Table.READY,
    ShownState.SCHEDULED: Table.DELAYED,
    ShownState.RETRYING: Table.DELAYED,
    ShownState.BLOCKED: Table.DELAYED,
    ShownState.SUSPENDED: Table.DELAYED,
    ShownState.RUNNING: Table.RUNNING,
    ShownState.STOPPING: Table.RUNNING,
    ShownState.COMPLETED: Table.ENDED,
    ShownState.FAILED: Table.ENDED,
    ShownState.CANCELLED: Table.ENDED,
    ShownState.EXPIRED: Table.ENDED,
}

# Read once per statement: the table has a row for each queue that was ever paused or limited.
_PAUSED: LiteralString = "ARRAY(SELECT name FROM lapinq_queues WHERE paused_at IS NOT NULL)"
_SUSPENDED: LiteralString = "EXISTS (SELECT FROM lapinq_waits_1(id, starts))"
_D_SUSPENDED: LiteralString = "EXISTS (SELECT FROM lapinq_waits_1(d.id, d.starts))"

OF_ITS_ROW: dict[ShownState, LiteralString] = {
    ShownState.READY: f"queue_name <> ALL ({_PAUSED})",
    ShownState.PAUSED: f"queue_name = ANY ({_PAUSED})",
    ShownState.SCHEDULED: f"(starts = 0 AND due_at < lapinq_never() AND NOT {_SUSPENDED})",
    ShownState.RETRYING: f"(starts > 0 AND due_at < lapinq_never() AND NOT {_SUSPENDED})",
    ShownState.BLOCKED: "due_at = lapinq_never()",
    ShownState.SUSPENDED: f"(due_at < lapinq_never() AND {_SUSPENDED})",
    ShownState.RUNNING: "cancel_requested_at IS NULL",
    ShownState.STOPPING: "cancel_requested_at IS NOT NULL",
    ShownState.COMPLETED: "outcome = 'completed'",
    ShownState.FAILED: "outcome = 'failed'",
    ShownState.CANCELLED: "outcome = 'cancelled'",
    ShownState.EXPIRED: "outcome = 'expired'",
}
"""Whether a row of the state's table is in the state. A row of `Table.ENDED` is a final attempt."""

ANYWHERE: dict[ShownState, LiteralString] = {
    ShownState.READY: f"(w.id IS NOT NULL AND w.queue_name <> ALL ({_PAUSED}))",
    ShownState.PAUSED: f"(w.id IS NOT NULL AND w.queue_name = ANY ({_PAUSED}))",
    ShownState.SCHEDULED: f"(d.starts = 0 AND d.due_at < lapinq_never() AND NOT {_D_SUSPENDED})",
    ShownState.RETRYING: f"(d.starts > 0 AND d.due_at < lapinq_never() AND NOT {_D_SUSPENDED})",
    ShownState.BLOCKED: "d.due_at = lapinq_never()",
    ShownState.SUSPENDED: f"(d.due_at < lapinq_never() AND {_D_SUSPENDED})",
    ShownState.RUNNING: "(r.id IS NOT NULL AND r.cancel_requested_at IS NULL)",
    ShownState.STOPPING: "r.cancel_requested_at IS NOT NULL",
    ShownState.COMPLETED: "f.outcome = 'completed'",
    ShownState.FAILED: "f.outcome = 'failed'",
    ShownState.CANCELLED: "f.outcome = 'cancelled'",
    ShownState.EXPIRED: "f.outcome = 'expired'",
}
"""Whether a task is in the state, by its rows in ready (`w`), delayed (`d`), running (`r`) and final attempts (`f`)."""


def tables_of(states: AbstractSet[ShownState]) -> list[Table]:
    """The tables that hold tasks in any of `states`."""
    held = {TABLE_OF[state] for state in states}
    return [table for table in Table if table in held]


def within(table: Table, states: AbstractSet[ShownState]) -> list[ShownState]:
    """Those of `states` that `table` holds; empty if it holds no others, so that every row counts."""
    held = [state for state in ShownState if TABLE_OF[state] is table]
    return [] if states >= set(held) else [state for state in held if state in states]
