"""The kinds of changes to many tasks: what they need, and which tasks they can change."""

import msgspec

from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.shown_state import DELAYED, ShownState, states_of, statuses_of
from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks import bulk
from lapinq_core.tasks.bulk_actions import PERMISSIONS, Verb
from lapinq_core.tasks.filters import TaskFilter, in_states


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of change to many tasks. Only tasks in one of `states` can change: `reason` says why.

    `action` is its name in the audit log.
    """

    verb: Verb
    action: str
    change: bulk.Change
    states: frozenset[ShownState] = frozenset(ShownState)
    reason: str = ""

    @property
    def permission(self) -> Permission:
        """What it takes on each queue."""
        return PERMISSIONS[self.verb]

    def limit(self, asked: TaskFilter, parameter: str) -> TaskFilter:
        """What of `asked` can change. Raises `InvalidValue` that blames `parameter` if that rules out all."""
        chosen = in_states(asked, self.states)
        if asked.statuses and not chosen.statuses:
            raise self._refusal(parameter)
        return chosen

    def _refusal(self, parameter: str) -> InvalidValue:
        if parameter == "status":
            able: list[str] = sorted(statuses_of(self.states))
        else:
            able = [state for state in ShownState if state in self.states]
        must = "must be" if len(able) == 1 else "must be one of"
        return InvalidValue(parameter, f"{must} {', '.join(able)}: {self.reason}")


KINDS = {
    kind.verb: kind
    for kind in (
        Kind(
            verb=Verb.DELETE,
            action="task.delete_many",
            change=bulk.delete_tasks,
        ),
        Kind(
            verb=Verb.REQUEUE,
            action="task.requeue_many",
            change=bulk.requeue_tasks,
            states=frozenset({ShownState.FAILED}),
            reason="only failed tasks can be requeued",
        ),
        Kind(
            verb=Verb.CANCEL,
            action="task.cancel_many",
            change=bulk.cancel_tasks,
            states=states_of(Status.PENDING),
            reason="running tasks are cancelled one by one",
        ),
        Kind(
            verb=Verb.RUN,
            action="task.run_many",
            change=bulk.run_tasks,
            states=DELAYED,
            reason="only delayed tasks can be started early",
        ),
    )
}
