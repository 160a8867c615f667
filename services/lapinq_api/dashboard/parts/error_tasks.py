"""The failed tasks of a group of errors, as a filter of searches, lists and bulk calls."""

from lapinq_core.domain.error_groups import OTHER_KIND
from lapinq_core.domain.tasks.state import Status
from lapinq_core.error_groups.groups import ErrorGroup


def filter_of(group: ErrorGroup) -> dict[str, str] | None:
    """The parameters for exactly them. None for errors without text or of all kinds, for which there is no filter."""
    if group.kind in {"", OTHER_KIND}:
        return None
    return {
        "queue": group.queue_name,
        "status": Status.FAILED.value,
        "name": group.task_name,
        "error_kind": group.kind,
    }
